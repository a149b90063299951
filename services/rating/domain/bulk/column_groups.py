"""The amounts of calls whose rates are found, by arithmetic on columns: of all groups in one pass.

Groups lie one after the other. What tells them apart are figures, fetched for each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, groupby, pairwise
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.rating.domain.account import NEVER
from services.rating.domain.bulk.column_group import Bools, ColumnGroup, GroupTerms, Places
from services.rating.domain.bulk.column_lane import Column, Lane, Lanes, TierFigures
from services.rating.domain.bulk.column_timeline import Timeline
from services.rating.domain.decks.prefix_table import Int64s, PrefixTable
from services.rating.domain.plans.time_bands import NO_BAND
from services.rating.domain.quantity import MS_PER_SECOND

__all__ = ["Bools", "CallTimes", "ColumnGroup", "GroupCalls", "GroupTerms", "Places"]
__all__ += ["PricedGroups", "price_groups"]

# A call that crosses more bands takes the scalar path.
PIECES_MAX = 8


class CallTimes(NamedTuple):
    """When calls are, by their places in the batch."""

    begins_micros: Int64s
    durations_ms: Int64s
    customer_places: npt.NDArray[np.integer]
    untils_micros: Sequence[int]
    """Until when each customer keeps its plan."""

    def untils_of(self, places: Places) -> Int64s:
        """Until when the customers of some calls keep their plans."""
        untils: Int64s = np.array(self.untils_micros, np.int64)[self.customer_places[places]]
        return untils


class GroupCalls(NamedTuple):
    """Calls of a lane whose rates are in one deck."""

    lane: Lane
    places: Places
    """In the batch."""
    rows: Places
    """Of the deck."""

    @property
    def table(self) -> PrefixTable:
        """The deck."""
        return self.lane.common.table

    def select(self, which: Bools) -> GroupCalls:
        """Some of the calls."""
        return GroupCalls(self.lane, self.places[which], self.rows[which])


class PricedGroups(NamedTuple):
    """Groups that were priced in one pass, and the columns of all of them."""

    groups: Sequence[ColumnGroup]
    places: Places
    charged: Int64s
    amounts: Int64s


def price_groups(
    groups: Sequence[GroupCalls], times: CallTimes
) -> tuple[PricedGroups | None, Places | None]:
    """Price calls; those that do not fit are given back for the scalar path."""
    pricing = _Pricing(groups, times)
    fits = None if pricing.all_fit() else pricing.fitting()
    if fits is None or fits.all():
        return pricing.priced(), None
    fitting = [
        group.select(fits[part])
        for group, part in zip(groups, pricing.parts, strict=True)
        if fits[part].any()
    ]
    return _Pricing(fitting, times).priced() if fitting else None, pricing.places[~fits]


class _Pricing:
    def __init__(self, groups: Sequence[GroupCalls], times: CallTimes) -> None:
        self._groups = groups
        self._times = times
        self._lanes = Lanes.of([group.lane for group in groups])
        self._sizes = [len(group.rows) for group in groups]
        self.parts = [slice(*ends) for ends in pairwise(accumulate(self._sizes, initial=0))]
        self.places = np.concatenate([group.places for group in groups])
        self._decks = _rows_by_deck(groups)
        self._begins = times.begins_micros.take(self.places)
        self._durations = times.durations_ms.take(self.places)
        self._charged = self._charged_seconds()
        self._ends = self._begins + (self._charged - 1) * self._of_calls(self._lanes.second_micros)
        self._last = int(self._ends.max())
        self._prices, self._fees = self._of_rates("prices"), self._unless_0("connect_fees")
        self._bands = np.full(len(self.places), NO_BAND, np.int32)
        self._crossings = np.zeros(len(self.places), np.intp)
        self._timelines = [self._timeline(*each) for each in zip(groups, self.parts, strict=True)]
        first_cells = self._lanes.first_cells.repeat(self._sizes)
        self._cells: Places = np.add(first_cells, self._bands, dtype=np.intp)

    def _of_rates(self, name: str) -> Int64s:
        """A column of the decks, for each call."""
        columns = [getattr(table, name).take(rows) for table, rows in self._decks]
        return columns[0] if len(columns) == 1 else np.concatenate(columns)

    def _unless_0(self, name: str) -> Int64s | int:
        """The same, or 0 where no rate of these decks has anything there."""
        is_used = any(table.highest(name) for table, _ in self._decks)
        return self._of_rates(name) if is_used else 0

    def _of_calls(self, values: Column) -> Int64s | int:
        """Values of the groups, for each call."""
        return values if isinstance(values, int) else values.repeat(self._sizes)

    def _charged_seconds(self) -> Int64s:
        shifts = self._of_calls(self._lanes.duration_shifts)
        seconds = (self._durations + shifts) // MS_PER_SECOND
        first, step = self._of_rates("first_increments"), self._of_rates("next_increments")
        beyond_first = np.maximum(seconds, self._unless_0("minimums")) - first
        charged: Int64s = first + np.maximum(-(-beyond_first // step), 0) * step
        return charged

    def _timeline(self, group: GroupCalls, part: slice) -> Timeline | None:
        """Where the calls of a group lie between bands, if it has any."""
        compiled = group.lane.common.terms.compiled
        if not compiled.has_bands:
            return None
        timeline = Timeline.of(compiled.schedule, self._begins[part], self._ends[part])
        self._bands[part] = timeline.bands.take(timeline.first)
        self._crossings[part] = timeline.crossings
        return timeline

    def all_fit(self) -> bool:
        """Whether every call fits for certain: the last one, at the highest price of its deck."""
        longest = int(self._charged.max())
        return (
            self._last < min(self._lanes.until_micros, *self._times.untils_micros)
            and all(group.lane.fits(longest) for group in self._groups)
            and all(each.crossings_max < PIECES_MAX for each in self._timelines if each is not None)
        )

    def fitting(self) -> Bools:
        """Which calls keep their terms to the end, cross few bands and stay within 64 bits."""
        changes = np.array([group.lane.until_micros for group in self._groups]).repeat(self._sizes)
        fitting: Bools = self._ends < np.minimum(self._times.untils_of(self.places), changes)
        fees = np.broadcast_to(self._fees, self.places.shape)
        for group, part in zip(self._groups, self.parts, strict=True):
            figures = self._charged[part], self._prices[part], fees[part]
            fitting[part] &= group.lane.fitting(*figures)
        fitting &= self._crossings < PIECES_MAX
        return fitting

    def priced(self) -> PricedGroups:
        """The amounts of calls that fit."""
        plan_amounts = self._limited(self._time())
        charged, amounts = self._charged, self._rounded(plan_amounts)
        graces = self._unless_0("graces")
        in_grace = (self._durations > 0) & (self._durations <= graces * MS_PER_SECOND)
        if not isinstance(graces, int):
            charged, amounts = charged * ~in_grace, amounts * ~in_grace
        groups = [
            ColumnGroup(
                group.lane.common,
                group.places,
                group.rows,
                self._durations[part],
                charged[part],
                amounts[part],
                plan_amounts[part],
                group.lane.scale,
                self._bands[part],
                self._crossings[part],
                in_grace[part],
            )
            for group, part in zip(self._groups, self.parts, strict=True)
        ]
        return PricedGroups(groups, self.places, charged, amounts)

    def _time(self) -> Int64s:
        """What all charged seconds cost."""
        total = self._cost(0, self._charged, self._cells, self._prices)
        for place, timeline in enumerate(self._timelines):
            if timeline is None:
                continue
            part, first_cell = self.parts[place], self._lanes.first_cells[place]
            of_group, charged, prices = total[part], self._charged[part], self._prices[part]
            for calls, seconds, before, bands in timeline.each_crossing():
                # From there on the call costs what the next band makes of it.
                rest = seconds, charged[calls]
                dearer = self._cost(*rest, bands + first_cell, prices[calls])
                of_group[calls] += dearer - self._cost(*rest, before + first_cell, prices[calls])
        return total

    def _cost(self, begin: Int64s | int, end: Int64s, cells: Places, prices: Int64s) -> Int64s:
        """The seconds from begin to end, each at the price of its duration tier in its band."""
        tiers = self._lanes.tiers
        if len(tiers) == 1:
            return (end - begin) * self._unit_prices(tiers[0], cells, prices)
        cost = np.zeros(len(end), np.int64)
        untils: list[Int64s | int] = [*(tier.start[cells] for tier in tiers[1:]), NEVER]
        for tier, until in zip(tiers, untils, strict=True):
            seconds = np.minimum(end, until) - np.maximum(begin, tier.start[cells])
            cost += np.maximum(seconds, 0) * self._unit_prices(tier, cells, prices)
        return cost

    def _unit_prices(self, tier: TierFigures[Int64s], cells: Places, prices: Int64s) -> Int64s:
        """What a second costs, in scale.prices parts of a nano for a minute."""
        values = prices * tier.factor.take(cells)
        if self._lanes.has_constants:
            values = np.maximum(values + tier.constant[cells], tier.least[cells])
        return values

    def _limited(self, time: Int64s) -> Int64s:
        """Connect fee and time, not above the cap and not below the minimum charge."""
        figures, of_begin = self._lanes.figures, self._of_begin
        amounts = np.minimum(time, of_begin(figures.time_cap))
        amounts += self._fees * of_begin(figures.fee_factor)
        amounts = np.minimum(amounts, of_begin(figures.cap))
        limited: Int64s = np.maximum(amounts, of_begin(figures.minimum_charge))
        return limited

    def _rounded(self, plan_amounts: Int64s) -> Int64s:
        """Amounts of the plans' currencies as micros of the accounts', rounded once."""
        figures, of_begin = self._lanes.figures, self._of_begin
        amounts: Int64s = plan_amounts * of_begin(figures.to_account)
        denominators = of_begin(figures.denominator)
        quotients: Int64s = amounts // denominators
        remainders: Int64s = amounts - quotients * denominators
        up_from = of_begin(figures.up_from) - (quotients & of_begin(figures.is_to_even))
        rounded: Int64s = (quotients + (remainders >= up_from)) * of_begin(figures.step_micros)
        return rounded

    def _of_begin(self, figures: Column) -> Int64s | int:
        """What holds for each call, in the band of its begin."""
        return figures if isinstance(figures, int) else figures.take(self._cells)


def _rows_by_deck(groups: Sequence[GroupCalls]) -> list[tuple[PrefixTable, Places]]:
    """The decks as they follow each other, with the rows of all groups that go together."""
    return [
        (table, np.concatenate([group.rows for group in together]))
        for table, together in groupby(groups, attrgetter("table"))
    ]
