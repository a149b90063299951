"""Posts charges that name a hold because rating tells of them, unless they were captured before."""

from collections.abc import Sequence
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.money import Money
from services.payment.domain.funds_book import Capture, FundsBook, capture_rated
from services.payment.domain.posting_rules import Cause
from services.payment.domain.transfers import ChargeRevision
from services.payment.store.captured_charges import captured_among
from services.payment.store.holds import owners_of
from services.payment.usecases.keep_funds_book import locked_book, store_book


class HeldCharge(NamedTuple):
    """A charge revision that is paid from a hold."""

    charge: ChargeRevision
    hold_id: str
    account_id: str
    currency: str  # empty while it is unrated
    micros: int


def capture_from_holds(
    unit_of_work: UnitOfWork, tenant_id: str, charges: Sequence[HeldCharge], cause: Cause
) -> None:
    """Take charges from their holds and end these: what was captured before is left alone.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, CURRENCY_MISMATCH, BALANCE_OUT_OF_RANGE.
    """
    # Mostly the capture has come before its event, and there is nothing to wait for.
    connection = unit_of_work.connection
    captured = captured_among(connection, tenant_id, [each.charge for each in charges])
    new = [each for each in charges if each.charge not in captured]
    if not new:
        return
    hold_ids = {each.hold_id for each in new}
    book = locked_book(
        unit_of_work,
        tenant_id,
        account_ids=owners_of(connection, tenant_id, hold_ids).values(),
        posting_account_ids={each.account_id for each in new},
        hold_ids=hold_ids,
        charges=[each.charge for each in new],
    )
    for each in new:
        capture_rated(_capture(each, book, cause), book, unit_of_work.now)
    store_book(unit_of_work, tenant_id, book)


def _capture(held: HeldCharge, book: FundsBook, cause: Cause) -> Capture:
    # A call without a price costs nothing in any currency, and its hold ends nevertheless.
    currency = held.currency or book.funds_of(held.account_id).account.currency
    amount = Money(currency, held.micros)
    return Capture(held.charge, held.hold_id, held.account_id, amount, cause.actor, cause.source)
