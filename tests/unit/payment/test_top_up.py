"""When an account asks for money by itself, and how often: decided without a database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DomainError
from kernel.money import MICROS_PER_UNIT, Money
from services.payment.domain.collections.collection import (
    ATTEMPT_PAUSE_MAX,
    ATTEMPT_PAUSE_MIN,
    attempt_pause,
    is_chargeable,
)
from services.payment.domain.collections.payment_instrument import has_card_number
from services.payment.domain.collections.top_up import (
    DECLINE_PAUSES,
    TOP_UPS_A_DAY_MAX,
    Taken,
    TopUp,
    TopUpPolicy,
)
from services.payment.domain.ledger.account import Account, PaymentMode

NOW = datetime(2027, 3, 27, 23, 30, tzinfo=UTC)
TEN = Money("EUR", 10 * MICROS_PER_UNIT)
POLICY = TopUpPolicy("card", threshold=Money("EUR", 5 * MICROS_PER_UNIT), amount=TEN)


def account(time_zone: str = "UTC") -> Account:
    return Account("acme", "a", "entity", "a", "EUR", PaymentMode.PREPAID, time_zone)


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "insufficient_funds", "stolen"]), st.booleans()), max_size=9
    )
)
def test_no_row_of_declines_asks_more_than_five_times(declines: list[tuple[str, bool]]) -> None:
    """Whatever the gateway says of each, and though it says nothing."""
    top_up, now, asked = TopUp(POLICY), NOW, 0
    for failure_code, may_retry in declines:
        if top_up.waits(now):
            break
        asked += 1
        top_up = top_up.declined(failure_code, may_retry, now)
        assert top_up.waits(now)
        now = top_up.next_time or now
    assert asked <= 1 + len(DECLINE_PAUSES)
    assert bool(top_up.suspend_reason) == (top_up.next_time is None and asked > 0)
    assert (top_up.trigger_micros is None) == bool(top_up.suspend_reason)


def test_a_decline_that_no_time_heals_suspends_at_once() -> None:
    """With the gateway's word for it, until a success or somebody sets it anew."""
    suspended = TopUp(POLICY).declined("expired_card", may_retry=False, now=NOW)
    assert (suspended.suspend_reason, suspended.next_time) == ("expired_card", None)
    assert suspended.waits(NOW + timedelta(days=365))
    assert suspended.succeeded() == TopUp(POLICY)


@pytest.mark.parametrize(
    ("left", "is_low"),
    [(5 * MICROS_PER_UNIT, True), (5 * MICROS_PER_UNIT + 1, False), (None, False)],
)
def test_no_more_than_the_threshold_is_little(left: int | None, is_low: bool) -> None:
    """One who may owe without end never has little."""
    assert TopUp(POLICY).is_low(left) is is_low


@pytest.mark.parametrize(
    ("zone", "taken", "limits", "until"),
    [
        ("UTC", Taken(), {}, None),
        ("UTC", Taken(day_count=TOP_UPS_A_DAY_MAX), {}, datetime(2027, 3, 28, tzinfo=UTC)),
        # In Amsterdam Sunday has begun, which has 23 hours.
        (
            "Europe/Amsterdam",
            Taken(day_count=TOP_UPS_A_DAY_MAX),
            {},
            datetime(2027, 3, 28, 22, tzinfo=UTC),
        ),
        ("UTC", Taken(1, TEN.micros), {"daily_limit": TEN}, datetime(2027, 3, 28, tzinfo=UTC)),
        ("UTC", Taken(0, 0, TEN.micros), {"monthly_limit": TEN}, datetime(2027, 4, 1, tzinfo=UTC)),
        # Both are reached: the later one holds.
        (
            "UTC",
            Taken(1, TEN.micros, TEN.micros),
            {"daily_limit": TEN, "monthly_limit": TEN},
            datetime(2027, 4, 1, tzinfo=UTC),
        ),
    ],
)
def test_a_limit_holds_until_the_day_or_month_ends_where_the_account_is(
    zone: str, taken: Taken, limits: dict[str, Money], until: datetime | None
) -> None:
    """What it takes now would pass it."""
    policy = TopUpPolicy("card", POLICY.threshold, TEN, **limits)
    assert TopUp(policy).limited_until(account(zone), taken, NOW) == until


@given(st.integers(0, 10_000))
def test_pauses_between_attempts_grow_to_the_longest(attempt_count: int) -> None:
    """However often it was attempted, it is attempted again."""
    pause, following = attempt_pause(attempt_count), attempt_pause(attempt_count + 1)
    assert ATTEMPT_PAUSE_MIN <= pause <= following <= ATTEMPT_PAUSE_MAX


@pytest.mark.parametrize(
    ("amount", "is_whole"),
    [
        (Money("EUR", 10_000), True),
        (Money("EUR", 9_999), False),
        (Money("JPY", MICROS_PER_UNIT), True),
        (Money("JPY", 500_000), False),
        (Money("KWD", 1_000), True),
        (Money("KWD", 100), False),
        (Money("EUR", 0), False),
        (Money("EUR", -10_000), False),
        (Money("EUR", 10**19), False),
    ],
)
def test_only_whole_coins_are_taken(amount: Money, is_whole: bool) -> None:
    """Cents, yen, fils."""
    assert is_chargeable(amount) is is_whole


def test_a_policy_in_two_currencies_is_refused() -> None:
    """Nothing of it could be compared."""
    with pytest.raises(DomainError, match="CURRENCY_MISMATCH"):
        TopUpPolicy("card", Money("USD", 0), TEN)


@given(st.text("0123456789", min_size=12, max_size=18), st.text("abc", max_size=3))
def test_a_card_number_is_seen_wherever_it_stands(digits: str, around: str) -> None:
    """The digit that makes it check is added; in groups it is the same number."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    rest = sum(doubled) + sum(map(int, digits[-2::-2]))
    number = f"{digits}{-rest % 10}"
    assert has_card_number(f"{around}{number}{around}")
    assert has_card_number("-".join(number))
