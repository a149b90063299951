"""What terms make of the price of a rate: tiers and adjustments, compiled to reduced fractions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any, NamedTuple

from services.rating.domain.compact_json import json_text
from services.rating.domain.exact import Ratio
from services.rating.domain.plans.conditions import CallFacts, Condition
from services.rating.domain.plans.plan import (
    FACTOR_ONE,
    DurationTier,
    PriceAdjustment,
    TierPrice,
    VolumeTier,
)

Price = Ratio
"""Nanos of a currency for the unit of a service."""


class Step(NamedTuple):
    """A factor and a surcharge on a price, or another price in its place."""

    numerator: int
    denominator: int
    surcharge_nanos: int
    price_nanos: int | None
    shown: Mapping[str, Any]
    """How a receipt shows it."""
    text: str
    """The same as JSON."""

    def of(self, price: Price) -> Price:
        """What becomes of a price; never less than nothing."""
        if self.price_nanos is not None:
            return self.price_nanos, 1
        denominator = price[1] * self.denominator
        numerator = price[0] * self.numerator + self.surcharge_nanos * denominator
        return (numerator, denominator) if numerator > 0 else (0, 1)

    @property
    def changes_nothing(self) -> bool:
        """Whether every price stays as it is."""
        is_one = self.numerator == self.denominator
        return is_one and not self.surcharge_nanos and self.price_nanos is None


class Adjustment(NamedTuple):
    """A step that is taken where a condition holds."""

    when: Condition
    step: Step


class DurationTiers:
    """The tiers of a call's own length."""

    def __init__(self, tiers: Sequence[DurationTier]) -> None:
        ordered = sorted(tiers, key=lambda tier: tier.from_quantity)
        self.starts = [tier.from_quantity for tier in ordered]
        self._steps = [
            tier_step(tier.price, {"tier_from": tier.from_quantity, **shown_price(tier.price)})
            for tier in ordered
        ]

    def step_at(self, unit: int) -> Step | None:
        """The step of the last tier that a base unit has reached; None where nothing changes."""
        place = bisect_right(self.starts, unit)
        step = self._steps[place - 1] if place else None
        return None if step is None or step.changes_nothing else step


def tier_step(price: TierPrice, shown: Mapping[str, Any]) -> Step:
    """A tier as a step."""
    return _step(price.factor_millionths, 0, price.price_nanos, shown)


def volume_steps(tiers: Sequence[VolumeTier]) -> tuple[list[int], list[Step]]:
    """The thresholds of volume tiers, and the step from each on."""
    ordered = sorted(tiers, key=lambda tier: tier.from_count)
    steps = [
        tier_step(tier.price, {"from": tier.from_count, **shown_price(tier.price)})
        for tier in ordered
    ]
    return [tier.from_count for tier in ordered], steps


def step_at(thresholds: Sequence[int], steps: Sequence[Step], count: int) -> Step:
    """The step of the tier that a count lies in."""
    return steps[max(0, bisect_right(thresholds, count) - 1)]


def compiled_adjustments(adjustments: Sequence[PriceAdjustment]) -> tuple[Adjustment, ...]:
    """The adjustments of time, in order, without those that change nothing."""
    compiled = (Adjustment(each.when, _adjustment_step(each)) for each in adjustments)
    return tuple(each for each in compiled if not each.step.changes_nothing)


def connect_fee_adjustments(adjustments: Sequence[PriceAdjustment]) -> tuple[Adjustment, ...]:
    """The factors that apply to the connect fee too."""
    return tuple(
        Adjustment(each.when, _factor_step(each))
        for each in adjustments
        if each.includes_connect_fee and each.factor_millionths != FACTOR_ONE
    )


def holding(adjustments: Sequence[Adjustment], facts: CallFacts, band: str) -> list[Step]:
    """The steps whose condition holds, in order."""
    return [step for when, step in adjustments if when.holds_at(facts, band)]


def shown_price(price: TierPrice) -> dict[str, int]:
    """How a receipt shows the price of a tier; a factor of 1 is left out."""
    if price.price_nanos is not None:
        return {"price_nanos": price.price_nanos}
    return shown_factor(price.factor_millionths)


def shown_factor(factor_millionths: int) -> dict[str, int]:
    """How a receipt shows a factor; 1 is left out."""
    return {"factor_millionths": factor_millionths} if factor_millionths != FACTOR_ONE else {}


def _adjustment_step(adjustment: PriceAdjustment) -> Step:
    surcharge = adjustment.surcharge_nanos
    shown = {"code": adjustment.code, **shown_factor(adjustment.factor_millionths)}
    shown |= {"surcharge_nanos": surcharge} if surcharge else {}
    return _step(adjustment.factor_millionths, surcharge, None, shown)


def _factor_step(adjustment: PriceAdjustment) -> Step:
    shown = {"code": adjustment.code, **shown_factor(adjustment.factor_millionths)}
    return _step(adjustment.factor_millionths, 0, None, shown)


def _step(
    factor_millionths: int, surcharge: int, price_nanos: int | None, shown: Mapping[str, Any]
) -> Step:
    divisor = gcd(factor_millionths, FACTOR_ONE)
    factor = factor_millionths // divisor, FACTOR_ONE // divisor
    return Step(*factor, surcharge, price_nanos, shown, json_text(shown))
