"""Amounts on the terminal are exact, to the last digit that there is."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.bills import STATES
from cli.output import add_row, amount_text, console, table
from kernel.money import Money
from tollbook.invoice.v1.invoice_pb2 import Invoice


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Money("EUR", 12_500_000), "12.50 EUR"),
        (Money("EUR", 1), "0.000001 EUR"),
        (Money("EUR", -358_000), "-0.358 EUR"),
        (Money("USD", 1_234_567_890_000), "1,234,567.89 USD"),
        (Money("JPY", 1_500_000_000), "1,500 JPY"),
        (Money("JPY", 500_000), "0.5 JPY"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency_or_more(amount: Money, text: str) -> None:
    """Cents are always shown, fractions of cents when there are any, yen have none."""
    assert amount_text(amount) == text


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_amount_reads_back_to_the_micro(micros: int) -> None:
    """Nothing is rounded on the way to the screen."""
    number, _, currency = amount_text(Money("GBP", micros)).partition(" ")
    assert Decimal(number.replace(",", "")) * 1_000_000 == micros
    assert currency == "GBP"


@pytest.mark.parametrize("text", ["NL [mobile]", "[/]", "[red]", "a [/b] c"])
def test_a_table_shows_what_others_wrote_as_they_wrote_it(text: str) -> None:
    """A destination or an error with brackets is neither cut nor a failure of the command."""
    shown = table(text, "usage")
    add_row(shown, text)
    with console.capture() as output:
        console.print(shown)
    assert output.get().count(text) == 2


def test_an_invoice_in_any_state_can_be_shown() -> None:
    """A debt that was given up too."""
    assert {*STATES} == {*Invoice.State.values()} - {Invoice.STATE_UNSPECIFIED}
