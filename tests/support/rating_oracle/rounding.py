"""Rounding by looking at the neighbours of a fraction."""

from fractions import Fraction

MICROS = 10**6


def to_whole(exact: Fraction, mode: str) -> int:
    """The neighbouring whole number that the mode names; a debit and its credit are alike."""
    if exact < 0:
        return -to_whole(-exact, mode)
    below = exact.numerator // exact.denominator
    left = exact - below
    is_half = left == Fraction(1, 2)
    is_counted = {
        "UP": left > 0,
        "DOWN": False,
        "HALF_UP": left > Fraction(1, 2) or is_half,
        "HALF_EVEN": left > Fraction(1, 2) or (is_half and below % 2 == 1),
    }[mode]
    return below + is_counted


def to_decimals(exact_micros: Fraction, mode: str, decimals: int) -> int:
    """Micros, of which only some decimals of the unit are left."""
    step = MICROS // 10**decimals
    return to_whole(exact_micros / step, mode) * step
