"""Prices calls that come as columns: those that can go together never become objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernel.errors import DomainError
from services.rating.domain.account import Customer
from services.rating.domain.bulk.bulk_pricing import Bulk, receipts_of
from services.rating.domain.bulk.column_group import Bools, ColumnGroup, Places
from services.rating.domain.bulk.group_pricing import PricedGroups
from services.rating.domain.bulk.pricing_columns import CallColumns, price_columns
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.counters import CounterBook
from services.rating.domain.decks.prefix_table import Int32s, Int64s, PrefixTable, UInt32s
from services.rating.domain.priced_call import PricedCall, Usage
from services.rating.domain.pricing.price_usage import price_usage
from services.rating.domain.tariffs.relation import NO_NUMBERS
from services.rating.usecases.quoting.planned_call import PlannedCall
from services.rating.usecases.quoting.pricing_memory import PricingBasis, PricingMemory
from services.rating.usecases.quoting.quote_calls import Quote, Quotes, is_doubtful

UNKNOWN = -1
# Of a price of nothing, and of any other.
OUTCOMES = np.array([Outcome.ZERO, Outcome.RATED], np.uint8)


class PlannedColumns(NamedTuple):
    """Calls that may be made, a place a call."""

    account_ids: Sequence[str]
    account_places: npt.NDArray[np.integer]
    """Which of the ids each call has."""
    numbers: Int64s
    lengths: Int32s
    starts_micros: Int64s
    begins_micros: Int64s
    durations_ms: Int64s
    is_usual: Bools
    """Whether a call is a voice call between international numbers."""
    call_at: Callable[[int], PlannedCall]
    """The call at a place by itself. Raises DomainError for one that makes no sense."""

    def __len__(self) -> int:
        return len(self.numbers)


class Wanted(NamedTuple):
    """What is told of each price besides the amount."""

    rates: bool = False
    """The prefix, and the line of usage."""
    receipts: bool = False


class Words:
    """Texts that repeat: each row has the place of its text."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._places: dict[str, int] = {"": 0}

    @cached_property
    def codes(self) -> UInt32s:
        """The place of each row's text."""
        return np.zeros(self._rows, np.uint32)

    @property
    def words(self) -> list[str]:
        """The distinct texts."""
        return list(self._places)

    def place(self, word: str) -> int:
        """The place of a text."""
        return self._places.setdefault(word, len(self._places))


class PricedColumns:
    """The prices of calls, a row a call; all but the reason is empty without a price."""

    def __init__(self, rows: int, wanted: Wanted) -> None:
        self.wanted = wanted
        self.outcomes = np.zeros(rows, np.uint8)
        self.amounts = np.zeros(rows, np.int64)
        self.charged = np.zeros(rows, np.int64)
        self.errors: dict[int, DomainError] = {}
        self.reasons = Words(rows)
        self.currencies = Words(rows)
        self.prefixes = Words(rows)
        self.usage_lines = Words(rows)
        self.receipts = [b""] * rows if wanted.receipts else None

    def add_groups(self, priced: PricedGroups) -> None:
        """Put calls in that were priced together."""
        places, amounts = priced.places, priced.amounts
        self.outcomes[places] = OUTCOMES.take(amounts != 0)
        self.amounts[places] = amounts
        self.charged[places] = priced.charged
        codes = list(map(self.currencies.place, priced.currencies))
        self.currencies.codes[places] = (
            codes[0] if len(set(codes)) == 1 else np.array(codes).repeat(priced.sizes)
        )
        if self.wanted.rates:
            for group in priced.groups:
                self._add_rates(group)

    def _add_rates(self, group: ColumnGroup) -> None:
        rows, of_calls = np.unique(group.rows, return_inverse=True)
        rates = list(map(group.common.table.rate, rows.tolist()))
        for words, texts in (
            (self.prefixes, [rate.prefix for rate in rates]),
            (self.usage_lines, [rate.destination for rate in rates]),
        ):
            codes = np.array(list(map(words.place, texts)), np.uint32)
            words.codes[group.places] = codes[of_calls]

    def add_receipts(self, places: Places, receipts: Iterable[bytes]) -> None:
        """Put the receipts of calls in."""
        assert self.receipts is not None, "receipts are wanted"
        for place, receipt in zip(places.tolist(), receipts, strict=True):
            self.receipts[place] = receipt

    def add(self, place: int, quote: Quote) -> None:
        """Put a call in that was priced by itself, or refused."""
        if isinstance(quote, DomainError):
            self.outcomes[place] = Outcome.UNRATED
            self.errors[place] = quote
            self.reasons.codes[place] = self.reasons.place(quote.reason)
            return
        self.outcomes[place] = quote.outcome
        self.amounts[place] = quote.amount_micros
        self.charged[place] = quote.charged_quantity
        self.currencies.codes[place] = self.currencies.place(quote.currency)
        self.prefixes.codes[place] = self.prefixes.place(quote.prefix)
        self.usage_lines.codes[place] = self.usage_lines.place(quote.usage_line)
        if self.receipts is not None:
            self.receipts[place] = quote.receipt


class ColumnQuotes:
    """Prices columns of calls of any tenant."""

    def __init__(self, memory: PricingMemory, quotes: Quotes) -> None:
        self._memory = memory
        self._quotes = quotes

    async def price(self, tenant_id: str, calls: PlannedColumns, wanted: Wanted) -> PricedColumns:
        """The price of every call, or the reason why it has none."""
        basis = await self._memory.basis(tenant_id, calls.account_ids)
        prices, singly = await self._attempt(tenant_id, basis, calls, wanted)
        doubtful = [place for place, quote in singly.items() if is_doubtful(quote)]
        if doubtful:
            ids = {calls.account_ids[calls.account_places[place]] for place in doubtful}
            confirmed = await self._memory.confirmed(tenant_id, basis, ids)
            if confirmed.tariff is not basis.tariff:
                prices, singly = await self._attempt(tenant_id, confirmed, calls, wanted)
            else:
                singly |= await self._singly(tenant_id, confirmed, calls, doubtful, wanted)
        for place, quote in singly.items():
            prices.add(place, quote)
        return prices

    async def _attempt(
        self, tenant_id: str, basis: PricingBasis, calls: PlannedColumns, wanted: Wanted
    ) -> tuple[PricedColumns, dict[int, Quote]]:
        """What could be priced together, and the quotes of all other calls."""
        prices = await self._memory.with_tables(
            tenant_id, lambda table_of: _together(basis, calls, table_of, wanted)
        )
        if prices.outcomes.all():
            return prices, {}
        left = np.flatnonzero(prices.outcomes == 0).tolist()
        return prices, await self._singly(tenant_id, basis, calls, left, wanted)

    async def _singly(
        self,
        tenant_id: str,
        basis: PricingBasis,
        calls: PlannedColumns,
        places: Sequence[int],
        wanted: Wanted,
    ) -> dict[int, Quote]:
        quotes: dict[int, Quote] = {}
        planned: dict[int, PlannedCall] = {}
        for place in places:
            try:
                planned[place] = calls.call_at(place)
            except DomainError as error:
                quotes[place] = error
        answers = await self._quotes.attempt(
            tenant_id, basis, list(planned.values()), wanted.receipts
        )
        return quotes | dict(zip(planned, answers, strict=True))


def _together(
    basis: PricingBasis,
    calls: PlannedColumns,
    table_of: Callable[[str], PrefixTable],
    wanted: Wanted,
) -> PricedColumns:
    """Price the calls that need no object; the others are left without an outcome."""
    prices = PricedColumns(len(calls), wanted)
    customers, of_calls = _customers(basis, calls)
    # Whose a called number is, is asked for calls that are objects.
    if basis.tariff.has_relations or not customers:
        return prices

    def usage_at(place: int) -> Usage:
        return calls.call_at(place).usage(customers[of_calls[place]], basis.tariff, NO_NUMBERS)

    def price_one(place: int) -> PricedCall:
        customer = customers[of_calls[place]]
        return price_usage(usage_at(place), customer, basis.tariff, table_of, CounterBook())

    columns = CallColumns(
        customers,
        of_calls,
        calls.numbers,
        calls.lengths,
        calls.starts_micros,
        calls.begins_micros,
        calls.durations_ms,
        lambda place: usage_at(place).facts,
    )
    bulk = Bulk.of(columns, calls.is_usual & (of_calls != UNKNOWN), price_one)
    done = price_columns(columns, bulk.places, basis.tariff, table_of)
    for priced in done.priced:
        prices.add_groups(priced)
    if wanted.receipts:
        for group in done.groups:
            prices.add_receipts(group.places, receipts_of(group, bulk))
    return prices


def _customers(
    basis: PricingBasis, calls: PlannedColumns
) -> tuple[list[Customer], npt.NDArray[np.integer]]:
    """Customers that may call, and which of them made each call; UNKNOWN for all others."""
    allowed = {
        account_id: known.customer
        for account_id, known in basis.customers.items()
        if known.block_reason is None
    }
    customers = list(allowed.values())
    if list(allowed) == calls.account_ids:
        return customers, calls.account_places
    places = {account_id: place for place, account_id in enumerate(allowed)}
    found = [places.get(account_id, UNKNOWN) for account_id in calls.account_ids]
    return customers, np.array(found, np.intp)[calls.account_places]
