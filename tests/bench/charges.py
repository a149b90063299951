"""Storing charges: a whole event of calls priced, counted, settled and published, beside the bare
insert of the very same rows.

Each batch of 1,000 calls is one transaction of rating, as its consumer runs it: inbox row, prices,
receipts, counters, charges, outbox. The floor takes the rows that came of it and writes them again
into an empty table of the same schema, 1,000 a transaction, with the driver's own fastest way
(executemany on SQLite, binary COPY on PostgreSQL). Both commit durably.

The plans: half of the calls by the second, a quarter in two time bands, a quarter with a bundle of
minutes and a graduated volume tier.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from sqlalchemy import text

from chassis.database.bulk import insert_rows
from chassis.database.engine import Database
from chassis.database.migrations import migrate
from chassis.database.unit_of_work import UnitOfWork
from kernel.ids import new_uuid
from services.rating.store.schema import charge
from tests.conformance.rating.desk import BEGINNING, NOON, Call, Desk, seconds_later
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

DatabaseKind = Literal["sqlite", "postgresql"]


class StoredCharges(NamedTuple):
    """Charges a second, medians over rounds."""

    charges: float
    inserts: float


def measure(kind: DatabaseKind, short: bool) -> StoredCharges:
    """Store charges, and insert the same rows barely, in turns on one server."""
    rounds = ROUNDS_SHORT if short else ROUNDS
    batches = BATCHES_SHORT if short else BATCHES
    with _databases(kind) as fresh:
        pairs = [asyncio.run(_round(fresh, batches)) for _ in range(rounds)]
    charges, inserts = zip(*pairs, strict=True)
    return StoredCharges(statistics.median(charges), statistics.median(inserts))


async def _round(fresh: Any, batches: int) -> tuple[float, float]:
    with fresh() as database, fresh() as floor:
        desk, accounts = await _tenant(database)
        await desk.hear_calls(*_calls(accounts, 0))  # once unmeasured: caches fill
        seconds = 0.0
        for number in range(1, batches + 1):
            calls = _calls(accounts, number)
            begin = time.perf_counter()
            await desk.hear_calls(*calls)
            seconds += time.perf_counter() - begin
        rows = await database.read(_stored_rows)
        return CALLS_A_BATCH * batches / seconds, await _insert_rate(floor, rows)


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
        of_plan = [new_uuid() for _ in range(ACCOUNTS_A_PLAN)]
        for account_id in of_plan:
            await desk.know_account(account_id)
            await desk.subscribe(account_id, plan_id)
        accounts.append(of_plan)
    return desk, accounts


def _plans() -> list[dict[str, Any]]:
    voice = plan.Condition(service=SERVICE_VOICE)
    peak = plan.TimeBand(code="peak", from_time={"hours": 8}, to_time={"hours": 20})
    evening = plan.PriceAdjustment(
        code="evening", when=plan.Condition(time_bands=["rest"]), factor={"value": "0.5"}
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
            plan.VolumeTier(from_count=count, price=plan.TierPrice(factor={"value": factor}))
            for count, factor in tiers
        ],
    )
    return [
        {},
        {"time_bands": [peak, plan.TimeBand(code="rest")], "adjustments": [evening]},
        {"bundles": [bundle], "volume_tiers": [volume]},
    ]


def _calls(accounts: Sequence[Sequence[str]], batch: int) -> list[Call]:
    """New calls, each plan's share; all of one event, as a partition's accounts come together."""
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


def _stored_rows(connection: Any) -> list[tuple[Any, ...]]:
    """The charges as they are stored: times as microseconds, keys as bytes."""
    names = ", ".join(column.name for column in charge.columns)
    query = text(f"SELECT {names} FROM charge ORDER BY charge_id")
    return [tuple(map(_plain, row)) for row in connection.execute(query)]


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


async def _insert_rate(floor: Database, rows: Sequence[tuple[Any, ...]]) -> float:
    names = [column.name for column in charge.columns]
    begin = time.perf_counter()
    for first in range(0, len(rows), CALLS_A_BATCH):
        part = rows[first : first + CALLS_A_BATCH]

        def insert(uow: UnitOfWork, part: Sequence[tuple[Any, ...]] = part) -> None:
            insert_rows(uow.connection, charge, names, part)

        await floor.write(insert)
    return len(rows) / (time.perf_counter() - begin)


@contextmanager
def _databases(kind: DatabaseKind) -> Iterator[Any]:
    """What opens empty, migrated databases of rating, each for a while."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollbook-bench-")))
        server = stack.enter_context(postgresql_server()) if kind == "postgresql" else ""

        @contextmanager
        def fresh() -> Iterator[Database]:
            name = f"bench_{uuid4().hex[:12]}"
            url = create_database(server, name) if server else f"sqlite:///{folder / name}.sqlite3"
            database = Database.open(url)
            try:
                migrate(database, "rating")
                yield database
            finally:
                database.close()
                if server:
                    drop_database(server, name)

        yield fresh
