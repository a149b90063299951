"""What is granted is whole increments, and never worth more than what is held for it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rating.domain.charging.answer import Reason, Verdict
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import (
    DurationTier,
    PriceAdjustment,
    TierPrice,
)
from services.rating.domain.plans.time_bands import TimeBand
from tests.unit.rating.calls import CENT_A_SECOND, Shop, bundle, rate
from tests.unit.rating.live_calls import LiveCall, Purse

CENT = 10_000

INCREMENTS = [(1, 1), (60, 60), (30, 6), (60, 1), (1, 60), (7, 13)]


def live(shop: Shop, cents: int, **policy: int) -> LiveCall:
    """A call of an account with so much money."""
    return LiveCall(shop, Purse({"payer": cents * CENT})).with_policy(**policy)


@pytest.mark.parametrize(
    ("row", "cents", "seconds"),
    [
        (rate(), 1_000, 60),
        (rate(), 59, 59),
        (rate(first_increment=60, next_increment=60), 60, 60),
        (rate(first_increment=60, next_increment=60), 1_000, 60),
        (rate(first_increment=30, next_increment=6), 59, 54),
        (rate(first_increment=30, next_increment=6), 30, 30),
        (rate(connect_fee_micros=10 * CENT), 40, 30),
        (rate(minimum=20), 25, 25),
        (rate(0), 0, 60),
    ],
)
def test_a_slice_is_granted_as_far_as_money_reaches(row: Rate, cents: int, seconds: int) -> None:
    """A cent a second, a minute a slice."""
    answer = live(Shop([row]), cents).open()
    assert (answer.verdict, answer.granted_seconds) == (Verdict.GRANTED, seconds)


@pytest.mark.parametrize(
    ("row", "cents"),
    [
        (rate(), 0),
        (rate(first_increment=60, next_increment=60), 59),
        (rate(first_increment=30, next_increment=6), 29),
        (rate(connect_fee_micros=10 * CENT), 10),
        (rate(minimum=20), 19),
        (rate(grace_seconds=3), 0),
    ],
)
def test_less_than_an_increment_is_refused_and_nothing_is_held(row: Rate, cents: int) -> None:
    """A connect fee comes with the first second; a grace is no increment, though it is free."""
    call = live(Shop([row]), cents)
    answer = call.open()
    assert (answer.verdict, answer.reason) == (Verdict.REFUSED, Reason.INSUFFICIENT_FUNDS)
    assert not call.purse.held


def test_a_slice_is_rounded_up_to_whole_increments() -> None:
    """Who pays by the minute gets minutes: 90 seconds cost as much as two."""
    call = live(Shop([rate(first_increment=60, next_increment=60)]), 1_000)
    assert call.open(90).granted_seconds == 120


DOUBLE_SOON: dict[str, Any] = {
    "time_bands": (TimeBand("early", to_minute=721), TimeBand("rest")),
    "adjustments": (PriceAdjustment("double", Condition(time_bands=("rest",)), 2_000_000),),
}


def test_a_dearer_band_inside_the_slice_is_paid_for() -> None:
    """A cent a second until a minute past noon, then two: 90 cents are 75 seconds."""
    call = live(Shop(**DOUBLE_SOON), 90)
    call.open(120)
    assert call.extend(1, 0, 120, answer_micros=call.now_micros).granted_seconds == 75


def test_a_call_that_may_ring_into_a_dearer_band_is_held_for_at_its_price() -> None:
    """The price doubles in a minute; nobody knows when it is answered: 90 cents are 45 seconds."""
    call = live(Shop(**DOUBLE_SOON), 90)
    assert call.open(120).granted_seconds == 45
    assert call.price(45) == sum(held for _, held in call.purse.held.values())


def test_a_call_that_may_ring_into_a_cheaper_band_is_held_for_at_once() -> None:
    """It may be answered before the price falls."""
    half = PriceAdjustment("half", Condition(time_bands=("rest",)), 500_000)
    call = live(Shop(**DOUBLE_SOON | {"adjustments": (half,)}), 30)
    assert call.open(120).granted_seconds == 30


def test_bundle_units_need_no_money_and_nobody_else_gets_them() -> None:
    """A minute is free: the first call gets it, the second has to pay."""
    shop = Shop(bundles=(bundle(60),))
    first, second = live(shop, 0), live(shop, 30)
    second.session_id = "other"
    assert first.open().granted_seconds == 60
    assert not first.purse.held
    assert second.open().granted_seconds == 30
    assert sum(held for _, held in second.purse.held.values()) == 30 * CENT


def test_units_that_a_refused_call_would_have_used_are_free_again() -> None:
    """The call needs more than the bundle has, and there is no money for the rest."""
    shop = Shop([rate(first_increment=60, next_increment=60)], bundles=(bundle(30),))
    assert live(shop, 29).open().verdict is Verdict.REFUSED
    assert [state.used for state in shop.book.states().values()] == [0]


def test_a_grant_for_less_money_takes_less_of_a_bundle() -> None:
    """Of 30 free seconds and 15 cents, by whole minutes beyond the first half."""
    shop = Shop(bundles=(bundle(90),))
    call = live(shop, 0)
    assert call.open(120).verdict is Verdict.GRANTED
    assert call.answer.granted_seconds == 90
    assert [state.used for state in shop.book.states().values()] == [90]


def test_an_extend_grants_a_slice_beyond_what_was_used() -> None:
    """What is held grows to the price of all of it."""
    call = live(Shop(), 1_000)
    call.open()
    answer = call.extend(1, used_seconds=50)
    assert (answer.granted_seconds, answer.held_micros) == (110, 110 * CENT)
    assert answer.cost_micros == 50 * CENT


def test_a_call_goes_on_with_what_it_has_when_money_is_used_up() -> None:
    """Nothing more is to be had, and the grant before stays."""
    call = live(Shop(), 60)
    call.open()
    answer = call.extend(1, used_seconds=50)
    assert (answer.verdict, answer.reason) == (Verdict.REFUSED, Reason.INSUFFICIENT_FUNDS)
    assert answer.granted_seconds == 60
    assert sum(held for _, held in call.purse.held.values()) == 60 * CENT


def test_a_grant_never_outlives_its_hold() -> None:
    """The hold was placed long ago, and only now is its answer heard."""
    call = live(Shop(), 1_000)
    call.purse.ends_micros = call.now_micros + 100 * 10**6
    answer = call.open()
    assert (answer.verdict, answer.valid_seconds) == (Verdict.GRANTED, 100 - 60)


def test_a_hold_that_is_over_grants_nothing_and_is_given_back() -> None:
    """Of its hundred seconds the grace alone is left."""
    call = live(Shop(), 1_000)
    call.purse.ends_micros = call.now_micros + 60 * 10**6
    answer = call.open()
    assert (answer.verdict, answer.reason) == (Verdict.REFUSED, Reason.FUNDS_UNAVAILABLE)
    assert not call.purse.held


rates = st.builds(
    lambda price, fee, increments, minimum, grace: rate(
        price,
        connect_fee_micros=fee,
        first_increment=increments[0],
        next_increment=increments[1],
        minimum=minimum,
        grace_seconds=grace,
    ),
    st.sampled_from([0, 1, 999, 60_000_000, CENT_A_SECOND, 7 * CENT_A_SECOND + 13]),
    st.sampled_from([0, 1, 5 * CENT]),
    st.sampled_from(INCREMENTS),
    st.sampled_from([0, 10, 61]),
    st.sampled_from([0, 3, 70]),
)

TERMS: list[dict[str, Any]] = [
    {},
    {
        "time_bands": (TimeBand("early", to_minute=721), TimeBand("rest")),
        "adjustments": (PriceAdjustment("dear", Condition(time_bands=("rest",)), 3_000_000),),
    },
    {
        "time_bands": (TimeBand("early", to_minute=721), TimeBand("rest")),
        "adjustments": (PriceAdjustment("free", Condition(time_bands=("rest",)), 0),),
    },
    {"duration_tiers": (DurationTier(0, TierPrice()), DurationTier(45, TierPrice(500_000)))},
    {"bundles": (bundle(50),)},
    {"minimum_charge_micros": 25 * CENT},
]


@given(
    row=rates,
    terms=st.sampled_from(TERMS),
    micros=st.integers(0, 500 * CENT),
    requested=st.integers(1, 400),
    used=st.lists(st.integers(1, 200), max_size=3),
)
def test_no_grant_is_worth_more_than_what_is_held_and_none_is_shorter_than_it_could_be(
    row: Rate, terms: dict[str, Any], micros: int, requested: int, used: list[int]
) -> None:
    """price(granted) <= held, and another increment would not be covered or was not asked for."""
    call = LiveCall(Shop([row], **terms), Purse({"payer": micros}))
    answer, spent = call.open(requested), 0
    assert is_worth_what_is_held(call, requested, row.grace_seconds), answer
    for sequence, more in enumerate(used, start=1):
        if answer.verdict is not Verdict.GRANTED:
            break
        spent = min(answer.granted_seconds, spent + more)
        answer = call.extend(sequence, spent, requested)
        assert is_worth_what_is_held(call, spent + requested, row.grace_seconds), answer


def is_worth_what_is_held(call: LiveCall, slice_end: int, grace_seconds: int) -> bool:
    """What is granted is covered by what is held, and no increment more is."""
    answer = call.answer
    held = sum(micros for _, micros in call.purse.held.values())
    granted = answer.granted_seconds
    left = call.purse.available("payer")
    is_covered = left >= 0 and (not granted or call.price(granted) <= held)
    is_all = answer.verdict is Verdict.GRANTED and granted >= slice_end
    # In its grace a call costs nothing, and is no increment either.
    is_longest = is_all or call.price(max(granted, grace_seconds) + 1) > held + left
    return is_covered and is_longest
