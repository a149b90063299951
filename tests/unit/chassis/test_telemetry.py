"""A call can be followed: trace ids go along and stand in every log line."""

import json
import logging
import sys

import pytest
from opentelemetry.trace import SpanKind

from chassis.security.caller import Caller, enter_call
from chassis.telemetry.logs import JsonFormatter
from chassis.telemetry.tracing import current_traceparent, sample_new_traces, span_of

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
UNSAMPLED = f"00-{TRACE_ID}-00f067aa0ba902b7-00"


def logged(message: str, **more: object) -> dict[str, object]:
    record = logging.makeLogRecord({"name": "test", "levelname": "INFO", "msg": message, **more})
    line = JsonFormatter("rating").format(record)
    assert "\n" not in line
    fields: dict[str, object] = json.loads(line)
    return fields


def test_a_trace_goes_on_though_nobody_records_it() -> None:
    """Its ids tie the logs of all services together all the same."""
    with span_of("tollbook.x.v1.X/Y", SpanKind.SERVER, UNSAMPLED) as span:
        assert not span.is_recording()
        assert current_traceparent() == UNSAMPLED
        assert logged("priced")["trace_id"] == TRACE_ID
    assert current_traceparent() == ""


@pytest.mark.parametrize("damaged", ["", "00-xyz", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_damaged_traceparent_begins_a_trace_of_its_own(damaged: str) -> None:
    """A caller's mistake in telemetry fails no call."""
    with span_of("tollbook.x.v1.X/Y", SpanKind.SERVER, damaged):
        assert TRACE_ID not in current_traceparent()


def test_only_the_share_that_is_to_be_recorded_begins_a_recorded_trace() -> None:
    """The others have ids all the same, one trace after the other."""
    sample_new_traces(0)
    try:
        seen = set()
        for _ in range(3):
            with span_of("tollbook.x.v1.X/Y", SpanKind.SERVER) as span:
                assert not span.is_recording()
                seen.add(logged("priced")["trace_id"])
                assert current_traceparent().endswith("-00")
        assert len(seen) == 3
    finally:
        sample_new_traces(100)


def test_a_span_inside_a_trace_that_nobody_records_stays_in_it() -> None:
    """A call to a neighbour carries on the trace of the call being answered."""
    with span_of("X/Y", SpanKind.SERVER, UNSAMPLED), span_of("X/Z", SpanKind.CLIENT):
        assert current_traceparent() == UNSAMPLED


async def test_a_log_line_says_whose_call_it_was() -> None:
    """Service, tenant and what the code adds; one line, whatever the message holds."""
    enter_call(Caller("tester", "acme", frozenset()))
    fields = logged("two\nlines", batch=7)
    assert fields["message"] == "two\nlines"
    assert (fields["service"], fields["tenant"], fields["batch"]) == ("rating", "acme", 7)


def test_a_log_line_carries_its_exception() -> None:
    """The trace of a bug is in the same record."""
    try:
        raise ZeroDivisionError("no minutes")
    except ZeroDivisionError:
        fields = logged("failed", exc_info=sys.exc_info())
    assert "ZeroDivisionError: no minutes" in str(fields["exception"])
