"""What a call costs each party that pays for it, second by second, while it has not ended yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from services.rating.domain.account import Customer
from services.rating.domain.charging.grants import PriceOf
from services.rating.domain.charging.session import Level
from services.rating.domain.counters import CounterBook, CounterKey
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.priced_call import PricedCall, Usage
from services.rating.domain.pricing.price_usage import price_usage
from services.rating.domain.quantity import MS_PER_SECOND
from services.rating.domain.tariffs.tariff import Tariff


@dataclass(frozen=True, slots=True)
class PayingParty:
    """Who pays for a call, and the call as it is priced for that party."""

    customer: Customer
    usage: Usage

    @property
    def level(self) -> Level:
        """The party as a session knows it."""
        account, payer = self.customer.account, self.customer.payer
        return Level(account.account_id, payer.account_id, account.currency)


@dataclass(frozen=True, slots=True)
class CallPrices:
    """Prices one call for its customer, then for each reseller above."""

    parties: tuple[PayingParty, ...]
    tariff: Tariff
    table_of: Callable[[str], PrefixTable]
    counter_keys: frozenset[CounterKey] = frozenset()
    """The counters that a price may depend on."""
    price_per_minute_nanos: int = 0

    def of(self, begin_micros: int, counters: CounterBook) -> list[PriceOf]:
        """The price of so many seconds from an instant on, for each party."""
        return [partial(self._price, party, begin_micros, counters) for party in self.parties]

    def _price(
        self, party: PayingParty, begin_micros: int, counters: CounterBook, seconds: int
    ) -> PricedCall:
        usage = party.usage._replace(begin_micros=begin_micros, duration_ms=seconds * MS_PER_SECOND)
        return price_usage(
            usage, party.customer, self.tariff, self.table_of, counters, with_receipt=False
        )
