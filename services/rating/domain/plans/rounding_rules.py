"""How a plan rounds: durations to whole seconds, and the price, once."""

from dataclasses import dataclass
from enum import IntEnum

from kernel.rounding import RoundingMode, round_ratio

PRICE_DECIMALS_MAX = 6


class DurationRounding(IntEnum):
    """How milliseconds become whole seconds; the values are those of tollbook.rating.v1."""

    UP = 1
    DOWN = 2
    HALF_UP = 3


@dataclass(frozen=True, slots=True)
class PriceRule:
    """How an amount is rounded."""

    mode: RoundingMode
    decimals: int
    """Decimals of the currency unit that an amount keeps, 0 to 6."""

    @property
    def step_micros(self) -> int:
        """The smallest amount that is left after rounding."""
        return int(10 ** (PRICE_DECIMALS_MAX - self.decimals))

    def round_micros(self, numerator: int, denominator: int) -> int:
        """An exact amount of micros, rounded to the rule's decimals."""
        step = self.step_micros
        return round_ratio(numerator, denominator * step, self.mode) * step

    def __str__(self) -> str:
        return f"{self.mode.value} to {self.decimals} decimals"
