"""A producer and a consumer with databases of their own and a real broker between them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from chassis.bus.broker import Broker, BrokerSettings, connected
from chassis.bus.consumer import Consumer, consumer_lease
from chassis.bus.handler import EventHandler, ReceivedEvent, one_by_one
from chassis.bus.lease import Leases
from chassis.bus.relay import Relay, relay_lease
from chassis.database.engine import Database
from chassis.database.migrations import create_chassis_tables
from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError, ErrorKind
from kernel.partition import PARTITION_COUNT
from tests.support.nats_server import NatsServer, nats_server
from tests.support.postgresql_server import create_database, drop_database
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked

WAIT_SECONDS_MAX = 30.0

effect_table = sa.Table(
    "effect",
    sa.MetaData(),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
)


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A running broker."""
    with nats_server(tmp_path / "nats") as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], Database]]:
    """Makes empty databases with the chassis' tables and a table for effects."""
    opened: list[tuple[Database, str]] = []

    def make() -> Database:
        name = f"bus_{uuid4().hex[:10]}"
        url = f"sqlite:///{tmp_path / name}.sqlite3"
        if request.param == "postgresql":
            url = create_database(request.getfixturevalue("postgresql_url"), name)
        database = Database.open(url)
        with database.engine.begin() as connection:
            create_chassis_tables(Operations(MigrationContext.configure(connection)))
            effect_table.create(connection)
        opened.append((database, name))
        return database

    yield make
    for database, name in opened:
        database.close()
        if request.param == "postgresql":
            drop_database(request.getfixturevalue("postgresql_url"), name)


class Recorder:
    """A consumer's handler: counts, in its database, how often each account was blocked."""

    def __init__(self) -> None:
        self.poisoned: set[str] = set()
        self.interrupted: set[str] = set()

    def handle(self, unit_of_work: UnitOfWork, event: ReceivedEvent[AccountBlocked]) -> None:
        if event.body.account_id in self.interrupted:
            self.interrupted.remove(event.body.account_id)
            raise DomainError(ErrorKind.UNAVAILABLE, "RATING_DOWN", "a neighbour is away")
        if event.body.account_id in self.poisoned:
            raise ArithmeticError(f"cannot digest {event.body.account_id}")
        account = effect_table.c.account_id == event.body.account_id
        changed = unit_of_work.connection.execute(
            sa.update(effect_table).where(account).values(times=effect_table.c.times + 1)
        )
        if changed.rowcount:
            return
        place = sa.select(sa.func.count()).select_from(effect_table)
        unit_of_work.connection.execute(
            sa.insert(effect_table).values(
                account_id=event.body.account_id,
                times=1,
                place=unit_of_work.connection.execute(place).scalar_one(),
            )
        )

    @property
    def handlers(self) -> list[EventHandler[Any]]:
        return [EventHandler(AccountBlocked, one_by_one(self.handle))]


def broker_settings(url: str, client_name: str = "test") -> BrokerSettings:
    """Settings for a test's broker."""
    return BrokerSettings(url=url, client_name=client_name)


@asynccontextmanager
async def relaying(database: Database, broker: Broker) -> AsyncIterator[None]:
    """Run a relay for the service `fraud`."""
    leases = Leases(database, uuid4().hex, [relay_lease(p) for p in range(PARTITION_COUNT)])
    relay = Relay(database, broker, leases, "fraud")
    await relay.check_heads()
    async with running([leases.keep(), relay.run()]):
        yield
    await leases.release()


@asynccontextmanager
async def consuming(
    database: Database, broker: Broker, handlers: Sequence[EventHandler[Any]]
) -> AsyncIterator[None]:
    """Run a consumer for the service `rating`."""
    partitions = range(PARTITION_COUNT)
    leases = Leases(database, uuid4().hex, [consumer_lease(p) for p in partitions])
    consumer = Consumer(database, broker, leases, "rating", handlers)
    async with running([leases.keep(), *(consumer.run(p) for p in partitions)]):
        yield
    await leases.release()


@asynccontextmanager
async def running(jobs: Sequence[Any]) -> AsyncIterator[None]:
    """Run jobs in the background; a job that crashes fails the test."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    crashes = [o for o in outcomes if o and not isinstance(o, asyncio.CancelledError)]
    assert not crashes, crashes


async def block(database: Database, *accounts: str, partition: int = 3) -> None:
    """Publish that accounts were blocked, all in one transaction."""

    def work(unit_of_work: UnitOfWork) -> None:
        for account in accounts:
            unit_of_work.publish(AccountBlocked(account_id=account), "aurora", partition)

    await database.write(work)


async def effects(database: Database) -> dict[str, int]:
    """How often each account was blocked, in the order of arrival."""
    query = sa.select(effect_table).order_by(effect_table.c.place)
    rows = await database.read(lambda connection: connection.execute(query).all())
    return {row.account_id: row.times for row in rows}


async def wait_for_effects(database: Database, accounts: Sequence[str]) -> dict[str, int]:
    """Wait until every account has been blocked at least once."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while set(accounts) - (found := await effects(database)).keys():
            await asyncio.sleep(0.02)
    return found


@asynccontextmanager
async def broker_at(nats: NatsServer) -> AsyncIterator[Broker]:
    """Connect and create the streams."""
    async with connected(broker_settings(nats.url)) as broker:
        await broker.create_streams()
        yield broker
