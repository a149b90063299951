"""A call is one trace across services, and one measurement by method and code."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import grpc
import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kernel.errors import DomainError
from kernel.ids import new_uuid
from tests.integration.chassis.fraud_api import block_request
from tollbook.fraud.v1 import fraud_service_pb2


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """Spans stay in memory; a process sets its provider once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture(scope="module")
def reader() -> InMemoryMetricReader:
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    return reader


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
    finished = {(s.name.rpartition("/")[2], s.kind.name): s for s in spans.get_finished_spans()}
    chain = [
        finished[key]
        for key in (
            ("UnblockAccount", "CLIENT"),
            ("UnblockAccount", "SERVER"),
            ("ListBlocks", "CLIENT"),
            ("ListBlocks", "SERVER"),
        )
    ]
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


async def test_every_call_is_measured_by_method_and_code(
    reader: InMemoryMetricReader, tenant_stub: Any
) -> None:
    """Good and refused calls alike, at both ends."""
    await tenant_stub.BlockAccount(block_request("a-1"))
    with pytest.raises(DomainError):
        await tenant_stub.BlockAccount(block_request("a-1"))
    measured = set(measurements(reader))
    method = "tollbook.fraud.v1.FraudService/BlockAccount"
    for name in ("rpc.server.duration", "rpc.client.duration"):
        assert {(name, method, "OK"), (name, method, "ALREADY_EXISTS")} <= measured


def measurements(reader: InMemoryMetricReader) -> Iterator[tuple[str, object, object]]:
    data = reader.get_metrics_data()
    assert data is not None
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    attributes = point.attributes or {}
                    yield (
                        metric.name,
                        attributes.get("rpc.method"),
                        attributes.get("rpc.grpc.status_code"),
                    )
