"""Prices calls from memory and books nothing.

Before a call is refused because something is missing, or its account is blocked, the database is
asked. Where that shows a newer tariff, all calls of the request are priced again by it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from kernel.e164 import NumberKind
from kernel.errors import DomainError, ErrorKind
from services.rating.domain.account import Customer
from services.rating.domain.allowances.needed_counters import counter_keys
from services.rating.domain.bulk.bulk_pricing import Bulk, price_bulk
from services.rating.domain.bulk.call_batch import BULK_CALLS_MIN
from services.rating.domain.bulk.pricing_columns import CallColumns
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.counters import CounterBook
from services.rating.domain.decks.prefix_table import PrefixTable, padded_columns
from services.rating.domain.errors import UNKNOWN_ACCOUNT, account_blocked, unrated
from services.rating.domain.priced_call import PricedCall, Usage
from services.rating.domain.pricing.price_usage import price_usage
from services.rating.domain.tariffs.relation import NO_NUMBERS, NumberOwners
from services.rating.domain.usage import Service
from services.rating.store.counters import read_counters
from services.rating.store.line_numbers import number_owners
from services.rating.usecases.quoting.planned_call import PlannedCall
from services.rating.usecases.quoting.pricing_memory import (
    PricingBasis,
    PricingMemory,
    TableMissingError,
)

# Between parts of a large batch other requests have their turn.
CALLS_AT_ONCE_MAX = 1_000

Quote = PricedCall | DomainError
NO_COUNTERS = CounterBook()


class Quotes:
    """Prices calls of any tenant."""

    def __init__(self, memory: PricingMemory) -> None:
        self._memory = memory

    async def price(self, tenant_id: str, call: PlannedCall, with_receipt: bool) -> PricedCall:
        """The price of one call; emergency calls are free for a blocked account too.

        Raises:
            DomainError: UNKNOWN_ACCOUNT, NO_PLAN, NO_RATE, NO_EXCHANGE_RATE, CURRENCY_MISMATCH,
                ACCOUNT_BLOCKED, INVALID_DURATION, INVALID_QUANTITY.
        """
        price = self._price_at_hand(tenant_id, call, with_receipt)
        if price is not None:
            return price
        [quote] = await self.price_each(tenant_id, [call], with_receipt)
        if isinstance(quote, DomainError):
            raise quote
        return quote

    def _price_at_hand(
        self, tenant_id: str, call: PlannedCall, with_receipt: bool
    ) -> PricedCall | None:
        """The price of a call, if all that it takes is in memory: nearly always."""
        at_hand = self._memory.at_hand(tenant_id, call.account_id)
        if at_hand is None:
            return None
        tariff, known = at_hand
        customer = known.customer
        if tariff.has_counters or tariff.has_relations or customer.grants or known.block_reason:
            return None
        usage = call.usage(customer, tariff, NO_NUMBERS)
        table_of = self._memory.table_at_hand(tenant_id)
        try:
            price = price_usage(usage, customer, tariff, table_of, NO_COUNTERS, with_receipt)
        except TableMissingError:
            return None
        return None if price.outcome is Outcome.UNRATED else price

    async def price_each(
        self, tenant_id: str, calls: Sequence[PlannedCall], with_receipts: bool
    ) -> list[Quote]:
        """The price of each call, or the error that `price` would raise."""
        return (await self.priced(tenant_id, calls, with_receipts))[1]

    async def priced(
        self, tenant_id: str, calls: Sequence[PlannedCall], with_receipts: bool
    ) -> tuple[PricingBasis, list[Quote]]:
        """The same, with what all of them were priced with."""
        basis = await self._memory.basis(tenant_id, {call.account_id for call in calls})
        quotes = await self.attempt(tenant_id, basis, calls, with_receipts)
        doubtful = [place for place, quote in enumerate(quotes) if is_doubtful(quote)]
        if not doubtful:
            return basis, quotes
        confirmed = await self._memory.confirmed(
            tenant_id, basis, {calls[place].account_id for place in doubtful}
        )
        if confirmed.tariff is not basis.tariff:
            return confirmed, await self.attempt(tenant_id, confirmed, calls, with_receipts)
        again = [calls[place] for place in doubtful]
        answers = await self.attempt(tenant_id, confirmed, again, with_receipts)
        for place, answer in zip(doubtful, answers, strict=True):
            quotes[place] = answer
        return confirmed, quotes

    async def attempt(
        self,
        tenant_id: str,
        basis: PricingBasis,
        calls: Sequence[PlannedCall],
        with_receipts: bool,
    ) -> list[Quote]:
        """The quotes on one basis, whatever they are."""
        if len(calls) <= CALLS_AT_ONCE_MAX:
            return await self._attempt_part(tenant_id, basis, calls, with_receipts)
        quotes: list[Quote] = []
        for begin in range(0, len(calls), CALLS_AT_ONCE_MAX):
            part = calls[begin : begin + CALLS_AT_ONCE_MAX]
            quotes += await self._attempt_part(tenant_id, basis, part, with_receipts)
            await asyncio.sleep(0)
        return quotes

    async def _attempt_part(
        self,
        tenant_id: str,
        basis: PricingBasis,
        calls: Sequence[PlannedCall],
        with_receipts: bool,
    ) -> list[Quote]:
        refusals = [_refusal(basis, call) for call in calls]
        allowed = [call for call, refusal in zip(calls, refusals, strict=True) if refusal is None]
        owners = await self.owners(tenant_id, basis, allowed)
        book = await self.counters(tenant_id, basis, allowed, owners)
        priced = iter(
            await self._memory.with_tables(
                tenant_id,
                lambda table_of: _Part(
                    allowed, basis, table_of, owners, book, with_receipts
                ).prices(),
            )
        )
        quotes = [refusal or next(priced) for refusal in refusals]
        return [
            _unrated(basis, call, quote)
            if isinstance(quote, PricedCall) and quote.outcome is Outcome.UNRATED
            else quote
            for call, quote in zip(calls, quotes, strict=True)
        ]

    async def owners(
        self, tenant_id: str, basis: PricingBasis, calls: Sequence[PlannedCall]
    ) -> NumberOwners:
        """Whose the called numbers are, where any plan asks for that."""
        if not basis.tariff.has_relations:
            return NO_NUMBERS
        numbers = [call.callee.digits for call in calls]
        return await self._memory.read(partial(number_owners, tenant_id=tenant_id, numbers=numbers))

    async def counters(
        self,
        tenant_id: str,
        basis: PricingBasis,
        calls: Sequence[PlannedCall],
        owners: NumberOwners,
    ) -> CounterBook:
        """The counters that prices depend on, as they are now."""
        keys = {
            key
            for call in calls
            for customer in [basis.customers[call.account_id].customer]
            if basis.tariff.has_counters or customer.grants
            for key in counter_keys(
                call.usage(customer, basis.tariff, owners), customer, basis.tariff
            )
        }
        if not keys:
            return CounterBook()
        states = await self._memory.read(partial(read_counters, tenant_id=tenant_id, keys=keys))
        return CounterBook(states)


@dataclass(slots=True)
class _Part:
    """Calls that are priced without a pause."""

    calls: Sequence[PlannedCall]
    basis: PricingBasis
    table_of: Callable[[str], PrefixTable]
    owners: NumberOwners
    book: CounterBook
    with_receipts: bool

    def prices(self) -> list[PricedCall]:
        if len(self.calls) < BULK_CALLS_MIN:
            return list(map(self._price_one, range(len(self.calls))))
        return price_bulk(self._bulk(), self.basis.tariff, self.table_of, self.with_receipts)

    def _customer(self, place: int) -> Customer:
        return self.basis.customers[self.calls[place].account_id].customer

    def _usage(self, place: int) -> Usage:
        return self.calls[place].usage(self._customer(place), self.basis.tariff, self.owners)

    def _price_one(self, place: int) -> PricedCall:
        return price_usage(
            self._usage(place),
            self._customer(place),
            self.basis.tariff,
            self.table_of,
            self.book,
            self.with_receipts,
        )

    def _bulk(self) -> Bulk:
        calls = self.calls
        places = {account_id: place for place, account_id in enumerate(self.basis.customers)}
        columns = CallColumns(
            [known.customer for known in self.basis.customers.values()],
            np.array([places[call.account_id] for call in calls], np.intp),
            *padded_columns([call.number for call in calls]),
            np.array([call.start_micros for call in calls], np.int64),
            np.array([call.begin_micros for call in calls], np.int64),
            np.array([call.duration_ms for call in calls], np.int64),
            lambda place: self._usage(place).facts,
        )
        is_usual = np.array(
            [
                call.callee.kind is NumberKind.E164 and call.service is Service.VOICE
                for call in calls
            ]
        )
        return Bulk.of(columns, is_usual, self._price_one)


def is_doubtful(quote: Quote) -> bool:
    """Whether a call was refused for something that may have changed in the database."""
    return isinstance(quote, DomainError) and quote.kind is not ErrorKind.INVALID_ARGUMENT


def _refusal(basis: PricingBasis, call: PlannedCall) -> DomainError | None:
    known = basis.customers.get(call.account_id)
    if known is None:
        return unrated(UNKNOWN_ACCOUNT, account_id=call.account_id)
    if known.block_reason is not None and call.callee.kind is not NumberKind.EMERGENCY:
        return account_blocked(call.account_id, known.block_reason)
    return None


def _unrated(basis: PricingBasis, call: PlannedCall, price: PricedCall) -> DomainError:
    account = basis.customers[call.account_id].customer.account
    return unrated(
        price.unrated_reason,
        account_id=call.account_id,
        callee=call.callee.digits,
        duration=f"{call.duration_ms} ms",
        currency=account.currency,
    )
