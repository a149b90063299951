"""A running service: everything a process needs around its use cases, from start to drain."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc.aio

from chassis.bus.broker import Broker, BrokerSettings, connected
from chassis.bus.consumer import Consumer, consumer_lease
from chassis.bus.handler import EventHandler
from chassis.bus.lease import Leases
from chassis.bus.relay import Relay, relay_lease
from chassis.database.engine import Database
from chassis.database.migrations import check_migrated, migrate
from chassis.database.partitions import keep_partitions
from chassis.grpc.client import connect
from chassis.grpc.server import GrpcServer, Servicer
from chassis.operations import OperationsApi
from chassis.settings import CommonSettings, read_settings
from chassis.telemetry.setup import set_up_telemetry
from kernel.partition import PARTITION_COUNT
from tollbook.operations.v1 import operations_service_pb2_grpc as operations_grpc

DRAIN_SECONDS_MAX = 20
# New objects before the collector looks at the young ones.
GARBAGE_OBJECTS = 50_000
# A transaction gives way with each of its statements, and waits for a busy event loop so long to go
# on; with Python's own 5 ms, transactions took twice as long.
THREAD_SWITCH_SECONDS = 0.001
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_logger = logging.getLogger(__name__)

Background = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """What one service consists of; its `wiring.build` puts it together."""

    name: str
    servicers: Sequence[Servicer]
    handlers: Sequence[EventHandler[Any]] = ()
    # Large tables in monthly partitions (PostgreSQL), each with the key column that has the time.
    partitioned_tables: Mapping[str, str] = field(default_factory=dict)
    # Tasks that run until the service drains: collectors, retries, further doors.
    background: Sequence[Background] = ()
    # What is done before the first call is let in; it fails by itself, or the start does.
    prepare: Background | None = None


@dataclass(slots=True)
class Runtime:
    """What the chassis hands to a service's wiring."""

    name: str
    settings: CommonSettings
    environment: Mapping[str, str]
    database: Database
    _channels: dict[str, grpc.aio.Channel] = field(default_factory=dict)

    def channel(self, service: str) -> grpc.aio.Channel:
        """Return the channel to a neighbour, made once."""
        if service not in self._channels:
            target = self.settings.address_of(service)
            self._channels[service] = connect(target, f"tollbook.{service}.v1", self.settings)
        return self._channels[service]

    async def close_channels(self) -> None:
        """Hang up on every neighbour."""
        for channel in self._channels.values():
            await channel.close()


Build = Callable[[Runtime], ServiceDefinition]


async def serve(name: str, build: Build, environment: Mapping[str, str]) -> None:
    """Run a service until SIGTERM or SIGINT, then drain: finish what runs, accept nothing new."""
    settings = read_settings(CommonSettings, environment)
    set_up_telemetry(name, settings)
    _cancel_on_signal()
    try:
        await _serve(name, build, settings, environment)
    except asyncio.CancelledError:
        _logger.info("%s has stopped", name)


async def _serve(
    name: str, build: Build, settings: CommonSettings, environment: Mapping[str, str]
) -> None:
    with _open_database(name, settings) as database:
        runtime = Runtime(name, settings, environment, database)
        async with connected(_broker_settings(name, settings)) as broker:
            await broker.create_streams()
            async with _working(build(runtime), runtime, broker):
                spare_the_collector()
                sys.setswitchinterval(THREAD_SWITCH_SECONDS)
                _logger.info("%s serves on %s", name, settings.listen_address)
                await asyncio.Event().wait()


def spare_the_collector() -> None:
    """Leave what lives as long as the process out of every garbage collection.

    Batches make many short-lived tuples; with the default thresholds each batch walked all modules.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, 20, 50)


def migrate_service(name: str, environment: Mapping[str, str]) -> None:
    """Bring a service's database to the schema of this code."""
    settings = read_settings(CommonSettings, environment)
    database = Database.open(settings.database_url_of(name))
    try:
        migrate(database, name)
    finally:
        database.close()


@asynccontextmanager
async def _working(
    definition: ServiceDefinition, runtime: Runtime, broker: Broker
) -> AsyncIterator[None]:
    """Serve, relay, consume and collect; a task that crashes ends the process, loudly."""
    database, partitions = runtime.database, range(PARTITION_COUNT)
    kinds = (relay_lease, consumer_lease) if definition.handlers else (relay_lease,)
    names = [name(p) for p in partitions for name in kinds]
    leases = Leases(database, _holder(database), names)
    relay = Relay(database, broker, leases, definition.name)
    await relay.check_heads()
    consumer = Consumer(database, broker, leases, definition.name, definition.handlers)
    server = GrpcServer([*definition.servicers, _operations(runtime, broker)], runtime.settings)
    async with asyncio.TaskGroup() as group:
        keeping = [group.create_task(job) for job in (leases.keep(), relay.run(), relay.purge())]
        working = [group.create_task(background()) for background in definition.background]
        if definition.partitioned_tables and database.dialect == "postgresql":
            tables = definition.partitioned_tables
            working.append(group.create_task(keep_partitions(database, tables)))
        if definition.handlers:
            working += [group.create_task(consumer.run(partition)) for partition in partitions]
        try:
            if definition.prepare is not None:
                await definition.prepare()
            await server.start()
            yield
        finally:
            await server.drain(DRAIN_SECONDS_MAX)
            await _cancel(working)
            await _cancel(keeping)
            await relay.finish()
            await leases.release()
            await runtime.close_channels()


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _operations(runtime: Runtime, broker: Broker) -> Servicer:
    return Servicer(
        operations_grpc.add_OperationsServiceServicer_to_server,
        OperationsApi(runtime.database, broker, runtime.name),
        "tollbook.operations.v1.OperationsService",
    )


@contextmanager
def _open_database(name: str, settings: CommonSettings) -> Iterator[Database]:
    """Open the database; SQLite, which this process has for itself, is migrated on the way."""
    database = Database.open(settings.database_url_of(name))
    try:
        if database.dialect == "sqlite" or settings.migrate_at_start:
            migrate(database, name)
        check_migrated(database, name)
        yield database
    finally:
        database.close()


def _holder(database: Database) -> str:
    """Name this replica; a SQLite file has one process, so its successor is the same holder."""
    if database.dialect == "sqlite":
        return "local"
    return f"{socket.gethostname()}/{os.getpid()}/{os.urandom(4).hex()}"


def _broker_settings(name: str, settings: CommonSettings) -> BrokerSettings:
    return BrokerSettings(
        url=settings.nats_url,
        client_name=name,
        replicas=settings.nats_stream_replicas,
        credentials_file=settings.nats_credentials_file,
    )


def _cancel_on_signal() -> None:
    """Let the first signal end the service, wherever it is; a second must not cut off the drain."""
    loop, main = asyncio.get_running_loop(), asyncio.current_task()
    assert main is not None, "serve() runs in a task"

    def stop() -> None:
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, lambda: None)
        main.cancel()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
