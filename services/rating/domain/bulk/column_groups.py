"""Calls of the same terms whose rates are in one deck: their amounts, by arithmetic on columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from services.rating.domain.bulk.column_amounts import PriceFormula, Scale, time_fits
from services.rating.domain.bulk.column_group import (
    Bools,
    ColumnGroup,
    GroupCalls,
    GroupTerms,
    Places,
)
from services.rating.domain.decks.prefix_table import Int32s, Int64s
from services.rating.domain.exact import Ratio
from services.rating.domain.plans.rounding_rules import DurationRounding
from services.rating.domain.quantity import MS_PER_SECOND

__all__ = ["Bools", "ColumnGroup", "GroupCalls", "GroupTerms", "Places", "price_group"]

MICROS_PER_SECOND = 10**6
# A call that crosses more bands takes the scalar path.
PIECES_MAX = 8
_NEVER = 2**62
_DURATION_SHIFTS = {
    DurationRounding.UP: MS_PER_SECOND - 1,
    DurationRounding.DOWN: 0,
    DurationRounding.HALF_UP: MS_PER_SECOND // 2,
}


def price_group(common: GroupTerms, calls: GroupCalls) -> tuple[ColumnGroup | None, Places]:
    """Price calls; those that do not fit are given back for the scalar path."""
    group = _Group(common, calls)
    if not group.can_be_priced:
        return None, calls.places
    fits = group.fits()
    if fits.all():
        return group.priced(), calls.places[:0]
    if not fits.any():
        return None, calls.places
    return _Group(common, calls.select(fits)).priced(), calls.places[~fits]


class _Group:
    def __init__(self, common: GroupTerms, calls: GroupCalls) -> None:
        self._common, self._calls = common, calls
        table, rows = common.table, calls.rows
        self._prices = table.prices[rows]
        self._fees = table.connect_fees[rows]
        self._charged = self._charged_seconds()
        self._lasts = calls.begins_micros + (self._charged - 1) * MICROS_PER_SECOND
        self._place_in_time()
        self._set_prices()

    def _charged_seconds(self) -> Int64s:
        table, rows = self._common.table, self._calls.rows
        rounding = self._common.terms.revision.duration_rounding
        seconds = (self._calls.durations_ms + _DURATION_SHIFTS[rounding]) // MS_PER_SECOND
        first = table.first_increments[rows]
        beyond_first = np.maximum(seconds, table.minimums[rows]) - first
        step = table.next_increments[rows]
        charged: Int64s = first + np.maximum(-(-beyond_first // step), 0) * step
        return charged

    def _place_in_time(self) -> None:
        """In which piece of the timeline of bands each call begins and ends."""
        compiled, begins = self._common.terms.compiled, self._calls.begins_micros
        if not compiled.has_bands:
            self._starts, self._bands = np.zeros(1, np.int64), np.full(1, -1, np.int32)
            self._first = self._last = self._crossings = np.zeros(len(begins), np.intp)
            self._longest_crossing = 0
            return
        span = int(begins.min()), int(self._lasts.max()) + 1
        self._starts, self._bands = compiled.schedule.timeline(*span)
        self._first = np.searchsorted(self._starts, begins, side="right") - 1
        self._last = self._first
        if compiled.splits:
            self._last = np.searchsorted(self._starts, self._lasts, side="right") - 1
        self._crossings = self._last - self._first
        self._longest_crossing = int(self._crossings.max())

    def _set_prices(self) -> None:
        """The formula of each band and tier, and the scale that all of them fit."""
        situation, common = self._common.situation, self._common
        count = int(self._last.max()) + 1
        self._used = sorted(set(self._bands[int(self._first.min()) : count].tolist()))
        self._formulas = {
            band: [
                PriceFormula.of(common.to_plan[:2], (tier.step, *situation.bands[band].steps))
                for tier in situation.tiers
            ]
            for band in self._used
        }
        self._connect_fees = {
            band: _product(common.to_plan[:2], situation.bands[band].connect_fee)
            for band in self._used
        }
        denominators = [each.denominator for each in self._all_formulas]
        denominators += [fee[1] for fee in self._connect_fees.values()]
        self._scale = Scale.of(denominators, common.unit, common.to_account[:2])

    @property
    def _all_formulas(self) -> list[PriceFormula]:
        return [formula for formulas in self._formulas.values() for formula in formulas]

    @property
    def can_be_priced(self) -> bool:
        """Whether what the calls have in common fits 64 bits."""
        revision, scale = self._common.terms.revision, self._scale
        return (
            scale.can_round(revision.price_rule)
            and scale.scaled(revision.minimum_charge_micros) <= scale.amount_max
        )

    def fits(self) -> Bools:
        """Which calls keep their terms to the end, cross few bands and stay within 64 bits."""
        terms, calls = self._common.terms, self._calls
        until = np.minimum(calls.until_micros, terms.until_micros or _NEVER)
        fee_max = max(map(self._connect_fee_factor, self._used))
        end = self._lasts if terms.compiled.splits else calls.begins_micros
        fitting = time_fits(self._charged, self._prices, self._all_formulas, self._scale)
        fitting &= end < until
        fitting &= self._fees <= self._scale.amount_max // max(fee_max, 1)
        if self._longest_crossing >= PIECES_MAX:
            fitting &= self._crossings < PIECES_MAX
        return fitting

    def priced(self) -> ColumnGroup:
        """The amounts of calls that fit."""
        common, calls, scale = self._common, self._calls, self._scale
        rule = common.terms.revision.price_rule
        bands = self._bands[self._first]
        plan_amounts = self._limited(self._connect_fee(bands), self._time(), bands)
        amounts = scale.round(plan_amounts, rule)
        graces = common.table.graces[calls.rows] * MS_PER_SECOND
        in_grace = (calls.durations_ms > 0) & (calls.durations_ms <= graces)
        charged = self._charged
        if in_grace.any():
            charged, amounts = np.where(in_grace, 0, charged), np.where(in_grace, 0, amounts)
        return ColumnGroup(
            common,
            calls.places,
            calls.rows,
            calls.durations_ms,
            charged,
            amounts,
            plan_amounts,
            scale,
            bands,
            self._crossings,
            in_grace,
        )

    def _connect_fee_factor(self, band: int) -> int:
        """What makes micros of the deck's currency the connect fee of a call that begins there."""
        numerator, denominator = self._connect_fees[band]
        return self._scale.plan * numerator // denominator

    def _connect_fee(self, bands: Int32s) -> Int64s:
        return _by_band(
            bands, {band: self._fees * self._connect_fee_factor(band) for band in self._used}
        )

    def _time(self) -> Int64s:
        """What all charged seconds cost, in scale.plan parts of a micro."""
        prices = {
            band: [formula.numerators(self._prices, self._scale.prices) for formula in formulas]
            for band, formulas in self._formulas.items()
        }
        crossings = self._crossings
        if not self._longest_crossing:
            begin = np.zeros(len(crossings), np.int64)
            costs = {band: self._cost(begin, self._charged, each) for band, each in prices.items()}
            return _by_band(self._bands[self._first], costs)
        total = np.zeros(len(crossings), np.int64)
        for crossing in range(self._longest_crossing + 1):
            calls = np.flatnonzero(crossings >= crossing)
            piece = self._first[calls] + crossing
            begin = self._second_of(piece, calls) if crossing else np.zeros(len(calls), np.int64)
            end = self._charged[calls]
            goes_on = np.flatnonzero(crossings[calls] > crossing)
            end[goes_on] = self._second_of(piece[goes_on] + 1, calls[goes_on])
            costs = {
                band: self._cost(begin, end, [price[calls] for price in of_tiers])
                for band, of_tiers in prices.items()
            }
            total[calls] += _by_band(self._bands[piece], costs)
        return total

    def _second_of(self, piece: Places, calls: Places) -> Int64s:
        """The first second of each call that begins in a piece of the timeline."""
        offsets = self._starts[piece] - self._calls.begins_micros[calls]
        seconds: Int64s = -(-offsets // MICROS_PER_SECOND)
        return seconds

    def _cost(self, begin: Int64s, end: Int64s, prices: Sequence[Int64s]) -> Int64s:
        """The seconds from begin to end, each at the price of its duration tier."""
        if len(prices) == 1:
            return (end - begin) * prices[0]
        starts = [tier.start for tier in self._common.situation.tiers]
        cost = np.zeros(len(end), np.int64)
        for start, until, price in zip(starts, [*starts[1:], _NEVER], prices, strict=True):
            seconds = np.minimum(end, until) - np.maximum(begin, start)
            cost += np.maximum(seconds, 0) * price
        return cost

    def _limited(self, fee: Int64s, time: Int64s, bands: Int32s) -> Int64s:
        """Connect fee and time, not above the cap and not below the minimum charge."""

        def below_cap(band: int) -> Int64s:
            cap = self._common.situation.bands[band].cap
            ceiling = self._scale.scaled(cap.amount_micros) if cap else _NEVER
            below: Int64s = fee + time
            if cap is not None and ceiling <= 2 * self._scale.amount_max:
                includes_fee = cap.includes_connect_fee
                of_time = fee + np.minimum(time, ceiling)
                below = np.minimum(below, ceiling) if includes_fee else of_time
            return below

        minimum = self._common.terms.revision.minimum_charge_micros
        amounts = _by_band(bands, {band: below_cap(band) for band in self._used})
        return np.maximum(amounts, self._scale.scaled(minimum)) if minimum else amounts


def _by_band(bands: Int32s, values: Mapping[int, Int64s]) -> Int64s:
    """Each call's value in its band."""
    (_, result), *others = values.items()
    for band, value in others:
        result = np.where(bands == band, value, result)
    return result


def _product(left: Ratio, right: Ratio) -> Ratio:
    return left[0] * right[0], left[1] * right[1]
