"""Finds many numbers at once among ascending ones: near by their first bits, then by halves.

A binary search of its own for each number waits for memory at every step; here all of them take a
step together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.rating.domain.decks.rate_columns import Int64s
from services.rating.domain.decks.rate_deck import NUMBER_DIGITS_MAX

Places = npt.NDArray[np.intp]

NUMBER_BITS = (10**NUMBER_DIGITS_MAX).bit_length()
# More heads than this cost more memory than they save steps.
HEAD_BITS_MAX = 16
# Fewer numbers than this are found faster one by one.
TOGETHER_MIN = 100


class NumberIndex:
    """Where numbers of NUMBER_DIGITS_MAX digits lie between ascending ones, of which 0 is one."""

    def __init__(self, starts: Int64s) -> None:
        self._starts = starts
        self._tail_bits = NUMBER_BITS - min(len(starts).bit_length(), HEAD_BITS_MAX)
        heads = np.arange((1 << NUMBER_BITS - self._tail_bits) + 1, dtype=np.int64)
        firsts = starts.searchsorted(heads << self._tail_bits)
        steps = int(np.diff(firsts).max()).bit_length()
        self._steps = [1 << bit for bit in reversed(range(steps))]
        # All steps together lead to no place beyond the last.
        highest = len(starts) - (1 << steps)
        self._before = np.minimum(firsts[:-1] - 1, highest).astype(np.int32)
        """A place not after that of any number of each head."""
        self._has_few = highest < 0

    def find(self, numbers: Int64s) -> Places:
        """The place of the highest start that is not above each number."""
        if self._has_few or len(numbers) < TOGETHER_MIN:
            found: Places = self._starts.searchsorted(numbers, side="right") - 1
            return found
        places: Places = self._before.take(numbers >> self._tail_bits).astype(np.intp)
        for step in self._steps:
            ahead = places + step
            np.copyto(places, ahead, where=self._starts.take(ahead) <= numbers)
        return places
