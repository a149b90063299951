"""Storing charges of whole events of calls, beside the bare insert of the very same rows.

Each event of 1,000 calls of one partition is one transaction of rating, as its consumer runs it:
inbox row, prices, receipts, counters, charges, outbox. The floor takes every row that came of it
and writes it again into a database of the same schema that holds as many, in one transaction, with
the driver's own fastest way (executemany on SQLite, binary COPY on PostgreSQL). Both commit
durably. They take turns, event by event.

The plans: half of the calls by the second, a quarter in two time bands, a quarter with a bundle of
minutes and a graduated volume tier.
"""

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from google.type.decimal_pb2 import Decimal
from google.type.timeofday_pb2 import TimeOfDay
from sqlalchemy import Connection, Table, delete, text

from chassis.database.bulk import insert_rows
from chassis.database.engine import Database
from chassis.database.migrations import migrate
from chassis.database.schema import inbox_table, outbox_table
from chassis.database.unit_of_work import UnitOfWork
from chassis.service import spare_the_collector
from kernel.clock import to_micros, utc_now
from kernel.ids import new_uuid
from kernel.partition import partition_of
from services.rating.store.counter_schema import usage_counter
from services.rating.store.schema import charge, rated_batch
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import BEGINNING, NOON, Call, seconds_later
from tests.support.postgresql_server import create_database, drop_database, postgresql_server
from tollbook.rating.v1 import plan_pb2 as plan
from tollbook.rating.v1.service_pb2 import SERVICE_VOICE

CALLS_A_BATCH = 1_000
BATCHES = 10
BATCHES_SHORT = 4
ROUNDS = 5
ROUNDS_SHORT = 3
ACCOUNTS_A_PLAN = 10
BUNDLE_SECONDS = 10**7
PARTITION = 0

# All that the transaction of an event stores: which rows are those of the newest.
STORED = {
    inbox_table: "apply_time >= :since",
    usage_counter: "TRUE",
    charge: "settle_time >= :since",
    outbox_table: "commit_time >= :since",
    rated_batch: "source_sequence = (SELECT max(source_sequence) FROM rated_batch)",
}

DatabaseKind = Literal["sqlite", "postgresql"]
StoredRows = dict[Table, list[tuple[Any, ...]]]


class StoredCharges(NamedTuple):
    """Charges a second, medians over rounds of many batches."""

    charges: float
    inserts: float


def measure(kind: DatabaseKind, short: bool) -> StoredCharges:
    """Store charges, and insert the same rows barely, in turns on one server."""
    rounds = ROUNDS_SHORT if short else ROUNDS
    batches = BATCHES_SHORT if short else BATCHES
    spare_the_collector()  # as every service does
    with empty_databases(kind, "rating") as fresh:
        charges, inserts = zip(
            *(asyncio.run(_round(fresh, batches)) for _ in range(rounds)), strict=True
        )
    calls = batches * CALLS_A_BATCH
    return StoredCharges(calls / statistics.median(charges), calls / statistics.median(inserts))


async def _round(fresh: Any, batches: int) -> tuple[float, float]:
    """Seconds that all batches take, checkpoints of the log included; and their rows alone."""
    with fresh() as database, fresh() as floor:
        desk, accounts = await _tenant(database)
        charging = inserting = 0.0
        for number in range(batches + 1):
            event = desk.calls_event(*_calls(accounts, number))
            moment, begin = utc_now(), time.perf_counter()
            await desk.deliver(event)
            delivered = time.perf_counter() - begin
            stored = await database.read(partial(_rows_since, moment=moment))
            inserted = await _seconds_to_insert(floor, stored)
            if number:  # caches fill with the first
                charging, inserting = charging + delivered, inserting + inserted
        return charging, inserting


async def _tenant(database: Database) -> tuple[Desk, list[list[str]]]:
    """A tenant with three plans, and the accounts of each."""
    desk = Desk(database)
    await desk.set_up()
    accounts = []
    for number, terms in enumerate(_plans()):
        plan_id = new_uuid()
        await desk.create_plan(plan_id=plan_id, code=f"bench-{number}")
        desk.plan_id = plan_id
        await desk.publish_terms(BEGINNING, **terms)
        of_plan = [_account_id(desk.tenant_id) for _ in range(ACCOUNTS_A_PLAN)]
        for account_id in of_plan:
            await desk.know_account(account_id)
            await desk.subscribe(account_id, plan_id)
        accounts.append(of_plan)
    return desk, accounts


def _account_id(tenant_id: str) -> str:
    """An account of the one partition whose event is heard."""
    ids = (new_uuid() for _ in itertools.count())
    return next(each for each in ids if partition_of(tenant_id, each) == PARTITION)


def _plans() -> list[dict[str, Any]]:
    voice = plan.Condition(service=SERVICE_VOICE)
    peak = plan.TimeBand(code="peak", from_time=TimeOfDay(hours=8), to_time=TimeOfDay(hours=20))
    evening = plan.PriceAdjustment(
        code="evening", when=plan.Condition(time_bands=["rest"]), factor=Decimal(value="0.5")
    )
    bundle = plan.BundleAllowance(
        code="minutes", when=voice, unit=plan.BUNDLE_UNIT_QUANTITY, quantity=BUNDLE_SECONDS
    )
    tiers = [(0, "1"), (BUNDLE_SECONDS, "0.8")]
    volume = plan.VolumeTiers(
        code="volume",
        when=voice,
        measure=plan.MEASURE_QUANTITY,
        mode=plan.VOLUME_MODE_GRADUATED,
        tiers=[
            plan.VolumeTier(from_count=count, price=plan.TierPrice(factor=Decimal(value=factor)))
            for count, factor in tiers
        ],
    )
    return [
        {},
        {"time_bands": [peak, plan.TimeBand(code="rest")], "adjustments": [evening]},
        {"bundles": [bundle], "volume_tiers": [volume]},
    ]


def _calls(accounts: Sequence[Sequence[str]], batch: int) -> list[Call]:
    """New calls, each plan's share."""
    shares = (accounts[0], accounts[0], accounts[1], accounts[2])
    payer_ids = [shares[number % 4][number % ACCOUNTS_A_PLAN] for number in range(CALLS_A_BATCH)]
    start = NOON + timedelta(seconds=batch * CALLS_A_BATCH)
    return [
        Call(
            account_id=payer_id,
            call_key=f"{uuid4()}@bench",
            seconds=30 + number % 300,
            start=seconds_later(start, number),
        )
        for number, payer_id in enumerate(payer_ids)
    ]


def _rows_since(connection: Connection, moment: datetime) -> StoredRows:
    """The rows of an event, as they are stored: times as microseconds, keys as bytes."""
    stored = stored_rows(connection, STORED, {"since": to_micros(moment)})
    assert len(stored[charge]) == CALLS_A_BATCH
    return stored


def stored_rows(
    connection: Connection, conditions: Mapping[Table, str], parameters: dict[str, Any]
) -> StoredRows:
    """Rows of tables for which something holds, with values as the database has them."""
    stored = {}
    for table, condition in conditions.items():
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        query = text(f'SELECT {names} FROM "{table.name}" WHERE {condition}')
        stored[table] = [tuple(map(_plain, row)) for row in connection.execute(query, parameters)]
    return stored


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


async def _seconds_to_insert(floor: Database, stored: StoredRows) -> float:
    # Counters are the same rows each time; the floor inserts them anew.
    await floor.write(lambda uow: uow.connection.execute(delete(usage_counter)))
    begin = time.perf_counter()
    await floor.write(partial(insert_stored, stored=stored))
    return time.perf_counter() - begin


def insert_stored(uow: UnitOfWork, stored: StoredRows) -> None:
    """Insert rows as fast as the driver can."""
    for table, rows in stored.items():
        insert_rows(uow.connection, table, table.columns.keys(), rows)


@contextmanager
def empty_databases(kind: DatabaseKind, service: str) -> Iterator[Any]:
    """What opens empty, migrated databases of a service, each for a while."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollbook-bench-")))
        server = (
            stack.enter_context(postgresql_server(durable=True)) if kind == "postgresql" else ""
        )

        @contextmanager
        def fresh() -> Iterator[Database]:
            name = f"bench_{uuid4().hex[:12]}"
            url = create_database(server, name) if server else f"sqlite:///{folder / name}.sqlite3"
            database = Database.open(url)
            try:
                migrate(database, service)
                yield database
            finally:
                database.close()
                if server:
                    drop_database(server, name)

        yield fresh
