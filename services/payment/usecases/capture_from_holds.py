"""Posts charges that name a hold because rating tells of them, unless they were captured before."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from kernel.money import Money
from services.payment.domain.funds_book import Capture, FundsBook, capture_rated
from services.payment.domain.posting_rules import Cause
from services.payment.domain.transfers import ChargeRevision
from services.payment.store.captured_charges import captured_among
from services.payment.store.funds import lock_funds
from services.payment.store.holds import owners_of
from services.payment.store.journal import take_turns
from services.payment.usecases.keep_funds_book import locked_book, store_book


class HeldCharge(NamedTuple):
    """A charge revision that is paid from a hold."""

    charge: ChargeRevision
    hold_id: str
    account_id: str
    currency: str  # empty while it is unrated
    micros: int


def lock_for_captures(
    unit_of_work: UnitOfWork,
    partitions: Collection[int],
    charges: Mapping[str, Sequence[HeldCharge]],
) -> None:
    """Lock the funds that charges of tenants are taken from, in the order of everybody's locks.

    First the turns of the partitions. One event after the other, funds would be locked in the
    order of events: then who places holds on the same accounts waits for us, and we for him.
    """
    connection = unit_of_work.connection
    take_turns(connection, partitions)
    for tenant_id, of_tenant in sorted(charges.items()):
        if new := _not_captured(connection, tenant_id, of_tenant):
            owners = owners_of(connection, tenant_id, {each.hold_id for each in new})
            payers = (each.account_id for each in new)
            lock_funds(connection, tenant_id, {*owners.values(), *payers})


def capture_from_holds(
    unit_of_work: UnitOfWork, tenant_id: str, charges: Sequence[HeldCharge], cause: Cause
) -> None:
    """Take charges from their holds and end these: what was captured before is left alone.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, CURRENCY_MISMATCH, BALANCE_OUT_OF_RANGE.
    """
    connection = unit_of_work.connection
    new = _not_captured(connection, tenant_id, charges)
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
        returned={each.charge.charge_id for each in new if each.micros < 0},
    )
    for each in new:
        capture_rated(_capture(each, book, cause), book, unit_of_work.now)
    store_book(unit_of_work, tenant_id, book)


def _not_captured(
    connection: Connection, tenant_id: str, charges: Sequence[HeldCharge]
) -> list[HeldCharge]:
    """The charges to post: mostly the capture has come before its event, and there are none."""
    captured = captured_among(connection, tenant_id, [each.charge for each in charges])
    return [each for each in charges if each.charge not in captured]


def _capture(held: HeldCharge, book: FundsBook, cause: Cause) -> Capture:
    # A call without a price costs nothing in any currency, and its hold ends nevertheless.
    currency = held.currency or book.funds_of(held.account_id).account.currency
    amount = Money(currency, held.micros)
    return Capture(held.charge, held.hold_id, held.account_id, amount, cause.actor, cause.source)
