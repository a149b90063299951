"""Whatever happens in whatever order, the books keep their promises."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from chassis.database.unit_of_work import UnitOfWork
from kernel.ids import new_uuid
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.store.schema import posting_table
from services.payment.usecases.posting.record_payment import record_payment
from tests.conformance.payment.books import (
    Books,
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
    elif step.kind == "issue" and payer.mode == PaymentMode.POSTPAID:
        used, tax = step.micros
        net = used // 10_000 * 10_000
        books.issue(payer, used, net, tax)
        owed[payer.account_id] += net + tax - used
    elif step.kind == "pay":
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
