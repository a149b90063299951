"""Durations of calls are counted in buckets by method and code, and leave with other metrics."""

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader

from chassis.telemetry import names
from chassis.telemetry.call_durations import (
    BOUNDS_SECONDS,
    CallDurations,
    client_durations,
    server_durations,
    with_call_durations,
)


def points(durations: CallDurations) -> dict[str, HistogramDataPoint]:
    """What was measured, by code."""
    found = {}
    for point in durations.metric().data.data_points:
        assert isinstance(point, HistogramDataPoint)
        found[str((point.attributes or {})[names.RPC_CODE])] = point
    return found


def test_each_call_counts_in_the_bucket_of_its_duration() -> None:
    """A duration on a bound belongs below it, as OpenTelemetry has it."""
    durations = CallDurations("rpc.server.duration", "Time to answer.")
    for seconds in (0.0004, 0.001, 0.3, 60.0):
        durations.record("X/Y", "OK", seconds)
    durations.record("X/Y", "NOT_FOUND", 0.3)
    point = points(durations)["OK"]
    counted = {
        bound: count
        for bound, count in zip((*BOUNDS_SECONDS, None), point.bucket_counts, strict=True)
        if count
    }
    assert counted == {0.001: 2, 0.5: 1, None: 1}
    assert (point.count, point.min, point.max) == (4, 0.0004, 60.0)
    assert point.sum == pytest.approx(60.3014)
    assert points(durations)["NOT_FOUND"].count == 1


def test_counts_are_those_since_the_start() -> None:
    """A collector that missed an export has lost nothing."""
    durations = CallDurations("rpc.server.duration", "Time to answer.")
    durations.record("X/Y", "OK", 0.1)
    first = points(durations)["OK"]
    durations.record("X/Y", "OK", 0.1)
    second = points(durations)["OK"]
    assert (first.count, second.count) == (1, 2)
    assert first.start_time_unix_nano == second.start_time_unix_nano


def test_durations_leave_with_the_other_metrics_of_the_process() -> None:
    """Under the same resource, so that they are known to be of the same service."""
    reader = InMemoryMetricReader()
    MeterProvider([reader]).get_meter("test").create_counter("other").add(1)
    collected = reader.get_metrics_data()
    assert collected is not None
    [resource] = with_call_durations(collected).resource_metrics
    sent = [metric for scope in resource.scope_metrics for metric in scope.metrics]
    assert [metric.name for metric in sent] == [
        "other",
        server_durations.metric().name,
        client_durations.metric().name,
    ]
