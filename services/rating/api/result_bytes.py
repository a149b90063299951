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
# Of 64 bits, and of a non-negative number below 2^35.
VARINT_BYTES, SHORT_VARINT_BYTES = 10, 5
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
        _varints(units, VARINT_BYTES),
        _field(3, VARINT),
        _varints(micros * NANOS_PER_MICRO, SHORT_VARINT_BYTES),
    ]
    price = [
        _field(1, VARINT),
        prices.outcomes[:, None],
        _field(2, LENGTH_DELIMITED, _width(money)),
        *money,
        _field(4, VARINT),
        _varints(prices.charged, VARINT_BYTES),
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


def _varints(values: Int64s, size: int) -> Bytes:
    """Each value as a varint of so many bytes: seven bits each, and whether more follow."""
    shifts = np.arange(size, dtype=np.int64) * 7
    encoded: Bytes = (values[:, None] >> shifts).astype(np.uint8)
    encoded |= 0x80
    encoded[:, -1] &= 1 if size == VARINT_BYTES else 0x7F
    return encoded
