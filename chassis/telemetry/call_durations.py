"""How long calls take: counted here, call by call, and exported with all other metrics.

A histogram of OpenTelemetry costs a twentieth of a small call for every measurement, as it looks at
the attributes anew each time. Here a method and a code are looked up once and a bucket is counted.
"""

import time
from bisect import bisect_left
from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    PeriodicExportingMetricReader,
    ScopeMetrics,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from chassis.telemetry import names

# From OpenTelemetry's conventions for calls, and two below them.
BOUNDS_SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075),
    *(0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)


_SCOPE = InstrumentationScope("tollbook")


class CallDurations:
    """A histogram by method and code since the start of the process."""

    def __init__(self, name: str, description: str) -> None:
        self._name = name
        self._description = description
        self._start_nanos = time.time_ns()
        self._series: dict[tuple[str, str], _Series] = {}

    def record(self, method: str, code: str, seconds: float) -> None:
        """Count a call that has ended."""
        series = self._series.get((method, code))
        if series is None:
            series = self._series[method, code] = _Series()
        series.add(seconds)

    def metric(self) -> Metric:
        """All that was counted, as OpenTelemetry exports it."""
        now = time.time_ns()
        points = [
            series.point({names.RPC_METHOD: method, names.RPC_CODE: code}, self._start_nanos, now)
            for (method, code), series in list(self._series.items())
        ]
        data = Histogram(points, AggregationTemporality.CUMULATIVE)
        return Metric(self._name, self._description, "s", data)


class _Series:
    """The calls of one method that ended with one code."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self._sum = 0.0
        self._least = float("inf")
        self._most = 0.0

    def add(self, seconds: float) -> None:
        """Count a call."""
        self._counts[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self._sum += seconds
        self._least = min(self._least, seconds)
        self._most = max(self._most, seconds)

    def point(self, attributes: dict[str, Any], start_nanos: int, now: int) -> HistogramDataPoint:
        """The calls so far."""
        counts = tuple(self._counts)
        return HistogramDataPoint(
            attributes=attributes,
            start_time_unix_nano=start_nanos,
            time_unix_nano=now,
            count=sum(counts),
            sum=self._sum,
            bucket_counts=counts,
            explicit_bounds=BOUNDS_SECONDS,
            min=self._least,
            max=self._most,
        )


server_durations = CallDurations(
    names.RPC_SERVER_DURATION, "Time to answer a call, by method and code."
)
client_durations = CallDurations(
    names.RPC_CLIENT_DURATION, "Time to be answered, by method and code."
)


class CallDurationsReader(PeriodicExportingMetricReader):
    """Sends the durations of calls along with what OpenTelemetry has collected itself."""

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> None:
        super()._receive_metrics(with_call_durations(metrics_data), timeout_millis, **kwargs)


def with_call_durations(collected: MetricsData) -> MetricsData:
    """What was collected, and the durations of calls as metrics of the same process."""
    metrics = [server_durations.metric(), client_durations.metric()]
    ours = ScopeMetrics(_SCOPE, metrics, "")
    return MetricsData(
        [
            replace(resource, scope_metrics=[*resource.scope_metrics, ours])
            for resource in collected.resource_metrics
        ]
    )
