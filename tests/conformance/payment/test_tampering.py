"""Whoever changes the books behind the service's back is found, whatever he changes."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Executable,
    Row,
    ScalarSelect,
    Table,
    delete,
    select,
    update,
)

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import utc_now
from services.payment.domain.ledger.audit import LedgerAudit, Watermarks
from services.payment.store.funds_schema import funds_table, hold_table
from services.payment.store.schema import (
    chain_head_table,
    chain_root_table,
    journal_entry_table,
    ledger_account_table,
    ledger_root_table,
    posting_table,
)
from services.payment.usecases.ledger.audit_ledger import audit_ledger
from tests.conformance.payment.adjusting import hold, prepaid
from tests.conformance.payment.books import Books, account
from tests.conformance.payment.exports import draw_root


def history(books: Books) -> None:
    """Five entries of one account: usage, invoice, payment, usage, payment."""
    payer = account()
    books.announce(payer)
    books.use((payer, 1_000))
    books.issue(payer, used=1_000, net=10_000, tax=2_100)
    books.pay(payer, 5_000)
    books.use((payer, 400))
    books.pay(payer, 7_100)


class UndoError(Exception):
    """Rolls a transaction back with what was seen inside it."""


def tampered(books: Books, *statements: Executable) -> LedgerAudit:
    """What an audit finds after somebody with the database's password was there; then undone."""

    def work(unit_of_work: UnitOfWork) -> None:
        for statement in statements:
            unit_of_work.connection.execute(statement)
        raise UndoError(audit_ledger(unit_of_work.connection, Watermarks({})))

    assert books.audit().findings == []
    with pytest.raises(UndoError) as seen:
        books.write(work)
    audit = seen.value.args[0]
    assert isinstance(audit, LedgerAudit)
    return audit


def entry_at(sequence: int) -> ColumnElement[bool]:
    """The condition that finds an entry by its place."""
    return journal_entry_table.c.chain_sequence == sequence


def entry_id_at(sequence: int) -> ScalarSelect[bytes]:
    """The id of the entry in a place."""
    column = journal_entry_table.c.journal_entry_id
    return select(column).where(entry_at(sequence)).scalar_subquery()


def postings_at(sequence: int) -> ColumnElement[bool]:
    """The condition that finds the postings of an entry by its place."""
    return posting_table.c.journal_entry_id == entry_id_at(sequence)


PLACES = range(1, 6)
TABLES = (
    *(journal_entry_table, posting_table, chain_head_table, ledger_account_table),
    *(ledger_root_table, chain_root_table),
)


def test_a_change_to_any_column_of_any_table_is_found(books: Books) -> None:
    """One field of one row, whatever it is."""
    history(books)
    draw_root(books, utc_now())
    for table in TABLES:
        row = books.read(partial(first_row, table))
        assert row is not None
        key = [part == getattr(row, part.name) for part in table.primary_key.columns]
        for column in table.columns:
            if column.name == "signature":
                continue  # It is held against its key, not against the books.
            change = update(table).where(*key).values({column: other(row, column)})
            assert tampered(books, change).findings, f"a change of {column} is not found"


def first_row(table: Table, connection: Connection) -> Row[Any] | None:
    """Some row of a table."""
    return connection.execute(select(table)).first()


def other(row: Row[Any], column: Column[Any]) -> object:
    """Another value that the column can hold."""
    value = getattr(row, column.name)
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if column.name == "currency":
        return "ZZZ"
    return value + "x" if isinstance(value, str) else value + 50


def test_a_changed_entry_is_found_wherever_it_stands(books: Books) -> None:
    """The words of any entry, the newest included."""
    history(books)
    for place in PLACES:
        changed = update(journal_entry_table).where(entry_at(place)).values(reference="x")
        findings = tampered(books, changed).findings
        assert f"entry {place} is not what was written" in findings[0]


def test_a_changed_amount_is_found_though_it_balances(books: Books) -> None:
    """Both sides of an entry doubled: it still sums to zero, and is found by hash and balance."""
    history(books)
    doubled = {"micros": posting_table.c.micros * 2}
    for place in PLACES:
        audit = tampered(books, update(posting_table).where(postings_at(place)).values(doubled))
        assert audit.unbalanced_count == 0
        assert f"entry {place} is not what was written" in audit.findings[0]
        assert any("its postings sum to" in finding for finding in audit.findings[1:])


def test_a_removed_entry_is_found(books: Books) -> None:
    """With its postings, cleanly; the newest is missed by the head."""
    history(books)
    for place in PLACES:
        audit = tampered(
            books,
            delete(posting_table).where(postings_at(place)),
            delete(journal_entry_table).where(entry_at(place)),
        )
        missing = "it ends at entry 4" if place == 5 else f"entry {place} is missing"
        assert missing in audit.findings[0]


def test_a_removed_posting_is_found(books: Books) -> None:
    """An entry without its credit is out of balance, and not what was written."""
    history(books)
    removed = delete(posting_table).where(postings_at(2), posting_table.c.line == 1)
    audit = tampered(books, removed)
    assert audit.unbalanced_count == 1
    assert "entry 2 is not what was written" in audit.findings[0]


def test_entries_in_each_others_place_are_found(books: Books) -> None:
    """The second and the third entry swap places."""
    history(books)

    def move(source: int, target: int) -> Executable:
        values = {"chain_sequence": target}
        return update(journal_entry_table).where(entry_at(source)).values(values)

    findings = tampered(books, move(2, 99), move(3, 2), move(99, 3)).findings
    assert "entry 2 is not what was written" in findings[0]


def test_a_kept_balance_that_was_raised_is_found(books: Books) -> None:
    """Money out of nothing: the balance says more than its postings."""
    history(books)
    raised = {"balance_micros": ledger_account_table.c.balance_micros + 1}
    findings = tampered(books, update(ledger_account_table).values(raised)).findings
    assert findings
    assert all("its postings sum to" in finding for finding in findings)


def test_a_chain_that_was_removed_whole_is_found(books: Books) -> None:
    """Its entries are left outside of every chain; with them gone, the root is another."""
    history(books)
    root = books.audit().root
    audit = tampered(books, delete(chain_head_table))
    assert "5 entries are stored, 0 chained" in audit.findings[0]
    assert audit.root != root


def test_a_posting_that_was_slipped_in_is_found(books: Books) -> None:
    """A posting of no entry would change a statement; it is counted and not accounted for."""
    history(books)
    slipped = posting_table.insert().values(
        tenant_id="acme", journal_entry_id=bytes(16), line=0, kind=3, account_id="a",
        currency="EUR", micros=-5,
    )  # fmt: skip
    assert "postings are stored" in tampered(books, slipped).findings[-1]


def test_a_ledger_that_was_written_anew_does_not_fit_its_roots(books: Books) -> None:
    """Whoever computes all hashes again is found by a root, and by the roots behind it."""
    history(books)
    draw_root(books, utc_now())
    draw_root(books, utc_now())
    anew = {"root": bytes(32), "previous_root": bytes(32)}
    findings = tampered(books, update(ledger_root_table).values(anew)).findings
    assert sum("is not what the journal makes it" in finding for finding in findings) == 2


@pytest.mark.parametrize("table", [funds_table, hold_table], ids=str)
def test_money_that_is_no_longer_kept_as_held_is_found(books: Books, table: Table) -> None:
    """Whoever lowers what is held of an account lets it spend the same money twice."""
    (payer,) = prepaid()
    books.announce(payer)
    books.pay(payer, 500)
    hold(books, payer, 300)
    findings = tampered(books, update(table).values(held_micros=299)).findings
    assert "as held, its holds sum to" in findings[0]


def test_a_removed_root_is_found(books: Books) -> None:
    """The one behind it follows nothing."""
    history(books)
    draw_root(books, utc_now())
    draw_root(books, utc_now())
    first = select(ledger_root_table.c.end_time).order_by("end_time").limit(1).scalar_subquery()
    audit = tampered(books, delete(ledger_root_table).where(ledger_root_table.c.end_time == first))
    assert "does not follow the one before it" in audit.findings[0]
