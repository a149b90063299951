"""Every receipt can be told in words, a sentence a step, with exact numbers."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kernel.clock import to_micros
from kernel.e164 import NumberKind
from services.rating.domain.decimals import decimal_text, ratio_text
from services.rating.domain.fees.fee_prices import (
    DidRental,
    FeeTerms,
    did_rental,
    one_off_fee,
    recurring_fee,
)
from services.rating.domain.fees.recurring_fee import DayShare
from services.rating.domain.fees.volume_adjustment import volume_adjustment
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import (
    BundleUnit,
    DurationTier,
    Fee,
    Measure,
    PriceAdjustment,
    PriceCap,
    TierPrice,
    VolumeMode,
)
from services.rating.domain.plans.time_bands import TimeBand
from services.rating.domain.receipts import receipt
from services.rating.domain.receipts.explanation import explain
from services.rating.domain.tariffs.exchange import ExchangeRate, ExchangeRates
from services.rating.domain.usage import Service
from tests.unit.rating.calls import (
    NOON,
    NUMBER,
    Shop,
    after,
    bundle,
    call,
    deck,
    rate,
    sent,
    volume_tiers,
)
from tests.unit.rating.terms import BEGINNING, PLAN, account


def told(content: bytes) -> list[str]:
    """The sentences of a stored receipt."""
    return explain(receipt.read_receipt(content))


def fee_terms(shop: Shop) -> FeeTerms:
    """The terms of the plan at noon, for an account in euros."""
    terms = shop.tariff.terms_at(PLAN.plan_id, to_micros(NOON))
    assert terms is not None
    return FeeTerms(terms, "a", "EUR", shop.tariff, to_micros(NOON))


def test_a_plain_call_is_told_from_its_number_to_its_amount() -> None:
    """A sentence a step."""
    shop = Shop([
        rate(12_500_000, "316", destination="Netherlands Mobile", connect_fee_micros=50_000,
             first_increment=60, next_increment=6, minimum=30),
    ])  # fmt: skip
    assert told(shop.price(call(61.4)).receipt) == [
        "The number begins with 316: Netherlands Mobile (row 2).",
        "A minute costs 0.0125 EUR.",
        "The call lasted 61.4 s; fractions of a second are rounded UP.",
        "At least 30 s are charged.",
        "The first 60 s, then every begun 6 s make 66 s.",
        "Being connected costs 0.05 EUR once.",
        "That is exactly 0.06375 EUR.",
        "Rounded HALF_UP to 4 decimals, that is 0.0638 EUR.",
    ]


def test_bands_tiers_and_adjustments_are_told_segment_by_segment() -> None:
    """With what each does to the price."""
    night = PriceAdjustment("night", Condition(time_bands=("rest",)), 500_000, 6_000_000)
    shop = Shop(
        time_bands=(TimeBand("peak", to_minute=720), TimeBand("rest")),
        adjustments=(night,),
        duration_tiers=(DurationTier(30, TierPrice(price_nanos=60_000_000)),),
        price_caps=(PriceCap(Condition(), 10**6, includes_connect_fee=True),),
        minimum_charge_micros=10_000,
    )
    night_words = ", 'night' times 0.5 plus 0.006 EUR"
    assert told(shop.price(call(60, after(NOON, -10))).receipt)[3:] == [
        "Charged are 60 s.",
        "10 s of it in the band 'peak': 0.6 EUR.",
        f"20 s of it in the band 'rest': 0.6 EUR{night_words}.",
        f"30 s of it in the band 'rest': 0.6 EUR, from second 30 on 0.06 EUR instead{night_words}.",
        "It costs at most 1 EUR with the connect fee.",
        "It costs at least 0.01 EUR.",
        "That is exactly 0.22 EUR.",
        "Rounded HALF_UP to 4 decimals, that is 0.22 EUR.",
    ]


def test_bundles_and_volume_tiers_are_told_with_what_is_left() -> None:
    """Units first, then money."""
    shop = Shop(
        bundles=(
            bundle(100, covers_connect_fee=True),
            bundle(250_000, "credit", unit=BundleUnit.MONEY),
        ),
        volume_tiers=(volume_tiers(Measure.QUANTITY, (20, TierPrice(500_000))),),
    )
    assert told(shop.price(call(140)).receipt)[4:] == [
        "The bundle 'free' pays for 100 s; 0 are left in it.",
        "It covers the connect fee too.",
        "The volume tiers 'volume' count QUANTITY, from 0 to 40 with this.",
        "Their prices: from 0 on times 1; from 20 on times 0.5.",
        "That makes 20 s at the price, 20 s at 0.5 of the price.",
        "That is exactly 0.3 EUR.",
        "Rounded HALF_UP to 4 decimals, that is 0.3 EUR.",
        "The bundle 'credit' pays 0.25 EUR of it; 0 EUR are left in it.",
        "0.05 EUR are charged.",
    ]


def test_exchange_rates_are_told_with_their_source_and_time() -> None:
    """As they are stored, though one of them is used the other way round."""
    rates = ExchangeRates(
        [
            ExchangeRate("USD", "EUR", BEGINNING, "0.9", "ECB"),
            ExchangeRate("GBP", "EUR", BEGINNING, "1.2", "desk"),
        ]
    )
    shop = Shop([rate()], [deck(currency="USD")], tariff={"exchange": rates})
    british = account(currency="GBP")
    priced = shop.price(call(7), replace(shop.customer, account=british, payer=british))
    assert told(priced.receipt)[4:] == [
        "1 USD is 0.9 EUR (ECB, since 2026-01-01T00:00:00+00:00).",
        "1 GBP is 1.2 EUR (desk, since 2026-01-01T00:00:00+00:00).",
        "That is exactly 0.0525 GBP.",
        "Rounded HALF_UP to 4 decimals, that is 0.0525 GBP.",
    ]


def test_messages_are_told_as_messages() -> None:
    """Not as seconds."""
    shop = Shop([rate(80_000_000)], [deck(service=Service.SMS)])
    assert told(shop.price(sent(3)).receipt)[1:4] == [
        "A message costs 0.08 EUR.",
        "Recorded are 3 messages.",
        "Charged are 3 messages.",
    ]


def test_what_is_free_says_why() -> None:
    """By its nature, by its grace, or because it was given back."""
    shop = Shop([rate(grace_seconds=5)])
    emergency = call(callee_kind=NumberKind.EMERGENCY)
    charged = shop.price(call(60)).receipt
    said = [
        told(shop.price(call(answered=False)).receipt),
        told(shop.price(emergency).receipt),
        told(shop.price(call(5)).receipt)[-1:],
        told(receipt.given_back(charged, receipt.MOVED)),
        told(receipt.given_back(charged, receipt.REFUNDED)),
        told(receipt.no_fee("EUR")),
    ]
    assert said == [
        ["The call was not answered; it is free."],
        ["Calls to emergency numbers are free."],
        ["A call of at most 5 s costs nothing."],
        ["A corrected record shows this call to be another account's; it is free here."],
        ["All of it was given back."],
        ["No terms in force have a price for it; there is no fee."],
    ]


def test_a_monthly_fee_tells_its_share() -> None:
    """9.95 a month for 11 of 31 days is 3.5306 at four decimals."""
    fee = recurring_fee(fee_terms(Shop(monthly_fee_micros=9_950_000)), DayShare(11, 31))
    assert fee.amount_micros == 3_530_600
    assert told(fee.receipt) == [
        "The plan costs 9.95 EUR a month.",
        "The subscription covers 11 of 31 days.",
        "That is exactly 2189/620 EUR.",
        "Rounded HALF_UP to 4 decimals, that is 3.5306 EUR.",
    ]


def test_a_one_off_fee_tells_its_code() -> None:
    """In the plan's currency, exchanged like a call."""
    fee = one_off_fee(fee_terms(Shop()), Fee("setup", "Set-up", 25_000_000))
    assert (fee.amount_micros, fee.usage_line) == (25_000_000, "Set-up")
    assert told(fee.receipt)[0] == "The fee 'setup' is 25 EUR, once."


def test_a_rented_number_costs_its_share_of_a_month() -> None:
    """By its longest prefix in a deck of rentals: 3 a month, 10 of 30 days."""
    shop = Shop(
        [rate(3 * 10**9, "3161", destination="Netherlands Mobile")],
        [deck(service=Service.DID_RENTAL)],
    )
    rent = did_rental(
        DidRental(NUMBER, DayShare(10, 30), to_micros(NOON)),
        shop.customer,
        shop.tariff,
        shop.tables.__getitem__,
    )
    assert (rent.amount_micros, rent.prefix) == (1_000_000, "3161")
    assert NUMBER.encode() not in rent.receipt
    assert told(rent.receipt)[:3] == [
        "The number begins with 3161: Netherlands Mobile (row 2).",
        "It costs 3 EUR a month.",
        "It is rented for 10 of 30 days.",
    ]


def test_the_adjustment_of_a_whole_volume_tells_what_was_reached() -> None:
    """Half of what was charged is given back."""
    whole = volume_tiers(Measure.CALLS, (1, TierPrice(500_000)), mode=VolumeMode.WHOLE_VOLUME)
    shop = Shop(volume_tiers=(whole,))
    shop.price(call(60))
    [(key, state)] = shop.book.states().items()
    by = fee_terms(shop)
    adjustment = volume_adjustment(key, state, whole, by.terms, "EUR", shop.tariff)
    assert told(adjustment.receipt) == [
        "The volume tiers 'volume' counted 1 (CALLS).",
        "0.6 EUR were charged for it before.",
        "The prices of the whole volume: from 0 on times 1; from 1 on times 0.5.",
        "That is exactly -0.3 EUR.",
        "Rounded HALF_UP to 4 decimals, that is -0.3 EUR.",
    ]


def test_other_terms_that_price_a_part_are_told() -> None:
    """A new version of the deck, with the row that gave the price."""
    at = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)
    shop = Shop(
        {"old": [rate()], "new": [rate(10**9, row_number=7)]},
        [deck(version="old"), deck(version="new", effective_time=at)],
    )
    assert told(shop.price(call(60)).receipt)[4:6] == [
        "30 s of it: 0.6 EUR.",
        "30 s of it: 1 EUR (prefix 31, row 7).",
    ]


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [(0, 10, "0"), (1_500, 1_000, "1.5"), (-1, 1_000, "-0.001"), (2_000, 1_000, "2")],
)
def test_decimal_numbers_are_exact_and_short(value: int, scale: int, text: str) -> None:
    """No digit is lost, none is needless."""
    assert decimal_text(value, scale) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [((1, 8), "0.125"), ((10, 30), "1/3"), ((-3, 2), "-1.5"), ((0, 7), "0")]
)
def test_a_ratio_without_an_end_is_told_as_a_fraction(ratio: tuple[int, int], text: str) -> None:
    """Exact all the same."""
    assert ratio_text(*ratio) == text
