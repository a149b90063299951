"""A threshold is reported once when it is reached, and once when it is left."""

from hypothesis import given
from hypothesis import strategies as st

from services.payment.domain.funds.thresholds import Crossings, crossings


def test_a_falling_balance_reaches_each_threshold_once() -> None:
    """From 12 to 4: both 10 and 5 are reached; at 4 still nothing new; at 5.5, 5 is left."""
    assert crossings([], [5, 10], 12) == Crossings([], [])
    assert crossings([], [5, 10], 4) == Crossings([10, 5], [])
    assert crossings([10, 5], [5, 10], 4) == Crossings([], [])
    assert crossings([10, 5], [5, 10], 6) == Crossings([], [5])


def test_what_is_no_threshold_any_more_is_left() -> None:
    """The account has new thresholds; the old one is not low any more."""
    assert crossings([10], [3], 2) == Crossings([3], [10])


@given(st.sets(st.integers(-5, 20), max_size=5), st.lists(st.integers(-10, 25), max_size=20))
def test_reports_alternate(thresholds: set[int], balances: list[int]) -> None:
    """Reached and left take turns for each threshold, however the balance moves."""
    low: set[int] = set()
    for balance in balances:
        reached, left = crossings(low, thresholds, balance)
        assert not set(reached) & low
        assert set(left) <= low
        low = low - set(left) | set(reached)
        assert low == {each for each in thresholds if balance <= each}
