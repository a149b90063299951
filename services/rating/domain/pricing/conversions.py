"""Amounts from one currency to another in one pricing, and which exchange rates that used."""

from __future__ import annotations

from typing import Any

from kernel.clock import from_micros
from kernel.errors import DomainError
from services.rating.domain.errors import NO_EXCHANGE_RATE, no_exchange_rate
from services.rating.domain.exact import Ratio
from services.rating.domain.priced_call import NoPriceError
from services.rating.domain.tariffs.exchange import Exchange, ExchangeRates


class NoExchangeError(NoPriceError):
    """No rate from one currency to another is in force."""

    def __init__(self, from_currency: str, to_currency: str, instant_micros: int) -> None:
        super().__init__(NO_EXCHANGE_RATE)
        self._pair = from_currency, to_currency
        self._instant_micros = instant_micros

    def of(self, what: str, **metadata: str) -> DomainError:
        """The error that tells what would have to be exchanged, and which rate to add."""
        moment = from_micros(self._instant_micros).isoformat()
        return no_exchange_rate(what, *self._pair, moment, **metadata)


class Conversions:
    """Converts by the rates in force at one instant."""

    __slots__ = ("_instant_micros", "_rates", "_used")

    def __init__(self, rates: ExchangeRates, instant_micros: int) -> None:
        self._rates = rates
        self._instant_micros = instant_micros
        self._used: dict[tuple[str, str], Exchange] = {}

    def convert(self, amount: Ratio, from_currency: str, to_currency: str) -> Ratio:
        """An amount in another currency, exactly; NO_EXCHANGE_RATE."""
        if from_currency == to_currency:
            return amount
        exchange = self._exchange(from_currency, to_currency)
        return amount[0] * exchange.numerator, amount[1] * exchange.denominator

    def shown(self) -> list[dict[str, Any]]:
        """The rates that were used, as receipts show them, in the order of first use."""
        return [_shown(exchange) for exchange in self._used.values()]

    def _exchange(self, from_currency: str, to_currency: str) -> Exchange:
        pair = from_currency, to_currency
        exchange = self._used.get(pair)
        if exchange is None:
            exchange = self._rates.at(*pair, self._instant_micros)
            if exchange is None:
                raise NoExchangeError(*pair, self._instant_micros)
            self._used[pair] = exchange
        return exchange


def _shown(exchange: Exchange) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "from": exchange.from_currency,
        "to": exchange.to_currency,
        "rate": exchange.rate_text,
    }
    if exchange.is_inverse:
        shown["inverse"] = True
    if exchange.source:
        shown["source"] = exchange.source
    return {**shown, "effective_micros": exchange.effective_micros}
