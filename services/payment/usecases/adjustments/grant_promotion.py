"""Grants promotional credit."""

from datetime import datetime

from chassis.database.unit_of_work import UnitOfWork
from services.payment.domain.adjustments.adjustment import Adjustment, Order, require_expiry
from services.payment.domain.adjustments.adjustment_rules import promotion_entries
from services.payment.domain.funds.promotion import Promotion
from services.payment.store.promotions import insert_promotion
from services.payment.usecases.adjustments.post_adjustment import (
    cause_of,
    payers_in_turn,
    post_adjustment,
)


def grant_promotion(
    unit_of_work: UnitOfWork, tenant_id: str, order: Order, expire_time: datetime | None
) -> tuple[Promotion, Adjustment]:
    """Credit an account with what it did not pay for.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, CURRENCY_MISMATCH, INVALID_ADJUSTMENT,
            BALANCE_OUT_OF_RANGE.
    """
    (payer,) = payers_in_turn(unit_of_work, tenant_id, [order.account_id])
    expires = require_expiry(expire_time, unit_of_work.now)
    entries = promotion_entries(payer, order.amount, cause_of(order))
    promotion = Promotion(
        tenant_id,
        order.adjustment_id,
        payer.account_id,
        granted=order.amount,
        remaining=order.amount,
        create_time=unit_of_work.now,
        expire_time=expires,
    )
    insert_promotion(unit_of_work.connection, promotion)
    return promotion, post_adjustment(unit_of_work, order, entries, [payer])
