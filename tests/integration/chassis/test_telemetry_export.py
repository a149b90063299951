"""Two running services export what they do: one trace across the bus, metrics, and log lines."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from chassis.bus.broker import connected
from chassis.bus.envelope import Envelope
from chassis.security.authority import LocalAuthority
from chassis.telemetry import names
from deploy.local.ports import LOOPBACK, free_port
from kernel.clock import utc_now
from kernel.ids import new_uuid
from tests.integration.bus.conftest import broker_settings
from tests.integration.chassis.otlp_collector import OtlpCollector, otlp_collector
from tests.support.nats_server import NatsServer, nats_server
from tollbook.fraud.v1 import fraud_service_pb2, fraud_service_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = ("fraud", "rating")
SCOPES = ("fraud.manage",)
WAIT_SECONDS_MAX = 90.0
EXPORT_INTERVAL_MS = 500
CALL_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
POISON_TRACE = "11111111111111111111111111111111"


@dataclass(frozen=True, slots=True)
class Observed:
    """Running services, and what is seen of them."""

    collector: OtlpCollector
    logs: dict[str, Path]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def observed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Observed]:
    """Fraud and rating, between which an account was blocked, and an event that nobody can read."""
    tmp_path = tmp_path_factory.mktemp("observed")
    authority = LocalAuthority.open(tmp_path / "authority")
    ports = {service: free_port() for service in SERVICES}
    logs = {service: tmp_path / f"{service}.log" for service in SERVICES}
    async with otlp_collector() as collector:
        with nats_server(tmp_path / "nats") as nats:
            processes = ExitStack()
            environment = {
                **os.environ,
                "NATS_URL": nats.url,
                "DATA_DIR": str(tmp_path / "data"),
                "TRUSTED_KEYS_FILE": str(authority.trusted_keys_file),
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
                "OTEL_METRIC_EXPORT_INTERVAL": str(EXPORT_INTERVAL_MS),
                "OTEL_BSP_SCHEDULE_DELAY": str(EXPORT_INTERVAL_MS),
            }
            try:
                for service in SERVICES:
                    listen = {"LISTEN_ADDRESS": f"{LOOPBACK}:{ports[service]}"}
                    processes.enter_context(serving(service, environment | listen, logs[service]))
                await publish_poison(nats)
                token = authority.mint("tester", "aurora", SCOPES, 600)
                await block_account(f"{LOOPBACK}:{ports['fraud']}", token)
                yield Observed(collector, logs)
            finally:
                # Not on the loop of the collector, to which they send what is left.
                await asyncio.to_thread(processes.close)


@contextmanager
def serving(service: str, environment: dict[str, str], log: Path) -> Iterator[None]:
    """Run a service in a process of its own."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "serve", service], env=environment, stderr=output
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


async def test_one_trace_leads_from_a_call_across_the_bus_to_its_effect(
    observed: Observed,
) -> None:
    """Blocking an account in fraud and its effect in rating are one trace, parent and child."""
    await until(lambda: bool(observed.collector.spans_of("rating", CALL_TRACE)))
    await until(lambda: bool(observed.collector.spans_of("fraud", CALL_TRACE)))
    [call] = observed.collector.spans_of("fraud", CALL_TRACE)
    [effect] = observed.collector.spans_of("rating", CALL_TRACE)
    assert call.name == "tollbook.fraud.v1.FraudService/BlockAccount"
    assert effect.name == "tollbook.fraud.v1.AccountBlocked process"
    assert effect.parent_span_id == call.span_id


async def test_metrics_of_calls_and_of_the_bus_arrive(observed: Observed) -> None:
    """Whatever an alert may need is there under the names that the code has for it."""
    expected = {
        ("fraud", names.RPC_SERVER_DURATION),
        ("fraud", names.OUTBOX_BACKLOG),
        ("rating", names.CONSUMER_BACKLOG),
        ("rating", names.CONSUMER_DELAY),
        ("rating", names.CONSUMER_BATCH_SIZE),
        ("rating", names.DEAD_LETTERS),
    }
    await until(lambda: expected <= observed.collector.metrics)
    assert expected <= observed.collector.metrics


async def test_the_log_line_of_a_dead_letter_names_the_trace_of_its_event(
    observed: Observed,
) -> None:
    """From the log of the consumer one finds the call that caused the event."""
    await until(lambda: POISON_TRACE in observed.logs["rating"].read_text())
    lines = [json.loads(line) for line in observed.logs["rating"].read_text().splitlines()]
    [line] = [line for line in lines if line.get(names.LOG_TRACE_ID) == POISON_TRACE]
    assert line[names.LOG_LEVEL] == "ERROR"
    assert line[names.LOG_SERVICE] == "rating"
    assert line[names.LOG_MESSAGE] == "event fraud.3.999 is a dead letter"


async def block_account(address: str, token: str) -> None:
    """Block an account as a traced caller does."""
    traceparent = f"00-{CALL_TRACE}-00f067aa0ba902b7-01"
    request = fraud_service_pb2.BlockAccountRequest(
        account_id=new_uuid(), reason="stolen", request_id=new_uuid()
    )
    metadata = (("authorization", f"Bearer {token}"), ("traceparent", traceparent))
    async with grpc.aio.insecure_channel(address) as channel:
        stub = fraud_service_pb2_grpc.FraudServiceStub(channel)
        await stub.BlockAccount(
            request, metadata=metadata, timeout=WAIT_SECONDS_MAX, wait_for_ready=True
        )


async def publish_poison(nats: NatsServer) -> None:
    """Publish an event whose body nobody can read."""
    traceparent = f"00-{POISON_TRACE}-00f067aa0ba902b7-01"
    poison = Envelope(
        "tollbook.fraud.v1.AccountBlocked", 3, 999, "aurora", utc_now(), traceparent, b"\xff\xff"
    )
    async with connected(broker_settings(nats.url)) as broker:
        await broker.create_streams()
        await broker.publish(poison.subject, poison.body, poison.headers())


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a fact."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not holds():
            await asyncio.sleep(0.1)
