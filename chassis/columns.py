"""Tables in column form: `tollbook.type.v1.ColumnBatch` to and from numpy arrays and lists."""

import struct
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from kernel.errors import DomainError, ErrorKind
from tollbook.type.v1.columns_pb2 import (
    COLUMN_TYPE_DICTIONARY,
    COLUMN_TYPE_INT32,
    COLUMN_TYPE_INT64,
    COLUMN_TYPE_KEY16,
    COLUMN_TYPE_TEXT,
    COLUMN_TYPE_UINT8,
    Column,
    ColumnBatch,
    ColumnType,
)

ROW_COUNT_MAX = 100_000

Integers = Sequence[int] | npt.NDArray[Any]
Nulls = npt.NDArray[np.bool_] | Sequence[bool] | None

_INT64, _INT32, _UINT32, _UINT8 = map(np.dtype, ("<i8", "<i4", "<u4", "u1"))
# What stands where a key is null.
_NO_KEY = bytes(16)


def encode(columns: Mapping[str, Column], row_count: int, schema_version: int = 1) -> ColumnBatch:
    """Put columns together to a batch; each column must have `row_count` values."""
    for name, column in columns.items():
        column.name = name
    return ColumnBatch(schema_version=schema_version, row_count=row_count, columns=columns.values())


def int64(values: Integers, nulls: Nulls = None) -> Column:
    """Encode signed 64-bit integers."""
    return _fixed(COLUMN_TYPE_INT64, _packed(values, "q"), nulls)


def int32(values: Integers, nulls: Nulls = None) -> Column:
    """Encode signed 32-bit integers."""
    return _fixed(COLUMN_TYPE_INT32, _packed(values, "i"), nulls)


def uint8(values: Integers) -> Column:
    """Encode small non-negative integers: enumerations and booleans."""
    return Column(type=COLUMN_TYPE_UINT8, values=_packed(values, "B"))


def key16(keys: Sequence[bytes | None]) -> Column:
    """Encode 16-byte keys; None is null."""
    if None not in keys:
        return Column(type=COLUMN_TYPE_KEY16, values=b"".join(keys))  # type: ignore[arg-type]
    nulls = [key is None for key in keys]
    return _fixed(COLUMN_TYPE_KEY16, b"".join([key or _NO_KEY for key in keys]), nulls)


def text(values: Sequence[str]) -> Column:
    """Encode text that seldom repeats."""
    joined = "".join(values)
    if not joined.isascii():
        return encoded_text([value.encode() for value in values])
    # A character is a byte: one encoding serves all rows.
    return _text(joined.encode(), values)


def encoded_text(encoded: Sequence[bytes]) -> Column:
    """Encode text that is in UTF-8 already."""
    return _text(b"".join(encoded), encoded)


def dictionary(values: Sequence[str]) -> Column:
    """Encode text that repeats."""
    words = list(dict.fromkeys(values))
    if len(words) == 1:
        return Column(type=COLUMN_TYPE_DICTIONARY, values=bytes(4 * len(values)), dictionary=words)
    places = {word: place for place, word in enumerate(words)}
    return coded(list(map(places.__getitem__, values)), words)


def coded(codes: Integers, words: Sequence[str]) -> Column:
    """Encode text that repeats, given as indexes of distinct words."""
    return Column(type=COLUMN_TYPE_DICTIONARY, values=_packed(codes, "I"), dictionary=words)


def decode(batch: ColumnBatch, schema_version: int = 1) -> "Columns":
    """Read a batch.

    Raises:
        DomainError: SCHEMA_TOO_NEW, or MALFORMED_COLUMNS for too many rows.
    """
    if batch.schema_version > schema_version:
        raise DomainError(
            ErrorKind.FAILED_PRECONDITION,
            "SCHEMA_TOO_NEW",
            f"schema version {batch.schema_version} is newer than {schema_version}; "
            "update this service first",
            {"schema_version": str(batch.schema_version)},
        )
    if batch.row_count > ROW_COUNT_MAX:
        raise malformed("row_count", f"{batch.row_count} rows; at most {ROW_COUNT_MAX}")
    return Columns(batch)


class Columns:
    """A batch being read: columns by name, each of the type that its schema states."""

    def __init__(self, batch: ColumnBatch) -> None:
        self.row_count = batch.row_count
        self._columns = {column.name: column for column in batch.columns}

    def __contains__(self, name: str) -> bool:
        """Whether there is a column of this name; of whatever type."""
        return name in self._columns

    def int64(self, name: str) -> npt.NDArray[np.int64]:
        """Return signed 64-bit integers; null rows hold 0."""
        return self._integers(name, COLUMN_TYPE_INT64, _INT64)

    def int32(self, name: str) -> npt.NDArray[np.int32]:
        """Return signed 32-bit integers; null rows hold 0."""
        return self._integers(name, COLUMN_TYPE_INT32, _INT32)

    def uint8(self, name: str) -> npt.NDArray[np.uint8]:
        """Return unsigned bytes."""
        return self._integers(name, COLUMN_TYPE_UINT8, _UINT8)

    def key16(self, name: str) -> list[bytes | None]:
        """Return 16-byte keys."""
        values = self._values(name, COLUMN_TYPE_KEY16, 16)
        keys: list[bytes | None] = np.frombuffer(values, "V16").tolist()
        for row in np.flatnonzero(self.nulls(name)):
            keys[row] = None
        return keys

    def text(self, name: str) -> list[str]:
        """Return texts."""
        whole, places = self.encoded_text(name)
        offsets = places.tolist()
        if whole.isascii():
            # Offsets count bytes, which are characters here: one decoding serves all rows.
            joined = whole.decode()
            return [joined[a:b] for a, b in pairwise(offsets)]
        return [whole[a:b].decode() for a, b in pairwise(offsets)]

    def encoded_text(self, name: str) -> tuple[bytes, npt.NDArray[np.uint32]]:
        """Return texts in UTF-8, one after the other, and where each begins and the last ends."""
        column = self._column(name, COLUMN_TYPE_TEXT)
        values, places = column.values, column.offsets
        if len(places) != 4 * (self.row_count + 1):
            raise malformed(name, f"{len(places)} bytes of offsets")
        offsets = np.frombuffer(places, _UINT32)
        if offsets[-1] > len(values) or (offsets[1:] < offsets[:-1]).any():
            raise malformed(name, "an offset points past its text")
        return values, offsets

    def dictionary(self, name: str) -> list[str]:
        """Return texts that were encoded as a dictionary."""
        codes, words = self.dictionary_codes(name)
        return [words[code] for code in codes.tolist()]

    def dictionary_codes(self, name: str) -> tuple[npt.NDArray[np.uint32], list[str]]:
        """Return the indexes and the distinct texts that they point to."""
        codes = np.frombuffer(self._values(name, COLUMN_TYPE_DICTIONARY, 4), _UINT32)
        words = list(self._columns[name].dictionary)
        if len(codes) and codes.max() >= len(words):
            raise malformed(name, "an index points past the dictionary")
        return codes, words

    def nulls(self, name: str) -> npt.NDArray[np.bool_]:
        """Return which rows are null."""
        mask = self._columns[name].null_mask
        if not mask:
            return np.zeros(self.row_count, dtype=np.bool_)
        bits = np.unpackbits(np.frombuffer(mask, dtype="u1"), bitorder="little")
        return bits[: self.row_count].astype(np.bool_)

    def _integers(self, name: str, expected: Any, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        return np.frombuffer(self._values(name, expected, dtype.itemsize), dtype)

    def _values(self, name: str, expected: Any, width: int) -> bytes:
        # Each look at a field of bytes copies them.
        values = self._column(name, expected).values
        if len(values) != width * self.row_count:
            raise malformed(name, f"{len(values)} bytes for {self.row_count} rows")
        return values

    def _column(self, name: str, expected: Any) -> Column:
        column = self._columns.get(name)
        if column is None or column.type != expected:
            raise malformed(name, f"missing, or not {ColumnType.Name(expected)}")
        return column


def _fixed(kind: Any, values: bytes, nulls: Nulls) -> Column:
    mask = b"" if nulls is None else _null_mask(nulls)
    return Column(type=kind, values=values, null_mask=mask)


def _null_mask(nulls: Sequence[bool] | npt.NDArray[np.bool_]) -> bytes:
    """A bit for each row, the lowest of a byte first; nothing if no row is null."""
    # As one binary number: for a few rows far sooner than by an array.
    digits = "".join(["1" if null else "0" for null in reversed(nulls)])
    if "1" not in digits:
        return b""
    return int(digits, 2).to_bytes(-(-len(digits) // 8), "little")


def _packed(values: Integers, code: str) -> bytes:
    """Integers one after the other, little-endian, each as `struct` names its form."""
    if isinstance(values, np.ndarray):
        return values.astype(f"<{code}", copy=False).tobytes()
    return struct.pack(f"<{len(values)}{code}", *values)


def _text(whole: bytes, values: Sequence[str] | Sequence[bytes]) -> Column:
    offsets = _packed([0, *accumulate(map(len, values))], "I")
    return Column(type=COLUMN_TYPE_TEXT, values=whole, offsets=offsets)


def malformed(name: str, what: str) -> DomainError:
    """What is wrong with a column: INVALID_ARGUMENT MALFORMED_COLUMNS."""
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "MALFORMED_COLUMNS",
        f"column {name}: {what}; encode the batch as tollbook/type/v1/columns.proto says",
        {"column": name},
    )
