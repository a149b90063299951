"""Whatever happens in whatever order, the books keep their promises and tampering shows."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Executable,
    Row,
    ScalarSelect,
    Table,
    delete,
    func,
    select,
    update,
)

from chassis.database.unit_of_work import UnitOfWork
from kernel.ids import new_uuid
from services.payment.domain.account import Account, PaymentMode
from services.payment.domain.audit import LedgerAudit, Watermarks
from services.payment.store.schema import (
    chain_head_table,
    journal_entry_table,
    ledger_account_table,
    posting_table,
)
from services.payment.usecases.audit_ledger import audit_ledger
from services.payment.usecases.record_payment import record_payment
from tests.conformance.payment.books import (
    Books,
    account,
    accounts_of_partition,
    apply_events,
    receipt,
    usage,
)

PAYMENTS = 15

# A database for each example would be started anew a hundred times: each example has a tenant.
PER_EXAMPLE = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass(frozen=True)
class Step:
    """One thing that happens to the accounts, by their places."""

    kind: str
    places: tuple[int, ...]
    micros: tuple[int, ...]


amounts = st.integers(-(10**9), 10**9)
places = st.integers(0, 2)
steps = st.one_of(
    st.lists(st.tuples(places, amounts), min_size=1, max_size=6).map(
        lambda rows: Step("use", tuple(row[0] for row in rows), tuple(row[1] for row in rows))
    ),
    st.tuples(places, amounts, st.integers(0, 10**8)).map(
        lambda row: Step("issue", row[:1], row[1:])
    ),
    st.tuples(places, st.integers(1, 10**9)).map(lambda row: Step("pay", row[:1], row[1:])),
)


def take(books: Books, payers: list[Account], step: Step, owed: dict[str, int]) -> None:
    """Do a step, and keep an account of our own of what each customer owes in all."""
    payer = payers[step.places[0]]
    if step.kind == "use":
        books.use(*[(payers[at], sum_) for at, sum_ in zip(step.places, step.micros, strict=True)])
        for at, micros in zip(step.places, step.micros, strict=True):
            owed[payers[at].account_id] += micros
    elif step.kind == "issue":
        used, tax = step.micros
        net = used // 10_000 * 10_000
        books.issue(payer, used, net, tax)
        owed[payer.account_id] += net + tax - used
    else:
        books.pay(payer, step.micros[0])
        owed[payer.account_id] -= step.micros[0]


def sums_in_the_database(connection: Connection, tenant_id: str) -> dict[tuple[str, int], int]:
    """Each ledger account summed by the database itself, across chains."""
    columns = posting_table.c
    query = (
        select(columns.account_id, columns.kind, func.sum(columns.micros))
        .where(columns.tenant_id == tenant_id)
        .group_by(columns.account_id, columns.kind)
    )
    return {(row[0], row[1]): int(row[2]) for row in connection.execute(query)}


@PER_EXAMPLE
@given(st.lists(steps, max_size=8))
def test_every_promise_holds_after_any_sequence(books: Books, sequence: list[Step]) -> None:
    """Sums are zero, balances are sums of postings, chains hold; customers owe what they used."""
    tenant_id = f"t-{new_uuid()}"
    payers = [
        *accounts_of_partition(1, 2, tenant_id=tenant_id),
        *accounts_of_partition(1, 1, tenant_id=tenant_id, mode=PaymentMode.PREPAID),
    ]
    books.announce(*payers)
    owed: dict[str, int] = defaultdict(int)
    for step in sequence:
        take(books, payers, step, owed)
    audit = books.audit()
    assert (audit.findings, audit.unbalanced_count) == ([], 0)
    sums = books.read(lambda connection: sums_in_the_database(connection, tenant_id))
    assert sum(sums.values()) == 0
    for payer in payers:
        balance = books.balance(payer)
        debt = balance.unbilled + balance.receivable - balance.wallet
        assert debt.micros == owed[payer.account_id]
        kept = (-balance.wallet.micros, balance.unbilled.micros, balance.receivable.micros)
        assert kept == tuple(sums.get((payer.account_id, kind), 0) for kind in (1, 2, 3))


@dataclass
class Traffic:
    """Writers at work at the same time; remembers each time that work was begun."""

    books: Books
    begun: list[object] = field(default_factory=list)

    async def write(self, work: Callable[[UnitOfWork], object]) -> None:
        """Run a transaction."""

        def counted(unit_of_work: UnitOfWork) -> None:
            self.begun.append(work)
            work(unit_of_work)

        await self.books.database.write(counted)

    async def pay(self, payer: Account) -> None:
        """Record a payment of one micro."""
        stated = receipt(payer, 1)
        await self.write(lambda uow: record_payment(uow, payer.tenant_id, stated, "ann"))

    async def pay_one_by_one(self, payer: Account) -> None:
        """What a cashier does."""
        for _ in range(PAYMENTS):
            await self.pay(payer)

    async def use(self, payers: list[Account]) -> None:
        """What a consumer does: events of several accounts in one transaction."""
        for _ in range(PAYMENTS):
            events = [self.books.event(usage([(payer, 5)]), payer) for payer in payers]
            await self.write(partial(apply_events, envelopes=events))


def test_writers_at_the_same_time_leave_no_gap_in_the_chain(books: Books) -> None:
    """Many payments at once, into a chain that does not exist yet: each becomes a link."""
    payers = accounts_of_partition(6, 3)
    books.announce(*payers)
    traffic = Traffic(books)

    async def rush() -> None:
        await asyncio.gather(*[traffic.pay(payer) for payer in payers * PAYMENTS])

    asyncio.run(rush())
    audit = books.audit()
    assert (audit.findings, audit.entry_count) == ([], 3 * PAYMENTS)
    assert audit.sums["acme"].payments == {"EUR": 3 * PAYMENTS}


def test_consumer_and_cashiers_do_not_wait_for_each_other_in_a_circle(books: Books) -> None:
    """Events and payments for two legal entities of one partition: nothing is begun twice.

    PostgreSQL notices a circle only after a second, and begins one of its transactions again.
    """
    payers = accounts_of_partition(6, 1) + accounts_of_partition(6, 1, legal_entity_id="other")
    books.announce(*payers)
    traffic = Traffic(books)

    async def rush() -> None:
        cashiers = [traffic.pay_one_by_one(payer) for payer in payers]
        await asyncio.gather(traffic.use([*payers, payers[0]]), *cashiers)

    asyncio.run(rush())
    assert len(traffic.begun) == 3 * PAYMENTS
    audit = books.audit()
    assert (audit.findings, audit.entry_count) == ([], 5 * PAYMENTS)


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
TABLES = (journal_entry_table, posting_table, chain_head_table, ledger_account_table)


def test_a_change_to_any_column_of_any_table_is_found(books: Books) -> None:
    """One field of one row, whatever it is."""
    history(books)
    for table in TABLES:
        row = books.read(partial(first_row, table))
        assert row is not None
        key = [part == getattr(row, part.name) for part in table.primary_key.columns]
        for column in table.columns:
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
        return "XXX"
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
