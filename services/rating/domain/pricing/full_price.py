"""The price of a usage with all that terms can say: the steps of docs/concepts/pricing.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kernel.money import NANOS_PER_MICRO
from services.rating.domain.account import Customer
from services.rating.domain.allowances.bundles import Bundle, BundleUse, bundles_of, take
from services.rating.domain.allowances.volume import (
    Volume,
    advance_of,
    cost_of,
    spend_cost,
    volume_of,
)
from services.rating.domain.counters import CounterBook, CounterUse
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.exact import NOTHING, Ratio, add, larger, smaller, times
from services.rating.domain.plans.plan import BundleUnit, Measure, PriceCap
from services.rating.domain.priced_call import Usage
from services.rating.domain.pricing.conversions import Conversions
from services.rating.domain.pricing.rate_search import InForce, RateSearch
from services.rating.domain.pricing.segments import Segment, segments_of
from services.rating.domain.tariffs.price_steps import Step, holding
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.tariffs.terms import Terms
from services.rating.domain.usage import Service


class PricingCase(NamedTuple):
    """A usage with its first rate, whose price is to be computed."""

    usage: Usage
    customer: Customer
    tariff: Tariff
    search: RateSearch
    governing: Terms
    first: InForce
    charged: int

    @property
    def rate(self) -> Rate:
        """The first rate."""
        return self.first.found.rate


class FullPrice(NamedTuple):
    """A price, and all that it was worked out from."""

    conversions: Conversions
    covering: Sequence[BundleUse]
    """Bundles that pay for base units."""
    segments: Sequence[Segment]
    volume: Volume | None
    volume_use: CounterUse | None
    connect_fee_steps: Sequence[Step]
    cap: PriceCap | None
    exact_micros: Ratio
    """In the account's currency."""
    rounded_micros: int
    paying: Sequence[BundleUse]
    """Bundles of money that pay for the rounded amount."""
    amount_micros: int

    def counter_uses(self) -> tuple[CounterUse, ...]:
        """What it does to counters."""
        uses = [each.use for each in (*self.covering, *self.paying)]
        use = self.volume_use
        return (*uses, use) if use is not None and use.before != use.after else tuple(uses)


class _Paid(NamedTuple):
    """What the paid base units cost, in micros of the plan's currency."""

    segments: Sequence[Segment]
    volume: Volume | None
    time: Ratio
    advance: int
    """By how much the counter of graduated tiers moves."""


class ConnectFee(NamedTuple):
    """What being connected costs, in micros of the plan's currency, and how that was adjusted."""

    micros: Ratio
    steps: Sequence[Step]


def price_in_full(case: PricingCase, counters: CounterBook) -> FullPrice:
    """Bundles, time, connect fee, cap, minimum, exchange and rounding, one after the other."""
    usage, governing, currency = case.usage, case.governing, case.customer.account.currency
    band = _governing_band(case)
    conversions = Conversions(case.tariff.exchange, usage.start_micros)
    bundles = _bundles(case, band)
    covering = take(bundles, BundleUnit.QUANTITY, case.charged, counters)
    covered = _taken(covering)
    fee = connect_fee_of(case, covering, conversions)
    paid = _paid(case, covered, band, conversions, counters)
    cap = cap_of(case, band)
    exact = _limited(case, fee.micros, paid, cap)
    exact = conversions.convert(exact, governing.currency, currency)
    rounded = governing.revision.price_rule.round_micros(*exact)
    paying = take(bundles, BundleUnit.MONEY, rounded, counters)
    amount = rounded - _taken(paying)
    return FullPrice(
        conversions,
        covering,
        paid.segments,
        paid.volume,
        _volume_use(case, paid, covered, amount),
        fee.steps,
        cap,
        exact,
        rounded,
        paying,
        amount,
    )


def _governing_band(case: PricingCase) -> str:
    """The band in which the call begins, as the governing revision sees it."""
    if case.first.terms is case.governing:
        return case.first.band
    return case.governing.compiled.schedule.band_at(case.usage.begin_micros)


def _bundles(case: PricingCase, band: str) -> list[Bundle]:
    if not case.governing.revision.bundles and not case.customer.grants:
        return []
    return bundles_of(case.usage, band, case.customer, case.governing, case.tariff)


def _taken(uses: Sequence[BundleUse]) -> int:
    return sum(each.taken for each in uses)


def connect_fee_of(
    case: PricingCase, covering: Sequence[BundleUse], conversions: Conversions
) -> ConnectFee:
    """What being connected costs, in the plan's currency."""
    terms, band, found = case.first
    fee: Ratio = found.rate.connect_fee_micros, 1
    fee = conversions.convert(fee, found.version.currency, case.governing.currency)
    is_covered = bool(covering) and covering[0].bundle.allowance.covers_connect_fee
    if is_covered or not fee[0]:
        return ConnectFee(NOTHING, ())
    steps = holding(terms.compiled.connect_fee_adjustments, case.usage.facts, band)
    for step in steps:
        fee = step.of(fee)
    return ConnectFee(fee, steps)


def _paid(
    case: PricingCase, covered: int, band: str, conversions: Conversions, counters: CounterBook
) -> _Paid:
    """What the paid base units cost, each in its segment and volume tier."""
    usage, governing, first, charged = case.usage, case.governing, case.first, case.charged
    spans = [(0, first)]
    splits = governing.compiled.splits
    if splits and usage.service is Service.VOICE and covered < charged:
        spans = case.search.over_time(first, charged)
    segments = segments_of(spans, covered, charged, usage.facts, governing, conversions)
    volume = None
    if governing.revision.volume_tiers:
        volume = volume_of(usage, band, case.customer, governing, counters)
    cost = cost_of([(each.units, each.price) for each in segments], volume, splits)
    time = times(cost, 1, usage.service.unit_size * NANOS_PER_MICRO)
    if volume is None or volume.is_whole:
        return _Paid(segments, volume, time, 0)
    if volume.tiers.measure is not Measure.SPEND:
        advance = advance_of(volume, usage.service, charged - covered, 0)
        return _Paid(segments, volume, time, advance)
    currencies = governing.currency, case.customer.account.currency
    spent = conversions.convert(time, *currencies)
    unit = conversions.convert((1, 1), *currencies)
    time = times(spend_cost(spent, volume, splits), unit[1], unit[0])
    return _Paid(segments, volume, time, governing.revision.price_rule.round_micros(*spent))


def cap_of(case: PricingCase, band: str) -> PriceCap | None:
    """The first cap that holds."""
    for cap in case.governing.revision.price_caps:
        if cap.when.holds_at(case.usage.facts, band):
            return cap
    return None


def _limited(case: PricingCase, fee: Ratio, paid: _Paid, cap: PriceCap | None) -> Ratio:
    """Connect fee and time, not above the cap and not below the minimum charge."""
    time = paid.time
    if cap is not None and not cap.includes_connect_fee:
        time = smaller(time, (cap.amount_micros, 1))
    exact = add(fee, time)
    if cap is not None and cap.includes_connect_fee:
        exact = smaller(exact, (cap.amount_micros, 1))
    minimum = case.governing.revision.minimum_charge_micros
    if minimum and (paid.segments or fee[0]):
        exact = larger(exact, (minimum, 1))
    return exact


def _volume_use(case: PricingCase, paid: _Paid, covered: int, amount: int) -> CounterUse | None:
    volume = paid.volume
    if volume is None:
        return None
    if not volume.is_whole:
        return volume.use(paid.advance)
    advance = advance_of(volume, case.usage.service, case.charged - covered, amount)
    return volume.use(advance, amount)
