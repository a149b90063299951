"""The amounts of calls whose rates are found, by arithmetic on columns: of all groups in one pass.

Groups lie one after the other. What tells them apart are figures, fetched for each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from services.rating.domain.bulk.column_group import (
    Bools,
    ColumnGroup,
    GroupCalls,
    GroupTerms,
    Places,
)
from services.rating.domain.bulk.column_lane import (
    NEVER,
    Figures,
    Lane,
    TierFigures,
)
from services.rating.domain.bulk.column_timeline import Timeline
from services.rating.domain.decks.prefix_table import Int64s
from services.rating.domain.plans.time_bands import NO_BAND
from services.rating.domain.quantity import MS_PER_SECOND

__all__ = ["Bools", "CallTimes", "ColumnGroup", "GroupCalls", "GroupTerms", "Places"]
__all__ += ["price_groups"]

# A call that crosses more bands takes the scalar path.
PIECES_MAX = 8


class CallTimes(NamedTuple):
    """When calls are, by their places in the batch."""

    begins_micros: Int64s
    durations_ms: Int64s
    until_micros: Int64s
    """Until when each customer keeps its plan."""


def price_groups(
    groups: Sequence[GroupCalls], times: CallTimes
) -> tuple[list[ColumnGroup], list[Places]]:
    """Price calls; those that do not fit are given back for the scalar path."""
    lanes = [Lane.of(group.common) for group in groups]
    rest = [group.places for group, lane in zip(groups, lanes, strict=True) if lane is None]
    known = [(lane, group) for lane, group in zip(lanes, groups, strict=True) if lane is not None]
    if not known:
        return [], rest
    pricing = _Pricing(known, times)
    fits = pricing.fits()
    if fits.all():
        return pricing.priced(), rest
    rest.append(pricing.places[~fits])
    fitting = [
        (lane, group.select(fits[part]))
        for (lane, group), part in zip(known, pricing.parts, strict=True)
        if fits[part].any()
    ]
    return (_Pricing(fitting, times).priced() if fitting else []), rest


class _Pricing:
    def __init__(self, groups: Sequence[tuple[Lane, GroupCalls]], times: CallTimes) -> None:
        self._groups = groups
        sizes = [len(group.rows) for _, group in groups]
        self._sizes = sizes
        self.parts = [slice(*ends) for ends in pairwise(accumulate(sizes, initial=0))]
        self.places = np.concatenate([group.places for _, group in groups])
        self._begins = times.begins_micros[self.places]
        self._durations = times.durations_ms[self.places]
        self._charged = self._charged_seconds()
        seconds = self._of_lanes([lane.second_micros for lane, _ in groups])
        self._ends = self._begins + (self._charged - 1) * seconds
        self._until = times.until_micros[self.places]
        self._prices, self._fees = self._of_rates("prices"), self._of_rates("connect_fees")
        self._bands = np.full(len(self.places), NO_BAND, np.int32)
        self._crossings = np.zeros(len(self.places), np.intp)
        self._timelines = [self._timeline(*each) for each in zip(groups, self.parts, strict=True)]
        self._set_figures()

    def _of_rates(self, name: str) -> Int64s:
        """A column of the decks, for each call."""
        columns = [getattr(group.common.table, name).take(group.rows) for _, group in self._groups]
        return np.concatenate(columns)

    def _of_lanes(self, values: Sequence[int]) -> Int64s | int:
        """A value of each group, for each call."""
        if all(value == values[0] for value in values):
            return values[0]
        return np.repeat(values, self._sizes)

    def _charged_seconds(self) -> Int64s:
        shifts = self._of_lanes([lane.duration_shift for lane, _ in self._groups])
        seconds = (self._durations + shifts) // MS_PER_SECOND
        first, step = self._of_rates("first_increments"), self._of_rates("next_increments")
        beyond_first = np.maximum(seconds, self._of_rates("minimums")) - first
        charged: Int64s = first + np.maximum(-(-beyond_first // step), 0) * step
        return charged

    def _timeline(self, group: tuple[Lane, GroupCalls], part: slice) -> Timeline | None:
        """Where the calls of a group lie between bands, if it has any."""
        compiled = group[0].common.terms.compiled
        if not compiled.has_bands:
            return None
        timeline = Timeline.of(compiled.schedule, self._begins[part], self._ends[part])
        self._bands[part] = timeline.bands[timeline.first]
        self._crossings[part] = timeline.crossings
        return timeline

    def _set_figures(self) -> None:
        """Fetch what holds for each call: the figures of its group in the band of its begin."""
        lanes = [lane for lane, _ in self._groups]
        counts = [lane.figures.shape[1] for lane in lanes]
        # A group's cells are its bands, then the one of NO_BAND.
        self._cells = list(accumulate(counts[:-1], initial=0))
        cells = self._bands % np.repeat(counts, self._sizes)
        self._begin_cells = cells + np.repeat(self._cells, self._sizes)
        figures = np.concatenate([lane.figures for lane in lanes], axis=1)
        self._figures = Figures[Int64s](*figures.take(self._begin_cells, axis=1))
        self._tiers = [
            TierFigures[Int64s](*np.concatenate([lane.tier(number) for lane in lanes], axis=1))
            for number in range(max(len(lane.tiers) for lane in lanes))
        ]

    def fits(self) -> Bools:
        """Which calls keep their terms to the end, cross few bands and stay within 64 bits."""
        changes = self._of_lanes([lane.until_micros for lane, _ in self._groups])
        fitting: Bools = self._ends < np.minimum(self._until, changes)
        longest, dearest = int(self._charged.max()), int(self._prices.max())
        highest_fee = int(self._fees.max())
        for (lane, _), part in zip(self._groups, self.parts, strict=True):
            if not lane.fits(longest, dearest, highest_fee):
                figures = self._charged[part], self._prices[part], self._fees[part]
                fitting[part] &= lane.fitting(*figures)
        if self._crossings.max() >= PIECES_MAX:
            fitting &= self._crossings < PIECES_MAX
        return fitting

    def priced(self) -> list[ColumnGroup]:
        """The amounts of calls that fit."""
        plan_amounts = self._limited(self._fees * self._figures.fee_factor, self._time())
        charged, amounts = self._charged, self._rounded(plan_amounts)
        in_grace = self._in_grace()
        if in_grace.any():
            charged, amounts = np.where(in_grace, 0, charged), np.where(in_grace, 0, amounts)
        return [
            ColumnGroup(
                group.common,
                group.places,
                group.rows,
                self._durations[part],
                charged[part],
                amounts[part],
                plan_amounts[part],
                lane.scale,
                self._bands[part],
                self._crossings[part],
                in_grace[part],
            )
            for (lane, group), part in zip(self._groups, self.parts, strict=True)
        ]

    def _in_grace(self) -> Bools:
        if not any(group.common.table.has_graces for _, group in self._groups):
            return np.zeros(len(self.places), np.bool_)
        graces = self._of_rates("graces") * MS_PER_SECOND
        in_grace: Bools = (self._durations > 0) & (self._durations <= graces)
        return in_grace

    def _time(self) -> Int64s:
        """What all charged seconds cost."""
        total = self._cost(0, self._charged, self._begin_cells, self._prices)
        groups = zip(self._groups, self.parts, self._timelines, self._cells, strict=True)
        for (lane, _), part, timeline, first_cell in groups:
            if timeline is None:
                continue
            count, of_group, prices = lane.figures.shape[1], total[part], self._prices[part]
            for calls, seconds, before, bands in timeline.each_crossing():
                # From there on the call costs what the next band makes of it.
                rest = seconds, self._charged[part][calls]
                of_calls = prices[calls]
                dearer = self._cost(*rest, bands % count + first_cell, of_calls)
                of_group[calls] += dearer - self._cost(*rest, before % count + first_cell, of_calls)
        return total

    def _cost(self, begin: Int64s | int, end: Int64s, cells: Places, prices: Int64s) -> Int64s:
        """The seconds from begin to end, each at the price of its duration tier in its band."""
        if len(self._tiers) == 1:
            return (end - begin) * _unit_prices(self._tiers[0], cells, prices)
        cost = np.zeros(len(end), np.int64)
        untils: list[Int64s | int] = [*(tier.start[cells] for tier in self._tiers[1:]), NEVER]
        for tier, until in zip(self._tiers, untils, strict=True):
            seconds = np.minimum(end, until) - np.maximum(begin, tier.start[cells])
            cost += np.maximum(seconds, 0) * _unit_prices(tier, cells, prices)
        return cost

    def _limited(self, fees: Int64s, time: Int64s) -> Int64s:
        """Connect fee and time, not above the cap and not below the minimum charge."""
        figures = self._figures
        amounts = np.minimum(fees + np.minimum(time, figures.time_cap), figures.cap)
        limited: Int64s = np.maximum(amounts, figures.minimum_charge)
        return limited

    def _rounded(self, plan_amounts: Int64s) -> Int64s:
        """Amounts of the plans' currencies as micros of the accounts', rounded once."""
        figures = self._figures
        quotients, remainders = np.divmod(plan_amounts * figures.to_account, figures.denominator)
        up_from = figures.up_from - (quotients & figures.is_to_even)
        rounded: Int64s = (quotients + (remainders >= up_from)) * figures.step_micros
        return rounded


def _unit_prices(tier: TierFigures[Int64s], cells: Places, prices: Int64s) -> Int64s:
    """What a second costs, in scale.prices parts of a nano for a minute."""
    values = prices * tier.factor[cells]
    if tier.constant.any() or tier.least.any():
        values = np.maximum(values + tier.constant[cells], tier.least[cells])
    return values
