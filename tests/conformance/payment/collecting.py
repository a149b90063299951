"""Collects money as the service does: its doors, its collector, and a sandbox gateway."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import select

from chassis.database.schema import outbox_table
from chassis.grpc.endpoint import Endpoint
from kernel.ids import new_uuid
from kernel.money import MICROS_PER_UNIT, Money
from services.payment.api.collections import CollectionApi
from services.payment.domain.collections.gateway import Debit, Settlement
from services.payment.domain.ledger.account import Account
from services.payment.domain.payment import Payment
from services.payment.gateways.stripe import StripeGateway
from services.payment.store.payments import list_payments
from services.payment.usecases.balances.consider_top_ups import look_again
from services.payment.usecases.collections.collect import Collector
from tests.conformance.payment.books import usage
from tests.conformance.payment.holding import Teller, money
from tests.support.sandbox_gateway import RunningGateway
from tollbook.payment.v1 import collection_pb2
from tollbook.payment.v1 import collection_service_pb2 as messages
from tollbook.payment.v1.payment_events_pb2 import PaymentFailed

TENANT = "acme"
VISA = "pm_card_visa"
NO_MONEY = "pm_card_chargeDeclinedInsufficientFunds"
EXPIRED = "pm_card_chargeDeclinedExpiredCard"
UNIT = MICROS_PER_UNIT
FIVE, TEN = 5 * UNIT, 10 * UNIT
# A working day in spring, before clocks change.
BEGINNING = datetime(2027, 3, 10, 12, tzinfo=UTC)
# Longer than any pause between attempts.
LATER = timedelta(hours=1)


@dataclass
class MovedClock:
    """The time of a test, which passes only as the test says."""

    now: datetime = BEGINNING

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, span: timedelta) -> None:
        self.now += span


@dataclass
class Till(Teller):
    """One replica that collects; another one is another till over the same database and gateway."""

    gateway: RunningGateway
    client: StripeGateway
    clock: MovedClock = field(default_factory=MovedClock)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.collections = CollectionApi(Endpoint(self.database), self.client)
        self.collector = Collector(self.database, self.client, self.clock)

    async def attach(self, payer: Account, method: str = VISA, **fields: str) -> str:
        """Attach an instrument to an account; its id."""
        stated: dict[str, Any] = {
            "account_id": payer.account_id,
            "gateway": "stripe",
            "customer_reference": f"cus_{payer.account_id[:8]}",
            "method_reference": method,
        }
        instrument = collection_pb2.PaymentInstrument(**(stated | fields))
        request = messages.AttachPaymentInstrumentRequest(
            instrument=instrument, request_id=new_uuid()
        )
        answer = await self.collections.AttachPaymentInstrument(request, None)
        return answer.instrument.instrument_id

    async def detach(self, instrument_id: str) -> None:
        """Detach an instrument."""
        request = messages.DetachPaymentInstrumentRequest(
            instrument_id=instrument_id, request_id=new_uuid()
        )
        await self.collections.DetachPaymentInstrument(request, None)

    async def set_top_up(
        self, payer: Account, instrument_id: str, threshold: int, amount: int, **limits: int
    ) -> collection_pb2.TopUpPolicy:
        """Let an account top itself up; amounts in micros."""
        policy = collection_pb2.TopUpPolicy(
            threshold=money(payer, threshold),
            amount=money(payer, amount),
            instrument_id=instrument_id,
            **{name: money(payer, micros) for name, micros in limits.items()},
        )
        return await self.lay_down(payer, policy)

    async def lay_down(
        self, payer: Account, policy: collection_pb2.TopUpPolicy | None
    ) -> collection_pb2.TopUpPolicy:
        """Lay down a policy; None takes it away."""
        request = messages.SetTopUpPolicyRequest(
            account_id=payer.account_id, policy=policy, request_id=new_uuid()
        )
        return (await self.collections.SetTopUpPolicy(request, None)).policy

    async def top_up(self, payer: Account) -> collection_pb2.TopUpPolicy:
        """How an account tops itself up."""
        request = messages.GetTopUpPolicyRequest(account_id=payer.account_id)
        return (await self.collections.GetTopUpPolicy(request, None)).policy

    async def order(
        self, payer: Account, instrument_id: str, micros: int, **fields: str
    ) -> collection_pb2.Collection:
        """Ask for money now."""
        stated = {"account_id": payer.account_id, "instrument_id": instrument_id}
        request = messages.CollectPaymentRequest(
            amount=money(payer, micros), **({"request_id": new_uuid()} | stated | fields)
        )
        return (await self.collections.CollectPayment(request, None)).collection

    async def collected(self, payer: Account) -> list[collection_pb2.Collection]:
        """The collections of an account, the oldest first."""
        request = messages.ListCollectionsRequest(account_id=payer.account_id)
        page = await self.collections.ListCollections(request, None)
        return list(page.collections)[::-1]

    async def collect(self, after: timedelta = timedelta()) -> None:
        """What the service does by itself, when so much time has passed."""
        self.clock.pass_by(after)
        await look_again(self.database, self.clock())
        await self.collector.collect_due()

    async def use(self, payer: Account, micros: int) -> None:
        """Charge an account."""
        await self.deliver((usage([(payer, micros)]), payer))

    async def payments(self, payer: Account) -> list[Payment]:
        """What an account has paid, the oldest first."""
        key = (TENANT, payer.account_id)
        found = await self.database.read(lambda c: list_payments(c, *key, None, 500))
        return found[::-1]

    async def events(self, kind: type[Message]) -> list[Any]:
        """What was published, in its order."""
        columns = outbox_table.c
        query = select(columns.body).where(columns.event_type == kind.DESCRIPTOR.full_name)
        ordered = query.order_by(columns.partition, columns.sequence)
        rows = await self.database.read(lambda connection: list(connection.execute(ordered)))
        return [kind.FromString(row.body) for row in rows]

    async def failures(self) -> list[PaymentFailed]:
        """The declines that were told."""
        return await self.events(PaymentFailed)

    def taken(self) -> list[Money]:
        """What the gateway has taken in all."""
        return self.gateway.taken(TENANT)

    async def is_whole(self) -> bool:
        """Whether the books agree with themselves and with the collections."""
        audit = await self.audit()
        return (audit.findings, audit.unbalanced_count) == ([], 0)


def another(till: Till) -> Till:
    """Another replica."""
    return Till(till.database, till.books, till.gateway, till.client, till.clock)


POINTS = ("before prepare", "after prepare", "before settle", "after settle")


class Killed(BaseException):
    """The process ends here."""


class InterruptedAt(StripeGateway):
    """The gateway, to whose caller something happens at one point of a collection."""

    def __init__(self, till: Till, point: str, interrupt: Callable[[], Awaitable[None]]) -> None:
        super().__init__(till.gateway.keys_dir, till.gateway.url)
        self._point = point
        self._interrupt = interrupt

    async def prepare(self, debit: Debit) -> str:
        await self._reach("before prepare")
        reference = await super().prepare(debit)
        await self._reach("after prepare")
        return reference

    async def settle(self, tenant_id: str, reference: str) -> Settlement:
        await self._reach("before settle")
        settlement = await super().settle(tenant_id, reference)
        await self._reach("after settle")
        return settlement

    async def _reach(self, point: str) -> None:
        if point == self._point:
            await self._interrupt()


async def collect_until_killed(till: Till, point: str) -> None:
    """Collect in a process that ends when it comes to a point; it may not come there."""

    async def die() -> None:
        raise Killed

    dying = InterruptedAt(till, point, die)
    with suppress(BaseExceptionGroup):
        await Collector(till.database, dying, till.clock).collect_due()
    await dying.close()


class SleepingReplica:
    """A replica that falls asleep at a point of its collections, for as long as one likes."""

    def __init__(self, till: Till, point: str) -> None:
        self._awake, self._asleep = asyncio.Event(), asyncio.Event()
        self._client = InterruptedAt(till, point, self._sleep)
        self._collector = Collector(till.database, self._client, till.clock)

    async def begin(self) -> None:
        """Collect until it sleeps, or all that is due is done."""
        self._work = asyncio.create_task(self._collector.collect_due())
        sleep = asyncio.create_task(self._asleep.wait())
        await asyncio.wait({self._work, sleep}, return_when=asyncio.FIRST_COMPLETED)
        sleep.cancel()

    async def wake(self) -> None:
        """Let it go on to the end of its work."""
        self._awake.set()
        await self._work
        await self._client.close()

    async def _sleep(self) -> None:
        self._asleep.set()
        await self._awake.wait()
