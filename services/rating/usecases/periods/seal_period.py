"""Sealing a billing period: what it holds is counted, and nothing is added to it any more."""

from chassis.database.unit_of_work import UnitOfWork
from kernel.ids import new_uuid
from kernel.period import Period
from services.rating.domain.charges.billing_period import check_next_to_seal
from services.rating.domain.charges.seal import Seal, seal_charges
from services.rating.domain.errors import UNKNOWN_ACCOUNT, unrated
from services.rating.store.accounts import Lock, hold_accounts
from services.rating.store.seals import (
    SealKey,
    charges_in,
    insert_seal,
    seal_of,
)
from services.rating.store.unrated import count_unrated
from services.rating.usecases.periods.adjust_volume import adjust_volume
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.tariffs import Tariffs


def seal_period(
    uow: UnitOfWork, tariffs: Tariffs, tenant_id: str, account_id: str, period: Period
) -> Seal:
    """Seal a period of a paying account; a sealed one answers the same seal for ever.

    Whole-volume tiers are settled first, so that the seal counts their adjustments.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, PERIOD_NOT_OVER, PREVIOUS_PERIOD_OPEN, INVALID_PERIOD,
            NO_EXCHANGE_RATE.
    """
    connection, key = uow.connection, SealKey(tenant_id, account_id)
    pricing = CallPricing(uow, tariffs, tenant_id)
    # Charges share this lock: one that is being written is counted, or waits and becomes a
    # correction in the next period.
    held = hold_accounts(connection, tenant_id, [account_id], Lock.UPDATE).get(account_id)
    if held is None:
        raise unrated(UNKNOWN_ACCOUNT, account_id=account_id)
    known = seal_of(connection, key, period)
    if known is not None:
        return known
    account = held.account
    check_next_to_seal(account, period, held.sealed_until, uow.now)
    adjust_volume(pricing, account, period)
    seal = seal_charges(
        new_uuid(),
        account.currency,
        charges_in(connection, key, period),
        count_unrated(connection, tenant_id, account_id, period),
    )
    insert_seal(connection, key, period, seal, uow.now)
    return seal
