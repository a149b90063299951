"""The amounts of calls whose rates are found, by arithmetic on columns: of all groups in one pass.

Groups lie one after the other. What tells them apart are figures, fetched for each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, groupby, pairwise
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernel.clock import MICROS_PER_SECOND, MS_PER_SECOND
from services.rating.domain.account import NEVER
from services.rating.domain.bulk.column_group import Bools, ColumnGroup, Places
from services.rating.domain.bulk.column_lane import Column, Lane, Lanes, TierFigures
from services.rating.domain.bulk.column_timeline import Timeline
from services.rating.domain.decks.prefix_table import Int32s, Int64s, PrefixTable
from services.rating.domain.plans.time_bands import NO_BAND

# A call that crosses more bands takes the scalar path.
PIECES_MAX = 8


class CallTimes(NamedTuple):
    """When calls are, by their places in the batch."""

    begins_micros: Int64s
    durations_ms: Int64s
    span: tuple[int, int]
    """When the first call begins at the earliest, and the last one at the latest."""
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


class PricedGroups:
    """Groups that were priced in one pass, and the columns of all of them."""

    def __init__(self, pricing: _Pricing) -> None:
        self._pricing = pricing
        self.places = pricing.places
        self._plan_amounts = pricing.plan_amounts()
        self._in_grace = pricing.in_grace()
        self.charged, self.amounts = pricing.charged, pricing.rounded(self._plan_amounts)
        if self._in_grace is not None:
            self.charged, self.amounts = (
                column * ~self._in_grace for column in (self.charged, self.amounts)
            )

    @property
    def currencies(self) -> list[str]:
        """Of the accounts of each group."""
        return [group.lane.common.currency for group in self._pricing.groups]

    @property
    def sizes(self) -> list[int]:
        """How many calls each group has; columns have them one after the other."""
        return self._pricing.sizes

    @cached_property
    def groups(self) -> Sequence[ColumnGroup]:
        """Each group by itself."""
        return list(map(self._group, range(len(self.sizes))))

    def _group(self, number: int) -> ColumnGroup:
        pricing = self._pricing
        group, part = pricing.groups[number], pricing.parts[number]
        return ColumnGroup(
            group.lane.common,
            group.places,
            group.rows,
            pricing.durations[part],
            self.charged[part],
            self.amounts[part],
            self._plan_amounts[part],
            group.lane.scale,
            *pricing.bands_and_crossings(number),
            np.zeros(len(group.rows), np.bool_) if self._in_grace is None else self._in_grace[part],
        )


def price_groups(
    groups: Sequence[GroupCalls], times: CallTimes
) -> tuple[PricedGroups | None, Places | None]:
    """Price calls; those that do not fit are given back for the scalar path."""
    pricing = _Pricing(groups, times)
    fits = None if pricing.all_fit() else pricing.fitting()
    if fits is None or fits.all():
        return PricedGroups(pricing), None
    fitting = [
        group.select(fits[part])
        for group, part in zip(groups, pricing.parts, strict=True)
        if fits[part].any()
    ]
    priced = PricedGroups(_Pricing(fitting, times)) if fitting else None
    return priced, pricing.places[~fits]


class _Pricing:
    def __init__(self, groups: Sequence[GroupCalls], times: CallTimes) -> None:
        self.groups = groups
        self._times = times
        self._lanes = Lanes.of([group.lane for group in groups])
        self.sizes = [len(group.rows) for group in groups]
        self.parts = [slice(*ends) for ends in pairwise(accumulate(self.sizes, initial=0))]
        self.places = np.concatenate([group.places for group in groups])
        self._decks = _rows_by_deck(groups)
        self._begins = times.begins_micros.take(self.places)
        self.durations = times.durations_ms.take(self.places)
        self._cells: Places = (self._lanes.first_cells + NO_BAND).repeat(self.sizes)
        """Of each call; that of the band in which it begins, once that is looked up."""
        self.charged = self._charged_seconds()
        self._longest = int(self.charged.max())
        self._prices, self._fees = self._taken("prices"), self._of_rates("connect_fees")
        first, last = times.span
        self._span = first, last + self._longest * MICROS_PER_SECOND
        """No call begins before it, and none ends after it."""
        self._timelines = {
            number: self._timeline(number)
            for number, group in enumerate(groups)
            if group.lane.common.terms.compiled.has_bands
        }

    def _of_rates(self, name: str) -> Column:
        """A column of the decks, for each call; one value where there is no other."""
        only = self._lanes.only[name]
        return self._taken(name) if only is None else self._of_cells(only)

    def _taken(self, name: str) -> Int64s:
        columns = [getattr(table, name).take(rows) for table, rows in self._decks]
        return columns[0] if len(columns) == 1 else np.concatenate(columns)

    def _charged_seconds(self) -> Int64s:
        seconds = (self.durations + self._of_cells(self._lanes.duration_shifts)) // MS_PER_SECOND
        minimums = self._of_rates("minimums")
        if not _is_all(minimums, 0):
            seconds = np.maximum(seconds, minimums)
        first, step = self._of_rates("first_increments"), self._of_rates("next_increments")
        # What is rounded down below 0 is rounded up above it.
        steps_less: Int64s = np.minimum((first - seconds) // step, 0)
        charged: Int64s = first - steps_less * step
        return charged

    def _timeline(self, number: int) -> Timeline:
        """Where the calls of a group lie between bands."""
        part, lane = self.parts[number], self.groups[number].lane
        begins, charged = self._begins[part], self.charged[part]
        ends = begins + (charged - 1) * lane.second_micros
        timeline = Timeline.of(lane.common.terms.compiled.schedule, self._span, begins, ends)
        self._cells[part] = timeline.bands_of_begins + self._lanes.first_cells[number]
        return timeline

    def bands_and_crossings(self, number: int) -> tuple[Int32s, Places]:
        """The band in which each call of a group begins, and how many others it crosses."""
        timeline = self._timelines.get(number)
        if timeline is not None:
            return timeline.bands_of_begins, timeline.crossings
        size = self.sizes[number]
        return np.full(size, NO_BAND, np.int32), np.zeros(size, np.intp)

    def all_fit(self) -> bool:
        """Whether every call fits for certain: the longest, at the highest price of its deck."""
        return (
            self._span[1] < min(self._lanes.until_micros, *self._times.untils_micros)
            and self._longest <= self._lanes.longest_max
            and all(each.crossings_max < PIECES_MAX for each in self._timelines.values())
        )

    def fitting(self) -> Bools:
        """Which calls keep their terms to the end, cross few bands and stay within 64 bits."""
        ends = self._begins + (self.charged - 1) * self._of_cells(self._lanes.second_micros)
        changes = np.array([group.lane.until_micros for group in self.groups]).repeat(self.sizes)
        fitting: Bools = ends < np.minimum(self._times.untils_of(self.places), changes)
        prices, fees = self._prices, np.broadcast_to(self._fees, self.places.shape)
        for number, (group, part) in enumerate(zip(self.groups, self.parts, strict=True)):
            fitting[part] &= group.lane.fitting(self.charged[part], prices[part], fees[part])
            if number in self._timelines:
                fitting[part] &= self._timelines[number].crossings < PIECES_MAX
        return fitting

    def in_grace(self) -> Bools | None:
        """Which calls are too short to be charged; None where no rate has a grace."""
        graces = self._of_rates("graces")
        if _is_all(graces, 0):
            return None
        in_grace: Bools = (self.durations > 0) & (self.durations <= graces * MS_PER_SECOND)
        return in_grace

    def plan_amounts(self) -> Int64s:
        """The amounts of calls that fit, in the plans' currencies."""
        return self._limited(self._time())

    def _time(self) -> Int64s:
        """What all charged seconds cost."""
        total = self._cost(0, self.charged, self._cells, self._prices)
        for number, timeline in self._timelines.items():
            part, first_cell = self.parts[number], self._lanes.first_cells[number]
            of_group, charged, prices = total[part], self.charged[part], self._prices[part]
            for calls, seconds, before, bands in timeline.each_crossing():
                # From there on the call costs what the next band makes of it.
                rest = seconds, charged.take(calls)
                rates = prices.take(calls)
                dearer = self._cost(*rest, bands + first_cell, rates)
                of_group[calls] += dearer - self._cost(*rest, before + first_cell, rates)
        return total

    def _cost(self, begin: Column, end: Int64s, cells: Places, prices: Int64s) -> Int64s:
        """The seconds from begin to end, each at the price of its duration tier in its band."""
        tiers = self._lanes.tiers
        if len(tiers) == 1:
            values = self._unit_prices(tiers[0], cells, prices)
            values *= end - begin
            return values
        cost = np.zeros(len(end), np.int64)
        untils: list[Column] = [*(tier.start[cells] for tier in tiers[1:]), NEVER]
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

    def _limited(self, amounts: Int64s) -> Int64s:
        """What time costs with the connect fee, not above the cap, not below the minimum charge."""
        figures, of_cells = self._lanes.figures, self._of_cells
        if not _is_all(figures.time_cap, NEVER):
            np.minimum(amounts, of_cells(figures.time_cap), out=amounts)
        if not _is_all(self._fees, 0):
            amounts += self._fees * of_cells(figures.fee_factor)
        if not _is_all(figures.cap, NEVER):
            np.minimum(amounts, of_cells(figures.cap), out=amounts)
        if not _is_all(figures.minimum_charge, 0):
            np.maximum(amounts, of_cells(figures.minimum_charge), out=amounts)
        return amounts

    def rounded(self, plan_amounts: Int64s) -> Int64s:
        """Amounts of the plans' currencies as micros of the accounts', rounded once."""
        figures, of_cells = self._lanes.figures, self._of_cells
        denominators = of_cells(figures.denominator)
        amounts: Int64s = plan_amounts * of_cells(figures.to_account)
        amounts += of_cells(figures.added)
        rounded: Int64s = amounts // denominators
        if not _is_all(figures.is_to_even, 0):
            were_halves = rounded * denominators == amounts
            rounded -= were_halves & rounded & of_cells(figures.is_to_even)
        rounded *= of_cells(figures.step_micros)
        return rounded

    def _of_cells(self, figures: Column) -> Column:
        """What holds for each call; in the band of its begin, where bands differ."""
        return figures if isinstance(figures, int) else figures.take(self._cells)


def _is_all(figures: Column, figure: int) -> bool:
    """Whether a figure is that of every call."""
    return isinstance(figures, int) and figures == figure


def _rows_by_deck(groups: Sequence[GroupCalls]) -> list[tuple[PrefixTable, Places]]:
    """The decks as they follow each other, with the rows of all groups that go together."""
    return [
        (table, np.concatenate([group.rows for group in together]))
        for table, together in groupby(groups, attrgetter("table"))
    ]
