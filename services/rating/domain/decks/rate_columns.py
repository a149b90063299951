"""Many rates as one matrix of numbers: a few bytes a row where objects would take hundreds."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.rating.domain.decks.rate_deck import NUMBER_DIGITS_MAX, Rate

Int64s = npt.NDArray[np.int64]

PADDING = "0" * NUMBER_DIGITS_MAX
# A prefix as one integer that sorts as its text does: padded to 15 digits, then its length.
LENGTH_BITS = 4
LENGTH_MASK = 2**LENGTH_BITS - 1

# What a row of the matrix holds: the key of the prefix, the place of the destination, the rest.
NUMBER_FIELDS = Rate._fields[2:]
WIDTH = 2 + len(NUMBER_FIELDS)


class RepeatedRow(NamedTuple):
    """A row whose prefix an earlier row has."""

    prefix: str
    row_number: int
    first_row_number: int


class RateColumns:
    """Rates in the order in which they came."""

    def __init__(self, rates: Iterable[Rate] = ()) -> None:
        self._numbers = array("q")
        self._places: dict[str, int] = {}
        self._names: list[str] = []
        for rate in rates:
            self.append(rate)

    def append(self, rate: Rate) -> None:
        """Add a row."""
        place = self._places.setdefault(rate.destination, len(self._names))
        if place == len(self._names):
            self._names.append(rate.destination)
        self._numbers.extend((prefix_key(rate.prefix), place, *rate[2:]))

    def __len__(self) -> int:
        return len(self._numbers) // WIDTH

    def __iter__(self) -> Iterator[Rate]:
        return map(self.rate, range(len(self)))

    def rate(self, row: int) -> Rate:
        """A row, counting from 0."""
        key, place, *numbers = self._numbers[row * WIDTH : (row + 1) * WIDTH]
        return Rate(prefix_text(key), self._names[place], *numbers)

    def matrix(self) -> Int64s:
        """A view: a row for each rate, with the fields that are written at WIDTH."""
        return np.frombuffer(self._numbers, np.int64).reshape(-1, WIDTH)

    @property
    def destinations(self) -> Sequence[str]:
        """The names that the second column of the matrix points to."""
        return self._names

    def drop_repeated(self, shown_max: int) -> tuple[int, list[RepeatedRow]]:
        """Keep the first row of each prefix; how many went, and the first of them."""
        matrix = self.matrix()
        order = np.argsort(matrix[:, 0], kind="stable")
        keys = matrix[order, 0]
        places = np.flatnonzero(keys[1:] == keys[:-1]) + 1
        rows, firsts = order[places], order[np.searchsorted(keys, keys[places])]
        repeated = [
            RepeatedRow(rate.prefix, rate.row_number, first.row_number)
            for place in np.argsort(rows)[:shown_max]
            for rate, first in [(self.rate(rows[place]), self.rate(firsts[place]))]
        ]
        if len(rows):
            self._numbers = array("q", np.delete(matrix, rows, axis=0).tobytes())
        return len(rows), repeated


def padded(digits: str) -> int:
    """The first 15 digits of a number, zeros appended to a shorter one, as an integer."""
    return int((digits + PADDING)[:NUMBER_DIGITS_MAX])


def prefix_key(prefix: str) -> int:
    """A prefix as an integer; keys sort as the texts do."""
    return padded(prefix) << LENGTH_BITS | len(prefix)


def prefix_text(key: int) -> str:
    """The prefix of a key."""
    return str(key >> LENGTH_BITS).zfill(NUMBER_DIGITS_MAX)[: key & LENGTH_MASK]
