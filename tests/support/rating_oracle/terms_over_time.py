"""The terms in force for one usage at any instant, and the rate they give."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from kernel.clock import to_micros
from services.rating.domain.account import Customer
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.plans.conditions import CallFacts, Condition
from services.rating.domain.plans.plan import PlanRevision
from tests.support.rating_oracle.local_time import band_at
from tests.support.rating_oracle.tenant import Tenant, Usage, longest_prefix


@dataclass(frozen=True, eq=False)
class Situation:
    """The terms at an instant, and the rate they give the number."""

    revision: PlanRevision
    currency: str
    band: str
    rate: Rate
    rate_currency: str


class TermsOverTime:
    """What applies to one usage at which instant."""

    def __init__(self, tenant: Tenant, usage: Usage, customer: Customer) -> None:
        self._tenant, self._usage, self._customer = tenant, usage, customer
        self.steps = sorted(_instants_of_change(tenant, customer))
        self._revisions: dict[int, PlanRevision | None] = {}
        self._seen: dict[tuple[int, str], Situation | None] = {}

    def plan_at(self, instant_micros: int) -> str:
        """The plan subscribed to; of several, the one that began last."""
        begun = [
            each
            for each in self._customer.subscriptions
            if _is_open(each.start_micros, each.end_micros, instant_micros)
        ]
        newest = max(begun, key=lambda each: each.start_micros, default=None)
        return newest.plan_id if newest else ""

    def revision_at(self, instant_micros: int) -> PlanRevision | None:
        """The revision in force of the plan subscribed to."""
        steps = bisect_right(self.steps, instant_micros)
        if steps not in self._revisions:
            plan_id = self.plan_at(instant_micros)
            self._revisions[steps] = self._tenant.revision_at(plan_id, instant_micros)
        return self._revisions[steps]

    def situation(self, instant_micros: int) -> Situation | None:
        """None where there are no terms or they have no rate."""
        revision = self.revision_at(instant_micros)
        if revision is None:
            return None
        band = band_at(revision, self._tenant.calendars, instant_micros)
        key = (bisect_right(self.steps, instant_micros), band)
        if key not in self._seen:
            self._seen[key] = self._look_up(revision, band, instant_micros)
        return self._seen[key]

    def comes_later(self, instant_micros: int) -> bool:
        """Whether a deck of those asked at an instant has a rate from a later one on."""
        revision = self.revision_at(instant_micros)
        if revision is None:
            return False
        band = band_at(revision, self._tenant.calendars, instant_micros)
        asked = {*self._own_decks(), *self._plan_decks(revision, band)}
        return any(
            longest_prefix(
                self._tenant.rates[version.rate_deck_version_id], self._usage.facts.number
            )
            for version in self._tenant.deck_versions
            if version.rate_deck_id in asked
            and version.service == self._usage.service
            and to_micros(version.effective_time) > instant_micros
        )

    def _look_up(self, revision: PlanRevision, band: str, instant_micros: int) -> Situation | None:
        for deck_id in [*self._own_decks(), *self._plan_decks(revision, band)]:
            version = self._tenant.deck_version_at(deck_id, instant_micros)
            if version is None or version.service != self._usage.service:
                continue
            rates = self._tenant.rates[version.rate_deck_version_id]
            rate = longest_prefix(rates, self._usage.facts.number)
            if rate is not None:
                currency = self._tenant.currency_of(revision.plan_id)
                return Situation(revision, currency, band, rate, version.currency)
        return None

    def _own_decks(self) -> Iterator[str]:
        for own in self._customer.overrides:
            if _is_open(own.start_micros, own.end_micros, self._usage.start_micros):
                yield own.rate_deck_id

    def _plan_decks(self, revision: PlanRevision, band: str) -> tuple[str, ...]:
        for choice in revision.deck_choices:
            if holds(choice.when, self._usage.facts, band):
                return choice.rate_deck_ids
        return revision.rate_deck_ids


def _instants_of_change(tenant: Tenant, customer: Customer) -> Iterator[int]:
    """When anything published or subscribed to begins or ends."""
    for revision in tenant.revisions:
        yield to_micros(revision.effective_time)
    for version in tenant.deck_versions:
        yield to_micros(version.effective_time)
    for subscription in customer.subscriptions:
        yield subscription.start_micros
        if subscription.end_micros is not None:
            yield subscription.end_micros


def _is_open(start_micros: int, end_micros: int | None, instant_micros: int) -> bool:
    return start_micros <= instant_micros and (end_micros is None or instant_micros < end_micros)


def holds(when: Condition, facts: CallFacts, band: str) -> bool:
    """Whether every part of a condition that is set holds."""
    return (
        when.service in (None, facts.service)
        and (not when.time_bands or band in when.time_bands)
        and _begins(facts.number, when.destination_prefixes)
        and _begins(facts.caller, when.origin_prefixes)
        and (not when.relations or facts.relation in when.relations)
        and (not when.jurisdictions or facts.jurisdiction in when.jurisdictions)
    )


def _begins(digits: str, prefixes: tuple[str, ...]) -> bool:
    return not prefixes or any(digits[: len(prefix)] == prefix for prefix in prefixes)
