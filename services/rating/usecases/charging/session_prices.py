"""What calls are charged by while they run: accounts, prices and policies, from memory.

What is missing in memory, and that an account is blocked, is confirmed by the database before
anybody hears of it, as with quotes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from kernel.clock import Clock, to_micros, utc_now
from kernel.e164 import NumberKind
from services.rating.domain.allowances.needed_counters import counter_keys
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.charging.answer import Reason
from services.rating.domain.charging.authorising import Basis
from services.rating.domain.charging.call_prices import (
    RINGING_SECONDS_MAX,
    CallPrices,
    PayingParty,
)
from services.rating.domain.charging.policy import DEFAULT_POLICY
from services.rating.domain.charging.requests import ChargedCall
from services.rating.domain.charging.session import AnswerTerms
from services.rating.domain.counters import CounterBook, CounterKey
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.pricing.price_over_time import price_over_time
from services.rating.domain.pricing.price_usage import steady_rate
from services.rating.domain.quantity import CALL_DURATION_SECONDS_MAX
from services.rating.domain.tariffs.relation import NO_NUMBERS, NumberOwners
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.store.customers import KnownCustomer
from services.rating.store.line_numbers import number_owners
from services.rating.usecases.charging.charging_memory import ChargingMemory
from services.rating.usecases.parties import RESELLER_LEVELS_MAX
from services.rating.usecases.quoting.planned_call import PlannedCall
from services.rating.usecases.quoting.pricing_memory import PricingMemory

# About 2 KB each.
CALLS_IN_MEMORY_MAX = 20_000


class _Chain(NamedTuple):
    """The customer of a call and the resellers above, as one tariff prices them."""

    tariff: Tariff
    parties: tuple[KnownCustomer, ...]
    missing: str = ""
    """The account at which it breaks off because nobody knows it."""

    @property
    def refusal(self) -> Reason:
        """Why none of them may be charged."""
        if not self.parties:
            return Reason.UNKNOWN_ACCOUNT
        if self.parties[0].block_reason is not None:
            return Reason.ACCOUNT_BLOCKED
        is_broken = self.missing or any(each.block_reason is not None for each in self.parties[1:])
        return Reason.RESELLER_REFUSED if is_broken else Reason.NONE

    def prices_like(self, known: CallPrices) -> bool:
        """Whether nothing has changed by which a call was priced."""
        pairs = zip(known.parties, self.parties, strict=False)
        return (
            known.tariff is self.tariff
            and len(known.parties) == len(self.parties)
            and all(party.customer is each.customer for party, each in pairs)
        )


class SessionPrices:
    """Tells what the calls of any tenant are charged by."""

    def __init__(
        self, memory: PricingMemory, settings: ChargingMemory, clock: Clock = utc_now
    ) -> None:
        self._memory = memory
        self._settings = settings
        self._clock = clock
        self._known: OrderedDict[tuple[str, ChargedCall], CallPrices] = OrderedDict()

    def now_micros(self) -> int:
        """The time by which sessions are opened and expire."""
        return to_micros(self._clock())

    async def located(self, tenant_id: str, call: ChargedCall) -> ChargedCall:
        """The call with the account whose it is; with none where nobody knows it."""
        if call.account_id or call.callee.kind is NumberKind.EMERGENCY:
            return call
        return replace(call, account_id=await self._settings.account_id_of(tenant_id, call) or "")

    async def basis(self, tenant_id: str, call: ChargedCall) -> Basis:
        """By what a request about a call is answered now. An emergency call needs nothing."""
        if call.callee.kind is NumberKind.EMERGENCY:
            return Basis(Reason.NONE, AnswerTerms(DEFAULT_POLICY, self.now_micros()))
        await self._settings.prepare(tenant_id)
        chain = await self._chain(tenant_id, call.account_id)
        prices = await self._prices(tenant_id, call, chain)
        if isinstance(prices, Reason):
            chain = await self._chain(tenant_id, call.account_id, is_confirmed=True)
            prices = await self._prices(tenant_id, call, chain)
        customer = chain.parties[0] if chain.parties else None
        policy = self._settings.policy_of(tenant_id, customer)
        return Basis(prices, AnswerTerms(policy, self.now_micros()))

    async def _chain(self, tenant_id: str, account_id: str, is_confirmed: bool = False) -> _Chain:
        parties: list[KnownCustomer] = []
        while True:
            tariff, known = await self._customer(tenant_id, account_id, is_confirmed)
            if known is None:
                return _Chain(tariff, tuple(parties), missing=account_id)
            parties.append(known)
            account_id = known.customer.account.reseller_account_id
            if not account_id or len(parties) > RESELLER_LEVELS_MAX:
                return _Chain(tariff, tuple(parties))

    async def _customer(
        self, tenant_id: str, account_id: str, is_confirmed: bool
    ) -> tuple[Tariff, KnownCustomer | None]:
        at_hand = None if is_confirmed else self._memory.at_hand(tenant_id, account_id)
        if at_hand is not None:
            return at_hand
        basis = await self._memory.basis(tenant_id, [account_id])
        if is_confirmed:
            basis = await self._memory.confirmed(tenant_id, basis, [account_id])
        return basis.tariff, basis.customers.get(account_id)

    async def _prices(
        self, tenant_id: str, call: ChargedCall, chain: _Chain
    ) -> CallPrices | Reason:
        if chain.refusal:
            return chain.refusal
        known = self._known.get((tenant_id, call))
        if known is not None and chain.prices_like(known):
            return known
        parties = _parties(call, chain, await self._owners(tenant_id, call, chain.tariff))
        prices = await self._memory.with_tables(
            tenant_id, lambda table_of: _priced(parties, chain.tariff, table_of)
        )
        if isinstance(prices, CallPrices):
            self._known[tenant_id, call] = prices
            if len(self._known) > CALLS_IN_MEMORY_MAX:
                self._known.popitem(last=False)
        return prices

    async def _owners(self, tenant_id: str, call: ChargedCall, tariff: Tariff) -> NumberOwners:
        """Whose the called number is, where any plan asks for that."""
        if not tariff.has_relations:
            return NO_NUMBERS
        numbers = [call.callee.digits]
        return await self._memory.read(partial(number_owners, tenant_id=tenant_id, numbers=numbers))


def _parties(call: ChargedCall, chain: _Chain, owners: NumberOwners) -> tuple[PayingParty, ...]:
    start = call.start_micros
    planned = PlannedCall(
        call.account_id, call.callee, start, start, 0, call.caller, call.routing_number
    )
    customers = [known.customer for known in chain.parties]
    return tuple(
        PayingParty(customer, planned.usage(customer, chain.tariff, owners))
        for customer in customers
    )


def _priced(
    parties: tuple[PayingParty, ...], tariff: Tariff, table_of: Callable[[str], PrefixTable]
) -> CallPrices | Reason:
    """The prices of a call, all decks that it may come to need at hand; why it has none."""
    rates = [_steady_rate(party, tariff, table_of) for party in parties]
    prices = CallPrices(
        parties,
        tariff,
        table_of,
        _counter_keys(parties, tariff),
        rates[0].price_nanos if rates[0] else _price_per_minute_nanos(parties[0], tariff, table_of),
        is_steady=all(rates),
    )
    return prices if prices.is_steady else _unrated(prices) or prices


def _steady_rate(
    party: PayingParty, tariff: Tariff, table_of: Callable[[str], PrefixTable]
) -> Rate | None:
    seconds_max = RINGING_SECONDS_MAX + CALL_DURATION_SECONDS_MAX
    return steady_rate(party.usage, party.customer, tariff, table_of, seconds_max)


def _unrated(prices: CallPrices) -> Reason | None:
    """Why the longest call has no price."""
    longest = prices.of(prices.parties[0].usage.begin_micros, CounterBook())
    for level, price in enumerate(price_of(CALL_DURATION_SECONDS_MAX) for price_of in longest):
        if price.outcome is Outcome.UNRATED:
            return Reason.RESELLER_REFUSED if level else Reason(price.unrated_reason)
    return None


def _counter_keys(parties: Sequence[PayingParty], tariff: Tariff) -> frozenset[CounterKey]:
    return frozenset(
        key
        for party in parties
        if tariff.needs_counters(party.customer)
        for key in counter_keys(party.usage, party.customer, tariff)
    )


def _price_per_minute_nanos(
    party: PayingParty, tariff: Tariff, table_of: Callable[[str], PrefixTable]
) -> int:
    minute = price_over_time(party.usage, party.customer, tariff, table_of)
    return minute.price_nanos if minute else 0
