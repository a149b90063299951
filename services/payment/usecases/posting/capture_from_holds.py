"""Posts charges that name a hold because rating tells of them, unless they were captured before."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from kernel.money import Money
from services.payment.domain.funds.funds_book import Capture, FundsBook, capture_rated
from services.payment.domain.funds.transfers import ChargeRevision
from services.payment.domain.ledger.posting_rules import Cause
from services.payment.store.captured_charges import captured_among
from services.payment.store.funds import locked_funds
from services.payment.usecases.funds.keep_funds_book import locked_book, store_book


class HeldCharge(NamedTuple):
    """A charge revision that is paid from a hold."""

    charge: ChargeRevision
    hold_id: str
    account_id: str
    currency: str  # empty while it is unrated
    micros: int
    cause: Cause


def capture_from_holds(
    unit_of_work: UnitOfWork, tenant_id: str, charges: Sequence[HeldCharge]
) -> None:
    """Take charges from their holds and end these: what was captured before is left alone.

    The caller has the turns of the partitions.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, CURRENCY_MISMATCH, BALANCE_OUT_OF_RANGE.
    """
    new = _not_captured(unit_of_work.connection, tenant_id, charges)
    if not new:
        return
    book = locked_book(
        unit_of_work,
        tenant_id,
        hold_ids={each.hold_id for each in new},
        posting_account_ids={each.account_id for each in new},
        charges=[each.charge for each in new],
        returned={each.charge.charge_id for each in new if each.micros < 0},
    )
    for each in new:
        capture_rated(_capture(each, book), book, unit_of_work.now)
    store_book(unit_of_work, tenant_id, book)


def lock_for_captures(
    connection: Connection, tenant_id: str, charges: Sequence[HeldCharge]
) -> None:
    """Lock the funds that captures of these charges change; the caller has the turns."""
    if new := _not_captured(connection, tenant_id, charges):
        accounts = {each.account_id for each in new}
        locked_funds(connection, tenant_id, accounts, {each.hold_id for each in new})


def _not_captured(
    connection: Connection, tenant_id: str, charges: Sequence[HeldCharge]
) -> list[HeldCharge]:
    """The charges to post: mostly the capture has come before its event, and there are none."""
    captured = captured_among(connection, tenant_id, [each.charge for each in charges])
    return [each for each in charges if each.charge not in captured]


def _capture(held: HeldCharge, book: FundsBook) -> Capture:
    # A call without a price costs nothing in any currency, and its hold ends nevertheless.
    currency = held.currency or book.funds_of(held.account_id).account.currency
    amount = Money(currency, held.micros)
    actor, source = held.cause.actor, held.cause.source
    return Capture(held.charge, held.hold_id, held.account_id, amount, actor, source)
