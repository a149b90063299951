"""The time bands that the calls of a group begin in and cross."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from services.rating.domain.bulk.column_group import Places
from services.rating.domain.decks.prefix_table import Int32s, Int64s
from services.rating.domain.plans.time_bands import BandSchedule

MICROS_PER_SECOND = 10**6


class Crossing(NamedTuple):
    """Where some calls go on in another band."""

    calls: Places
    """In the group."""
    seconds: Int64s
    """The first second of each call in its next band."""
    before: Int32s
    bands: Int32s


class Timeline(NamedTuple):
    """Where the calls of a group lie in pieces of time of one band each."""

    starts: Int64s
    bands: Int32s
    """Of the pieces."""
    begins_micros: Int64s
    first: Places
    """The piece in which each call begins."""
    crossings: Places
    """How many more it reaches."""

    @classmethod
    def of(cls, schedule: BandSchedule, begins_micros: Int64s, ends_micros: Int64s) -> Timeline:
        """The timeline of calls whose last seconds begin at `ends_micros`."""
        span = int(begins_micros.min()), int(ends_micros.max()) + 1
        starts, bands = schedule.timeline(*span)
        first = starts.searchsorted(begins_micros, side="right") - 1
        last = starts.searchsorted(ends_micros, side="right") - 1
        return cls(starts, bands, begins_micros, first, last - first)

    @property
    def crossings_max(self) -> int:
        """How many other bands the call reaches that reaches most."""
        return int(self.crossings.max())

    def each_crossing(self) -> Iterator[Crossing]:
        """The first band that each call crosses into, then the second of those with more."""
        calls = np.flatnonzero(self.crossings)
        piece = self.first[calls]
        while len(calls):
            piece = piece + 1
            offsets = self.starts[piece] - self.begins_micros[calls]
            seconds = -(-offsets // MICROS_PER_SECOND)
            yield Crossing(calls, seconds, self.bands[piece - 1], self.bands[piece])
            goes_on = piece < self.first[calls] + self.crossings[calls]
            calls, piece = calls[goes_on], piece[goes_on]
