"""The paid part of a call in segments, in each of which every base unit has the same price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.rating.domain.plans.conditions import CallFacts
from services.rating.domain.pricing.conversions import Conversions
from services.rating.domain.pricing.rate_search import InForce
from services.rating.domain.tariffs.price_steps import DurationTiers, Price, Step, holding
from services.rating.domain.tariffs.terms import Terms
from services.rating.domain.usage import Service


class Segment(NamedTuple):
    """Base units that have the same price."""

    units: int
    in_force: InForce
    steps: Sequence[Step]
    price: Price
    """In the governing plan's currency, before any volume tier."""


def segments_of(
    spans: Sequence[tuple[int, InForce]],
    covered: int,
    charged: int,
    facts: CallFacts,
    governing: Terms,
    conversions: Conversions,
) -> list[Segment]:
    """The segments of the paid base units: those from covered to charged."""
    segments = []
    ends = [*(start for start, _ in spans[1:]), charged]
    for (start, in_force), end in zip(spans, ends, strict=True):
        if end > covered:
            compiled, first = in_force.terms.compiled, max(start, covered)
            steps = holding(compiled.adjustments, facts, in_force.band)
            if compiled.duration_tiers.starts and facts.service is Service.VOICE:
                parts = _tiers(compiled.duration_tiers, steps, first, end)
            else:
                parts = [(end - first, steps)]
            for units, taken in parts:
                price = _price(in_force, taken, governing, conversions)
                segments.append(Segment(units, in_force, taken, price))
    return segments


def _tiers(
    tiers: DurationTiers, steps: list[Step], start: int, end: int
) -> list[tuple[int, list[Step]]]:
    """How many base units lie in each duration tier, with all steps taken there."""
    cuts = [cut for cut in tiers.starts if start < cut < end]
    return [
        (following - unit, [tier, *steps] if (tier := tiers.step_at(unit)) else steps)
        for unit, following in zip([start, *cuts], [*cuts, end], strict=True)
    ]


def _price(
    in_force: InForce, steps: Sequence[Step], governing: Terms, conversions: Conversions
) -> Price:
    own = in_force.terms.currency
    price: Price = in_force.found.rate.price_nanos, 1
    price = conversions.convert(price, in_force.found.version.currency, own)
    for step in steps:
        price = step.of(price)
    return conversions.convert(price, own, governing.currency)
