"""A call that crosses a band, a midnight, a revision, a deck version or another subscription."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kernel.clock import to_micros
from services.rating.domain.account import DeckOverride, Subscription
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import (
    Crossing,
    DeckChoice,
    DurationTier,
    Plan,
    PriceAdjustment,
    TierPrice,
)
from services.rating.domain.plans.time_bands import TimeBand
from services.rating.domain.receipts.receipt import read_receipt
from services.rating.domain.tariffs.exchange import ExchangeRate, ExchangeRates
from tests.unit.rating.calls import CENT_A_SECOND, NOON, Shop, after, call, deck, rate
from tests.unit.rating.terms import BEGINNING, PLAN, revision

PEAK_UNTIL_NOON = (TimeBand("peak", from_minute=480, to_minute=720), TimeBand("rest"))
HALF_OUTSIDE_PEAK = PriceAdjustment("half", Condition(time_bands=("rest",)), 500_000)
CENT = 10_000
TEN_HOURS = 36_000


def segments(shop: Shop, usage: Any) -> list[tuple[str, int]]:
    """Band and seconds of each segment, as the receipt has them."""
    shown = read_receipt(shop.price(usage).receipt)["segments"]
    return [(each.get("band", ""), each["units"]) for each in shown]


def test_each_second_is_priced_by_the_band_in_which_it_begins() -> None:
    """Half a second before noon it begins: one second at a cent, 59 at half a cent."""
    shop = Shop(time_bands=PEAK_UNTIL_NOON, adjustments=(HALF_OUTSIDE_PEAK,))
    crossing = call(60, after(NOON, -0.5))
    assert segments(shop, crossing) == [("peak", 1), ("rest", 59)]
    assert shop.micros(crossing) == CENT + 59 * CENT // 2


def test_a_call_may_be_priced_whole_by_the_band_in_which_it_begins() -> None:
    """If the plan says so, a ten-hour call stays in its band."""
    shop = Shop(
        time_bands=PEAK_UNTIL_NOON,
        adjustments=(HALF_OUTSIDE_PEAK,),
        crossing=Crossing.AT_START,
    )
    assert shop.micros(call(TEN_HOURS, after(NOON, -1))) == TEN_HOURS * CENT


def test_the_answer_decides_the_band_and_the_set_up_the_plan() -> None:
    """Set up in the peak, answered at noon."""
    shop = Shop(time_bands=PEAK_UNTIL_NOON, adjustments=(HALF_OUTSIDE_PEAK,))
    usage = call(60, after(NOON, -20), begin_micros=to_micros(NOON))
    assert shop.micros(usage) == 60 * CENT // 2


@pytest.mark.parametrize(
    ("midnight", "night_hours"),
    [
        (datetime(2026, 3, 27, 23, tzinfo=UTC), 6),  # an ordinary night in Amsterdam
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 5),  # clocks go forward: the day has 23 hours
        (datetime(2026, 10, 24, 22, tzinfo=UTC), 7),  # clocks go back: the day has 25 hours
    ],
)
def test_bands_follow_the_wall_clock_on_days_of_23_and_25_hours(
    midnight: datetime, night_hours: int
) -> None:
    """A ten-hour call from local midnight; the night band ends at six by the local clock."""
    shop = Shop(
        time_bands=(TimeBand("night", from_minute=0, to_minute=360), TimeBand("day")),
        time_zone="Europe/Amsterdam",
    )
    night = night_hours * 3_600
    assert segments(shop, call(TEN_HOURS, midnight)) == [
        ("night", night),
        ("day", TEN_HOURS - night),
    ]


def test_a_call_over_midnight_is_split_where_the_weekday_changes() -> None:
    """From Sunday to Monday."""
    shop = Shop(time_bands=(TimeBand("weekend", weekdays=(6, 7)), TimeBand("week")))
    sunday = datetime(2026, 3, 1, 23, 59, 30, tzinfo=UTC)
    assert segments(shop, call(60, sunday)) == [("weekend", 30), ("week", 30)]


def test_a_new_revision_prices_the_seconds_that_begin_under_it() -> None:
    """The plan changes 20 s into the call; rounding and connect fee stay those of the start."""
    later = revision(
        plan_revision_id="later",
        revision=2,
        effective_time=after(NOON, 20),
        adjustments=(PriceAdjustment("double", Condition(), 2_000_000),),
        minimum_charge_micros=10**9,
    )
    shop = Shop(revisions=[revision(), later])
    assert shop.micros(call(60)) == 20 * CENT + 40 * 2 * CENT


def test_a_new_version_of_a_deck_prices_the_seconds_that_begin_under_it() -> None:
    """Its increments don't: those of the first rate count for the whole call."""
    versions = [deck(version="old"), deck(version="new", effective_time=after(NOON, 30))]
    new = rate(2 * CENT_A_SECOND, first_increment=60, next_increment=60)
    shop = Shop({"old": [rate()], "new": [new]}, versions)
    assert shop.price(call(61)).charged_quantity == 61
    assert shop.micros(call(61)) == 30 * CENT + 31 * 2 * CENT


def test_where_later_terms_do_not_know_the_number_those_before_stay_in_force() -> None:
    """A version without the prefix, then one with it again."""
    versions = [
        deck(version="first"),
        deck(version="without", effective_time=after(NOON, 10)),
        deck(version="third", effective_time=after(NOON, 20)),
    ]
    rates = {"first": [rate()], "without": [rate(prefix="44")], "third": [rate(0)]}
    assert Shop(rates, versions).micros(call(60)) == 20 * CENT


def test_what_is_in_force_between_two_seconds_prices_none() -> None:
    """A version of half a second, between second 10 and second 11."""
    versions = [
        deck(version="first"),
        deck(version="brief", effective_time=after(NOON, 10.2)),
        deck(version="third", effective_time=after(NOON, 10.7)),
    ]
    rates = {"first": [rate()], "brief": [rate(10**15)], "third": [rate(prefix="44")]}
    assert Shop(rates, versions).micros(call(60)) == 60 * CENT


def test_another_plan_subscribed_to_midway_prices_the_rest_in_its_own_currency() -> None:
    """From second 30 on in dollars, of which one is half a euro; the end is charged in euros."""
    dollars = Plan("dollars", "dollars", "Dollars", "USD", BEGINNING)
    double = PriceAdjustment("double", Condition(), 2_000_000)
    terms = revision(
        plan_revision_id="d", plan_id="dollars", rate_deck_ids=("usd",), adjustments=(double,)
    )
    exchange = ExchangeRates([ExchangeRate("USD", "EUR", BEGINNING, "0.5", "ECB")])
    shop = Shop(
        {"deck": [rate()], "usd": [rate(CENT_A_SECOND // 2)]},
        [deck(), deck("usd", currency="USD")],
        plans=[PLAN, dollars],
        revisions=[revision(), terms],
        tariff={"exchange": exchange},
    )
    start = to_micros(BEGINNING)
    moved = replace(
        shop.customer,
        subscriptions=[
            Subscription(PLAN.plan_id, start, None),
            Subscription("dollars", to_micros(after(NOON, 30)), None),
        ],
    )
    assert shop.micros(call(60), moved) == 30 * CENT + 30 * CENT // 2


def test_a_subscription_that_ends_midway_prices_the_call_to_its_end() -> None:
    """There are no other terms that could."""
    shop = Shop(time_bands=PEAK_UNTIL_NOON, adjustments=(HALF_OUTSIDE_PEAK,))
    ends = Subscription(PLAN.plan_id, 0, to_micros(after(NOON, -5)))
    leaving = replace(shop.customer, subscriptions=[ends])
    assert shop.micros(call(60, after(NOON, -10)), leaving) == 60 * CENT


def test_an_accounts_own_deck_comes_before_those_of_its_plan() -> None:
    """While it is in force at the start of the call; where it knows the number."""
    shop = Shop(
        {"deck": [rate(), rate(prefix="44")], "own": [rate(CENT_A_SECOND // 10)]},
        [deck(), deck("own")],
    )
    noon = to_micros(NOON)
    favoured = replace(shop.customer, overrides=[DeckOverride("own", noon, noon + 10**6)])
    assert shop.micros(call(60), favoured) == 60 * CENT // 10
    assert shop.micros(call(60, number="44123456789"), favoured) == 60 * CENT
    assert shop.micros(call(60, after(NOON, 1)), favoured) == 60 * CENT


def test_bands_may_have_decks_of_their_own() -> None:
    """The night deck prices the seconds of the night; a number that it lacks keeps its rate."""
    night = DeckChoice(Condition(time_bands=("rest",)), ("night",))
    shop = Shop(
        {"deck": [rate(), rate(prefix="44")], "night": [rate(0)]},
        [deck(), deck("night")],
        time_bands=PEAK_UNTIL_NOON,
        deck_choices=(night,),
    )
    assert shop.micros(call(60, after(NOON, -15))) == 15 * CENT
    assert shop.micros(call(60, after(NOON, -15), number="44123456789")) == 60 * CENT


def test_duration_tiers_price_the_seconds_from_theirs_on() -> None:
    """A cent, from second 60 on half of it, from second 120 on 6 cents a minute."""
    tiers = (
        DurationTier(60, TierPrice(500_000)),
        DurationTier(120, TierPrice(price_nanos=60_000_000)),
    )
    shop = Shop(duration_tiers=tiers)
    assert shop.micros(call(60)) == 60 * CENT
    assert shop.micros(call(180)) == 60 * CENT + 60 * CENT // 2 + 60_000


def test_a_call_costs_its_crossings_and_not_its_seconds() -> None:
    """A day-long call by the second has as many segments as bands it crosses."""
    shop = Shop(time_bands=PEAK_UNTIL_NOON)
    day = timedelta(hours=24).total_seconds()
    assert [band for band, _ in segments(shop, call(day, after(NOON, -3_600)))] == [
        "peak", "rest", "peak",
    ]  # fmt: skip
