"""What a tenant has published, as the oracle reads it: plain lists, nothing compiled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from kernel.clock import to_micros
from kernel.e164 import NumberKind
from services.rating.domain.account import Customer
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.plans.conditions import CallFacts
from services.rating.domain.plans.plan import Plan, PlanRevision
from services.rating.domain.plans.time_bands import HolidayCalendar
from services.rating.domain.tariffs.exchange import ExchangeRate
from services.rating.domain.tariffs.tariff import DeckVersion
from services.rating.domain.usage import Service


class Usage(NamedTuple):
    """What is to be priced."""

    service: Service
    start_micros: int
    begin_micros: int
    duration_ms: int
    quantity: int
    """Messages or bytes; 0 for voice."""
    answered: bool
    callee_kind: NumberKind
    facts: CallFacts
    counting_micros: int
    """Decides the period of counters: the start, or later where its period is sealed."""


@dataclass(frozen=True)
class Tenant:
    """Everything that decides a price, but for the call and the counters."""

    plans: Sequence[Plan]
    revisions: Sequence[PlanRevision]
    deck_versions: Sequence[DeckVersion]
    rates: Mapping[str, Mapping[str, Rate]]
    """Of each deck version, by prefix."""
    calendars: Mapping[str, HolidayCalendar]
    exchange_rates: Sequence[ExchangeRate]
    customers: Sequence[Customer] = field(default=())

    def currency_of(self, plan_id: str) -> str:
        return next(plan.currency for plan in self.plans if plan.plan_id == plan_id)

    def revision_at(self, plan_id: str, instant_micros: int) -> PlanRevision | None:
        begun = [
            each
            for each in self.revisions
            if each.plan_id == plan_id and to_micros(each.effective_time) <= instant_micros
        ]
        return max(begun, key=lambda each: each.effective_time, default=None)

    def deck_version_at(self, rate_deck_id: str, instant_micros: int) -> DeckVersion | None:
        begun = [
            each
            for each in self.deck_versions
            if each.rate_deck_id == rate_deck_id
            and to_micros(each.effective_time) <= instant_micros
        ]
        return max(begun, key=lambda each: each.effective_time, default=None)

    def exchange(self, source: str, target: str, instant_micros: int) -> Fraction | None:
        """How many units of the target one unit of the source is; stored, else inverted."""
        if source == target:
            return Fraction(1)
        stored = self._stored_exchange(source, target, instant_micros)
        if stored is not None:
            return stored
        inverse = self._stored_exchange(target, source, instant_micros)
        return 1 / inverse if inverse is not None else None

    def _stored_exchange(self, source: str, target: str, instant_micros: int) -> Fraction | None:
        begun = [
            each
            for each in self.exchange_rates
            if (each.from_currency, each.to_currency) == (source, target)
            and to_micros(each.effective_time) <= instant_micros
        ]
        newest = max(begun, key=lambda each: each.effective_time, default=None)
        return Fraction(newest.rate_text) if newest else None


def longest_prefix(rates: Mapping[str, Rate], number: str) -> Rate | None:
    """The rate of the longest prefix of a number."""
    found = [rate for prefix, rate in rates.items() if number.startswith(prefix)]
    return max(found, key=lambda rate: len(rate.prefix), default=None)
