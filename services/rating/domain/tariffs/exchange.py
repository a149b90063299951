"""Exchange rates: exact decimals as their source told them, made exact fractions for pricing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import gcd
from operator import attrgetter
from typing import NamedTuple

from kernel.clock import to_micros
from services.rating.domain.errors import invalid_field

RATE_DECIMALS_MAX = 12
# More than any pair of currencies needs, e.g. IRR for one KWD; bounds every product of prices.
RATE_WHOLE_DIGITS_MAX = 12
CURRENCIES_CACHED_MAX = 1_000


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """What one unit of a currency is worth in another, from a time on."""

    from_currency: str
    to_currency: str
    effective_time: datetime
    rate_text: str
    """The exact decimal as it was given, e.g. '1.0825'."""
    source: str


class Exchange(NamedTuple):
    """An exchange in force: an amount times numerator by denominator, a reduced fraction."""

    numerator: int
    denominator: int
    from_currency: str
    to_currency: str
    rate_text: str
    """The stored rate; of the opposite pair when it is an inverse."""
    is_inverse: bool
    source: str
    effective_micros: int


class ExchangeRates:
    """All rates of a tenant over time. Of two from one instant the later in order is in force."""

    def __init__(self, rates: Iterable[ExchangeRate]) -> None:
        self._exchanges: dict[tuple[str, str], list[Exchange]] = {}
        for rate in sorted(rates, key=attrgetter("effective_time")):
            pair = rate.from_currency, rate.to_currency
            self._exchanges.setdefault(pair, []).append(_exchange(rate))

    def __len__(self) -> int:
        """How many rates there are; as they are only ever added, what tells two states apart."""
        return sum(map(len, self._exchanges.values()))

    def at(self, from_currency: str, to_currency: str, instant_micros: int) -> Exchange | None:
        """The rate stored for the pair, else the inverse of the opposite one; None without both."""
        if from_currency == to_currency:
            return _unchanged(from_currency)
        direct = self._in_force(from_currency, to_currency, instant_micros)
        if direct is not None:
            return direct
        opposite = self._in_force(to_currency, from_currency, instant_micros)
        return _inverse(opposite) if opposite is not None else None

    def changes(self, pairs: Iterable[tuple[str, str]]) -> list[int]:
        """Every instant from which on a rate of one of the pairs is another, ascending."""
        both_ways = {way for one, other in pairs for way in ((one, other), (other, one))}
        rates = (each for way in both_ways for each in self._exchanges.get(way, ()))
        return sorted({each.effective_micros for each in rates})

    def _in_force(self, from_currency: str, to_currency: str, instant: int) -> Exchange | None:
        over_time = self._exchanges.get((from_currency, to_currency), [])
        place = bisect_right(over_time, instant, key=attrgetter("effective_micros"))
        return over_time[place - 1] if place else None


@lru_cache(maxsize=CURRENCIES_CACHED_MAX)
def _unchanged(currency: str) -> Exchange:
    return Exchange(1, 1, currency, currency, "1", False, "", 0)


NO_EXCHANGE = ExchangeRates(())


def rate_fraction(field: str, text: str) -> tuple[int, int]:
    """An exact decimal above 0 as a reduced fraction: INVALID_EXCHANGE_RATE."""
    whole, point, decimals = text.partition(".")
    digits = whole + decimals
    if not (digits.isascii() and digits.isdigit() and whole and bool(point) == bool(decimals)):
        raise _invalid_rate(field, text, "write digits with at most one '.' between them")
    if len(decimals) > RATE_DECIMALS_MAX or len(whole) > RATE_WHOLE_DIGITS_MAX:
        limits = f"{RATE_WHOLE_DIGITS_MAX} digits before and {RATE_DECIMALS_MAX} after the point"
        raise _invalid_rate(field, text, f"give at most {limits}")
    if int(digits) == 0:
        raise _invalid_rate(field, text, "a rate is more than 0")
    return _reduced(int(digits), int(10 ** len(decimals)))


def _exchange(rate: ExchangeRate) -> Exchange:
    numerator, denominator = rate_fraction("rate", rate.rate_text)
    return Exchange(
        numerator,
        denominator,
        rate.from_currency,
        rate.to_currency,
        rate.rate_text,
        False,
        rate.source,
        to_micros(rate.effective_time),
    )


def _inverse(stored: Exchange) -> Exchange:
    return stored._replace(
        numerator=stored.denominator,
        denominator=stored.numerator,
        from_currency=stored.to_currency,
        to_currency=stored.from_currency,
        is_inverse=True,
    )


def _reduced(numerator: int, denominator: int) -> tuple[int, int]:
    divisor = gcd(numerator, denominator)
    return numerator // divisor, denominator // divisor


def _invalid_rate(field: str, text: str, problem: str) -> Exception:
    shown = text[: RATE_WHOLE_DIGITS_MAX + RATE_DECIMALS_MAX]
    return invalid_field("INVALID_EXCHANGE_RATE", field, f"{shown!r} is no rate: {problem}")
