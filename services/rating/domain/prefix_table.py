"""A deck compiled for longest-prefix match: one binary search for a whole column of numbers.

Prefixes nest. Padded to 15 digits each is an interval of integers; flattened to disjoint intervals,
the longest prefix of a number is the interval that the padded number lies in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.rating.domain.rate_deck import NUMBER_DIGITS_MAX, Rate

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

NO_ROW = -1
PADDING = "0" * NUMBER_DIGITS_MAX


@dataclass(frozen=True, slots=True)
class PrefixTable:
    """The rates of one deck version as columns, in the order of their prefixes."""

    interval_starts: Int64s
    interval_rows: Int32s
    parents: Int32s
    """The row of the next shorter prefix of each row, NO_ROW without one; and of NO_ROW itself,
    which as an index means the last element."""
    prefix_lengths: Int32s
    """Digits of each prefix; and none for NO_ROW."""
    prefix_values: Int64s
    prices: Int64s
    connect_fees: Int64s
    first_increments: Int64s
    next_increments: Int64s
    minimums: Int64s
    graces: Int64s
    """Seconds."""
    row_numbers: Int32s
    destination_codes: Int32s
    destinations: tuple[str, ...]

    @classmethod
    def compile(cls, rates: Sequence[Rate]) -> PrefixTable:
        """Compile rows whose prefixes are distinct."""
        rows = sorted(rates)
        prefixes = [rate.prefix for rate in rows]
        starts, interval_rows, parents = _flatten(prefixes)
        places: dict[str, int] = {}
        codes = [places.setdefault(rate.destination, len(places)) for rate in rows]
        return cls(
            interval_starts=np.array(starts, np.int64),
            interval_rows=np.array(interval_rows, np.int32),
            parents=np.array([*parents, NO_ROW], np.int32),
            prefix_lengths=np.array([*map(len, prefixes), 0], np.int32),
            prefix_values=np.array([padded(prefix) for prefix in prefixes], np.int64),
            prices=np.array([rate.price_nanos for rate in rows], np.int64),
            connect_fees=np.array([rate.connect_fee_micros for rate in rows], np.int64),
            first_increments=np.array([rate.first_increment for rate in rows], np.int64),
            next_increments=np.array([rate.next_increment for rate in rows], np.int64),
            minimums=np.array([rate.minimum for rate in rows], np.int64),
            graces=np.array([rate.grace_seconds for rate in rows], np.int64),
            row_numbers=np.array([rate.row_number for rate in rows], np.int32),
            destination_codes=np.array(codes, np.int32),
            destinations=tuple(places),
        )

    def __len__(self) -> int:
        return len(self.prices)

    def match(self, numbers: Int64s, lengths: Int32s) -> Int32s:
        """The row of the longest prefix of each padded number of a length; NO_ROW without one."""
        places = np.searchsorted(self.interval_starts, numbers, side="right") - 1
        rows: Int32s = self.interval_rows[places]
        # Padding makes 12 look like 120: a prefix longer than its number gives way to its parent.
        while (too_long := self.prefix_lengths[rows] > lengths).any():
            rows[too_long] = self.parents[rows[too_long]]
        return rows

    def find(self, number: str) -> Rate | None:
        """The rate of one number."""
        row = self.match(*padded_columns([number]))[0]
        return None if row == NO_ROW else self.rate(int(row))

    def prefix(self, row: int) -> str:
        """The prefix of a row, as text."""
        digits = str(self.prefix_values[row]).zfill(NUMBER_DIGITS_MAX)
        return digits[: int(self.prefix_lengths[row])]

    def rate(self, row: int) -> Rate:
        """A row of the deck."""
        return Rate(
            prefix=self.prefix(row),
            destination=self.destinations[self.destination_codes[row]],
            price_nanos=int(self.prices[row]),
            connect_fee_micros=int(self.connect_fees[row]),
            first_increment=int(self.first_increments[row]),
            next_increment=int(self.next_increments[row]),
            minimum=int(self.minimums[row]),
            grace_seconds=int(self.graces[row]),
            row_number=int(self.row_numbers[row]),
        )


def padded(digits: str) -> int:
    """The first 15 digits of a number, zeros appended to a shorter one, as an integer."""
    return int((digits + PADDING)[:NUMBER_DIGITS_MAX])


def padded_columns(numbers: Sequence[str]) -> tuple[Int64s, Int32s]:
    """Padded numbers and their lengths; what is not made of digits has length 0 and no match."""
    digits = [number if number.isascii() and number.isdigit() else "" for number in numbers]
    return (
        np.fromiter(map(padded, digits), np.int64, len(digits)),
        np.fromiter(map(len, digits), np.int32, len(digits)),
    )


def _flatten(prefixes: Sequence[str]) -> tuple[list[int], list[int], list[int]]:
    """Disjoint intervals (starts and rows) and parents of sorted prefixes that nest."""
    starts, rows, parents = [0], [NO_ROW], []
    open_rows: list[tuple[int, int]] = []  # the end and the row of each prefix around the sweep

    def begin(start: int, row: int) -> None:
        if starts[-1] == start:
            rows[-1] = row
        else:
            starts.append(start)
            rows.append(row)

    def close_until(position: int) -> None:
        while open_rows and open_rows[-1][0] <= position:
            end, _ = open_rows.pop()
            begin(end, open_rows[-1][1] if open_rows else NO_ROW)

    for row, prefix in enumerate(prefixes):
        start = padded(prefix)
        close_until(start)
        parents.append(open_rows[-1][1] if open_rows else NO_ROW)
        begin(start, row)
        open_rows.append((start + 10 ** (NUMBER_DIGITS_MAX - len(prefix)), row))
    close_until(10**NUMBER_DIGITS_MAX)
    return starts, rows, parents
