"""The time bands that the calls of a group begin in and cross."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from services.rating.domain.bulk.column_group import Places
from services.rating.domain.decks.prefix_table import Int32s, Int64s
from services.rating.domain.plans.time_bands import BandSchedule

MICROS_PER_SECOND = 10**6


class Piece(NamedTuple):
    """The seconds of some calls that lie in one piece of the timeline each."""

    calls: Places
    """In the group."""
    bands: Int32s
    begin: Int64s
    """The first second of the call in this piece."""
    end: Int64s


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
        first = np.searchsorted(starts, begins_micros, side="right") - 1
        last = np.searchsorted(starts, ends_micros, side="right") - 1
        return cls(starts, bands, begins_micros, first, last - first)

    def pieces(self, charged: Int64s) -> Iterator[Piece]:
        """The seconds of the calls that cross bands, piece by piece."""
        crossing = np.flatnonzero(self.crossings)
        longest = int(self.crossings.max())
        for number in range(longest + 1 if longest else 0):
            calls = crossing[self.crossings[crossing] >= number]
            piece = self.first[calls] + number
            begin = self._second_of(piece, calls) if number else np.zeros(len(calls), np.int64)
            end = charged[calls]
            goes_on = np.flatnonzero(self.crossings[calls] > number)
            end[goes_on] = self._second_of(piece[goes_on] + 1, calls[goes_on])
            yield Piece(calls, self.bands[piece], begin, end)

    def _second_of(self, piece: Places, calls: Places) -> Int64s:
        """The first second of each call that begins in a piece."""
        offsets = self.starts[piece] - self.begins_micros[calls]
        seconds: Int64s = -(-offsets // MICROS_PER_SECOND)
        return seconds
