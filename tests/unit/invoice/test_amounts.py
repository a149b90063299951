"""How an exact sum becomes an amount to pay."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.money import Money, minor_unit_decimals
from services.invoice.domain.invoice import invoice_amounts
from services.invoice.domain.tax import TaxRate
from tests.unit.invoice.builders import VAT

MICROS = st.integers(-(10**15), 10**15)


def half_up(exact: Fraction) -> int:
    """Rounds as taught at school, away from zero at the half; written with fractions only."""
    magnitude = abs(exact)
    whole = int(magnitude)
    rounded = whole + (magnitude - whole >= Fraction(1, 2))
    return rounded if exact >= 0 else -rounded


@given(MICROS, st.integers(0, 10_000), st.sampled_from(["EUR", "JPY", "BHD"]))
def test_net_and_tax_are_the_exact_amounts_rounded_once(
    micros: int, basis_points: int, currency: str
) -> None:
    """Against an oracle of fractions, for currencies with two, no and three decimals."""
    rate = TaxRate(VAT.tax_rate_id, "NL", "Tax", basis_points, VAT.effective_time)
    amounts = invoice_amounts(Money(currency, micros), rate)
    units = 10 ** minor_unit_decimals(currency)
    net = half_up(Fraction(micros * units, 10**6))
    tax = half_up(Fraction(net * basis_points, 10_000))
    assert amounts.net.micros == net * 10**6 // units
    assert amounts.tax.micros == tax * 10**6 // units


@given(MICROS, st.integers(0, 10_000))
def test_the_rounding_difference_is_all_that_lies_between_use_and_invoice(
    micros: int, basis_points: int
) -> None:
    """The books close: use + rounding + tax = total, and rounding is at most half a cent."""
    rate = TaxRate(VAT.tax_rate_id, "NL", "Tax", basis_points, VAT.effective_time)
    amounts = invoice_amounts(Money("EUR", micros), rate)
    assert amounts.usage + amounts.rounding_difference + amounts.tax == amounts.total
    assert abs(amounts.rounding_difference.micros) <= 5_000


@pytest.mark.parametrize(
    ("micros", "net"),
    [(5_000, 10_000), (4_999, 0), (-5_000, -10_000), (2_675_000, 2_680_000)],
)
def test_half_a_cent_goes_up(micros: int, net: int) -> None:
    """Away from zero, for a credit as for a charge; 2.675 is 2.68, as no float would have it."""
    assert invoice_amounts(Money("EUR", micros), VAT).net.micros == net
