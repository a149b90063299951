"""Every way in which money is held, spent and moved, at once and from two replicas."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import pytest

from chassis.database.engine import Database
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import duration_ms_to_proto
from kernel.clock import utc_now
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.domain.adjustments.adjustment import Adjustment, Order
from services.payment.domain.funds.funds_policy import PolicyChange
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.usecases.adjustments.correct_entry import correct_entry
from services.payment.usecases.adjustments.expire_promotions import expire_promotions
from services.payment.usecases.adjustments.grant_promotion import grant_promotion
from services.payment.usecases.adjustments.move_money import refund_money, transfer_money
from services.payment.usecases.funds.end_holds import expire_holds
from services.payment.usecases.funds.lay_down_policy import lay_down_policy, show_funds
from tests.conformance.payment.books import Books, accounts_of_partition, announcement
from tests.conformance.payment.holding import (
    Teller,
    capture,
    change,
    micros_of,
    place,
    rated,
    reason,
    release,
)
from tollbook.payment.v1.transfer_service_pb2 import TransferResult

ROUNDS = 25
AT_ONCE = 24
CAP = 120
LIMIT = 50
TO_FALL = 1_000
REFUSE_OVERRUN = 2
REFUSALS = {"INSUFFICIENT_FUNDS", "ENTRY_CORRECTED"}


class Rush:
    """Four prepaid accounts in two partitions: one with a cap and one with a limit in each."""

    def __init__(self, tellers: list[Teller], seed: int) -> None:
        self.tellers = tellers
        self.random = Random(seed)
        self.capped: list[Account] = []
        self.payers: list[Account] = []
        self._holds: list[tuple[Account, str, int]] = []
        self._moves: list[UUID] = []
        self._charges = 0

    async def begin(self) -> None:
        """Announce the accounts, and pay into them."""
        for partition in (1, 6):
            capped, limited = accounts_of_partition(partition, 2, mode=PaymentMode.PREPAID)
            self.capped.append(capped)
            self.payers += [capped, limited]
            await self.tellers[0].announce(capped, limited)
            await self._lay_down(capped, daily_cap=Money("EUR", CAP))
            await self._lay_down(limited, credit_limit=Money("EUR", LIMIT))
        for payer in self.payers:
            await self.tellers[0].pay(payer, self.random.randint(0, 300))

    async def do_something(self) -> None:
        """What a call, an operator or the clock may do next; some of it is refused."""
        ways: list[Callable[[Teller], Awaitable[object]]] = [
            *[self._place] * 6,
            *[self._go_on] * 6,
            *[self._hear] * 2,
            *(self._move, self._refund, self._take_back, self._grant, self._pay),
            lambda teller: expire_holds(teller.database, utc_now()),
            lambda teller: expire_promotions(teller.database, utc_now()),
        ]
        try:
            await self.random.choice(ways)(self.random.choice(self.tellers))
        except DomainError as refused:
            if refused.reason not in REFUSALS:
                raise

    async def require_sound(self) -> None:
        """Nobody holds what he does not have, nor what his cap does not allow."""
        for payer in self.payers:
            show = partial(show_funds, tenant_id="acme", account_id=payer.account_id, now=utc_now())
            view = await self.tellers[0].database.read(show)
            assert (view.funds.spare_micros() or 0) >= 0, view.funds
            assert min(view.funds.cap_rooms(view.now).values(), default=0) >= 0, view.funds

    async def _place(self, teller: Teller) -> None:
        chosen = self.random.sample(self.payers, self.random.randint(1, 3))
        validity = duration_ms_to_proto(self.random.choice([TO_FALL, 60_000]))
        steps = [place(payer, self._some(), 0, validity=validity) for payer in chosen]
        for payer, step, placed in zip(chosen, steps, await teller.do(*steps), strict=True):
            held: TransferResult = placed
            assert not reason(held), "any hold has at least nothing"
            self._holds.append((payer, step.place.hold_id, micros_of(held.hold.held)))

    async def _go_on(self, teller: Teller) -> None:
        """Capture no more than was held first, hold more or less, or give it back."""
        if not self._holds:
            return
        payer, hold_id, micros = self.random.choice(self._holds)
        used = self.random.randint(0, micros)
        way = self.random.choice(
            [
                capture(payer, hold_id, used, self._charge(), overrun=REFUSE_OVERRUN),
                change(payer, hold_id, self._some()),
                release(hold_id),
            ]
        )
        await teller.one(way)

    async def _hear(self, teller: Teller) -> None:
        """Free calls of two accounts end, and something else is told between them."""
        if len(self._holds) < 2:
            return
        first, second = (
            (rated([(payer, self._charge(), 0, UUID(hold_id).bytes)]), payer)
            for payer, hold_id, _ in self.random.sample(self._holds, 2)
        )
        told = self.payers[0]
        await teller.deliver(first, (announcement(told), told), second)

    async def _move(self, teller: Teller) -> None:
        giver, taker = self.random.sample(self.payers, 2)
        done = await self._adjust(teller, transfer_money, self._order(giver, taker.account_id))
        self._moves += done.journal_entry_ids

    async def _refund(self, teller: Teller) -> None:
        await self._adjust(teller, refund_money, self._order(self.random.choice(self.payers)))

    async def _adjust(
        self, teller: Teller, adjust: Callable[[UnitOfWork, str, Order], Adjustment], order: Order
    ) -> Adjustment:
        return await teller.database.write(lambda uow: adjust(uow, "acme", order))

    async def _take_back(self, teller: Teller) -> None:
        if self._moves:
            entry_id = str(self.random.choice(self._moves))
            work = partial(correct_entry, tenant_id="acme", entry_id=entry_id)
            await teller.database.write(partial(work, note="a mistake", actor="ann"))

    async def _grant(self, teller: Teller) -> None:
        """Credit that ends soon, or while calls hold it, or later."""
        order = self._order(self.random.choice(self.payers))
        expires = utc_now() + timedelta(seconds=self.random.choice([0.3, 2, 60]))
        await teller.database.write(lambda uow: grant_promotion(uow, "acme", order, expires))

    async def _pay(self, teller: Teller) -> None:
        await teller.pay(self.random.choice(self.payers), self._some())

    async def _lay_down(self, payer: Account, **policy: Any) -> None:
        policy["thresholds"] = (Money("EUR", 40), Money("EUR", 100))
        policy_change = PolicyChange(frozenset(policy), **policy)
        work = partial(lay_down_policy, tenant_id="acme", account_id=payer.account_id)
        await self.tellers[0].database.write(partial(work, change=policy_change))

    def _order(self, payer: Account, counter_account_id: str = "") -> Order:
        amount = Money("EUR", self._some())
        return Order(new_uuid(), payer.account_id, amount, "agreed", "ann", counter_account_id)

    def _some(self) -> int:
        return self.random.randint(1, 60)

    def _charge(self) -> int:
        self._charges += 1
        return self._charges


@pytest.fixture
async def tellers(
    database: Database, database_url: str, books: Books
) -> AsyncIterator[list[Teller]]:
    """Two replicas over one PostgreSQL; SQLite has one process."""
    if database.dialect == "sqlite":
        yield [Teller(database, books)]
        return
    second = Database.open(database_url)
    yield [Teller(database, books), Teller(second, books)]
    second.close()


async def test_nobody_ever_spends_what_he_does_not_have_whatever_happens_at_once(
    tellers: list[Teller],
) -> None:
    """Holds, calls, transfers, refunds, corrections, credit that ends: each is covered or refused.

    Afterwards the books are whole, as an audit finds that believes nothing that is kept.
    """
    rush = Rush(tellers, seed=4)
    await rush.begin()
    for _ in range(ROUNDS):
        await asyncio.gather(*[rush.do_something() for _ in range(AT_ONCE)])
        await rush.require_sound()
    audit = await tellers[0].audit()
    assert (audit.findings, audit.unbalanced_count) == ([], 0)
