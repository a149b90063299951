"""Money is exact, and currencies never mix."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.currencies import MINOR_UNIT_DECIMALS
from kernel.errors import DomainError
from kernel.money import (
    MICROS_PER_UNIT,
    CurrencyMismatch,
    Money,
    is_currency,
    minor_unit_decimals,
    sum_money,
)

MICROS = st.integers(-(10**24), 10**24)
CURRENCIES = st.sampled_from(sorted(MINOR_UNIT_DECIMALS))


def units(money: Money) -> Fraction:
    return Fraction(money.micros, MICROS_PER_UNIT)


@given(CURRENCIES, st.lists(MICROS))
def test_a_sum_is_exact_to_the_micro(currency: str, amounts: list[int]) -> None:
    """Adding fractions of the unit gives the same, however many and however large."""
    total = sum_money((Money(currency, micros) for micros in amounts), currency)
    assert units(total) == sum(Fraction(micros, 1_000_000) for micros in amounts)
    assert total.currency == currency


@given(CURRENCIES, MICROS, MICROS)
def test_a_difference_added_back_gives_the_amount(currency: str, one: int, other: int) -> None:
    """Subtraction is the addition of what is owed the other way."""
    amount, part = Money(currency, one), Money(currency, other)
    assert amount - part == amount + -part
    assert (amount - part) + part == amount


def test_no_amounts_are_zero_of_the_currency_asked_for() -> None:
    """An account without calls owes nothing in its own currency."""
    assert sum_money([], "JPY") == Money("JPY", 0)


@given(MICROS, MICROS)
def test_two_currencies_never_mix(one: int, other: int) -> None:
    """Neither addition nor subtraction nor a sum exchanges money silently."""
    euros, dollars = Money("EUR", one), Money("USD", other)
    with pytest.raises(CurrencyMismatch) as caught:
        euros + dollars
    assert caught.value.reason == "CURRENCY_MISMATCH"
    assert caught.value.metadata == {"expected": "EUR", "found": "USD"}
    with pytest.raises(CurrencyMismatch):
        dollars - euros
    with pytest.raises(CurrencyMismatch):
        sum_money([euros], "USD")


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("MGA", 2), ("IRR", 2), ("VND", 0)],
)
def test_the_minor_unit_is_that_of_the_standard(currency: str, decimals: int) -> None:
    """ISO 4217 decides how finely an invoice is written, not the custom of a country."""
    assert minor_unit_decimals(currency) == decimals


@pytest.mark.parametrize("code", ["", "eur", "EURO", "€", "XAU", "XTS", "ABC"])
def test_what_cannot_be_billed_is_no_currency(code: str) -> None:
    """Metals, test codes and misspelt ones are refused before anything is priced in them."""
    assert not is_currency(code)
    with pytest.raises(DomainError, match="UNKNOWN_CURRENCY"):
        minor_unit_decimals(code)
    with pytest.raises(DomainError, match="UNKNOWN_CURRENCY"):
        Money(code, 0)


def test_micros_are_finer_than_every_minor_unit() -> None:
    """No currency has more decimals than an amount can hold, and no code is listed twice."""
    assert max(MINOR_UNIT_DECIMALS.values()) <= 6
    assert all(len(code) == 3 and code.isupper() for code in MINOR_UNIT_DECIMALS)
    assert len(MINOR_UNIT_DECIMALS) == 165
