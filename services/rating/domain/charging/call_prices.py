"""What a call costs each party that pays for it, second by second, while it has not ended yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from kernel.clock import MICROS_PER_SECOND, MS_PER_SECOND
from services.rating.domain.account import Customer
from services.rating.domain.charging.grants import PriceOf
from services.rating.domain.charging.session import Level
from services.rating.domain.counters import CounterBook, CounterKey
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.priced_call import PricedCall, Usage
from services.rating.domain.pricing.price_usage import PriceByLength, price_by_length
from services.rating.domain.tariffs.tariff import Tariff

# Switches give up a call that nobody answers after some three minutes (RFC 3261, 16.6, timer C).
RINGING_SECONDS_MAX = 240


class PayingParty(NamedTuple):
    """Who pays for a call, and the call as it is priced for that party."""

    customer: Customer
    usage: Usage

    def level(self, hold_id: str) -> Level:
        """The party as a session knows it."""
        account, payer = self.customer.account, self.customer.payer
        return Level(account.account_id, payer.account_id, account.currency, hold_id)


@dataclass(frozen=True, slots=True)
class CallPrices:
    """Prices one call for its customer, then for each reseller above."""

    parties: tuple[PayingParty, ...]
    tariff: Tariff
    table_of: Callable[[str], PrefixTable]
    counter_keys: frozenset[CounterKey] = frozenset()
    """The counters that a price may depend on."""
    price_per_minute_nanos: int = 0
    is_steady: bool = False
    """Whether the call costs the same whenever it is answered."""
    _by_begin: dict[int, list[PriceByLength]] = field(default_factory=dict)

    def of(self, begin_micros: int, counters: CounterBook) -> list[PriceOf]:
        """The price of so many seconds from an instant on, for each party."""
        prices = self._by_begin.get(begin_micros)
        if prices is None:
            # A call begins once; before it is answered it is priced from its start on.
            prices = [self._price_by_length(party, begin_micros) for party in self.parties]
            self._by_begin[begin_micros] = prices
        return [partial(_price, price, counters) for price in prices]

    def of_unanswered(self, begin_micros: int, counters: CounterBook) -> list[PriceOf]:
        """The price for each party, whether it is answered at once or only after it has rung."""
        at_once = self.of(begin_micros, counters)
        if self.is_steady:
            return at_once
        at_last = self.of(begin_micros + RINGING_SECONDS_MAX * MICROS_PER_SECOND, counters)
        return [partial(_dearer, *prices) for prices in zip(at_once, at_last, strict=True)]

    def _price_by_length(self, party: PayingParty, begin_micros: int) -> PriceByLength:
        usage = party.usage._replace(begin_micros=begin_micros)
        return price_by_length(usage, party.customer, self.tariff, self.table_of)


def _dearer(at_once: PriceOf, at_last: PriceOf, seconds: int) -> PricedCall:
    return max(at_once(seconds), at_last(seconds), key=_amount_micros)


def _amount_micros(price: PricedCall) -> int:
    return price.amount_micros


def _price(price: PriceByLength, counters: CounterBook, seconds: int) -> PricedCall:
    return price(seconds * MS_PER_SECOND, counters)
