"""Turns times as a source writes them into microseconds UTC."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from kernel.clock import to_micros

MICROS_PER_MINUTE = 60_000_000
MINUTES_CACHED_MAX = 100_000

_EPOCH_AS_WRITTEN = datetime(1970, 1, 1)  # noqa: DTZ001  a source's own clock has no zone
_MICROSECOND = timedelta(microseconds=1)


class SourceClock:
    """The clock of a source; times with a zone of their own need none.

    It remembers the offset of each minute, which costs more to find than all else in a time: no
    zone changes its clocks inside a minute.
    """

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._offsets: dict[int, int] = {}

    def utc_micros(self, written: datetime) -> int:
        """The moment; where clocks go back and an hour is written twice, the first one."""
        if written.tzinfo is not None:
            return to_micros(written)
        micros = written_micros(written)
        minute = micros // MICROS_PER_MINUTE
        offset = self._offsets.get(minute)
        if offset is None:
            if len(self._offsets) >= MINUTES_CACHED_MAX:
                self._offsets.clear()
            offset = self._offsets[minute] = micros - to_micros(written.replace(tzinfo=self._zone))
        return micros - offset

    def later_utc_micros(self, written: datetime) -> int:
        """The moment; where an hour is written twice, the second one."""
        zone = written.tzinfo or self._zone
        return to_micros(written.replace(tzinfo=zone, fold=1))


def written_micros(written: datetime) -> int:
    """A time as it was written, whatever zone it is in: made only from what was written."""
    if written.tzinfo is not None:
        return to_micros(written)
    return (written - _EPOCH_AS_WRITTEN) // _MICROSECOND
