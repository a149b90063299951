"""What prices the calls of a group, compiled to integers: figures for each time band."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from kernel.clock import MICROS_PER_SECOND, MS_PER_SECOND
from services.rating.domain.account import NEVER
from services.rating.domain.bulk.column_amounts import PriceFormula, Rounding, Scale
from services.rating.domain.bulk.column_group import Bools, GroupTerms
from services.rating.domain.bulk.column_terms import BandTerms
from services.rating.domain.decks.prefix_table import Int64s
from services.rating.domain.exact import Ratio
from services.rating.domain.plans.rounding_rules import DurationRounding

_DURATION_SHIFTS = {
    DurationRounding.UP: MS_PER_SECOND - 1,
    DurationRounding.DOWN: 0,
    DurationRounding.HALF_UP: MS_PER_SECOND // 2,
}

# Figures that often are the same in all rates of a deck.
OFTEN_ALIKE = ("connect_fees", "first_increments", "next_increments", "minimums", "graces")

Column = Int64s | int
"""Values, or the one that all of them are."""

T = TypeVar("T", int, Int64s, Column)


class Figures(NamedTuple, Generic[T]):
    """What holds within a band, or for each call; amounts in scale.plan parts of a micro."""

    fee_factor: T
    """Makes micros of the deck's currency the connect fee."""
    cap: T
    """Of the connect fee and time together."""
    time_cap: T
    minimum_charge: T
    to_account: T
    """Makes an amount of the plan's currency one of the account's."""
    denominator: T
    """Makes that one steps of rounding; see Rounding."""
    added: T
    is_to_even: T
    step_micros: T
    """How many micros a step has."""


class TierFigures(NamedTuple, Generic[T]):
    """The price of a duration tier; see PriceFormula."""

    start: T
    factor: T
    constant: T
    least: T


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """Common terms of calls, compiled. Columns are bands: that of NO_BAND, then the plan's."""

    common: GroupTerms
    scale: Scale
    figures: Int64s
    tiers: tuple[Int64s, ...]
    price_factor: int
    """No price is above this times the one of the rate,"""
    price_constant: int
    """plus this."""
    fee_factor: int
    """No connect fee is above this times the one of the rate."""

    @property
    def cells(self) -> int:
        """How many columns there are."""
        return len(self.figures[0])

    @property
    def duration_shift(self) -> int:
        """Milliseconds that are added before whole seconds are taken."""
        return _DURATION_SHIFTS[self.common.terms.revision.duration_rounding]

    @property
    def second_micros(self) -> int:
        """How far a charged second moves the instant whose terms count; not at all AT_START."""
        return MICROS_PER_SECOND if self.common.terms.compiled.splits else 0

    @property
    def until_micros(self) -> int:
        """When other terms take force."""
        return self.common.terms.until_micros or NEVER

    def tier(self, number: int) -> Int64s:
        """The figures of a duration tier; of one that never begins beyond the last."""
        if number < len(self.tiers):
            return self.tiers[number]
        return _matrix([TierFigures(NEVER, 0, 0, 0)] * self.cells)

    @property
    def longest_max(self) -> int:
        """Every call fits that is not longer, whatever its rate is; -1 if none does for certain."""
        most, table = self.scale.amount_max, self.common.table
        if table.highest("connect_fees") * self.fee_factor > most:
            return -1
        second = table.highest("prices") * self.price_factor + self.price_constant
        return most // max(second, 1)

    def fitting(self, charged: Int64s, prices: Int64s, fees: Int64s) -> Bools:
        """Which calls stay below scale.amount_max, found without leaving 64 bits."""
        most, factor = self.scale.amount_max, max(self.price_factor, 1)
        # That is, charged times (factor * price + constant) is not above most.
        offset = -(-self.price_constant // factor)
        fitting: Bools = fees <= most // max(self.fee_factor, 1)
        return fitting & (charged <= (most // factor) // np.maximum(prices + offset, 1))


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """Lanes side by side: the columns of all of them, one after the other."""

    lanes: Sequence[Lane]
    first_cells: Int64s
    """The column of each one's first band; that of NO_BAND is before it."""
    figures: Figures[Column]
    tiers: Sequence[TierFigures[Int64s]]
    has_constants: bool
    """Whether any price is more than a product."""
    duration_shifts: Column
    second_micros: Column
    until_micros: int
    """When the first of them is no longer in force."""
    longest_max: int
    """Every call of any lane fits that is not longer."""
    only: Mapping[str, Column | None]
    """The figure that all rates of each lane's deck have; None where those of any deck differ."""

    @classmethod
    def of(cls, lanes: Sequence[Lane]) -> Lanes:
        """Lanes put together; kept, because a batch is mostly of the same plans as the last."""
        kept = lanes[0].common.terms.kept
        known: Lanes | None = kept.get("lanes")
        if known is None or known.lanes != lanes:
            known = kept["lanes"] = cls._put_together(lanes)
        return known

    @classmethod
    def _put_together(cls, lanes: Sequence[Lane]) -> Lanes:
        ends = list(accumulate((lane.cells for lane in lanes), initial=0))
        tiers = (
            np.concatenate([lane.tier(number) for lane in lanes], axis=1)
            for number in range(max(len(lane.tiers) for lane in lanes))
        )
        return cls(
            lanes,
            np.array(ends[:-1], np.int64) + 1,
            Figures(*map(_column, np.concatenate([lane.figures for lane in lanes], axis=1))),
            [TierFigures(*figures) for figures in tiers],
            any(lane.price_constant for lane in lanes),
            _by_cell(lanes, [lane.duration_shift for lane in lanes]),
            _by_cell(lanes, [lane.second_micros for lane in lanes]),
            min(lane.until_micros for lane in lanes),
            min(lane.longest_max for lane in lanes),
            {name: _only(lanes, name) for name in OFTEN_ALIKE},
        )


def lane_of(common: GroupTerms) -> Lane | None:
    """Common terms compiled; None where they do not fit 64 bits."""
    situation, revision = common.situation, common.terms.revision
    exchange = common.to_plan[:2]
    formulas = [
        [PriceFormula.of(exchange, (tier.step, *band.steps)) for band in situation.bands]
        for tier in situation.tiers
    ]
    fees = [_product(exchange, band.connect_fee) for band in situation.bands]
    denominators = [formula.denominator for of_tier in formulas for formula in of_tier]
    scale = Scale.of([*denominators, *(fee[1] for fee in fees)], common.unit, common.to_account[:2])
    most = scale.amount_max
    scaled = [[formula.over(scale.prices) for formula in of_tier] for of_tier in formulas]
    every = [formula for of_tier in scaled for formula in of_tier]
    fee_factors = [scale.plan * fee[0] // fee[1] for fee in fees]
    price_factor = max(formula.factor for formula in every)
    price_constant = max(max(abs(formula.constant), formula.least) for formula in every)
    highest = max(price_factor, price_constant, *fee_factors)
    if highest > most or scale.scaled(revision.minimum_charge_micros) > most:
        return None
    if not scale.fits(revision.price_rule):
        return None
    bands = zip(situation.bands, fee_factors, strict=True)
    figures = [_figures(common, scale, band, fee_factor) for band, fee_factor in bands]
    tiers = tuple(
        _matrix(TierFigures(tier.start, *formula[:3]) for formula in of_tier)
        for tier, of_tier in zip(situation.tiers, scaled, strict=True)
    )
    return Lane(
        common, scale, _matrix(figures), tiers, price_factor, price_constant, max(fee_factors)
    )


def _figures(common: GroupTerms, scale: Scale, band: BandTerms, fee_factor: int) -> Figures[int]:
    revision, cap = common.terms.revision, band.cap
    rule = revision.price_rule
    ceiling = scale.scaled(cap.amount_micros) if cap else NEVER
    # No sum of a connect fee and time that fit is above a ceiling like this.
    ceiling = ceiling if ceiling <= 2 * scale.amount_max else NEVER
    includes_fee = cap is None or cap.includes_connect_fee
    rounding = Rounding.of(rule.mode, scale.account * rule.step_micros)
    return Figures(
        fee_factor,
        ceiling if includes_fee else NEVER,
        NEVER if includes_fee else ceiling,
        scale.scaled(revision.minimum_charge_micros),
        scale.factor,
        *rounding,
        rule.step_micros,
    )


def _matrix(columns: Iterable[tuple[int, ...]]) -> Int64s:
    return np.ascontiguousarray(np.array(list(columns), np.int64).T)


def _column(values: Int64s) -> Column:
    """Values by cell; one for all where none differs."""
    return int(values[0]) if (values == values[0]).all() else values


def _only(lanes: Sequence[Lane], name: str) -> Column | None:
    values = [lane.common.table.only(name) for lane in lanes]
    return None if None in values else _by_cell(lanes, values)


def _by_cell(lanes: Sequence[Lane], values: Sequence[int | None]) -> Column:
    return _column(np.array(values, np.int64).repeat([lane.cells for lane in lanes]))


def _product(left: Ratio, right: Ratio) -> Ratio:
    return left[0] * right[0], left[1] * right[1]
