"""Plans and their revisions: the terms of what customers subscribe to, never edited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.rounding_rules import DurationRounding, PriceRule
from services.rating.domain.plans.time_bands import TimeBand

RATE_DECKS_MAX = 16
# A thousand million units: far above any fee or cap, low enough to be rounded up in 64 bits.
AMOUNT_MICROS_MAX = 10**15
# What a bundle holds or a tier begins at, in seconds, messages, bytes or micros.
COUNT_MAX = 10**18
FACTOR_ONE = 10**6
FACTOR_MILLIONTHS_MAX = 1_000 * FACTOR_ONE
TIERS_MAX = 16
DURATION_TIER_SECONDS_MAX = 86_400
ROLLOVER_PERIODS_MAX = 31
# Adjustments, choices, bundles, caps and so on of one revision, each kind by itself.
TERMS_OF_A_KIND_MAX = 64
# Of all terms as they are stored: a page of 500 revisions fits into one message.
TERMS_BYTES_MAX = 32_000


class Crossing(IntEnum):
    """How a call is priced whose terms change while it runs; see tollbook.rating.v1.Crossing."""

    SPLIT = 1
    """Each charged second by what is in force when that second begins."""
    AT_START = 2
    """The whole call by what is in force when it begins."""


class TierPrice(NamedTuple):
    """What a tier makes of a price: a factor on it, or a price in its place."""

    factor_millionths: int = FACTOR_ONE
    price_nanos: int | None = None
    """Of the service's unit, in the plan's currency; takes the place of all before it."""


class Measure(IntEnum):
    """What a volume counter counts; the values are those of tollbook.rating.v1.Measure."""

    QUANTITY = 1
    """Charged base units that no bundle paid for: seconds, messages, bytes."""
    CALLS = 2
    """Charged calls or messages, each 1."""
    SPEND = 3
    """Micros of the account's currency."""


class VolumeMode(IntEnum):
    """Which usage a tier prices; the values are those of tollbook.rating.v1.VolumeMode."""

    GRADUATED = 1
    """The usage within the tier, as it is used."""
    WHOLE_VOLUME = 2
    """All usage of the period, settled as one adjustment when the period is sealed."""


class CounterPeriod(IntEnum):
    """How long a counter counts; the values are those of tollbook.rating.v1.CounterPeriod."""

    BILLING = 1
    """The payer's billing period."""
    DAY = 2
    """These begin at local midnight of the plan's time zone."""
    WEEK = 3
    """From Monday."""
    MONTH = 4


class BundleUnit(IntEnum):
    """What a bundle holds; the values are those of tollbook.rating.v1.BundleUnit."""

    QUANTITY = 1
    """Base units of its service: seconds, messages, bytes."""
    MONEY = 2
    """Micros of the account's currency."""


@dataclass(frozen=True, slots=True)
class DeckChoice:
    """Other decks than the plan's own where a condition holds; the first choice that does."""

    when: Condition
    rate_deck_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PriceAdjustment:
    """A discount, a surcharge, or both: price x factor + surcharge, wherever a condition holds."""

    code: str
    when: Condition
    factor_millionths: int = FACTOR_ONE
    surcharge_nanos: int = 0
    """Per unit of the service, in the plan's currency; may be negative. No price falls below 0."""
    includes_connect_fee: bool = False
    """Whether the factor applies to the connect fee too, by the band in which the call begins."""


@dataclass(frozen=True, slots=True)
class DurationTier:
    """Another price of voice from a second of the call on; the last tier reached applies."""

    from_quantity: int
    price: TierPrice


@dataclass(frozen=True, slots=True)
class VolumeTier:
    """Another price from a count of the counter on."""

    from_count: int
    price: TierPrice


@dataclass(frozen=True, slots=True)
class VolumeTiers:
    """Prices that depend on how much was used in a period. The first set that holds applies."""

    code: str
    when: Condition
    """Its time band is that in which the call begins."""
    measure: Measure
    mode: VolumeMode
    tiers: tuple[VolumeTier, ...]
    """From 0 on, ascending. SPEND knows factors only; WHOLE_VOLUME begins with a factor of 1."""
    period: CounterPeriod = CounterPeriod.BILLING
    shared: bool = False
    """One counter for all accounts of the payer."""


@dataclass(frozen=True, slots=True)
class BundleAllowance:
    """What is included in each period before anything is charged."""

    code: str
    when: Condition
    """Its time band is that in which the call begins; a bundle of units is of one service."""
    unit: BundleUnit
    quantity: int
    priority: int = 0
    """Lower ones are used up first; then those whose validity ends first; then by code."""
    period: CounterPeriod = CounterPeriod.BILLING
    rollover_periods: int = 0
    """For how many periods what is left may still be used."""
    shared: bool = False
    covers_connect_fee: bool = False


@dataclass(frozen=True, slots=True)
class PriceCap:
    """The most that one call costs where a condition holds; the first cap that does."""

    when: Condition
    """Its time band is that in which the call begins; the cap covers all bands of the call."""
    amount_micros: int
    includes_connect_fee: bool


@dataclass(frozen=True, slots=True)
class Fee:
    """A one-off fee that may be charged, e.g. for a number's set-up."""

    code: str
    display_name: str
    amount_micros: int


@dataclass(frozen=True, slots=True)
class ResoldPlan:
    """What a reseller pays for each subscription to a plan that is sold below it."""

    plan_id: str
    monthly_fee_micros: int


@dataclass(frozen=True, slots=True)
class PlanRevision:
    """The terms of a plan from its effective time on."""

    plan_revision_id: str
    plan_id: str
    revision: int
    effective_time: datetime
    rate_deck_ids: tuple[str, ...]
    """In the order in which they are asked for a number; a deck is asked for its service only."""
    duration_rounding: DurationRounding
    price_rule: PriceRule
    monthly_fee_micros: int
    time_zone: str = "UTC"
    """IANA zone of the time bands and of counters by day, week or month."""
    time_bands: tuple[TimeBand, ...] = ()
    crossing: Crossing = Crossing.SPLIT
    deck_choices: tuple[DeckChoice, ...] = ()
    adjustments: tuple[PriceAdjustment, ...] = ()
    duration_tiers: tuple[DurationTier, ...] = ()
    volume_tiers: tuple[VolumeTiers, ...] = ()
    bundles: tuple[BundleAllowance, ...] = ()
    price_caps: tuple[PriceCap, ...] = ()
    minimum_charge_micros: int = 0
    fees: tuple[Fee, ...] = ()
    margin_floor_millionths: int | None = None
    """The least margin, as a share of the selling price; None for no floor."""
    resold_plans: tuple[ResoldPlan, ...] = ()

    @property
    def conditions(self) -> Iterator[Condition]:
        """Every condition that decides a price."""
        for terms in (
            self.deck_choices,
            self.adjustments,
            self.volume_tiers,
            self.bundles,
            self.price_caps,
        ):
            yield from (each.when for each in terms)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a customer subscribes to."""

    plan_id: str
    code: str
    display_name: str
    currency: str
    create_time: datetime
