"""The price of a call by its rate: rounded up to what is charged, exact, and rounded once."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.e164 import NumberKind
from kernel.rounding import RoundingMode
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.plans.plan import Plan
from services.rating.domain.plans.rounding_rules import DurationRounding, PriceRule
from services.rating.domain.pricing.price_usage import price_usage
from services.rating.domain.quantity import (
    CALL_DURATION_MS_MAX,
    USAGE_QUANTITY_MAX,
    charged_quantity,
)
from services.rating.domain.receipts.receipt import read_receipt
from services.rating.domain.tariffs.exchange import ExchangeRate, ExchangeRates
from services.rating.domain.usage import Service
from tests.unit.rating.calls import NOON, Shop, call, deck, rate, sent
from tests.unit.rating.terms import BEGINNING, PLAN, account

TEN_HOURS = 36_000


@pytest.mark.parametrize(
    ("rounding", "seconds"),
    [(DurationRounding.UP, 2), (DurationRounding.DOWN, 1), (DurationRounding.HALF_UP, 2)],
)
def test_milliseconds_become_whole_seconds_by_the_rule_of_the_plan(
    rounding: DurationRounding, seconds: int
) -> None:
    """A call of 1.5 s."""
    assert Shop(duration_rounding=rounding).price(call(1.5)).charged_quantity == seconds


@pytest.mark.parametrize(
    ("quantity", "increments", "charged"),
    [
        (61, {"first_increment": 60, "next_increment": 60}, 120),
        (60, {"first_increment": 60, "next_increment": 60}, 60),
        (61, {"first_increment": 60, "next_increment": 6}, 66),
        (1, {"first_increment": 30, "next_increment": 6}, 30),
        (0, {"first_increment": 30, "next_increment": 6}, 30),
        (5, {"minimum": 20}, 20),
        (5, {"first_increment": 6, "next_increment": 6, "minimum": 20}, 24),
    ],
)
def test_minimum_first_increment_and_next_increments_make_what_is_charged(
    quantity: int, increments: dict[str, Any], charged: int
) -> None:
    """Begun increments are charged whole, the first one always."""
    assert charged_quantity(quantity, rate(**increments)) == charged


def test_a_price_is_exact_and_rounded_once() -> None:
    """0.0002 a minute by the second: an hour is 0.012, for no second was rounded to nothing."""
    shop = Shop([rate(200_000)])
    assert shop.micros(call(3_600)) == 12_000


def test_the_connect_fee_is_charged_once() -> None:
    """5 cents, and 60 s at a cent."""
    assert Shop([rate(connect_fee_micros=50_000)]).micros(call(60)) == 650_000


@settings(deadline=None)
@given(
    st.integers(0, 10**18), st.integers(0, 10**15), st.integers(1, CALL_DURATION_MS_MAX // 1_000),
    st.sampled_from(RoundingMode), st.integers(0, 6),
)  # fmt: skip
def test_every_price_is_the_rational_result_rounded_once(
    price: int, fee: int, seconds: int, mode: RoundingMode, decimals: int
) -> None:
    """Whatever the currency, up to a thousand million units a minute for a day."""
    shop = Shop([rate(price, connect_fee_micros=fee)], price_rule=PriceRule(mode, decimals))
    exact = Fraction(fee) + Fraction(price, 1_000) * seconds / 60
    step = 10 ** (6 - decimals)
    difference = Fraction(shop.micros(call(seconds))) - exact
    assert abs(difference) < step
    if mode is RoundingMode.UP:
        assert difference >= 0
    elif mode is RoundingMode.DOWN:
        assert difference <= 0
    else:
        assert abs(difference) <= Fraction(step, 2)


@pytest.mark.parametrize(
    ("currency", "units_a_minute"), [("VND", 400_000), ("IDR", 250_000), ("IRR", 15_000_000)]
)
def test_ten_hours_at_the_dearest_rates_overflow_nothing(
    currency: str, units_a_minute: int
) -> None:
    """600 minutes of satellite at the largest prices that are known."""
    plan = Plan(PLAN.plan_id, "basic", "Basic", currency, BEGINNING)
    shop = Shop([rate(units_a_minute * 10**9)], decks=[deck(currency=currency)], plans=[plan])
    shop.customer = replace(
        shop.customer, account=account(currency=currency), payer=account(currency=currency)
    )
    assert shop.micros(call(TEN_HOURS)) == units_a_minute * 600 * 10**6


@pytest.mark.parametrize(
    ("seconds", "micros"), [(0, 10_000), (0.001, 0), (3, 0), (3.001, 40_000), (4, 40_000)]
)
def test_a_call_within_its_grace_is_free_connect_fee_included(seconds: float, micros: int) -> None:
    """Not above three seconds, by the millisecond; one without a duration is none."""
    shop = Shop([rate(grace_seconds=3)])
    assert shop.micros(call(seconds)) == micros


def test_unanswered_and_emergency_calls_are_free_whatever_the_plan() -> None:
    """Even of an account without any plan."""
    shop = Shop()
    nobody = replace(shop.customer, subscriptions=[])
    unanswered = shop.price(call(10, answered=False), nobody)
    emergency = shop.price(call(10, callee_kind=NumberKind.EMERGENCY, number="112"), nobody)
    assert [each.outcome for each in (unanswered, emergency)] == [Outcome.ZERO, Outcome.ZERO]
    assert [read_receipt(each.receipt)["free"] for each in (unanswered, emergency)] == [
        "UNANSWERED",
        "EMERGENCY",
    ]


def test_what_has_no_price_says_why() -> None:
    """Each with a stable reason, and without a receipt."""
    shop = Shop(decks=[deck(currency="USD")])
    unpriced = [
        (shop.price(call(-1)), "INVALID_DURATION"),
        (shop.price(call(CALL_DURATION_MS_MAX // 1_000 + 1)), "INVALID_DURATION"),
        (shop.price(sent(USAGE_QUANTITY_MAX + 1)), "INVALID_QUANTITY"),
        (shop.price(call(), replace(shop.customer, subscriptions=[])), "NO_PLAN"),
        (shop.price(call(at=BEGINNING - timedelta(days=1))), "NO_PLAN"),
        (shop.price(call(number="44123456789")), "NO_RATE"),
        (shop.price(call(callee_kind=NumberKind.SHORT_CODE, number="31000")), "NO_RATE"),
        (shop.price(sent(1)), "NO_RATE"),
        (shop.price(call()), "NO_EXCHANGE_RATE"),
        (
            shop.price(call(), replace(shop.customer, payer=account(currency="USD"))),
            "CURRENCY_MISMATCH",
        ),
    ]
    assert [price.unrated_reason for price, _ in unpriced] == [reason for _, reason in unpriced]
    assert {(price.outcome, price.receipt) for price, _ in unpriced} == {(Outcome.UNRATED, b"")}


def test_messages_and_data_are_priced_by_their_own_units() -> None:
    """3 messages at 0.08; 1.5 megabytes by the kilobyte at 0.02 a megabyte."""
    by_kilobyte = rate(20_000_000, first_increment=1_000, next_increment=1_000)
    shop = Shop(
        {"sms": [rate(80_000_000)], "data": [by_kilobyte]},
        decks=[deck("sms", service=Service.SMS), deck("data", service=Service.DATA)],
        rate_deck_ids=("sms", "data"),
    )
    assert shop.micros(sent(3)) == 240_000
    assert shop.micros(sent(1_499_001, Service.DATA)) == 30_000


def test_decks_are_asked_in_order_and_the_first_that_knows_the_number_prices() -> None:
    """Its own longest prefix counts, not that of a later deck."""
    decks = [deck("special"), deck("general")]
    shop = Shop(
        {"special": [rate(prefix="316")], "general": [rate(1), rate(2, prefix="31612")]},
        decks=decks,
        rate_deck_ids=("special", "general"),
    )
    assert shop.price(call()).prefix == "316"
    assert shop.price(call(number="31201234567")).prefix == "31"


def test_prices_pass_from_deck_to_plan_to_account_exactly() -> None:
    """0.6 USD a minute at 0.9 EUR each, charged in pounds of which one is 1.2 EUR."""
    rates = ExchangeRates(
        [
            ExchangeRate("USD", "EUR", BEGINNING, "0.9", "ECB"),
            ExchangeRate("GBP", "EUR", BEGINNING, "1.2", "ECB"),
        ]
    )
    shop = Shop([rate()], [deck(currency="USD")], tariff={"exchange": rates})
    british = account(currency="GBP")
    priced = shop.price(call(60), replace(shop.customer, account=british, payer=british))
    assert (priced.currency, priced.amount_micros) == ("GBP", 450_000)
    assert [each["to"] for each in read_receipt(priced.receipt)["exchanges"]] == ["EUR", "GBP"]


def test_an_exchange_rate_in_force_at_the_start_counts() -> None:
    """One that takes force while the call runs changes nothing."""
    rates = ExchangeRates(
        [
            ExchangeRate("USD", "EUR", BEGINNING, "2", "ECB"),
            ExchangeRate("USD", "EUR", NOON + timedelta(seconds=30), "3", "ECB"),
        ]
    )
    shop = Shop([rate()], [deck(currency="USD")], tariff={"exchange": rates})
    assert shop.micros(call(60)) == 1_200_000


def test_a_quote_needs_no_receipt_and_costs_the_same() -> None:
    """The amount does not depend on whether it is explained."""
    shop = Shop()
    quote = price_usage(
        call(61), shop.customer, shop.tariff, shop.tables.__getitem__, shop.book, False
    )
    assert (quote.receipt, quote.amount_micros) == (b"", shop.micros(call(61)))
