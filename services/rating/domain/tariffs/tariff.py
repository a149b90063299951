"""The tariff of a tenant: what is in force at an instant of all that was published."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Generic, NamedTuple, TypeVar

from kernel.clock import from_micros, to_micros
from services.rating.domain.account import Customer
from services.rating.domain.plans.plan import Plan, PlanRevision
from services.rating.domain.plans.time_bands import HolidayCalendar
from services.rating.domain.tariffs.exchange import NO_EXCHANGE, ExchangeRates
from services.rating.domain.tariffs.jurisdiction import US_NUMBERING_AREAS, NumberingAreas
from services.rating.domain.tariffs.supplier import NO_SUPPLIERS, Suppliers
from services.rating.domain.tariffs.terms import CompiledRevision, DeckVersion, Terms

__all__ = ["DeckVersion", "Tariff", "Terms", "Timeline"]

T = TypeVar("T")


class Timeline(Generic[T]):
    """Values that take force one after the other."""

    def __init__(self, steps: Iterable[tuple[datetime, T]]) -> None:
        ordered = sorted(steps, key=lambda step: step[0])
        self.starts_micros = [to_micros(start) for start, _ in ordered]
        self._values = [value for _, value in ordered]

    def at(self, instant_micros: int) -> T | None:
        """The value in force at an instant, in microseconds since 1970; None before the first."""
        place = bisect_right(self.starts_micros, instant_micros)
        return self._values[place - 1] if place else None

    def after(self, instant_micros: int) -> Sequence[T]:
        """The values that take force after an instant."""
        return self._values[bisect_right(self.starts_micros, instant_micros) :]

    def next_after(self, instant_micros: int) -> int | None:
        """When the next value takes force; None when there is no other to come."""
        place = bisect_right(self.starts_micros, instant_micros)
        return self.starts_micros[place] if place < len(self.starts_micros) else None


class _PlanRevisions(NamedTuple):
    plan: Plan
    revisions: Sequence[PlanRevision]
    calendars: Mapping[str, HolidayCalendar]


Decks = dict[str, Timeline[DeckVersion]]


class Tariff:
    """What is published in one tenant: the terms of every plan over time."""

    def __init__(  # noqa: PLR0913, PLR0917 all that a tenant publishes
        self,
        plans: Sequence[Plan],
        revisions: Sequence[PlanRevision],
        deck_versions: Sequence[DeckVersion],
        calendars: Mapping[str, HolidayCalendar] | None = None,
        exchange: ExchangeRates = NO_EXCHANGE,
        suppliers: Suppliers = NO_SUPPLIERS,
        numbering: NumberingAreas = US_NUMBERING_AREAS,
        base_currency: str = "",
    ) -> None:
        plans, revisions = [*plans, *suppliers.plans], [*revisions, *suppliers.terms]
        by_plan: dict[str, list[PlanRevision]] = {plan.plan_id: [] for plan in plans}
        for revision in revisions:
            by_plan.setdefault(revision.plan_id, []).append(revision)
        self.exchange = exchange
        self.suppliers = suppliers
        self.numbering = numbering
        self.base_currency = base_currency
        """Of margins; empty where the tenant has not chosen one."""
        self.counted_plans = {
            each.plan_id for each in revisions if each.bundles or each.volume_tiers
        }
        """Plans that have, or once had, bundles or volume tiers."""
        self.has_relations = any(
            condition.relations for each in revisions for condition in each.conditions
        )
        self._decks = _by_deck(deck_versions)
        self._names = {plan.plan_id: plan.display_name for plan in plans}
        self._currencies = {plan.plan_id: plan.currency for plan in plans}
        self._terms = {
            plan.plan_id: _terms_over_time(
                _PlanRevisions(plan, by_plan[plan.plan_id], calendars or {}), self._decks
            )
            for plan in plans
        }

    @property
    def has_counters(self) -> bool:
        """Whether any plan has, or once had, bundles or volume tiers."""
        return bool(self.counted_plans)

    def needs_counters(self, customer: Customer) -> bool:
        """Whether what a customer pays may ever depend on counters."""
        plans = (each.plan_id in self.counted_plans for each in customer.subscriptions)
        return bool(customer.grants) or any(plans)

    def name_of(self, plan_id: str) -> str:
        """What customers read of a plan; empty for an unknown one."""
        return self._names.get(plan_id, "")

    def currency_of(self, plan_id: str) -> str | None:
        """The currency of a plan; None for an unknown one."""
        return self._currencies.get(plan_id)

    def supplier_of_trunk(self, trunk: str, instant_micros: int) -> str | None:
        """The supplier that a trunk leads to; None for a trunk of nobody."""
        return self.suppliers.of_trunk(trunk, instant_micros)

    def terms_at(self, plan_id: str, instant_micros: int) -> Terms | None:
        """The terms in force; None for an unknown plan or before its first revision."""
        timeline = self._terms.get(plan_id)
        return timeline.at(instant_micros) if timeline else None

    def next_terms(self, plan_id: str, instant_micros: int) -> int | None:
        """When a plan's terms change next; None for never."""
        timeline = self._terms.get(plan_id)
        return timeline.next_after(instant_micros) if timeline else None

    def version_at(self, rate_deck_id: str, instant_micros: int) -> DeckVersion | None:
        """The version of a deck in force; None before its first."""
        timeline = self._decks.get(rate_deck_id)
        return timeline.at(instant_micros) if timeline else None

    def versions_after(self, rate_deck_id: str, instant_micros: int) -> Sequence[DeckVersion]:
        """The versions of a deck that take force later."""
        timeline = self._decks.get(rate_deck_id)
        return timeline.after(instant_micros) if timeline else ()

    def next_version(self, rate_deck_id: str, instant_micros: int) -> int | None:
        """When a deck's next version takes force; None for never."""
        timeline = self._decks.get(rate_deck_id)
        return timeline.next_after(instant_micros) if timeline else None


def _by_deck(versions: Sequence[DeckVersion]) -> Decks:
    decks: dict[str, list[DeckVersion]] = {}
    for version in versions:
        decks.setdefault(version.rate_deck_id, []).append(version)
    return {
        deck_id: Timeline((each.effective_time, each) for each in of_deck)
        for deck_id, of_deck in decks.items()
    }


def _terms_over_time(of_plan: _PlanRevisions, decks: Decks) -> Timeline[Terms]:
    """A step for each moment at which a revision or a version of one of its decks takes force."""
    plan, revisions, calendars = of_plan
    compiled = [CompiledRevision(each, calendars) for each in revisions]
    in_force = Timeline((each.revision.effective_time, each) for each in compiled)
    deck_ids = {deck_id for each in compiled for deck_id in each.deck_ids}
    named = {deck_id: decks[deck_id] for deck_id in deck_ids & decks.keys()}
    moments = set(in_force.starts_micros)
    for deck in named.values():
        moments.update(deck.starts_micros)
    steps = []
    instants = sorted(moments)
    for instant, until in zip_longest(instants, instants[1:]):
        revision = in_force.at(instant)
        if revision is not None:
            found = {deck_id: deck.at(instant) for deck_id, deck in named.items()}
            versions = {deck_id: version for deck_id, version in found.items() if version}
            terms = Terms.compile(plan.currency, revision, versions, until)
            steps.append((from_micros(instant), terms))
    return Timeline(steps)
