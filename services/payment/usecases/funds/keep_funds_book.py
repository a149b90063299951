"""Opens the book that steps need from the database, locked, and stores what they changed in it."""

from collections.abc import Collection, Iterable, Sequence

from chassis.database.unit_of_work import UnitOfWork
from kernel.partition import partition_of
from services.payment.domain.funds.funds_book import Capture, FundsBook
from services.payment.domain.funds.transfers import (
    CaptureHold,
    ChargeRevision,
    PlaceHold,
    Transfer,
)
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.entries import JournalEntry
from services.payment.domain.ledger.hash_chain import Chain
from services.payment.domain.ledger.posting_rules import Cause, usage_entries
from services.payment.store.captured_charges import captured_among, insert_captured, payments_of
from services.payment.store.funds import locked_funds, save_held
from services.payment.store.holds import change_holds, holds_of, insert_holds, owners_of
from services.payment.store.journal import append_to_chains, take_turns
from services.payment.store.promotions import spend_promotions
from services.payment.store.transfers import executed_of, insert_executed
from services.payment.usecases.balances.announce_balances import announce_balances


def open_book(unit_of_work: UnitOfWork, tenant_id: str, transfers: Sequence[Transfer]) -> FundsBook:
    """The book of everything that steps name, which nobody else changes until the commit."""
    connection = unit_of_work.connection
    steps = [transfer.step for transfer in transfers]
    captures = [step for step in steps if isinstance(step, CaptureHold)]
    placing = {step.hold_id: step.account_id for step in steps if isinstance(step, PlaceHold)}
    # Mostly rating's event has come first: nothing is left to post, and nobody's turn to wait for.
    posted = captured_among(connection, tenant_id, [step.charge for step in captures])
    new = [step for step in captures if step.charge not in posted]
    owners = placing | owners_of(connection, tenant_id, {step.hold_id for step in new})
    # A hold that came after its owner was looked for is not ours: it comes after us.
    too_late = {step.hold_id for step in new} - owners.keys()
    book = locked_book(
        unit_of_work,
        tenant_id,
        hold_ids={step.hold_id for step in steps} - too_late,
        account_ids=placing.values(),
        posting_account_ids={owners[step.hold_id] for step in new if step.hold_id in owners},
        charges=[step.charge for step in new],
        returned={step.charge.charge_id for step in new if step.amount.micros < 0},
    )
    book.captured |= posted
    request_ids = {transfer.request_id for transfer in transfers}
    book.results |= executed_of(connection, tenant_id, request_ids)
    return book


def locked_book(
    unit_of_work: UnitOfWork,
    tenant_id: str,
    hold_ids: Collection[str],
    account_ids: Iterable[str] = (),
    posting_account_ids: Iterable[str] = (),
    charges: Sequence[ChargeRevision] = (),
    returned: Collection[bytes] = (),
) -> FundsBook:
    """The book of holds with their owners, of accounts and charges.

    First the turns, then the locks, then the rest. `returned` are the charges of which something
    is given back.
    """
    connection = unit_of_work.connection
    posting = set(posting_account_ids)
    if posting:
        take_turns(connection, {partition_of(tenant_id, account_id) for account_id in posting})
    funds = locked_funds(connection, tenant_id, {*account_ids, *posting}, hold_ids)
    # A hold that has come since the locks is not ours: it comes after us.
    stored = holds_of(connection, tenant_id, hold_ids)
    holds = [hold for hold in stored if hold.account_id in funds]
    captured = captured_among(connection, tenant_id, charges)
    payments = payments_of(connection, tenant_id, returned)
    return FundsBook(funds.values(), holds, captured, payments=payments)


def store_book(unit_of_work: UnitOfWork, tenant_id: str, book: FundsBook) -> None:
    """Store what has changed in a book: a few statements, whatever it was."""
    connection = unit_of_work.connection
    insert_holds(connection, tenant_id, book.new_holds())
    change_holds(connection, tenant_id, book.changed_holds())
    save_held(connection, book.changed_funds())
    insert_executed(connection, tenant_id, book.executed, unit_of_work.now)
    if book.captures:
        insert_captured(connection, tenant_id, book.captures)
        _post(unit_of_work, tenant_id, book)


def _post(unit_of_work: UnitOfWork, tenant_id: str, book: FundsBook) -> None:
    entries: dict[Chain, list[JournalEntry]] = {}
    spent: dict[str, int] = {}
    changed: dict[str, Account] = {}
    for capture in book.captures:
        account = book.funds[capture.account_id].account
        if posted := list(_entries(account, capture)):
            entries.setdefault(account.chain, []).extend(posted)
            changed[account.account_id] = account
            spent[account.account_id] = spent.get(account.account_id, 0) + capture.amount.micros
    if not entries:
        return
    append_to_chains(unit_of_work, entries)
    spend_promotions(unit_of_work.connection, tenant_id, book.paid_by_promotions)
    announce_balances(unit_of_work, changed.values(), spent)


def _entries(account: Account, capture: Capture) -> Iterable[JournalEntry]:
    cause = Cause(capture.charge.charge_id.hex(), capture.actor, capture.source)
    return usage_entries(
        account, capture.amount, cause, capture.promotion_micros, capture.expired_micros
    )
