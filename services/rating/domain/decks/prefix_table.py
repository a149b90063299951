"""A compiled deck: one binary search finds the longest prefix, of one number or of a column.

It reads a snapshot where it lies, as a rule in a file mapped into memory; it decodes what is shown.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.rating.domain.decks.deck_compiler import NO_ROW, SPANS, compile_deck
from services.rating.domain.decks.number_index import NumberIndex, Places
from services.rating.domain.decks.rate_columns import (
    LENGTH_BITS,
    LENGTH_MASK,
    NUMBER_FIELDS,
    Int64s,
    RateColumns,
    padded,
    prefix_key,
    prefix_text,
)
from services.rating.domain.decks.rate_deck import NUMBER_DIGITS_MAX, Rate
from services.rating.domain.decks.snapshot import Content, unpack

__all__ = [
    "NO_ROW",
    "Int32s",
    "Int64s",
    "PrefixTable",
    "padded_columns",
    "padded_places",
    "padded_text",
]

Int32s = npt.NDArray[np.int32]
UInt32s = npt.NDArray[np.uint32]

RATES_CACHED_MAX = 10_000

DIGITS_AFTER = b"0" * 16
# The bytes that a number of so many digits has of its first eight, and of the eight after those.
SHOWN_BYTES = np.array(
    [[256 ** min(n, 8) - 1, 256 ** max(n - 8, 0) - 1] for n in range(NUMBER_DIGITS_MAX + 1)],
    np.uint64,
)
EIGHT_ZEROS = np.uint64(0x3030303030303030)
# What each digit of a padded number counts, and the byte after them.
DIGIT_VALUES = np.array([10**n for n in reversed(range(NUMBER_DIGITS_MAX))] + [0], np.int64)


class PrefixTable:
    """The rates of one deck version as columns, in the order of their prefixes."""

    def __init__(self, content: Content) -> None:
        """Read a snapshot; raises DamagedSnapshotError."""
        columns = unpack(content)
        self.interval_starts: Int64s = columns["interval_starts"]
        self.interval_rows: Int32s = columns["interval_rows"]
        self.parents: Int32s = columns["parents"]
        """The row of the next shorter prefix of each row; NO_ROW without one, and of NO_ROW."""
        self.prefix_keys: Int64s = columns["prefix_keys"]
        """See rate_columns.prefix_key; 0 for NO_ROW."""
        self.prices: Int64s = columns["price_nanos"]
        self.connect_fees: Int64s = columns["connect_fee_micros"]
        self.first_increments: Int64s = columns["first_increment"]
        self.next_increments: Int64s = columns["next_increment"]
        self.minimums: Int64s = columns["minimum"]
        self.graces: Int64s = columns["grace_seconds"]
        self.row_numbers: Int64s = columns["row_number"]
        self.destination_codes: Int32s = columns["destination_codes"]
        self._destination_offsets = columns["destination_offsets"]
        self._destination_bytes = columns["destination_bytes"]
        # Python reads single elements of these several times faster than of arrays.
        self._starts = self.interval_starts.data
        self._rows = self.interval_rows.data
        self._parents = self.parents.data
        self._keys = self.prefix_keys.data
        self._numbers = [columns[name].data for name in NUMBER_FIELDS]
        self._rates: dict[int, Rate] = {}
        self._highest: dict[str, int] = {}
        self._only: dict[str, int | None] = {}

    @classmethod
    def compile(cls, rates: Iterable[Rate]) -> PrefixTable:
        """Compile rows whose prefixes are distinct."""
        return cls(compile_deck(RateColumns(rates)))

    def __len__(self) -> int:
        return len(self.prices)

    @cached_property
    def _index(self) -> NumberIndex:
        return NumberIndex(self.interval_starts)

    @cached_property
    def longest_prefix(self) -> int:
        """The digits of the longest prefix."""
        return int((self.prefix_keys & LENGTH_MASK).max())

    def highest(self, name: str) -> int:
        """The highest figure of a column, by its attribute; 0 where all are left out."""
        highest = self._highest.get(name)
        if highest is None:
            highest = self._highest[name] = int(getattr(self, name).max(initial=0))
        return highest

    def only(self, name: str) -> int | None:
        """The figure that all rows have in a column, by its attribute; None where they differ."""
        if name not in self._only:
            figures = getattr(self, name)
            is_one = len(figures) and (figures == figures[0]).all()
            self._only[name] = int(figures[0]) if is_one else None
        return self._only[name]

    def match(self, numbers: Int64s, lengths: Int32s) -> Places:
        """The row of the longest prefix of each padded number of a length; NO_ROW without one."""
        rows = self.match_long(numbers)
        # Padding makes 12 look like 120: a prefix longer than its number gives way to its parent.
        while (too_long := (self.prefix_keys[rows] & LENGTH_MASK) > lengths).any():
            rows[too_long] = self.parents[rows[too_long]]
        return rows

    def match_long(self, numbers: Int64s) -> Places:
        """The same of numbers none of which is shorter than the longest prefix."""
        return self.interval_rows.take(self._index.find(numbers)).astype(np.intp)

    def find_row(self, number: str) -> int:
        """The row of the longest prefix of one number; NO_ROW without one."""
        if not (number.isascii() and number.isdigit()):
            return NO_ROW
        row: int = self._rows[bisect_right(self._starts, padded(number)) - 1]
        while self._keys[row] & LENGTH_MASK > len(number):
            row = self._parents[row]
        return row

    def find(self, number: str) -> Rate | None:
        """The rate of one number."""
        row = self.find_row(number)
        return None if row == NO_ROW else self.rate(row)

    def prefix(self, row: int) -> str:
        """The prefix of a row, as text."""
        return prefix_text(self._keys[row])

    def destination(self, code: int) -> str:
        """The text of a destination code."""
        start, end = self._destination_offsets[code : code + 2].tolist()
        return self._destination_bytes[start:end].tobytes().decode()

    def rate(self, row: int) -> Rate:
        """A row of the deck."""
        rate = self._rates.get(row)
        if rate is None:
            rate = self._read(row)
            if len(self._rates) >= RATES_CACHED_MAX:
                self._rates.clear()
            self._rates[row] = rate
        return rate

    def rows(self, prefix: str = "", after: str = "") -> range:
        """The rows whose prefix starts with some digits and comes after another one, in order."""
        digits = prefix + after
        if digits and not (
            digits.isascii() and digits.isdigit() and len(prefix) <= NUMBER_DIGITS_MAX
        ):
            return range(0)
        keys = self._keys
        first = bisect_left(keys, prefix_key(prefix), hi=len(self))
        if after:
            first = max(first, bisect_right(keys, prefix_key(after), hi=len(self)))
        end = (padded(prefix) + int(SPANS[len(prefix)])) << LENGTH_BITS
        return range(first, bisect_left(keys, end, hi=len(self)))

    def _read(self, row: int) -> Rate:
        destination = self.destination(int(self.destination_codes[row]))
        return Rate(self.prefix(row), destination, *(column[row] for column in self._numbers))


def padded_columns(numbers: Sequence[str]) -> tuple[Int64s, Int32s]:
    """Padded numbers and their lengths; what is not made of digits has length 0 and no match."""
    encoded = [number.encode() for number in numbers]
    offsets = np.zeros(len(encoded) + 1, np.uint32)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=offsets[1:])
    return padded_text(b"".join(encoded), offsets)


def padded_text(values: bytes, offsets: UInt32s) -> tuple[Int64s, Int32s]:
    """The same of numbers as a text column has them: UTF-8, and where each begins and ends."""
    content = np.frombuffer(values + DIGITS_AFTER, np.uint8)
    ends = offsets.astype(np.intp)
    return padded_places(content, ends[:-1], ends[1:] - ends[:-1])


def padded_places(
    content: npt.NDArray[np.uint8], begins: Places, lengths: Places
) -> tuple[Int64s, Int32s]:
    """The same of numbers that lie in a text, with DIGITS_AFTER or other 16 bytes at its end."""
    # The sixteen bytes from each place on, as two words; digits become 0 to 9.
    windows = np.ndarray(len(content) - 15, "V16", content, strides=(1,))
    words = windows[begins].view("<u8").reshape(-1, 2)
    words ^= EIGHT_ZEROS
    words &= SHOWN_BYTES.take(lengths, axis=0, mode="clip")
    digits = words.view(np.uint8).reshape(-1, 16)
    if digits.max(initial=0) > 9 or lengths.max(initial=0) > NUMBER_DIGITS_MAX:
        is_number = digits.max(axis=1) <= 9
        for place in np.flatnonzero(lengths > NUMBER_DIGITS_MAX).tolist():
            text = content[begins[place] :][: lengths[place]].tobytes()
            is_number[place] = text.isdigit()
        digits, lengths = digits * is_number[:, None], lengths * is_number
    return digits.dot(DIGIT_VALUES), lengths.astype(np.int32)
