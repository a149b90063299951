"""The tariff of a tenant: what is in force at an instant of all that was published."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from kernel.clock import to_micros
from services.rating.domain.plan import Plan, PlanRevision

T = TypeVar("T")


class DeckVersion(NamedTuple):
    """A published version of a deck."""

    rate_deck_version_id: str
    rate_deck_id: str
    effective_time: datetime


@dataclass(frozen=True, slots=True)
class Terms:
    """All that prices a call of a plan at one time: a revision and the deck versions in force."""

    currency: str
    revision: PlanRevision
    deck_version_ids: tuple[str, ...]


class Timeline(Generic[T]):
    """Values that take force one after the other."""

    def __init__(self, steps: Iterable[tuple[datetime, T]]) -> None:
        ordered = sorted(steps, key=lambda step: step[0])
        self._starts = [to_micros(start) for start, _ in ordered]
        self._values = [value for _, value in ordered]

    def at(self, instant_micros: int) -> T | None:
        """The value in force at an instant, in microseconds since 1970; None before the first."""
        place = bisect_right(self._starts, instant_micros)
        return self._values[place - 1] if place else None


class Tariff:
    """What is published in one tenant: the terms of every plan over time."""

    def __init__(
        self,
        plans: Sequence[Plan],
        revisions: Sequence[PlanRevision],
        deck_versions: Sequence[DeckVersion],
    ) -> None:
        decks = _by_deck(deck_versions)
        self._currencies = {plan.plan_id: plan.currency for plan in plans}
        self._terms = {
            plan.plan_id: _terms_over_time(
                plan, [each for each in revisions if each.plan_id == plan.plan_id], decks
            )
            for plan in plans
        }

    def currency_of(self, plan_id: str) -> str | None:
        """The currency of a plan; None for an unknown one."""
        return self._currencies.get(plan_id)

    def terms_at(self, plan_id: str, instant_micros: int) -> Terms | None:
        """The terms in force; None for an unknown plan or before its first revision."""
        timeline = self._terms.get(plan_id)
        return timeline.at(instant_micros) if timeline else None


def _by_deck(versions: Sequence[DeckVersion]) -> dict[str, list[DeckVersion]]:
    decks: dict[str, list[DeckVersion]] = {}
    for version in versions:
        decks.setdefault(version.rate_deck_id, []).append(version)
    return decks


def _terms_over_time(
    plan: Plan, revisions: Sequence[PlanRevision], decks: dict[str, list[DeckVersion]]
) -> Timeline[Terms]:
    """A step for each moment at which a revision or a version of one of its decks takes force."""
    if not revisions:
        return Timeline(())
    chains = {
        deck_id: Timeline((each.effective_time, each) for each in decks.get(deck_id, ()))
        for revision in revisions
        for deck_id in revision.rate_deck_ids
    }
    in_force = Timeline((revision.effective_time, revision) for revision in revisions)
    moments = {revision.effective_time for revision in revisions} | {
        version.effective_time for deck_id in chains for version in decks.get(deck_id, ())
    }
    steps = []
    for moment in moments:
        instant = to_micros(moment)
        revision = in_force.at(instant)
        if revision is not None:
            found = [chains[deck_id].at(instant) for deck_id in revision.rate_deck_ids]
            ids = tuple(version.rate_deck_version_id for version in found if version)
            steps.append((moment, Terms(plan.currency, revision, ids)))
    return Timeline(steps)
