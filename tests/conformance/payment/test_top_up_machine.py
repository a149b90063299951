"""Top-ups in any order with faults and kills, searched by hypothesis beside a plain count."""

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chassis.database import unit_of_work
from chassis.database.engine import Database
from chassis.database.migrations import migrate
from deploy.local.sandbox_gateway.faults import Fault
from tests.conformance.payment.books import Books
from tests.conformance.payment.collecting import (
    EXPIRED,
    FIVE,
    NO_MONEY,
    POINTS,
    TEN,
    TENANT,
    UNIT,
    VISA,
    MovedClock,
    SleepingReplica,
    Till,
    another,
    collect_until_killed,
)
from tests.conformance.payment.holding import micros_of
from tests.support.sandbox_gateway import MovableClock, running_gateway
from tollbook.payment.v1 import collection_pb2

CARD = "pm_card_visa_machine"
DAILY_LIMIT = 30 * UNIT
# A slow answer only makes the search slow; it is no other than a lost one.
FAULTS = sorted(set(Fault) - {Fault.SLOW})
OPERATIONS = ("create", "retrieve", "confirm", "cancel")
# Enough for every pause of attempts and declines that may still be ahead.
DAYS_TO_THE_END = 10

PENDING = collection_pb2.COLLECTION_STATE_PENDING
SUCCEEDED = collection_pb2.COLLECTION_STATE_SUCCEEDED
DECLINED = collection_pb2.COLLECTION_STATE_DECLINED
TOP_UP = collection_pb2.COLLECTION_PURPOSE_TOP_UP


@cache
def empty_database() -> Path:
    """A database of the service that nothing was written to."""
    path = Path(tempfile.mkdtemp()) / "payment.sqlite3"
    database = Database.open(f"sqlite:///{path}")
    migrate(database, "payment")
    database.close()
    return path


class TopUpMachine(RuleBasedStateMachine):
    """One account with a card; what was used and paid by hand is counted beside."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.patch = pytest.MonkeyPatch()
        self.used = self.paid = 0
        self.asleep: list[SleepingReplica] = []

    @initialize()
    def begin(self) -> None:
        self.runner.run(self._begin())

    async def _begin(self) -> None:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        path = folder / "payment.sqlite3"
        shutil.copyfile(empty_database(), path)
        database = Database.open(f"sqlite:///{path}")
        self.stack.callback(database.close)
        clock, self.gateway_clock = MovedClock(), MovableClock()
        self.patch.setattr(unit_of_work, "utc_now", clock)
        gateway = await self.stack.enter_async_context(
            running_gateway(folder, clock=self.gateway_clock)
        )
        gateway.give_key(TENANT)
        client = gateway.client()
        self.stack.push_async_callback(client.close)
        self.till = Till(database, Books(database), gateway, client, clock)
        self.payer = await self.till.customer(0)
        self.card = await self.till.attach(self.payer, CARD)
        await self._set_policy()

    def teardown(self) -> None:
        try:
            if hasattr(self, "till"):
                self.runner.run(self._end())
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()
            self.patch.undo()

    @rule(units=st.integers(1, 15))
    def use(self, units: int) -> None:
        """Calls end."""
        self.used += units * UNIT
        self.runner.run(self.till.use(self.payer, units * UNIT))

    @rule(units=st.integers(1, 20))
    def pay(self, units: int) -> None:
        """A bank transfer comes."""
        self.paid += units * UNIT
        self.runner.run(self.till.pay(self.payer, units * UNIT))

    @rule(units=st.integers(1, 20))
    def order(self, units: int) -> None:
        """Somebody takes money now."""
        self.runner.run(self.till.order(self.payer, self.card, units * UNIT))

    @rule()
    def set_policy(self) -> None:
        """Somebody ends a suspension."""
        self.runner.run(self._set_policy())

    @rule(operation=st.sampled_from(OPERATIONS), fault=st.sampled_from(FAULTS))
    def plan_fault(self, operation: str, fault: Fault) -> None:
        """The next request of a kind goes wrong."""
        self.till.gateway.sandbox.faults.plan(operation, fault)

    @rule(like=st.sampled_from([VISA, NO_MONEY, EXPIRED, "pm_sepa_success"]))
    def change_card(self, like: str) -> None:
        """The same card pays, has no money, expires; its debits may take long."""
        self.till.gateway.sandbox.behave(CARD, like)

    @rule(minutes=st.sampled_from([1, 20, 60, 6 * 60, 24 * 60]))
    def wait(self, minutes: int) -> None:
        """Time passes, here and at the gateway."""
        self._pass_by(timedelta(minutes=minutes))

    @rule()
    def collect(self) -> None:
        """One replica works."""
        self.runner.run(self.till.collect())

    @rule()
    def collect_twice(self) -> None:
        """Two replicas work at the same time."""
        self.runner.run(self._collect_twice())

    @rule(point=st.sampled_from(POINTS))
    def kill(self, point: str) -> None:
        """A replica is killed at its work."""
        self.runner.run(collect_until_killed(self.till, point))

    @rule(point=st.sampled_from(POINTS))
    def fall_asleep(self, point: str) -> None:
        """A replica stops in the middle of its work, and knows later only what it knew then."""
        replica = SleepingReplica(self.till, point)
        self.runner.run(replica.begin())
        self.asleep.append(replica)

    @rule()
    def wake(self) -> None:
        """The first that fell asleep goes on."""
        if self.asleep:
            self.runner.run(self.asleep.pop(0).wake())

    @invariant()
    def the_wallet_has_what_was_paid_and_collected_less_what_was_used(self) -> None:
        if hasattr(self, "till"):
            self.runner.run(self._check())

    async def _check(self) -> None:
        collections = await self.till.collected(self.payer)
        received = sum(micros_of(e.received) for e in collections if e.state == SUCCEEDED)
        assert await self.till.wallet(self.payer) == self.paid + received - self.used
        assert received <= self._taken()
        told = sorted(each.collection_id for each in await self.till.failures())
        assert told == sorted(e.collection_id for e in collections if e.state == DECLINED)
        self._check_bounds([each for each in collections if each.purpose == TOP_UP])

    def _check_bounds(self, top_ups: list[collection_pb2.Collection]) -> None:
        """One at a time, and a day within its limit."""
        assert sum(each.state == PENDING for each in top_ups) <= 1
        days = [e.create_time.ToDatetime().date() for e in top_ups if e.state != DECLINED]
        assert all(days.count(day) * TEN <= DAILY_LIMIT for day in days)

    async def _end(self) -> None:
        """All goes well from now on: every outcome is found, and the recounts agree."""
        self.till.gateway.sandbox.behave(CARD, VISA)
        self.till.gateway.sandbox.faults = type(self.till.gateway.sandbox.faults)()
        for replica in self.asleep:
            await replica.wake()
        await self._set_policy()
        for _ in range(DAYS_TO_THE_END * 4):
            self._pass_by(timedelta(hours=6))
            await self.till.collect()
        await self._check()
        collections = await self.till.collected(self.payer)
        assert all(each.state != PENDING for each in collections)
        received = sum(micros_of(each.received) for each in collections)
        assert self._taken() == received
        assert await self.till.wallet(self.payer) > FIVE or self._is_far_below()
        assert await self.till.is_whole()

    async def _set_policy(self) -> None:
        limits = {"daily_limit": DAILY_LIMIT}
        await self.till.set_top_up(self.payer, self.card, FIVE, TEN, **limits)

    async def _collect_twice(self) -> None:
        await asyncio.gather(self.till.collect(), another(self.till).collect())

    def _pass_by(self, span: timedelta) -> None:
        self.till.clock.pass_by(span)
        self.gateway_clock.ahead_seconds += span.total_seconds()

    def _taken(self) -> int:
        return sum(amount.micros for amount in self.till.gateway.taken(TENANT))

    def _is_far_below(self) -> bool:
        """Whether more is owed than ten days' limits can bring."""
        return self.used > DAYS_TO_THE_END * DAILY_LIMIT


TopUpMachine.TestCase.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, derandomize=False
)
test_top_ups = TopUpMachine.TestCase
