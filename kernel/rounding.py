"""Rounding of exact ratios, the only place where a fraction becomes an integer."""

from enum import Enum


class RoundingMode(Enum):
    """What happens to a fraction; every mode treats a debit and its credit alike."""

    UP = "UP"
    """Away from zero."""
    DOWN = "DOWN"
    """Towards zero."""
    HALF_UP = "HALF_UP"
    """To the nearest; a half goes away from zero."""
    HALF_EVEN = "HALF_EVEN"
    """To the nearest; a half goes to the even neighbour."""


def round_ratio(numerator: int, denominator: int, mode: RoundingMode) -> int:
    """The exact quotient of two integers, rounded; ZeroDivisionError for a zero denominator."""
    magnitude = _round_magnitude(abs(numerator), abs(denominator), mode)
    return magnitude if (numerator < 0) == (denominator < 0) else -magnitude


def _round_magnitude(numerator: int, denominator: int, mode: RoundingMode) -> int:
    quotient, remainder = divmod(numerator, denominator)
    match mode:
        case RoundingMode.DOWN:
            away = False
        case RoundingMode.UP:
            away = remainder > 0
        case RoundingMode.HALF_UP:
            away = 2 * remainder >= denominator
        case RoundingMode.HALF_EVEN:
            away = 2 * remainder + quotient % 2 > denominator
    return quotient + away
