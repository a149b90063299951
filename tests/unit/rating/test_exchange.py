"""Exchange is exact: rates are the decimals that were told, and their inverses are fractions."""

from datetime import UTC, datetime
from fractions import Fraction
from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import to_micros
from kernel.errors import DomainError
from services.rating.domain.tariffs.exchange import (
    NO_EXCHANGE,
    RATE_DECIMALS_MAX,
    RATE_WHOLE_DIGITS_MAX,
    ExchangeRate,
    ExchangeRates,
    rate_fraction,
)

MONDAY = datetime(2025, 3, 31, tzinfo=UTC)
TUESDAY = datetime(2025, 4, 1, tzinfo=UTC)
RATES = ExchangeRates(
    [
        ExchangeRate("EUR", "USD", TUESDAY, "1.1", "ECB"),
        ExchangeRate("EUR", "USD", MONDAY, "1.0825", "ECB"),
        ExchangeRate("VND", "EUR", MONDAY, "0.000035", "bank"),
    ]
)


def test_the_rate_in_force_is_the_newest_that_has_begun() -> None:
    """Before the first there is none."""
    before, from_then = to_micros(TUESDAY) - 1, to_micros(TUESDAY)
    monday = RATES.at("EUR", "USD", before)
    tuesday = RATES.at("EUR", "USD", from_then)
    assert monday is not None
    assert (monday.numerator, monday.denominator) == (433, 400)
    assert (monday.rate_text, monday.source, monday.is_inverse) == ("1.0825", "ECB", False)
    assert tuesday is not None
    assert (tuesday.numerator, tuesday.denominator) == (11, 10)
    assert tuesday.effective_micros == from_then
    assert RATES.at("EUR", "USD", to_micros(MONDAY) - 1) is None


def test_the_opposite_direction_is_the_exact_inverse() -> None:
    """With the stored text beside it, so that a receipt can show where it came from."""
    inverse = RATES.at("USD", "EUR", to_micros(MONDAY))
    assert inverse is not None
    assert (inverse.numerator, inverse.denominator) == (400, 433)
    assert (inverse.from_currency, inverse.to_currency) == ("USD", "EUR")
    assert (inverse.rate_text, inverse.is_inverse) == ("1.0825", True)


def test_a_stored_rate_goes_before_an_inverse() -> None:
    """Banks buy and sell at two rates; even an old one of the pair itself is the told one."""
    rates = ExchangeRates(
        [
            ExchangeRate("USD", "EUR", MONDAY, "0.9", "buy"),
            ExchangeRate("EUR", "USD", TUESDAY, "1.2", "sell"),
        ]
    )
    found = rates.at("USD", "EUR", to_micros(TUESDAY))
    assert found is not None
    assert (found.rate_text, found.is_inverse) == ("0.9", False)


def test_a_pair_changes_whenever_a_rate_of_either_direction_takes_force() -> None:
    """Between two changes every call is exchanged alike; other pairs do not matter."""
    changes = [to_micros(MONDAY), to_micros(TUESDAY)]
    assert RATES.changes([("EUR", "USD")]) == RATES.changes([("USD", "EUR")]) == changes
    assert RATES.changes([("EUR", "VND"), ("EUR", "EUR")]) == [to_micros(MONDAY)]
    assert RATES.changes([("USD", "VND")]) == []


def test_a_currency_is_always_worth_itself() -> None:
    """Without any rate."""
    same = NO_EXCHANGE.at("EUR", "EUR", 0)
    assert same is not None
    assert (same.numerator, same.denominator, same.source) == (1, 1, "")


def test_rates_are_never_chained() -> None:
    """VND to USD over EUR would be nobody's rate."""
    assert RATES.at("VND", "USD", to_micros(TUESDAY)) is None


@given(
    st.integers(0, 10**RATE_WHOLE_DIGITS_MAX - 1),
    st.integers(0, RATE_DECIMALS_MAX),
    st.data(),
)
def test_every_decimal_is_read_exactly(whole: int, decimals: int, data: st.DataObject) -> None:
    """As a fraction in lowest terms."""
    digits = data.draw(st.text("0123456789", min_size=decimals, max_size=decimals))
    text = f"{whole}.{digits}" if decimals else str(whole)
    if Fraction(text) == 0:
        return
    numerator, denominator = rate_fraction("rate", text)
    assert Fraction(text) == Fraction(numerator, denominator)
    assert gcd(numerator, denominator) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "0.000", "-1", "+1", "1.", ".5", "1e3", "1,5", "1.2.3", " 1", "NaN", "\u0661"),
        "1." + "0" * 12 + "1",
        "1" * 13,
    ],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    """It says which value, and what a rate looks like."""
    with pytest.raises(DomainError) as error:
        rate_fraction("exchange_rate.rate", text)
    assert error.value.reason == "INVALID_EXCHANGE_RATE"
    assert error.value.field_violations[0].field == "exchange_rate.rate"
