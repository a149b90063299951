"""Prices as the bytes of `PriceCallsResponse`, written by columns: no object a row.

Every record takes the same number of bytes: a varint may have more of them than it needs, with
groups of seven zero bits at its end. So a batch is a matrix, and each field some rows of it.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from kernel.money import MICROS_PER_UNIT, NANOS_PER_MICRO
from services.rating.domain.decks.prefix_table import Int64s
from services.rating.usecases.quoting.quote_columns import PricedColumns

Bytes = npt.NDArray[np.uint8]
"""A column of the matrix for each price, or one for all."""

CURRENCY_BYTES = 3
VARINT, LENGTH_DELIMITED = 0, 2


def encoded_results(prices: PricedColumns) -> bytes:
    """All prices; those without a currency have blanks in its place."""
    units = prices.amounts // MICROS_PER_UNIT
    micros = prices.amounts - units * MICROS_PER_UNIT
    words = [word.encode().ljust(CURRENCY_BYTES) for word in prices.currencies.words]
    letters = np.frombuffer(b"".join(words), np.uint8).reshape(-1, CURRENCY_BYTES)
    money = [
        _field(1, LENGTH_DELIMITED, CURRENCY_BYTES),
        letters.T.take(prices.currencies.codes, axis=1),
        _field(2, VARINT),
        _varints(units),
        _field(3, VARINT),
        _varints(micros * NANOS_PER_MICRO),
    ]
    price = [
        _field(1, VARINT),
        prices.outcomes[None],
        _field(2, LENGTH_DELIMITED, _width(money)),
        *money,
        _field(4, VARINT),
        _varints(prices.charged),
    ]
    result = [_field(1, LENGTH_DELIMITED, _width(price)), *price]
    response = [_field(1, LENGTH_DELIMITED, _width(result)), *result]
    records = np.empty((_width(response), len(prices.outcomes)), np.uint8)
    begin = 0
    for part in response:
        records[begin : begin + len(part)] = part
        begin += len(part)
    return records.T.tobytes()


def _field(number: int, wire_type: int, *length: int) -> Bytes:
    """What comes before the value of a field."""
    return np.array([[number << 3 | wire_type], *([each] for each in length)], np.uint8)


def _width(parts: Iterable[Bytes]) -> int:
    return sum(map(len, parts))


def _varints(values: Int64s) -> Bytes:
    """Non-negative values as varints of as many bytes as the highest takes.

    Each byte has seven bits of the value, and one that says whether more follow.
    """
    highest = int(values.max(initial=0))
    size = max(-(-highest.bit_length() // 7), 1)
    narrow = np.min_scalar_type(highest)
    shifts = np.arange(0, 7 * size, 7, dtype=narrow)
    encoded: Bytes = (values.astype(narrow) >> shifts[:, None]).astype(np.uint8)
    encoded |= 0x80
    encoded[-1] &= 0x7F
    return encoded
