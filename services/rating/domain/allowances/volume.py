"""Volume tiers: prices that depend on how much was used in a period before this call."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.rating.domain.account import Customer
from services.rating.domain.counter_periods import CounterCycle
from services.rating.domain.counters import CounterBook, CounterKey, CounterState, CounterUse
from services.rating.domain.exact import NOTHING, Ratio, add, times
from services.rating.domain.plans.plan import Measure, VolumeMode, VolumeTiers
from services.rating.domain.priced_call import Usage
from services.rating.domain.tariffs.price_steps import Price, Step, step_at
from services.rating.domain.tariffs.terms import Terms
from services.rating.domain.usage import Service


class Volume(NamedTuple):
    """The tier set that applies to a call, and where its counter stands."""

    tiers: VolumeTiers
    thresholds: Sequence[int]
    steps: Sequence[Step]
    key: CounterKey
    before: CounterState

    @property
    def is_whole(self) -> bool:
        """Whether it changes no price but is settled when the period is sealed."""
        return self.tiers.mode is VolumeMode.WHOLE_VOLUME

    def step_at(self, count: int) -> Step:
        """The step of the tier that a count lies in."""
        return step_at(self.thresholds, self.steps, count)

    def next_threshold(self, count: int) -> int | None:
        """Where the next tier begins; None in the last."""
        place = bisect_right(self.thresholds, count)
        return self.thresholds[place] if place < len(self.thresholds) else None

    def standing_at(self, state: CounterState) -> Volume:
        """The same tier set with its counter elsewhere."""
        return Volume(self.tiers, self.thresholds, self.steps, self.key, state)

    def use(self, advance: int, spent_micros: int = 0) -> CounterUse:
        """The counter after it has advanced."""
        granted, used, spent = self.before
        after = CounterState(granted, used + advance, spent + spent_micros)
        return CounterUse(self.key, self.before, after)


Priced = tuple[int, Price]
"""Base units at one price."""


def volume_of(
    usage: Usage, band: str, customer: Customer, governing: Terms, counters: CounterBook
) -> Volume | None:
    """The first tier set whose condition holds."""
    tiers = governing.compiled.volume_tiers(usage.facts, band)
    if tiers is None:
        return None
    thresholds, steps = governing.compiled.volume_steps[tiers.code]
    key = volume_key(tiers, usage.counted_micros, customer, governing)
    return Volume(tiers, thresholds, steps, key, counters.state(key))


def volume_key(
    tiers: VolumeTiers, counted_micros: int, customer: Customer, governing: Terms
) -> CounterKey:
    """The counter of a tier set in the period of an instant."""
    revision = governing.revision
    owner = customer.payer if tiers.shared else customer.account
    cycle = CounterCycle(tiers.period, customer.payer.cycle, revision.time_zone)
    period = cycle.period_at(counted_micros)
    return CounterKey(owner.account_id, revision.plan_id, tiers.code, *period)


def cost_of(parts: Sequence[Priced], volume: Volume | None, splits: bool) -> Ratio:
    """Nanos for base units, times the unit's size: each at its price, in its volume tier."""
    if volume is None or volume.is_whole or volume.tiers.measure is Measure.SPEND:
        return _sum(parts)
    if splits and volume.tiers.measure is Measure.QUANTITY:
        return _sum(_cut(parts, volume))
    step = volume.step_at(volume.before.used)
    return _sum([(units, step.of(price)) for units, price in parts])


def spend_cost(time: Ratio, volume: Volume, splits: bool) -> Ratio:
    """A cost in micros of the account's currency, each part by the factor of its tier."""
    count = volume.before.used
    if not splits:
        step = volume.step_at(count)
        return times(time, step.numerator, step.denominator)
    cost, left = NOTHING, time
    while left[0] > 0:
        step, threshold = volume.step_at(count), volume.next_threshold(count)
        part = left
        if threshold is not None and (threshold - count) * left[1] < left[0]:
            part = (threshold - count, 1)
        cost = add(cost, times(part, step.numerator, step.denominator))
        left = add(left, (-part[0], part[1]))
        count = count if threshold is None else threshold
    return cost


def advance_of(volume: Volume, service: Service, paid: int, spent_micros: int) -> int:
    """By how much a call moves the counter."""
    match volume.tiers.measure:
        case Measure.QUANTITY:
            return paid
        case Measure.CALLS:
            return paid if service is Service.SMS else min(paid, 1)
        case Measure.SPEND:
            return spent_micros


def _cut(parts: Sequence[Priced], volume: Volume) -> Iterator[Priced]:
    """The parts cut where the counter reaches another tier, each with the tier's price."""
    count = volume.before.used
    for units, price in parts:
        left = units
        while left:
            threshold = volume.next_threshold(count)
            within = left if threshold is None else min(left, threshold - count)
            yield within, volume.step_at(count).of(price)
            count += within
            left -= within


def _sum(parts: Sequence[Priced] | Iterator[Priced]) -> Ratio:
    cost = NOTHING
    for units, (numerator, denominator) in parts:
        cost = add(cost, (units * numerator, denominator))
    return cost
