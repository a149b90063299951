"""The time bands that the calls of a group begin in and cross."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kernel.clock import MICROS_PER_SECOND
from services.rating.domain.bulk.column_group import Places
from services.rating.domain.decks.prefix_table import Int32s, Int64s
from services.rating.domain.plans.time_bands import BandSchedule


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
    bands_of_begins: Int32s
    crossings: Places
    """How many more it reaches."""
    crossings_max: int
    """How many of those the call reaches that reaches most."""

    @classmethod
    def of(
        cls,
        schedule: BandSchedule,
        span: tuple[int, int],
        begins_micros: Int64s,
        ends_micros: Int64s,
    ) -> Timeline:
        """The timeline of calls within a span whose last seconds begin at `ends_micros`."""
        starts, bands = schedule.timeline(*span)
        first = starts.searchsorted(begins_micros, side="right") - 1
        crossings = starts.searchsorted(ends_micros, side="right") - 1 - first
        most = int(crossings.max())
        return cls(starts, bands, begins_micros, first, bands.take(first), crossings, most)

    def each_crossing(self) -> Iterator[Crossing]:
        """The first band that each call crosses into, then the second of those with more."""
        for number in range(1, self.crossings_max + 1):
            calls = (self.crossings >= number).nonzero()[0]
            piece = self.first.take(calls) + number
            seconds = -(
                (self.begins_micros.take(calls) - self.starts.take(piece)) // MICROS_PER_SECOND
            )
            yield Crossing(calls, seconds, self.bands.take(piece - 1), self.bands.take(piece))
