"""Drives cdr's use cases and event handlers as its doors and the bus would, for one tenant."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message

from chassis import columns
from chassis.bus.handler import ReceivedEvent
from chassis.database.engine import Database
from chassis.database.schema import outbox_table
from chassis.grpc.convert import range_to_proto
from kernel.ids import new_uuid
from services.cdr.domain.source import RecordFormat, Source
from services.cdr.events.lines import on_account_changed, on_line_changed
from services.cdr.events.prices import on_calls_rated
from services.cdr.store.calls import CallFilter, list_calls
from services.cdr.store.digest import Counts, count_records
from services.cdr.store.suspense import list_suspended
from services.cdr.usecases.collect_records import Outcome, Result, collect_records
from services.cdr.usecases.create_source import create_source
from services.cdr.usecases.reading import framer_for, read_records
from services.cdr.usecases.retry_suspended import RetryCounts, retry_due, retry_suspended
from services.cdr.usecases.update_source import update_source
from tests.unit.cdr.profiles import a_source
from tollbook.cdr.v1.cdr_events_pb2 import CallsCollected
from tollbook.invoice.v1.customer_pb2 import LineKind
from tollbook.invoice.v1.invoice_events_pb2 import AccountChanged, LineChanged
from tollbook.rating.v1.rating_events_pb2 import CallsRated

ACCOUNT = "0195a000-0000-7000-8000-0000000000aa"
EVERYTHING = 1_000_000


@dataclass
class Exchange:
    """One source of one tenant."""

    database: Database
    tenant_id: str
    source: Source

    @classmethod
    async def create(
        cls,
        database: Database,
        tenant_id: str,
        record_format: RecordFormat = RecordFormat.ASTERISK_CSV,
        **profile: Any,
    ) -> "Exchange":
        blank = a_source(record_format, source_id="", **profile)
        source = Source(tenant_id, "", blank.code, blank.format, blank.profile, blank.create_time)
        created = await database.write(lambda uow: create_source(uow, source))
        return cls(database, tenant_id, created)

    async def import_file(self, content: bytes, name: str = "Master.csv") -> Counter[Outcome]:
        """Import a whole file and count how its records ended."""
        framer = framer_for(self.source, name)
        raws = framer.feed(content) + framer.finish()

        def work(uow: Any) -> list[Result]:
            return collect_records(uow, self.source, read_records(self.source, raws, uow.now))

        return Counter(result.outcome for result in await self.database.write(work))

    async def import_lines(self, *lines: str) -> Counter[Outcome]:
        return await self.import_file("".join(f"{line}\n" for line in lines).encode())

    async def add_line(
        self,
        identifier: str,
        account_id: str = ACCOUNT,
        payer_account_id: str = "",
        kind: int = LineKind.LINE_KIND_SIP_USER,
        start: datetime | None = datetime(2000, 1, 1, tzinfo=UTC),
        end: datetime | None = None,
    ) -> None:
        line = LineChanged(
            line_id=new_uuid(),
            account_id=account_id,
            payer_account_id=payer_account_id or account_id,
            kind=kind,  # type: ignore[arg-type]
            identifier=identifier,
            validity=range_to_proto((start, end)),
        )
        await self.database.write(lambda uow: on_line_changed(uow, self.event(line)))

    async def change_payer(self, account_id: str, payer_account_id: str) -> None:
        account = AccountChanged(account_id=account_id, payer_account_id=payer_account_id)
        await self.database.write(lambda uow: on_account_changed(uow, self.event(account)))

    async def rate(self, rated: CallsRated) -> None:
        await self.database.write(lambda uow: on_calls_rated(uow, self.event(rated)))

    async def change_profile(self, **profile: Any) -> None:
        changed = a_source(self.source.format, **profile).profile
        self.source = await self.database.write(
            lambda uow: update_source(
                uow, self.tenant_id, self.source.source_id, self.source.version, changed
            )
        )

    async def retry(self, reason: str = "") -> RetryCounts:
        return await self.database.write(
            lambda uow: retry_suspended(uow, self.tenant_id, self.source.source_id, reason)
        )

    async def retry_due(self) -> None:
        while await self.database.write(retry_due):
            pass

    async def calls(self, **which: Any) -> list[Any]:
        return await self.database.read(
            lambda c: list_calls(c, self.tenant_id, CallFilter(**which), None, EVERYTHING)
        )

    async def suspended(self) -> list[Any]:
        return await self.database.read(
            lambda c: list_suspended(
                c, self.tenant_id, source_id="", reason="", after_id="", limit=EVERYTHING
            )
        )

    async def suspended_reasons(self) -> Counter[str]:
        return Counter(row.reason for row in await self.suspended())

    async def counts(self, watermarks: dict[int, int] | None = None) -> Counts:
        """The tenant's counts; they add up, whenever one looks."""
        counts = await self.database.read(lambda c: count_records(c, watermarks or {}))
        mine = counts.get(self.tenant_id, Counts())
        assert mine.received == mine.accepted + mine.duplicate + mine.suspended, mine
        return mine

    async def collected(self) -> list[tuple[int, int, CallsCollected]]:
        """The CallsCollected events of this tenant with their places in the log."""
        query = (
            sa.select(outbox_table.c.partition, outbox_table.c.sequence, outbox_table.c.body)
            .where(
                outbox_table.c.tenant_id == self.tenant_id,
                outbox_table.c.event_type == CallsCollected.DESCRIPTOR.full_name,
            )
            .order_by(outbox_table.c.partition, outbox_table.c.sequence)
        )
        rows = await self.database.read(lambda c: c.execute(query).all())
        return [(row[0], row[1], CallsCollected.FromString(bytes(row[2]))) for row in rows]

    def event(self, body: Message) -> ReceivedEvent[Any]:
        return ReceivedEvent(
            body, "invoice.1.0.1", "invoice", 0, 1, self.tenant_id, datetime.now(UTC)
        )


def rated_event(rows: Sequence[dict[str, Any]]) -> CallsRated:
    """A CallsRated event with the columns that cdr reads."""

    def column(name: str) -> list[Any]:
        return [row[name] for row in rows]

    batch = columns.encode(
        {
            "charge_id": columns.key16(column("charge_id")),
            "revision": columns.int32(column("revision")),
            "party": columns.uint8(column("party")),
            "call_id": columns.key16(column("call_id")),
            "call_revision": columns.int32(column("call_revision")),
            "outcome": columns.uint8(column("outcome")),
            "unrated_reason": columns.dictionary(column("unrated_reason")),
            "currency": columns.dictionary(column("currency")),
            "amount": columns.int64(column("amount")),
        },
        row_count=len(rows),
    )
    return CallsRated(charges=batch)
