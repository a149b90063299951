"""Prices as the bytes of `PriceCallsResponse`, written by columns: no object a row.

Every record takes the same number of bytes: a varint may have more of them than it needs, with
groups of seven zero bits at its end. So a batch is a matrix, and each field some columns of it.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from chassis.grpc.convert import NANOS_PER_MICRO
from kernel.money import MICROS_PER_UNIT
from services.rating.domain.decks.prefix_table import Int64s
from services.rating.usecases.quote_columns import PricedColumns

Bytes = npt.NDArray[np.uint8]
"""A row of the matrix for each price, or one for all."""

CURRENCY_BYTES = 3
VARINT, LENGTH_DELIMITED = 0, 2


def encoded_results(prices: PricedColumns) -> bytes:
    """All prices; those without a currency have blanks in its place."""
    units, micros = np.divmod(prices.amounts, MICROS_PER_UNIT)
    words = [word.encode().ljust(CURRENCY_BYTES) for word in prices.currencies.words]
    letters = np.frombuffer(b"".join(words), np.uint8).reshape(-1, CURRENCY_BYTES)
    money = [
        _field(1, LENGTH_DELIMITED, CURRENCY_BYTES),
        letters[prices.currencies.codes],
        _field(2, VARINT),
        _varints(units),
        _field(3, VARINT),
        _varints(micros * NANOS_PER_MICRO),
    ]
    price = [
        _field(1, VARINT),
        prices.outcomes[:, None],
        _field(2, LENGTH_DELIMITED, _width(money)),
        *money,
        _field(4, VARINT),
        _varints(prices.charged),
    ]
    result = [_field(1, LENGTH_DELIMITED, _width(price)), *price]
    response = [_field(1, LENGTH_DELIMITED, _width(result)), *result]
    records = np.empty((len(prices.outcomes), _width(response)), np.uint8)
    begin = 0
    for part in response:
        records[:, begin : begin + part.shape[1]] = part
        begin += part.shape[1]
    return records.tobytes()


def _field(number: int, wire_type: int, *length: int) -> Bytes:
    """What comes before the value of a field."""
    return np.array([[number << 3 | wire_type, *length]], np.uint8)


def _width(parts: Iterable[Bytes]) -> int:
    return sum(part.shape[1] for part in parts)


def _varints(values: Int64s) -> Bytes:
    """Non-negative values as varints of as many bytes as the highest takes.

    Each byte has seven bits of the value, and one that says whether more follow.
    """
    size = max(-(-int(values.max(initial=0)).bit_length() // 7), 1)
    encoded: Bytes = (values[:, None] >> np.arange(0, 7 * size, 7)).astype(np.uint8)
    encoded |= 0x80
    encoded[:, -1] &= 0x7F
    return encoded
