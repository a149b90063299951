"""Promotional credit is spent first; caps end with the day and the month of the account."""

from datetime import UTC, date, datetime, timedelta

from services.payment.domain.funds.funds import Policy, Spend
from services.payment.domain.funds.promotion import Promotion, expiring
from tests.unit.payment.funds_steps import (
    MINUTE,
    NOW,
    book_of,
    capture,
    do,
    eur,
    held,
    place,
    reason,
)


def promotion(name: str, micros: int, expires_in: timedelta) -> Promotion:
    return Promotion("acme", name, "a", eur(micros), eur(micros), NOW, NOW + expires_in)


def test_promotional_credit_is_spent_first_and_the_first_to_expire_before_the_others() -> None:
    """10 of usage: 3 of what ends tomorrow, 4 of what ends in a week, 3 of the wallet."""
    later = promotion("later", 4, timedelta(days=7))
    sooner = promotion("sooner", 3, timedelta(days=1))
    book = book_of(20, promotions=[later, sooner])
    hold = held(do(book, place(6)))
    do(book, capture(hold, 6))
    assert book.paid_by_promotions == {"sooner": 3, "later": 3}
    do(book, capture(held(do(book, place(4))), 4, charge=2))
    assert [each.promotion_micros for each in book.captures] == [6, 1]
    assert book.funds["a"].promotions == ()


def test_expired_credit_is_left_to_the_holds_that_rely_on_it() -> None:
    """5 of promotion and 2 in the wallet were held: after the expiry nothing new is held."""
    book = book_of(7, promotions=[promotion("gift", 5, MINUTE)])
    hold = held(do(book, place(6, validity=timedelta(hours=1))))
    later = NOW + 2 * MINUTE
    assert reason(do(book, place(1), later)) == "INSUFFICIENT_FUNDS"
    assert held(do(book, capture(hold, 6), later)).captured_micros == 6
    assert book.paid_by_promotions == {"gift": 5}


def test_credit_that_expires_under_a_hold_pays_for_its_call() -> None:
    """5 in the wallet, 10 of promotion, 10 held: the call costs the wallet nothing.

    Of 12 only 10 are held: 2 are taken back.
    """
    later = NOW + 2 * MINUTE
    for credit, taken in ((10, {}), (12, {"gift": eur(2)})):
        book = book_of(5 + credit, promotions=[promotion("gift", credit, MINUTE)])
        held(do(book, place(10, validity=timedelta(hours=1))))
        funds = book.funds["a"]
        spare = funds.spare_micros()
        assert expiring(funds.promotions, funds.held_micros, spare, later) == taken


def test_a_daily_cap_ends_at_midnight_where_the_account_is() -> None:
    """8 of 10 were spent in Tokyo on the 24th; on its 25th, 15:00 UTC of the 24th, 10 again."""
    policy = Policy(credit_limit_micros=1_000, daily_cap_micros=10)
    book = book_of(0, policy, zone="Asia/Tokyo")
    before = datetime(2026, 11, 24, 14, 59, tzinfo=UTC)
    do(book, capture(held(do(book, place(8), before)), 8), before)
    refused = do(book, place(3), before)
    assert reason(refused) == "SPEND_CAP_REACHED"
    assert refused.available == eur(2)
    after = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    assert held(do(book, place(10), after)).held_micros == 10
    assert reason(do(book, place(1), after)) == "SPEND_CAP_REACHED"


def test_a_monthly_cap_ends_with_the_month_where_the_account_is() -> None:
    """The month of New York ends five hours after that of UTC."""
    policy = Policy(credit_limit_micros=1_000, daily_cap_micros=100, monthly_cap_micros=10)
    book = book_of(0, policy, zone="America/New_York")
    before = datetime(2026, 12, 1, 4, 59, tzinfo=UTC)
    do(book, capture(held(do(book, place(8), before)), 8), before)
    refused = do(book, place(3), before)
    assert refused.error is not None
    assert refused.error.metadata["span"] == "month"
    assert held(do(book, place(3, minimum=1), before)).held_micros == 2
    after = datetime(2026, 12, 1, 5, 0, tzinfo=UTC)
    assert held(do(book, place(3), after)).held_micros == 3


def test_what_was_spent_today_is_not_forgotten_by_a_clock_that_goes_back() -> None:
    """At the first of December 90 are spent; a server whose clock has November counts on."""
    first, yesterday = date(2026, 12, 1), date(2026, 11, 30)
    spent = Spend().on(first).plus(90)
    assert spent.on(yesterday) == spent
    assert spent.on(yesterday).plus(1).on(first) == Spend().on(first).plus(91)
