"""Compiles the rows of a deck to the columns that PrefixTable looks numbers up in.

Prefixes nest. Padded to 15 digits each is an interval of integers; flattened to disjoint intervals,
the longest prefix of a number is the interval that the padded number lies in. All of it is done by
columns: a million rows take a second or two, and other threads run meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from services.rating.domain.decks.rate_columns import (
    LENGTH_BITS,
    LENGTH_MASK,
    NUMBER_FIELDS,
    Int64s,
    RateColumns,
)
from services.rating.domain.decks.rate_deck import NUMBER_DIGITS_MAX
from services.rating.domain.decks.snapshot import Content, pack, unpack

NO_ROW = -1
NUMBERS_END = 10**NUMBER_DIGITS_MAX
# The length of the span of numbers that begin with a prefix, by the digits of the prefix.
SPANS = np.array([10 ** (NUMBER_DIGITS_MAX - length) for length in range(NUMBER_DIGITS_MAX + 1)])

# Columns that say what the rows are; the others follow from them, or say where they stood.
DIGESTED = (
    "prefix_keys",
    *(name for name in NUMBER_FIELDS if name != "row_number"),
    "destination_codes",
    "destination_offsets",
    "destination_bytes",
)

AnyInts = npt.NDArray[np.integer[Any]]


def compile_deck(rates: RateColumns) -> bytearray:
    """The snapshot of a deck whose prefixes are distinct."""
    rows = _row_columns(rates)
    starts, interval_rows, parents = _flatten(rows["prefix_keys"])
    return pack(
        {
            **rows,
            # NO_ROW is -1 and as an index means the last element: no prefix, and no parent.
            "prefix_keys": np.append(rows["prefix_keys"], np.int64(0)),
            "parents": np.append(parents, np.int32(NO_ROW)),
            "interval_starts": starts,
            "interval_rows": interval_rows,
        }
    )


def deck_digest(snapshot: Content) -> str:
    """SHA-256 of the rows in the order of their prefixes; lines of the file do not matter."""
    columns = unpack(snapshot)
    digest = hashlib.sha256()
    for name in DIGESTED:
        digest.update(f"{name} {len(columns[name])}\n".encode())
        digest.update(columns[name].data)
    return digest.hexdigest()


def _row_columns(rates: RateColumns) -> dict[str, npt.NDArray[Any]]:
    """The rows in the order of their prefixes, one column a field, destinations as a dictionary."""
    matrix = rates.matrix()
    order = np.argsort(matrix[:, 0], kind="stable")
    numbers = {name: matrix[order, place] for place, name in enumerate(NUMBER_FIELDS, start=2)}
    destinations = _dictionary(matrix[order, 1], rates.destinations)
    return {"prefix_keys": matrix[order, 0], **numbers, **destinations}


def _dictionary(places: Int64s, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Texts by code; codes count from 0 in the order in which the rows need them."""
    used, firsts, codes = np.unique(places, return_index=True, return_inverse=True)
    by_need = np.argsort(firsts)
    texts = [names[place].encode() for place in used[by_need].tolist()]
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return {
        "destination_codes": np.argsort(by_need)[codes].astype(np.int32),
        "destination_offsets": offsets,
        "destination_bytes": np.frombuffer(b"".join(texts), np.uint8),
    }


def _flatten(keys: Int64s) -> tuple[Int64s, AnyInts, AnyInts]:
    """Disjoint intervals (starts and rows) and parents of sorted prefixes that nest."""
    values, lengths = keys >> LENGTH_BITS, keys & LENGTH_MASK
    parents = _parents(values, lengths)
    ends = values + SPANS[lengths]
    starts = np.unique(np.concatenate(([0], values, ends[ends < NUMBERS_END])))
    rows = np.full(len(starts), NO_ROW, np.int32)
    # Where prefixes end, what is around the widest of them goes on: it comes first in the order of
    # rows, and the last assignment counts. Where prefixes begin, the longest of them has the word.
    closing = np.flatnonzero(ends < NUMBERS_END)[::-1]
    rows[np.searchsorted(starts, ends[closing])] = parents[closing]
    rows[np.searchsorted(starts, values)] = np.arange(len(keys), dtype=np.int32)
    return starts, rows, parents


def _parents(values: Int64s, lengths: Int64s) -> AnyInts:
    """The row of the next shorter prefix around each row."""
    parents = np.full(len(values), NO_ROW, np.int32)
    for length in np.unique(lengths)[:-1].tolist():
        outer = np.flatnonzero(lengths == length).astype(np.int32)
        inner = np.flatnonzero(lengths > length)
        begins = values[inner] - values[inner] % SPANS[length]
        places = np.searchsorted(values[outer], begins, side="right") - 1
        # Before the first of them there is none: the last one, at -1, does not begin there.
        is_inside = values[outer][places] == begins
        parents[inner[is_inside]] = outer[places[is_inside]]
    return parents
