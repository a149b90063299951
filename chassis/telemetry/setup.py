"""Sets up traces, metrics and logs of a process, once, before anything else runs."""

from importlib.metadata import version

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from chassis.settings import CommonSettings
from chassis.telemetry import names
from chassis.telemetry.call_durations import CallDurationsReader
from chassis.telemetry.logs import set_up_logs
from chassis.telemetry.tracing import sample_new_traces


def set_up_telemetry(service: str, settings: CommonSettings) -> None:
    """Start telemetry; without a collector nothing is exported, and ids still tie the logs."""
    set_up_logs(service, settings.log_level)
    resource = Resource.create(
        {names.SERVICE_NAME: service, names.SERVICE_VERSION: version("tollbook")}
    )
    trace.set_tracer_provider(_traces(settings, resource))
    metrics.set_meter_provider(_metrics(settings, resource))


def _traces(settings: CommonSettings, resource: Resource) -> TracerProvider:
    endpoint = settings.otel_exporter_otlp_endpoint
    sample_new_traces(settings.trace_sample_percent if endpoint else 0)
    provider = TracerProvider(resource=resource)
    if endpoint:
        provider.add_span_processor(BatchSpanProcessor(_span_exporter(endpoint)))
    return provider


def _metrics(settings: CommonSettings, resource: Resource) -> MeterProvider:
    endpoint = settings.otel_exporter_otlp_endpoint
    readers = [_metric_reader(endpoint)] if endpoint else []
    return MeterProvider(readers, resource=resource)


# The exporters are dear to import, and most local processes have no collector to send to.


def _span_exporter(endpoint: str) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )

    return OTLPSpanExporter(endpoint=endpoint)


def _metric_reader(endpoint: str) -> MetricReader:
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (  # noqa: PLC0415
        OTLPMetricExporter,
    )

    return CallDurationsReader(OTLPMetricExporter(endpoint=endpoint))
