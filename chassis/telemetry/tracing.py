"""Trace context in W3C form: entered, sent along, and recorded only where a trace is sampled."""

import random
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

from opentelemetry import context, trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.telemetry.names import TRACEPARENT

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)
# The last digit of the flags, whose lowest bit says that the trace is recorded.
_FLAGS_DIGIT = 54
_UNSAMPLED = "02468ace"


@dataclass(slots=True)
class _Sampling:
    """The share of new traces that is recorded."""

    share: float = 1.0


_tracer = trace.get_tracer("tollbook")
_propagator = TraceContextTextMapPropagator()
_sampling = _Sampling()
_traceparent: ContextVar[str] = ContextVar("traceparent", default="")


class TraceIds(NamedTuple):
    """The ids of a trace and of the span in it, in hexadecimal."""

    trace_id: str
    span_id: str


def current_traceparent() -> str:
    """The traceparent to send along; empty outside a trace."""
    return _traceparent.get()


def current_ids() -> TraceIds | None:
    """The ids that tie what is logged here to its trace; None outside a trace."""
    traceparent = _traceparent.get()
    return TraceIds(*traceparent.split("-")[1:3]) if traceparent else None


def sample_new_traces(percent: int) -> None:
    """Record this share of the traces that begin here; before it is said, all of them."""
    _sampling.share = percent / 100


def span_of(name: str, kind: SpanKind, traceparent: str = "") -> AbstractContextManager[Span]:
    """Continue the trace of a traceparent, or else the current one, or else begin one.

    The body sets the outcome on the span: an expected failure is no failure of the code.
    """
    parent = traceparent if _TRACEPARENT.fullmatch(traceparent) else _traceparent.get()
    if not parent and random.random() >= _sampling.share:  # noqa: S311 - no secret
        parent = f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-00"
    if parent and parent[_FLAGS_DIGIT] in _UNSAMPLED:
        return _Unrecorded(parent)
    return _recorded(name, kind, parent)


class _Unrecorded:
    """In place of a span that nobody records, which would cost a tenth of a small call.

    The ids of its trace are all that the logs and the next service need.
    """

    __slots__ = ("_token", "_traceparent")

    def __init__(self, traceparent: str) -> None:
        self._traceparent = traceparent

    def __enter__(self) -> Span:
        self._token = _traceparent.set(self._traceparent)
        return INVALID_SPAN

    def __exit__(self, *_: object) -> None:
        _traceparent.reset(self._token)


@contextmanager
def _recorded(name: str, kind: SpanKind, parent: str) -> Iterator[Span]:
    """A span of OpenTelemetry; without a parent it begins a trace."""
    parent_context = _propagator.extract({TRACEPARENT: parent}, context.Context())
    with _tracer.start_as_current_span(
        name, parent_context, kind, record_exception=False, set_status_on_exception=False
    ) as span:
        token = _traceparent.set(_text_of(span))
        try:
            yield span
        finally:
            _traceparent.reset(token)


def _text_of(span: Span) -> str:
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(span))
    return carrier.get(TRACEPARENT, "")
