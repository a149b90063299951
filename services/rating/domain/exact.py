"""Exact fractions as pairs of integers: quicker than Fraction, for the hot path of pricing."""

from collections.abc import Iterable
from math import gcd

Ratio = tuple[int, int]
"""Numerator and a denominator above 0, not always in lowest terms."""

NOTHING: Ratio = (0, 1)


def add(left: Ratio, right: Ratio) -> Ratio:
    """The sum, over the least common denominator."""
    if left[1] == right[1]:
        return left[0] + right[0], left[1]
    shared = gcd(left[1], right[1])
    to_left, to_right = right[1] // shared, left[1] // shared
    return left[0] * to_left + right[0] * to_right, left[1] * to_left


def total(ratios: Iterable[Ratio]) -> Ratio:
    """The sum of ratios."""
    result = NOTHING
    for ratio in ratios:
        result = add(result, ratio)
    return result


def times(ratio: Ratio, numerator: int, denominator: int = 1) -> Ratio:
    """The product with a fraction."""
    return ratio[0] * numerator, ratio[1] * denominator


def smaller(left: Ratio, right: Ratio) -> Ratio:
    """The lesser of two."""
    return left if left[0] * right[1] <= right[0] * left[1] else right


def larger(left: Ratio, right: Ratio) -> Ratio:
    """The greater of two."""
    return right if left[0] * right[1] < right[0] * left[1] else left
