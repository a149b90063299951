"""What a call costs, written from the definitions: fractions, and increments one by one.

Slow on purpose and made of nothing that it judges: it imports no pricing.
"""

from fractions import Fraction
from typing import NamedTuple


class Tariff(NamedTuple):
    """A price as a contract states it."""

    price_per_minute: Fraction
    connect_fee: Fraction
    first_increment: int
    next_increment: int
    minimum: int
    duration_rounding: str
    price_rounding: str
    decimals: int


def price(tariff: Tariff, duration_ms: int) -> tuple[int, Fraction]:
    """Charged seconds, and the amount in units of the currency."""
    seconds = charged_seconds(tariff, duration_ms)
    exact = tariff.connect_fee + tariff.price_per_minute * Fraction(seconds, 60)
    return seconds, rounded(exact, tariff.price_rounding, tariff.decimals)


def charged_seconds(tariff: Tariff, duration_ms: int) -> int:
    """Increments are begun one after the other until they cover the call."""
    to_cover = max(
        whole_seconds(Fraction(duration_ms, 1000), tariff.duration_rounding), tariff.minimum
    )
    covered = tariff.first_increment
    while covered < to_cover:
        covered += tariff.next_increment
    return covered


def whole_seconds(seconds: Fraction, rounding: str) -> int:
    """Seconds are counted one by one; what is left is counted as the rule says."""
    counted = 0
    while counted + 1 <= seconds:
        counted += 1
    left = seconds - counted
    is_counted = {"UP": left > 0, "DOWN": False, "HALF_UP": left >= Fraction(1, 2)}[rounding]
    return counted + is_counted


def rounded(exact: Fraction, mode: str, decimals: int) -> Fraction:
    """The neighbour of an amount that the mode names."""
    steps = exact * 10**decimals
    below = Fraction(steps.numerator // steps.denominator)
    above = below if below == steps else below + 1
    middle = (below + above) / 2
    nearest = {"UP": above, "DOWN": below}.get(mode)
    if nearest is None and steps == middle and below != above:
        nearest = above if mode == "HALF_UP" or below % 2 else below
    elif nearest is None:
        nearest = below if steps < middle or below == above else above
    return nearest / 10**decimals
