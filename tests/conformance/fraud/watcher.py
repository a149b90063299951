"""Drives fraud's use cases and event handler as the bus and the door would."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message

from chassis import columns
from chassis.bus.handler import ReceivedEvent
from chassis.database.engine import Database
from chassis.database.pages import PageRequest
from chassis.database.schema import outbox_table
from kernel.clock import to_micros
from kernel.ids import new_uuid, time_key
from kernel.money import Money
from services.fraud.domain.alert import Alert
from services.fraud.domain.block import Block
from services.fraud.domain.rule import FraudRule, RuleAction, RuleKind
from services.fraud.events.calls_rated import on_calls_rated
from services.fraud.store.accounts import find_block
from services.fraud.store.alerts import list_alerts
from services.fraud.usecases.create_fraud_rule import create_fraud_rule
from services.fraud.usecases.unblock_account import unblock_account
from tollbook.fraud.v1 import fraud_events_pb2
from tollbook.rating.v1.charge_pb2 import ChargeKind
from tollbook.rating.v1.rating_events_pb2 import CallsRated
from tollbook.type.v1.call_pb2 import Party

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANN = "0195a000-0000-7000-8000-00000000000a"
BOB = "0195a000-0000-7000-8000-00000000000b"


@dataclass(frozen=True)
class Rated:
    """A charge revision as rating tells it. Amounts in micros, times in minutes after noon."""

    minute: float = 0
    amount: int = 0
    delta: int | None = None
    account_id: str = ANN
    currency: str = "EUR"
    seconds: int = 60
    revision: int = 1
    name: str = ""
    kind: int = ChargeKind.CHARGE_KIND_CALL
    party: int = Party.PARTY_CUSTOMER

    @property
    def start(self) -> datetime:
        return NOON + timedelta(minutes=self.minute)

    @property
    def charge_id(self) -> bytes:
        return time_key(self.start, self.account_id, self.name)

    def corrected_to(self, amount: int, currency: str = "EUR") -> "Rated":
        """The next revision of this charge."""
        return replace(
            self,
            amount=amount,
            delta=amount - self.amount,
            revision=self.revision + 1,
            currency=currency,
        )


def several(count: int, start: float = 0, every: float = 0.5, **values: Any) -> list[Rated]:
    """Calls at regular times."""
    return [
        Rated(minute=start + number * every, name=str(number), **values) for number in range(count)
    ]


def calls_rated(calls: Sequence[Rated]) -> CallsRated:
    """The event that rating publishes about charge revisions, as far as fraud reads it."""
    deltas = [call.amount if call.delta is None else call.delta for call in calls]
    batch = {
        "charge_id": columns.key16([call.charge_id for call in calls]),
        "revision": columns.int32([call.revision for call in calls]),
        "kind": columns.uint8([call.kind for call in calls]),
        "party": columns.uint8([call.party for call in calls]),
        "account_id": columns.dictionary([call.account_id for call in calls]),
        "currency": columns.dictionary([call.currency for call in calls]),
        "amount": columns.int64([call.amount for call in calls]),
        "amount_delta": columns.int64(deltas),
        "start_time": columns.int64([to_micros(call.start) for call in calls]),
        "charged_duration": columns.int64([1000 * call.seconds for call in calls]),
    }
    return CallsRated(charges=columns.encode(batch, len(calls)))


class Watcher:
    """Fraud as one tenant sees it."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self.database = database
        self.tenant_id = tenant_id

    async def run(self, use_case: Callable[..., Any], *arguments: Any) -> Any:
        """Run a use case in a transaction of its own."""
        return await self.database.write(lambda uow: use_case(uow, self.tenant_id, *arguments))

    async def rule(
        self,
        kind: RuleKind,
        euros: int | None = None,
        count: int = 0,
        minutes: int = 60,
        action: RuleAction = RuleAction.ALERT,
    ) -> FraudRule:
        """Put a rule in force."""
        limit = None if euros is None else Money("EUR", euros * 10**6)
        window = timedelta(minutes=minutes)
        rule = FraudRule(new_uuid(), kind, window, limit, count, action, enabled=True)
        created: FraudRule = await self.run(create_fraud_rule, rule)
        return created

    async def see(self, *calls: Rated) -> None:
        """Deliver one CallsRated event."""
        await self.see_together(calls)

    async def see_together(self, *batches: Sequence[Rated]) -> None:
        """Deliver CallsRated events in one transaction."""
        events = [
            ReceivedEvent(
                calls_rated(calls), f"rating.0.{number}", "rating", 0, number, self.tenant_id, NOON
            )
            for number, calls in enumerate(batches, start=1)
        ]
        await self.database.write(lambda uow: on_calls_rated(uow, events))

    async def unblock(self, account_id: str = ANN) -> None:
        await self.run(unblock_account, account_id, "it was me")

    async def alerts(self, account_id: str = "") -> list[Alert]:
        """All alerts, newest first."""
        page = await self.database.read(
            lambda connection: list_alerts(connection, self.tenant_id, account_id, PageRequest(500))
        )
        return list(page.items)

    async def block_of(self, account_id: str) -> Block | None:
        return await self.database.read(
            lambda connection: find_block(connection, self.tenant_id, account_id)
        )

    async def published(self) -> list[Message]:
        """The events in the outbox, in order of publishing."""
        query = sa.select(outbox_table).order_by(outbox_table.c.partition, outbox_table.c.sequence)
        rows = await self.database.read(lambda connection: connection.execute(query).all())
        return [
            getattr(fraud_events_pb2, row.event_type.rsplit(".", 1)[1]).FromString(row.body)
            for row in rows
        ]

    async def count_rows(self, table: sa.Table) -> int:
        query = sa.select(sa.func.count()).select_from(table)
        return await self.database.read(lambda connection: connection.execute(query).scalar_one())
