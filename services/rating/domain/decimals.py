"""Exact numbers as people read them: decimals where they end, fractions where they don't."""

from math import gcd


def decimal_text(value: int, scale: int) -> str:
    """Value ÷ scale, a power of ten, as the shortest exact decimal number."""
    whole, fraction = divmod(abs(value), scale)
    digits = str(fraction).zfill(len(str(scale)) - 1).rstrip("0") if fraction else ""
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def ratio_text(numerator: int, denominator: int) -> str:
    """A ratio as a decimal number if it has an end, otherwise as a fraction in lowest terms."""
    divisor = gcd(numerator, denominator)
    numerator, denominator = numerator // divisor, denominator // divisor
    scale, left = 1, denominator
    while (common := gcd(left, 10)) > 1:
        left //= common
        scale *= 10
    if left > 1:
        return f"{numerator}/{denominator}"
    return decimal_text(numerator * (scale // denominator), scale)
