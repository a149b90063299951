"""Finds many numbers at once among ascending ones: near by their first digits, then by halves.

A binary search of its own for each number waits for memory at every step; here all of them take a
step together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.rating.domain.decks.rate_deck import NUMBER_DIGITS_MAX

Int64s = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]

HEAD_DIGITS = 4
NUMBERS_A_HEAD = 10 ** (NUMBER_DIGITS_MAX - HEAD_DIGITS)
# Fewer numbers than this are found faster one by one.
TOGETHER_MIN = 100


class NumberIndex:
    """Where numbers of NUMBER_DIGITS_MAX digits lie between ascending ones, of which 0 is one."""

    def __init__(self, starts: Int64s) -> None:
        self._starts = starts
        firsts = starts.searchsorted(np.arange(10**HEAD_DIGITS + 1) * NUMBERS_A_HEAD)
        self._before: Places = firsts[:-1] - 1
        """The place before the first start of each head."""
        steps = int(np.diff(firsts).max()).bit_length()
        self._steps = [1 << bit for bit in reversed(range(steps))]

    def find(self, numbers: Int64s) -> Places:
        """The place of the highest start that is not above each number."""
        places = self._before.take(numbers // NUMBERS_A_HEAD)
        for step in self._steps:
            further = places + step
            # Beyond the last start there is only itself to compare with.
            places += step * (self._starts.take(further, mode="clip") <= numbers)
        found: Places = np.minimum(places, len(self._starts) - 1)
        return found
