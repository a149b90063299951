"""Terms of plans at random, each kind of them, small enough to be reached and used up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, TypeVar

from kernel.rounding import RoundingMode
from services.rating.domain.plans.conditions import Condition, Jurisdiction, Relation
from services.rating.domain.plans.plan import (
    FACTOR_ONE,
    BundleAllowance,
    BundleUnit,
    CounterPeriod,
    Crossing,
    DeckChoice,
    DurationTier,
    Measure,
    PlanRevision,
    PriceAdjustment,
    PriceCap,
    TierPrice,
    VolumeMode,
    VolumeTier,
    VolumeTiers,
)
from services.rating.domain.plans.rounding_rules import DurationRounding, PriceRule
from services.rating.domain.plans.time_bands import MINUTES_PER_DAY, TimeBand
from services.rating.domain.usage import Service
from tests.support.rating_oracle.local_time import MINUTE_MICROS, wall_clock
from tests.support.rating_oracle.random_money import random_amount, random_price

T = TypeVar("T")
SERVICES = (Service.VOICE, Service.VOICE, Service.VOICE, Service.SMS, Service.DATA)
FACTORS = (0, 333_333, 500_000, 900_000, 999_999, FACTOR_ONE, 1_210_000, 2_000_000)
QUANTITIES = {
    Service.VOICE: (1, 10, 45, 600),
    Service.SMS: (1, 3, 20),
    Service.DATA: (1, 700, 10**6, 25 * 10**6),
}


@dataclass(frozen=True)
class Circumstances:
    """What the terms of one tenant refer to."""

    time_zone: str
    moments: Sequence[int]
    numbers: Sequence[str]
    deck_ids: Sequence[str]
    calendar_ids: Sequence[str]


def random_revision(
    rng: Random, about: Circumstances, currency: str, **identity: Any
) -> PlanRevision:
    """The terms of a plan; half of all kinds of terms are missing."""
    bands = _bands(rng, about)
    terms = _Terms(rng, about, currency, tuple(band.code for band in bands))
    return PlanRevision(
        **identity,
        rate_deck_ids=_chain(rng, about),
        duration_rounding=rng.choice(list(DurationRounding)),
        price_rule=PriceRule(
            rng.choice(list(RoundingMode)), rng.choice([0, 1, 2, 2, 2, 3, 4, 4, 5, 6])
        ),
        monthly_fee_micros=0,
        time_zone=about.time_zone,
        time_bands=bands,
        crossing=rng.choice([Crossing.SPLIT, Crossing.SPLIT, Crossing.AT_START]),
        deck_choices=_several(rng, 0.25, 2, terms.deck_choice),
        adjustments=_several(rng, 0.55, 3, terms.adjustment),
        duration_tiers=terms.duration_tiers() if rng.random() < 0.3 else (),
        volume_tiers=_several(rng, 0.35, 2, terms.volume_tiers),
        bundles=_several(rng, 0.35, 3, terms.bundle),
        price_caps=_several(rng, 0.25, 2, terms.cap),
        minimum_charge_micros=random_amount(rng, currency) if rng.random() < 0.2 else 0,
    )


class _Terms:
    """Makes terms of each kind for one revision; `place` tells those of a kind apart."""

    def __init__(
        self, rng: Random, about: Circumstances, currency: str, bands: tuple[str, ...]
    ) -> None:
        self._rng, self._about, self._currency, self._bands = rng, about, currency, bands

    def condition(self, service: Service | None = None) -> Condition:
        rng, numbers = self._rng, self._about.numbers
        return Condition(
            service=service,
            time_bands=tuple(_some(rng, self._bands, 2)) if rng.random() < 0.55 else (),
            destination_prefixes=_prefixes(rng, numbers) if rng.random() < 0.2 else (),
            origin_prefixes=_prefixes(rng, numbers) if rng.random() < 0.15 else (),
            relations=tuple(_some(rng, list(Relation), 2)) if rng.random() < 0.15 else (),
            jurisdictions=tuple(_some(rng, list(Jurisdiction), 2)) if rng.random() < 0.1 else (),
        )

    def deck_choice(self, place: int) -> DeckChoice:
        del place
        when = self.condition()
        # One that always holds may not be published.
        when = self.condition(Service.VOICE) if when == Condition() else when
        return DeckChoice(when, _chain(self._rng, self._about))

    def adjustment(self, place: int) -> PriceAdjustment:
        rng = self._rng
        surcharge = random_price(rng, self._currency) // 10 * rng.choice([1, 1, -1])
        return PriceAdjustment(
            f"adjustment-{place}",
            self.condition(rng.choice([None, Service.VOICE])),
            rng.choice(FACTORS),
            rng.choice([0, 0, surcharge]),
            rng.random() < 0.5,
        )

    def duration_tiers(self) -> tuple[DurationTier, ...]:
        starts = sorted({self._rng.choice([0, 1, 60, 90, 300, 601, 7_200]) for _ in range(3)})
        return tuple(DurationTier(start, self.tier_price()) for start in starts)

    def tier_price(self, *, may_be_price: bool = True) -> TierPrice:
        if may_be_price and self._rng.random() < 0.4:
            return TierPrice(price_nanos=random_price(self._rng, self._currency))
        return TierPrice(self._rng.choice(FACTORS))

    def volume_tiers(self, place: int) -> VolumeTiers:
        rng = self._rng
        measure, mode = rng.choice(list(Measure)), rng.choice(list(VolumeMode))
        service = rng.choice(SERVICES)
        tiers = self._tiers(measure, mode, service)
        has_price = any(tier.price.price_nanos is not None for tier in tiers)
        is_settled_later = mode == VolumeMode.WHOLE_VOLUME
        is_bound = has_price or measure == Measure.QUANTITY or rng.random() < 0.5
        return VolumeTiers(
            f"tiers-{place}",
            self.condition(service if is_bound else None),
            measure,
            mode,
            tiers,
            CounterPeriod.BILLING if is_settled_later else rng.choice(list(CounterPeriod)),
            rng.random() < 0.4,
        )

    def _tiers(
        self, measure: Measure, mode: VolumeMode, service: Service
    ) -> tuple[VolumeTier, ...]:
        is_whole = mode == VolumeMode.WHOLE_VOLUME
        may_be_price = measure != Measure.SPEND and not (is_whole and measure == Measure.CALLS)
        starts = {0, *(self._threshold(measure, service) for _ in range(2))}
        return tuple(
            VolumeTier(
                start,
                TierPrice()
                if start == 0 and is_whole
                else self.tier_price(may_be_price=may_be_price),
            )
            for start in sorted(starts)
        )

    def _threshold(self, measure: Measure, service: Service) -> int:
        if measure == Measure.QUANTITY:
            return self._rng.choice(QUANTITIES[service]) * self._rng.randint(1, 5)
        if measure == Measure.CALLS:
            return self._rng.randint(1, 12)
        return random_amount(self._rng, self._currency, minutes=10)

    def bundle(self, place: int) -> BundleAllowance:
        rng = self._rng
        unit = rng.choice([BundleUnit.QUANTITY, BundleUnit.QUANTITY, BundleUnit.MONEY])
        return random_bundle(
            rng, self.condition(rng.choice(SERVICES)), unit, f"bundle-{place}", self._currency
        )

    def cap(self, place: int) -> PriceCap:
        del place
        amount = random_amount(self._rng, self._currency, minutes=2)
        return PriceCap(self.condition(), amount, self._rng.random() < 0.5)


def random_bundle(
    rng: Random, when: Condition, unit: BundleUnit, code: str, currency: str
) -> BundleAllowance:
    """Some units or some money; few calls use it up."""
    assert when.service is not None
    is_money = unit == BundleUnit.MONEY
    units = rng.choice(QUANTITIES[when.service]) * rng.randint(1, 4)
    return BundleAllowance(
        code=code,
        when=when,
        unit=unit,
        quantity=random_amount(rng, currency, minutes=10) if is_money else units,
        priority=rng.randint(0, 2),
        period=rng.choice(list(CounterPeriod)),
        rollover_periods=rng.choice([0, 0, 1, 3]),
        shared=rng.random() < 0.4,
        covers_connect_fee=not is_money and rng.random() < 0.5,
    )


def _bands(rng: Random, about: Circumstances) -> tuple[TimeBand, ...]:
    """Up to three that begin or end near a moment, and one for the rest of the time."""
    if rng.random() < 0.3:
        return ()
    some = [_band(rng, about, code) for code in ("peak", "evening", "feast")[: rng.randint(1, 3)]]
    return (*some, TimeBand("rest"))


def _band(rng: Random, about: Circumstances, code: str) -> TimeBand:
    moment = rng.choice(about.moments)
    clock = wall_clock(about.time_zone, moment // MINUTE_MICROS)
    begin = (clock.minute + rng.choice([0, rng.randint(-90, 90)])) % MINUTES_PER_DAY
    length = rng.choice([1, 7, 60, 600, MINUTES_PER_DAY, rng.randint(1, MINUTES_PER_DAY)])
    weekdays = tuple(sorted(_some(rng, range(1, 8), 5)))
    is_dated = rng.random() < 0.15
    return TimeBand(
        code,
        weekdays=weekdays if rng.random() < 0.5 else (),
        from_minute=begin,
        to_minute=(begin + length) % MINUTES_PER_DAY or MINUTES_PER_DAY,
        first_date=clock.day if is_dated else None,
        last_date=clock.day + timedelta(days=rng.randint(0, 2)) if is_dated else None,
        calendar_id=rng.choice(about.calendar_ids) if rng.random() < 0.2 else "",
        not_on_holidays_of=rng.choice(about.calendar_ids) if rng.random() < 0.2 else "",
    )


def _chain(rng: Random, about: Circumstances) -> tuple[str, ...]:
    """The first deck is of voice and usually the last that is asked."""
    others = _some(rng, about.deck_ids[1:], 3)
    return (*others, about.deck_ids[0]) if rng.random() < 0.9 else tuple(others)


def _prefixes(rng: Random, numbers: Sequence[str]) -> tuple[str, ...]:
    return tuple(number[: rng.randint(1, 6)] for number in _some(rng, numbers, 3))


def _several(rng: Random, share: float, most: int, make: Callable[[int], T]) -> tuple[T, ...]:
    count = rng.randint(1, most) if rng.random() < share else 0
    return tuple(make(place) for place in range(count))


def _some(rng: Random, values: Sequence[T], most: int) -> list[T]:
    return rng.sample(list(values), min(len(values), rng.randint(1, most)))
