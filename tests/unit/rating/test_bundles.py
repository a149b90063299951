"""Bundles: what they pay for, in which order, how long, and for whom."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kernel.clock import to_micros
from services.rating.domain.account import BundleGrant, Customer, Subscription
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import (
    BundleUnit,
    CounterPeriod,
    PriceAdjustment,
)
from services.rating.domain.plans.time_bands import TimeBand
from services.rating.domain.receipts.receipt import read_receipt
from tests.unit.rating.calls import (
    NOON,
    Shop,
    after,
    bundle,
    call,
    rate,
)
from tests.unit.rating.terms import PLAN, account

CENT = 10_000


def left(shop: Shop) -> dict[tuple[str, str], int]:
    """What every bundle that was touched still holds, by owner and code."""
    states = shop.book.states()
    return {(key.owner_account_id, key.code): state.left for key, state in states.items()}


def test_a_bundle_pays_for_the_front_of_a_call_and_the_rest_is_charged() -> None:
    """100 s: a call of 70 is free, of the next 70 s 40 are paid, the third is paid whole."""
    shop = Shop(bundles=(bundle(100),))
    assert [shop.micros(call(70)) for _ in range(3)] == [0, 40 * CENT, 70 * CENT]
    assert left(shop) == {("payer", "free"): 0}


def test_what_a_bundle_covers_has_no_price_in_any_band() -> None:
    """The covered seconds are those before noon, so that all paid ones cost half."""
    half = PriceAdjustment("half", Condition(time_bands=("rest",)), 500_000)
    bands = (TimeBand("peak", to_minute=720), TimeBand("rest"))
    shop = Shop(bundles=(bundle(30),), time_bands=bands, adjustments=(half,))
    assert shop.micros(call(60, after(NOON, -20))) == 30 * CENT // 2


def test_bundles_are_used_by_priority_then_end_of_validity_then_code() -> None:
    """A call of 100 s takes 10 of each of the first three, and the rest of the last."""
    shop = Shop(
        bundles=(
            bundle(1_000, "d", priority=1),
            bundle(10, "c"),
            bundle(10, "b"),
            bundle(10, "a", period=CounterPeriod.DAY),
        )
    )
    shop.micros(call(100))
    taken = read_receipt(shop.price(call(1)).receipt)["bundles"]
    assert [each["code"] for each in taken] == ["d"]
    assert left(shop) == {
        ("payer", "a"): 0, ("payer", "b"): 0, ("payer", "c"): 0, ("payer", "d"): 929,
    }  # fmt: skip


@pytest.mark.parametrize("covers", [True, False])
def test_a_bundle_that_pays_for_the_first_second_may_cover_the_connect_fee(covers: bool) -> None:
    """If it says so."""
    shop = Shop([rate(connect_fee_micros=50_000)], bundles=(bundle(60, covers_connect_fee=covers),))
    assert shop.micros(call(60)) == (0 if covers else 50_000)
    assert shop.micros(call(60)) == 600_000 + 50_000


def test_a_minimum_charge_is_not_due_for_a_call_that_bundles_pay_whole() -> None:
    """As long as no connect fee is left."""
    shop = Shop(bundles=(bundle(60),), minimum_charge_micros=10**6)
    assert [shop.micros(call(60)), shop.micros(call(1))] == [0, 10**6]


def test_a_bundle_of_money_pays_for_the_rounded_amount() -> None:
    """0.50: of a call of 0.60 0.10 is charged."""
    shop = Shop(bundles=(bundle(500_000, unit=BundleUnit.MONEY),))
    priced = shop.price(call(60))
    assert priced.amount_micros == 100_000
    assert read_receipt(priced.receipt)["rounded_micros"] == 600_000
    assert shop.micros(call(60)) == 600_000


def test_a_bundle_is_full_again_in_its_next_period() -> None:
    """The period of the start of the call, however long it lasts."""
    shop = Shop(bundles=(bundle(60, period=CounterPeriod.DAY),))
    late = datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)
    assert shop.micros(call(60, late)) == 0
    assert shop.micros(call(60, late)) == 600_000
    assert shop.micros(call(60, after(late, 1))) == 0


def test_what_is_left_may_be_used_for_as_many_periods_as_it_rolls_over() -> None:
    """A day's 60 s and one day's rest: the oldest first, and nothing from before the plan."""
    shop = Shop(bundles=(bundle(60, period=CounterPeriod.DAY, rollover_periods=1),))
    day = timedelta(days=1)
    shop.customer = replace(
        shop.customer, subscriptions=[Subscription(PLAN.plan_id, to_micros(NOON), None)]
    )
    assert shop.micros(call(61)) == CENT
    assert shop.micros(call(20, NOON + day)) == 0
    assert shop.micros(call(101, NOON + 2 * day)) == CENT
    assert shop.micros(call(120, NOON + 7 * day)) == 0


def test_a_shared_bundle_belongs_to_the_payer() -> None:
    """Two accounts use up one."""
    shop = Shop(bundles=(bundle(100, shared=True),))
    payer = account()
    family = [
        Customer(account(account_id=each), payer, shop.customer.subscriptions) for each in "ab"
    ]
    assert [shop.micros(call(60), each) for each in family] == [0, 20 * CENT]
    assert left(shop) == {("payer", "free"): 0}


def test_a_granted_bundle_is_used_up_once_within_its_validity() -> None:
    """Calls that start before its end; it ends after that of the plan, so it comes later."""
    shop = Shop(bundles=(bundle(60, period=CounterPeriod.DAY),))
    end = NOON + timedelta(days=3)
    grant = BundleGrant("grant", "payer", bundle(60, "extra"), to_micros(NOON), to_micros(end))
    granted = replace(shop.customer, grants=[grant])
    assert [shop.micros(call(60), granted) for _ in range(3)] == [0, 0, 600_000]
    tomorrow = NOON + timedelta(days=1)
    assert [shop.micros(call(60, tomorrow), granted) for _ in range(2)] == [0, 600_000]
    assert shop.micros(call(120, end), granted) == 600_000
