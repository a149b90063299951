"""Many messages of one kind read from their bytes in step, field by field: a column a field.

Meant for what protobuf has just written: known fields in the order of their numbers, each in the
fewest bytes. A message that is not as expected is told apart and has to be read by itself.
"""

from __future__ import annotations

import numpy as np

from services.rating.domain.bulk.column_group import Bools, Places
from services.rating.domain.decks.prefix_table import Int64s

VARINT, LENGTH_DELIMITED = 0, 2
ROW_TAG = 1 << 3 | LENGTH_DELIMITED
# From here on, and only then, a length takes several bytes.
LONG_LENGTH = 0x80
WORD_BYTES = 8
# What is read of a message without a field lies behind the last one.
PADDING = bytes(3 * WORD_BYTES)

_ONE = np.uint64(1)
_GOES_ON = np.uint64(0x8080808080808080)
_PAYLOAD = np.uint64(0x7F7F7F7F7F7F7F7F)
# Where seven, fourteen and twenty-eight bits of a varint lie side by side, and how far apart.
_GROUPS = tuple(
    (np.uint64(lower), np.uint64(upper), np.uint64(gap))
    for lower, upper, gap in (
        (0x007F007F007F007F, 0x7F007F007F007F00, 1),
        (0x00003FFF00003FFF, 0x3FFF00003FFF0000, 2),
        (0x000000000FFFFFFF, 0x0FFFFFFF00000000, 4),
    )
)


class RowBytes:
    """Messages, and how far each has been read."""

    def __init__(self, padded: bytes, begins: Places, ends: Places) -> None:
        """Where messages begin and end in bytes that PADDING follows."""
        self.content = np.frombuffer(padded, np.uint8)
        self._words = np.ndarray(
            len(self.content) - WORD_BYTES + 1, "<u8", self.content, strides=(1,)
        )
        self._at, self._ends = begins, ends
        self._outer_ends = ends
        self._are_expected: Bools = np.ones(len(begins), np.bool_)

    @classmethod
    def of(cls, content: bytes) -> RowBytes | None:
        """The messages of a repeated field with number 1; None where there is anything else."""
        padded = content + PADDING
        parts = _alike_rows(padded, len(content)) or _rows(padded, len(content))
        return None if parts is None else cls(padded, *parts)

    def __len__(self) -> int:
        return len(self._are_expected)

    def texts(self, number: int) -> tuple[Places, Places]:
        """Where each text begins, and its bytes; none where it is empty."""
        has = self._has(number, LENGTH_DELIMITED)
        lengths = self.content.take(self._at + 1).astype(np.intp) * has
        begins = self._at + 2
        self._are_expected &= lengths < LONG_LENGTH
        self._go_on(np.where(has, begins + lengths, self._at))
        return begins, lengths

    def numbers(self, number: int) -> Int64s:
        """Numbers of up to 56 bits; 0 where the field is not set."""
        has = self._has(number, VARINT)
        if not has.any():
            return np.zeros(len(has), np.int64)
        words = self._words[self._at + 1]
        last = ~words & _GOES_ON
        # All bits up to the highest of the last byte.
        taken = last ^ (last - _ONE)
        self._are_expected &= ~has | (last != 0)
        self._go_on(self._at + has * (1 + (np.bitwise_count(taken) >> 3).astype(np.intp)))
        words &= taken & _PAYLOAD
        for lower, upper, gap in _GROUPS:
            words = (words & lower) | ((words & upper) >> gap)
        return words.view(np.int64) * has

    def enter(self, number: int) -> None:
        """Go on with the fields of a message within, where there is one."""
        has = self._has(number, LENGTH_DELIMITED)
        begins: Places = self._at + has * np.intp(2)
        self._outer_ends, self._ends = self._ends, begins + self.content.take(self._at + 1) * has
        self._at = begins

    def leave(self) -> None:
        """Go on after the message within."""
        self._are_expected &= self._at == self._ends
        self._ends = self._outer_ends
        self._go_on(self._at)

    def are_read(self) -> Bools:
        """Which messages hold what was asked for, and nothing else."""
        are_read: Bools = self._are_expected & (self._at == self._ends)
        return are_read

    def _has(self, number: int, wire_type: int) -> Bools:
        tags = self.content.take(self._at)
        has: Bools = (tags == (number << 3 | wire_type)) & (self._at < self._ends)
        return has

    def _go_on(self, places: Places) -> None:
        self._are_expected &= places <= self._ends
        self._at = np.minimum(places, self._ends)


def _alike_rows(padded: bytes, size: int) -> tuple[Places, Places] | None:
    """Where messages begin and end that are short and whose first fields are of one length.

    They are looked for all at once, and are right if each of them ends where the next one begins.
    """
    content = np.frombuffer(padded, np.uint8)
    tags, fields, lengths = (content[at : at + size] for at in (0, 2, 3))
    is_begin = (tags == ROW_TAG) & (fields == content[2]) & (lengths == content[3])
    places = is_begin.nonzero()[0]
    sizes = content.take(places + 1)
    ends = places + 2 + sizes
    if not len(places) or places[0] or ends[-1] != size or (sizes >= LONG_LENGTH).any():
        return None
    return (places + 2, ends) if (places[1:] == ends[:-1]).all() else None


def _rows(padded: bytes, size: int) -> tuple[Places, Places] | None:
    """Where each message begins and ends; None where anything else is there."""
    begins, ends = [], []
    at = 0
    while at < size:
        if padded[at] != ROW_TAG:
            return None
        length, at = padded[at + 1], at + 2
        if length >= LONG_LENGTH:
            length, at = _length(padded, at - 1)
        begins.append(at)
        at += length
        ends.append(at)
    if at != size:
        return None
    return np.array(begins, np.intp), np.array(ends, np.intp)


def _length(content: bytes, at: int) -> tuple[int, int]:
    """A length, and where its bytes end; PADDING ends what does not."""
    length = shift = 0
    while True:
        byte = content[at]
        length |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < LONG_LENGTH:
            return length, at
