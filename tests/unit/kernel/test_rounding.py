"""Rounding is exact, and the same for a debit and its credit."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.rounding import RoundingMode, round_ratio

# A price of IRR by the nanosecond goes far past 64 bits.
INTEGERS = st.integers(-(10**40), 10**40)
DENOMINATORS = INTEGERS.filter(bool)
MODES = st.sampled_from(RoundingMode)
SMALL = st.integers(-1000, 1000)

DECIMAL_MODES = {
    RoundingMode.UP: ROUND_UP,
    RoundingMode.DOWN: ROUND_DOWN,
    RoundingMode.HALF_UP: ROUND_HALF_UP,
    RoundingMode.HALF_EVEN: ROUND_HALF_EVEN,
}


@given(INTEGERS, st.integers(0, 12), MODES)
def test_rounding_agrees_with_decimal_arithmetic(
    numerator: int, exponent: int, mode: RoundingMode
) -> None:
    """An independent implementation gives the same integer, to the last digit."""
    with localcontext(prec=100):
        expected = Decimal(numerator).scaleb(-exponent).to_integral_value(DECIMAL_MODES[mode])
    assert round_ratio(numerator, 10**exponent, mode) == expected


@given(INTEGERS, DENOMINATORS, MODES)
def test_rounding_moves_an_amount_by_less_than_one_unit(
    numerator: int, denominator: int, mode: RoundingMode
) -> None:
    """The directed modes stay on their side of the exact amount, the halving ones within a half."""
    exact = Fraction(numerator, denominator)
    rounded = round_ratio(numerator, denominator, mode)
    error = abs(rounded) - abs(exact)
    allowed = {
        RoundingMode.UP: 0 <= error < 1,
        RoundingMode.DOWN: -1 < error <= 0,
        RoundingMode.HALF_UP: Fraction(-1, 2) < error <= Fraction(1, 2),
        RoundingMode.HALF_EVEN: abs(error) <= Fraction(1, 2),
    }
    assert allowed[mode]


@given(SMALL, SMALL.filter(bool))
def test_half_even_is_the_rounding_of_bankers(numerator: int, denominator: int) -> None:
    """Exact halves go to the even neighbour, so that many of them do not drift."""
    expected = round(Fraction(numerator, denominator))
    assert round_ratio(numerator, denominator, RoundingMode.HALF_EVEN) == expected


@given(st.integers(0, 10**40), st.integers(1, 10**20))
def test_an_exact_half_goes_where_the_mode_says(whole: int, half: int) -> None:
    """Halves are common in prices and rare among random ratios, so they are made on purpose."""
    rounded = {mode: round_ratio((2 * whole + 1) * half, 2 * half, mode) for mode in RoundingMode}
    assert rounded == {
        RoundingMode.UP: whole + 1,
        RoundingMode.DOWN: whole,
        RoundingMode.HALF_UP: whole + 1,
        RoundingMode.HALF_EVEN: whole + whole % 2,
    }


@given(INTEGERS, DENOMINATORS, MODES)
def test_a_charge_and_its_reversal_cancel_out(
    numerator: int, denominator: int, mode: RoundingMode
) -> None:
    """Every mode is symmetric about zero, wherever the sign stands."""
    charge = round_ratio(numerator, denominator, mode)
    assert round_ratio(-numerator, denominator, mode) == -charge
    assert round_ratio(numerator, -denominator, mode) == -charge


@given(INTEGERS, DENOMINATORS, MODES)
def test_a_whole_amount_is_never_changed(amount: int, denominator: int, mode: RoundingMode) -> None:
    """Rounding touches fractions only."""
    assert round_ratio(amount * denominator, denominator, mode) == amount


def test_nothing_is_divided_by_zero() -> None:
    """A ratio without a denominator is a bug of the caller, not an amount."""
    with pytest.raises(ZeroDivisionError):
        round_ratio(1, 0, RoundingMode.UP)
