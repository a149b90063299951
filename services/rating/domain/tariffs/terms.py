"""Terms of a plan, compiled: what pricing would otherwise work out for each call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from services.rating.domain.plans.conditions import CallFacts, Condition
from services.rating.domain.plans.plan import (
    BundleUnit,
    Crossing,
    Measure,
    PlanRevision,
    VolumeTiers,
)
from services.rating.domain.plans.time_bands import BandSchedule, HolidayCalendar
from services.rating.domain.tariffs.price_steps import (
    DurationTiers,
    compiled_adjustments,
    connect_fee_adjustments,
    volume_steps,
)
from services.rating.domain.usage import Service

CACHED_RATES_MAX = 10_000


class DeckVersion(NamedTuple):
    """A published version of a deck."""

    rate_deck_version_id: str
    rate_deck_id: str
    effective_time: datetime
    service: Service
    currency: str


ReceiptHead = tuple[str, int, str]
"""A deck version, a row of it and the currency of an account."""

Chain = tuple[DeckVersion, ...]
"""Deck versions in the order in which they are asked for a number."""


class CompiledRevision:
    """What of a revision does not depend on decks or calls."""

    def __init__(self, revision: PlanRevision, calendars: Mapping[str, HolidayCalendar]) -> None:
        self.revision = revision
        self.schedule = BandSchedule(revision.time_bands, revision.time_zone, calendars)
        self.has_bands = bool(revision.time_bands)
        self.splits = revision.crossing is Crossing.SPLIT
        self.duration_tiers = DurationTiers(revision.duration_tiers)
        self.adjustments = compiled_adjustments(revision.adjustments)
        self.connect_fee_adjustments = connect_fee_adjustments(revision.adjustments)
        self.volume_steps = {each.code: volume_steps(each.tiers) for each in revision.volume_tiers}
        self.is_stateless = not (revision.bundles or revision.volume_tiers)
        self.can_be_counted = not (
            revision.price_caps
            or revision.minimum_charge_micros
            or revision.duration_tiers
            or any(each.unit is BundleUnit.MONEY for each in revision.bundles)
            or any(each.measure is Measure.SPEND for each in revision.volume_tiers)
        )
        self.is_plain = self.is_stateless and not (
            revision.time_bands
            or revision.deck_choices
            or revision.adjustments
            or revision.duration_tiers
            or revision.price_caps
            or revision.minimum_charge_micros
        )

    @property
    def deck_ids(self) -> list[str]:
        """Every deck that the revision names, each once."""
        chosen = (each.rate_deck_ids for each in self.revision.deck_choices)
        return list(dict.fromkeys(sum(chosen, start=self.revision.rate_deck_ids)))

    def deck_ids_for(self, facts: CallFacts, band: str) -> tuple[str, ...]:
        """The decks that are asked for a call, whether they have a version in force or not."""
        for choice in self.revision.deck_choices:
            if choice.when.holds_at(facts, band):
                return choice.rate_deck_ids
        return self.revision.rate_deck_ids

    def volume_tiers(self, facts: CallFacts, band: str) -> VolumeTiers | None:
        """The first volume tier set whose condition holds."""
        for tiers in self.revision.volume_tiers:
            if tiers.when.holds_at(facts, band):
                return tiers
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """All that prices a call of a plan at one time: a revision and the deck versions in force."""

    currency: str
    revision: PlanRevision
    compiled: CompiledRevision
    until_micros: int | None
    """When other terms take their place; None for never."""
    chains: Mapping[Service, Chain]
    choices: tuple[tuple[Condition, Mapping[Service, Chain]], ...]
    kept: dict[Any, Any] = field(default_factory=dict)
    """What was worked out of these terms before, by what it is."""
    receipt_heads: dict[ReceiptHead, bytes] = field(default_factory=dict)
    """What receipts of calls of one rate have in common."""

    @classmethod
    def compile(
        cls,
        currency: str,
        compiled: CompiledRevision,
        in_force: Mapping[str, DeckVersion],
        until_micros: int | None,
    ) -> Terms:
        """The terms with the deck versions that are in force, by deck."""
        revision = compiled.revision
        return cls(
            currency,
            revision,
            compiled,
            until_micros,
            _chains(revision.rate_deck_ids, in_force),
            tuple(
                (choice.when, _chains(choice.rate_deck_ids, in_force))
                for choice in revision.deck_choices
            ),
        )

    @property
    def is_stateless(self) -> bool:
        """Whether prices depend on no counter: the plan has neither bundles nor volume tiers."""
        return self.compiled.is_stateless

    @property
    def can_be_counted(self) -> bool:
        """Whether counters decide by base units or calls, and nothing comes after the price."""
        return self.compiled.can_be_counted

    @property
    def is_plain(self) -> bool:
        """Whether a call costs its connect fee and its charged units, and nothing else counts."""
        return self.compiled.is_plain

    def chain(self, facts: CallFacts, band: str) -> Chain:
        """The decks that are asked for a call, in order."""
        for when, chains in self.choices:
            if when.holds_at(facts, band):
                return chains.get(facts.service, ())
        return self.chains.get(facts.service, ())


def _chains(deck_ids: Sequence[str], in_force: Mapping[str, DeckVersion]) -> dict[Service, Chain]:
    versions = [in_force[deck_id] for deck_id in deck_ids if deck_id in in_force]
    return {
        service: tuple(each for each in versions if each.service == service) for service in Service
    }
