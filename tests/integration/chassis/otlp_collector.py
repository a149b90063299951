"""An OTLP collector in memory: what services export, as a real collector gets it over gRPC."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class OtlpCollector:
    """Keeps spans and the names of metrics by the service that they came from."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.spans: list[tuple[str, Span]] = []
        self.metrics: set[tuple[str, str]] = set()

    def spans_of(self, service: str, trace_id: str) -> list[Span]:
        """The spans that a service has recorded of a trace."""
        return [
            span for name, span in self.spans if name == service and span.trace_id.hex() == trace_id
        ]


class _Traces(trace_grpc.TraceServiceServicer):
    def __init__(self, collector: OtlpCollector) -> None:
        self._collector = collector

    async def Export(self, request: Any, context: Any) -> Any:
        for resource in request.resource_spans:
            service = _service(resource.resource.attributes)
            for scope in resource.scope_spans:
                self._collector.spans += [(service, span) for span in scope.spans]
        return trace_pb.ExportTraceServiceResponse()


class _Metrics(metrics_grpc.MetricsServiceServicer):
    def __init__(self, collector: OtlpCollector) -> None:
        self._collector = collector

    async def Export(self, request: Any, context: Any) -> Any:
        for resource in request.resource_metrics:
            service = _service(resource.resource.attributes)
            for scope in resource.scope_metrics:
                self._collector.metrics |= {(service, metric.name) for metric in scope.metrics}
        return metrics_pb.ExportMetricsServiceResponse()


def _service(attributes: list[KeyValue]) -> str:
    return next(a.value.string_value for a in attributes if a.key == "service.name")


@asynccontextmanager
async def otlp_collector() -> AsyncIterator[OtlpCollector]:
    """Yield a collector that listens on loopback."""
    collector, server = OtlpCollector(), grpc.aio.server()
    trace_grpc.add_TraceServiceServicer_to_server(  # type: ignore[no-untyped-call]
        _Traces(collector), server
    )
    metrics_grpc.add_MetricsServiceServicer_to_server(  # type: ignore[no-untyped-call]
        _Metrics(collector), server
    )
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(None)
