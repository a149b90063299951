"""Trace context in W3C form: entered, sent along, and recorded only where a trace is sampled."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.telemetry.names import TRACEPARENT

_tracer = trace.get_tracer("tollbook")
_propagator = TraceContextTextMapPropagator()


def current_traceparent() -> str:
    """The traceparent to send along; empty outside a trace."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(TRACEPARENT, "")


@contextmanager
def span_of(name: str, kind: SpanKind, traceparent: str = "") -> Iterator[Span]:
    """Continue the trace of a traceparent, or else the current one, or else begin one.

    The body sets the outcome on the span: an expected failure is no failure of the code.
    """
    parent = _span_context(traceparent)
    if parent.is_valid and not parent.trace_flags.sampled:
        # A span that nobody records costs a fifth of a call; its ids are all the logs need.
        span: Span = NonRecordingSpan(parent)
    else:
        parent_context = trace.set_span_in_context(NonRecordingSpan(parent))
        span = _tracer.start_span(name, context=parent_context, kind=kind)
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield span
    finally:
        context.detach(token)
        span.end()


def _span_context(traceparent: str) -> SpanContext:
    remote = _propagator.extract({TRACEPARENT: traceparent}) if traceparent else None
    return trace.get_current_span(remote).get_span_context()
