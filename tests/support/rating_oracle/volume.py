"""Volume tiers: where a call stands in them, and how far it moves the counter."""

from fractions import Fraction
from typing import TYPE_CHECKING

from services.rating.domain.plans.plan import (
    FACTOR_ONE,
    Crossing,
    Measure,
    TierPrice,
    VolumeMode,
    VolumeTiers,
)
from services.rating.domain.usage import Service
from tests.support.rating_oracle import rounding
from tests.support.rating_oracle.counters import Changes, Count, Counters, Key

if TYPE_CHECKING:
    from tests.support.rating_oracle.prices import Call


class Volume:
    """The set of tiers that applies to a call, if any, and the count before it."""

    def __init__(self, call: "Call", counters: Counters) -> None:
        self._call = call
        sets = call.governing.volume_tiers
        self._set = next((each for each in sets if call.holds_at_begin(each.when)), None)
        self._before = counters.get(self._key(self._set), Count()) if self._set else Count()

    def price_of_unit(self, place: int) -> TierPrice:
        """What the tier makes of the price of a paid unit, counted from 0."""
        tiers = self._graduated()
        if tiers is None or tiers.measure == Measure.SPEND:
            return TierPrice()
        is_whole = tiers.measure == Measure.CALLS or self._is_at_start
        return _tier_at(tiers, self._before.used + (0 if is_whole else place))

    def thresholds(self) -> list[int]:
        """The paid units that may be the first of a tier."""
        tiers = self._graduated()
        return [tier.from_count - self._before.used for tier in tiers.tiers] if tiers else []

    def time_cost(self, time_micros: Fraction) -> Fraction:
        """The time cost in the account's currency, cut at thresholds of spending."""
        tiers = self._graduated()
        if tiers is None or tiers.measure != Measure.SPEND:
            return time_micros
        position = self._before.used
        if self._is_at_start:
            return time_micros * factor(_tier_at(tiers, position).factor_millionths)
        total = Fraction(0)
        ends = [tier.from_count for tier in tiers.tiers[1:]]
        stop = position + time_micros
        for tier, end in zip(tiers.tiers, [*ends, None], strict=True):
            upper = stop if end is None else min(Fraction(end), stop)
            part = max(upper - max(tier.from_count, position), Fraction(0))
            total += part * factor(tier.price.factor_millionths)
        return total

    def advance(self, paid: int, time_micros: Fraction, amount_micros: int) -> Changes:
        """What the call adds to the counter."""
        if self._set is None:
            return {}
        is_sealed_later = self._set.mode == VolumeMode.WHOLE_VOLUME
        rule = self._call.governing.price_rule
        if self._set.measure == Measure.QUANTITY:
            used = paid
        elif self._set.measure == Measure.CALLS:
            used = paid if self._call.usage.service == Service.SMS else min(paid, 1)
        elif is_sealed_later:
            used = amount_micros
        else:
            used = rounding.to_decimals(time_micros, rule.mode.name, rule.decimals)
        return {self._key(self._set): Count(0, used, amount_micros if is_sealed_later else 0)}

    @property
    def _is_at_start(self) -> bool:
        return self._call.governing.crossing == Crossing.AT_START

    def _graduated(self) -> VolumeTiers | None:
        is_graduated = self._set is not None and self._set.mode == VolumeMode.GRADUATED
        return self._set if is_graduated else None

    def _key(self, tiers: VolumeTiers) -> Key:
        call = self._call
        owner = call.customer.payer if tiers.shared else call.customer.account
        span = call.counter_span(tiers.period)
        return Key(owner.account_id, call.governing.plan_id, tiers.code, *span)


def factor(millionths: int) -> Fraction:
    """A factor as plans write it."""
    return Fraction(millionths, FACTOR_ONE)


def _tier_at(tiers: VolumeTiers, count: int) -> TierPrice:
    return [tier.price for tier in tiers.tiers if tier.from_count <= count][-1]
