"""A call is one trace across services, and one measurement by method and code."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.telemetry.call_durations import CallDurations, client_durations, server_durations
from kernel.errors import DomainError
from kernel.ids import new_uuid
from tests.integration.chassis.fraud_api import Installation, block_request
from tollbook.fraud.v1 import fraud_service_pb2

WRITTEN_SECONDS_MAX = 10.0


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """Spans stay in memory; a process sets its provider once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> InMemorySpanExporter:
    exporter.clear()
    return exporter


async def test_client_and_server_spans_form_one_trace(
    spans: InMemorySpanExporter, tenant_stub: Any
) -> None:
    """From the first service, through its neighbour, to the end."""
    await tenant_stub.BlockAccount(block_request("a-1"))
    spans.clear()
    request = fraud_service_pb2.UnblockAccountRequest(
        account_id="a-1", reason="paid", request_id=new_uuid()
    )
    await tenant_stub.UnblockAccount(request)
    keys = [
        ("UnblockAccount", "CLIENT"),
        ("UnblockAccount", "SERVER"),
        ("ListBlocks", "CLIENT"),
        ("ListBlocks", "SERVER"),
    ]
    await wait_until(lambda: finished_by_name(spans).keys() >= set(keys))
    chain = [finished_by_name(spans)[key] for key in keys]
    for parent, child in pairwise(chain):
        assert child.parent is not None
        assert child.parent.span_id == parent.context.span_id
    assert len({span.context.trace_id for span in chain}) == 1


async def test_an_unsampled_trace_records_no_span(spans: InMemorySpanExporter, stub: Any) -> None:
    """The caller's decision holds for all."""
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
    with pytest.raises(grpc.aio.AioRpcError):
        await stub.BlockAccount(block_request(), metadata=(("traceparent", traceparent),))
    assert spans.get_finished_spans() == ()


async def test_every_call_is_measured_by_method_and_code(tenant_stub: Any) -> None:
    """Good and refused calls alike, at both ends."""
    await tenant_stub.BlockAccount(block_request("a-1"))
    with pytest.raises(DomainError):
        await tenant_stub.BlockAccount(block_request("a-1"))
    method = "tollbook.fraud.v1.FraudService/BlockAccount"
    measured = {(method, "OK"), (method, "ALREADY_EXISTS")}
    await wait_until(lambda: measured <= measured_by(server_durations))
    await wait_until(lambda: measured <= measured_by(client_durations))


async def test_a_call_that_its_caller_gave_up_is_stopped_and_measured(
    installation: Installation, stub: Any
) -> None:
    """Nobody waits for the answer any more, so nobody works on it."""
    metadata = (("authorization", f"Bearer {installation.token()}"),)
    with pytest.raises(grpc.aio.AioRpcError):
        await stub.ListFraudRules(
            fraud_service_pb2.ListFraudRulesRequest(), metadata=metadata, timeout=0.2
        )
    stopped = ("tollbook.fraud.v1.FraudService/ListFraudRules", "DEADLINE_EXCEEDED")
    await wait_until(lambda: stopped in measured_by(server_durations))
    assert not installation.api.released.is_set()


async def wait_until(is_so: Callable[[], bool]) -> None:
    """What an end of a call writes down, it does a moment after its answer has gone."""
    async with asyncio.timeout(WRITTEN_SECONDS_MAX):
        while not is_so():
            await asyncio.sleep(0.01)


def finished_by_name(spans: InMemorySpanExporter) -> dict[tuple[str, str], ReadableSpan]:
    """Spans that have ended, by method and kind."""
    return {(s.name.rpartition("/")[2], s.kind.name): s for s in spans.get_finished_spans()}


def measured_by(durations: CallDurations) -> set[tuple[object, object]]:
    """Methods and codes of the calls that were measured."""
    points = durations.metric().data.data_points
    return {
        (attributes["rpc.method"], attributes["rpc.grpc.status_code"])
        for attributes in (point.attributes or {} for point in points)
    }
