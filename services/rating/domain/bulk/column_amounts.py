"""Exact amounts of many calls in 64 bits: the integers that prices are made of.

All fractions of a group are brought to one common denominator, so that what is left to do by row is
multiply, add, compare and divide once.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd, lcm
from typing import NamedTuple

from kernel.rounding import RoundingMode
from services.rating.domain.exact import Ratio
from services.rating.domain.plans.rounding_rules import PriceRule
from services.rating.domain.tariffs.price_steps import Step

INT64_MAX = 2**63 - 1


class PriceFormula(NamedTuple):
    """How the price of a rate becomes that of a base unit.

    It is max(factor * price + constant, least) / denominator: every exchange, factor, surcharge
    that leaves nothing below 0, and price in the place of others, one after the other, is of
    this form.
    """

    factor: int
    constant: int
    least: int
    denominator: int

    @classmethod
    def of(cls, exchange: Ratio, steps: Iterable[Step | None]) -> PriceFormula:
        """The formula of an exchange and of the steps that are there."""
        formula = cls(exchange[0], 0, 0, exchange[1])
        for step in filter(None, steps):
            formula = formula.after(step)
        return formula

    def after(self, step: Step) -> PriceFormula:
        """The formula with one more step."""
        if step.price_nanos is not None:
            return PriceFormula(0, step.price_nanos, 0, 1)
        denominator = self.denominator * step.denominator
        surcharge = step.surcharge_nanos * denominator
        return PriceFormula(
            self.factor * step.numerator,
            self.constant * step.numerator + surcharge,
            max(self.least * step.numerator + surcharge, 0),
            denominator,
        )

    def over(self, denominator: int) -> PriceFormula:
        """The same over a multiple of its denominator."""
        extension = denominator // self.denominator
        return PriceFormula(*(number * extension for number in self))


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

    def fits(self, rule: PriceRule) -> bool:
        """Whether amounts of this scale can be rounded in 64 bits."""
        return self.account * rule.step_micros <= INT64_MAX // 2


class Rounding(NamedTuple):
    """Integer division by a denominator, of amounts to which something is added before."""

    denominator: int
    added: int
    """Moves up to the next quotient what is not rounded down."""
    is_to_even: int
    """1 where what was a half, and became an odd quotient, goes one down again."""

    @classmethod
    def of(cls, mode: RoundingMode, denominator: int) -> Rounding:
        """A mode of rounding."""
        match mode:
            case RoundingMode.DOWN:
                return cls(denominator, 0, 0)
            case RoundingMode.UP:
                return cls(denominator, denominator - 1, 0)
            case RoundingMode.HALF_UP:
                return cls(denominator, denominator // 2, 0)
            case RoundingMode.HALF_EVEN:
                # An odd denominator has no half.
                return cls(denominator, denominator // 2, int(denominator % 2 == 0))
