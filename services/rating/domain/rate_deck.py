"""A rate deck: what calls to each prefix cost, and the digest by which equal decks are known."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

NUMBER_DIGITS_MAX = 15
INCREMENT_SECONDS_MAX = 86_400
MINIMUM_SECONDS_MAX = 86_400
GRACE_SECONDS_MAX = 86_400
# A thousand million units a minute: far above any price, low enough for a day of it in 64 bits.
PRICE_NANOS_MAX = 10**18
CONNECT_FEE_MICROS_MAX = 10**15


class Rate(NamedTuple):
    """One row of a deck."""

    prefix: str
    destination: str
    price_nanos: int
    """Per unit of the deck's service: minute, message, megabyte, number and month."""
    connect_fee_micros: int
    first_increment: int
    next_increment: int
    minimum: int
    grace_seconds: int
    """A call not longer than this costs nothing."""
    row_number: int
    """The line of the file that it came from."""


def longest_prefix(rates: Mapping[str, Rate], number: str) -> Rate | None:
    """The rate of the longest prefix of a number: the definition that PrefixTable is tested by."""
    for length in range(len(number), 0, -1):
        rate = rates.get(number[:length])
        if rate is not None:
            return rate
    return None


def deck_digest(rates: Iterable[Rate]) -> str:
    """SHA-256 of the rows in the order of their prefixes; lines of the file do not matter."""
    digest = hashlib.sha256()
    for rate in sorted(rates):
        digest.update(json.dumps(rate[:-1], ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()
