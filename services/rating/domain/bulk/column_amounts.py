"""Exact amounts of many calls in 64 bits, and a proof for each row that it fits.

All fractions of a group are brought to one common denominator, so that what is left to do by row is
multiply, add, compare and divide once. A row that might leave 64 bits on the way is found before,
and takes the scalar path.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import gcd, lcm
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernel.rounding import RoundingMode
from services.rating.domain.exact import Ratio
from services.rating.domain.plans.rounding_rules import PriceRule
from services.rating.domain.tariffs.price_steps import Step

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]

INT64_MAX = 2**63 - 1


class PriceFormula(NamedTuple):
    """How the price of a rate becomes the price of a base unit: an exchange, then steps."""

    exchange: Ratio
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, exchange: Ratio, steps: Iterable[Step | None]) -> PriceFormula:
        """The formula of the steps that are there; a price takes the place of all before it."""
        taken: list[Step] = []
        for step in filter(None, steps):
            taken = [step] if step.price_nanos is not None else [*taken, step]
        return cls(exchange, tuple(taken))

    @property
    def denominator(self) -> int:
        """Of every price that it makes."""
        denominator = self.exchange[1]
        for step in self.steps:
            denominator = 1 if step.price_nanos is not None else denominator * step.denominator
        return denominator

    def bound(self) -> tuple[int, int]:
        """A and B: neither a price nor anything on the way to it is above A * rate + B."""
        factor, constant, denominator = self.exchange[0], 0, self.exchange[1]
        highest = factor, constant
        for step in self.steps:
            if step.price_nanos is not None:
                factor, constant, denominator = 0, step.price_nanos, 1
            else:
                denominator *= step.denominator
                surcharge = abs(step.surcharge_nanos) * denominator
                factor, constant = factor * step.numerator, constant * step.numerator + surcharge
            highest = max(highest[0], factor), max(highest[1], constant)
        return highest

    def numerators(self, prices: Int64s, denominator: int) -> Int64s:
        """The prices over a multiple of the formula's denominator."""
        values, reached = prices * self.exchange[0], self.exchange[1]
        for step in self.steps:
            if step.price_nanos is not None:
                values, reached = np.full_like(prices, step.price_nanos), 1
                continue
            reached *= step.denominator
            values = values * step.numerator
            if step.surcharge_nanos:
                values = np.maximum(values + step.surcharge_nanos * reached, 0)
        return values * (denominator // reached)


class Scale(NamedTuple):
    """What a group's amounts are counted in."""

    prices: int
    """Prices of base units are nanos over this."""
    plan: int
    """Amounts in the plan's currency are micros over this."""
    factor: int
    """Makes an amount in the plan's currency one in the account's,"""
    account: int
    """which is micros over this."""

    @classmethod
    def of(cls, denominators: Iterable[int], unit: int, exchange: Ratio) -> Scale:
        """One for prices of these denominators; nanos over `unit` are a base unit's micros."""
        prices = lcm(*denominators)
        account = prices * unit * exchange[1]
        divisor = gcd(exchange[0], account)
        return cls(prices, prices * unit, exchange[0] // divisor, account // divisor)

    @property
    def amount_max(self) -> int:
        """What time and connect fee may each be at most, so that the account's amount fits."""
        return INT64_MAX // 4 // self.factor

    def scaled(self, micros: int) -> int:
        """An amount in the plan's currency."""
        return micros * self.plan

    def round(self, amounts: Int64s, rule: PriceRule) -> Int64s:
        """Amounts of the plan's currency as micros of the account's, rounded once."""
        step = rule.step_micros
        denominator = self.account * step
        amounts = amounts if self.factor == 1 else amounts * self.factor
        quotients, remainders = np.divmod(amounts, denominator)
        up = _goes_up(quotients, remainders, denominator, rule.mode)
        rounded: Int64s = (quotients + up) * step
        return rounded

    def can_round(self, rule: PriceRule) -> bool:
        """Whether twice a remainder fits."""
        return self.account * rule.step_micros <= INT64_MAX // 2


def time_fits(
    charged: Int64s, prices: Int64s, formulas: Sequence[PriceFormula], scale: Scale
) -> Bools:
    """Whether so many base units stay below scale.amount_max, at whichever of the prices."""
    factor, constant = 0, 0
    for formula in formulas:
        of_rate, by_itself = formula.bound()
        extension = scale.prices // formula.denominator
        factor = max(factor, of_rate * extension)
        constant = max(constant, by_itself * extension)
    factor = max(factor, 1)
    # Nearly always all of them: that takes no division by row.
    dearest, longest = int(prices.max()), int(charged.max())
    if longest * (factor * dearest + constant) <= scale.amount_max:
        return np.ones(len(charged), np.bool_)
    # charged * (factor * price + constant) <= max, without leaving 64 bits to find out.
    offset = -(-constant // factor)
    if offset > INT64_MAX // 2:
        return np.zeros(len(charged), np.bool_)
    fitting: Bools = charged <= (scale.amount_max // factor) // np.maximum(prices + offset, 1)
    return fitting


def _goes_up(
    quotients: Int64s, remainders: Int64s, denominator: int, mode: RoundingMode
) -> npt.NDArray[Any]:
    match mode:
        case RoundingMode.DOWN:
            return np.zeros(len(quotients), np.bool_)
        case RoundingMode.UP:
            return remainders > 0
        case RoundingMode.HALF_UP:
            return 2 * remainders >= denominator
        case RoundingMode.HALF_EVEN:
            return 2 * remainders + quotients % 2 > denominator
