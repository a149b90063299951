"""Amounts in Stripe's units, which are not always the minor units of ISO 4217."""

import pytest

from kernel.currencies import MINOR_UNIT_DECIMALS
from kernel.money import MICROS_PER_UNIT, Money
from services.payment.gateways.stripe_amounts import from_stripe_amount, to_stripe_amount

# Checked against https://docs.stripe.com/currencies, whose special cases are ISK and UGX.
AMOUNTS = [
    (Money("EUR", 10_500_000), 1_050),
    (Money("USD", 10_000), 1),
    (Money("HUF", 10_450_000), 1_045),
    (Money("TWD", 800_450_000), 80_045),
    (Money("IDR", 150_000 * MICROS_PER_UNIT), 15_000_000),
    (Money("JPY", 500 * MICROS_PER_UNIT), 500),
    (Money("KRW", MICROS_PER_UNIT), 1),
    (Money("MGA", 2_000 * MICROS_PER_UNIT), 2_000),
    (Money("VND", 150_000 * MICROS_PER_UNIT), 150_000),
    (Money("ISK", 5 * MICROS_PER_UNIT), 500),
    (Money("UGX", 5 * MICROS_PER_UNIT), 500),
    (Money("KWD", 5_120_000), 5_120),
    (Money("TND", 10_000), 10),
]

REFUSED = {
    "below a cent": Money("EUR", 10_500_001),
    "below a yen": Money("JPY", 500_000),
    "the cents of an ariary": Money("MGA", 2_000_500_000),
    "part of a krona, which is written with cents": Money("ISK", 5_500_000),
    "part of a shilling": Money("UGX", 500_000),
    "a last digit that cards do not have": Money("KWD", 5_124_000),
    "nothing": Money("EUR", 0),
    "less than nothing": Money("EUR", -10_000),
    "a currency with three decimals that Stripe does not take": Money("LYD", 5_000_000),
    "a unit of account": Money("CLF", 5_000_000),
}


@pytest.mark.parametrize(("amount", "units"), AMOUNTS, ids=str)
def test_an_amount_is_written_in_the_unit_of_its_currency(amount: Money, units: int) -> None:
    """And read back as the very amount."""
    assert to_stripe_amount(amount) == units
    assert from_stripe_amount(units, amount.currency.lower()) == amount


@pytest.mark.parametrize("amount", REFUSED.values(), ids=REFUSED)
def test_what_stripe_cannot_take_exactly_is_not_asked_for(amount: Money) -> None:
    """Nothing is rounded: somebody's money is that number."""
    assert to_stripe_amount(amount) is None


def test_every_currency_that_can_be_written_is_read_back_exactly() -> None:
    """A hundred units of each are the same amount afterwards."""
    amounts = [Money(currency, 100 * MICROS_PER_UNIT) for currency in MINOR_UNIT_DECIMALS]
    written = [(each, to_stripe_amount(each)) for each in amounts]
    taken = [(each, units) for each, units in written if units is not None]
    assert len(taken) > 150
    assert [from_stripe_amount(units, each.currency.lower()) for each, units in taken] == [
        each for each, _ in taken
    ]


def test_an_unknown_unit_is_never_guessed() -> None:
    """What Stripe would say of a currency that it does not take is no amount."""
    with pytest.raises(ValueError, match="LYD"):
        from_stripe_amount(5_000, "lyd")
