"""Calls at once and calls per second, of an account, a line and a trunk."""

import pytest

from kernel.errors import DomainError
from services.rating.domain.charging.answer import Reason
from services.rating.domain.charging.limits import (
    CallCounts,
    CallLimit,
    CallsSeen,
    CallToAdmit,
    LimitScope,
    ScopeKey,
    check_limit,
    limits_in_force,
)

ACCOUNT = ScopeKey("acme", LimitScope.ACCOUNT, "ann")
TRUNK = ScopeKey("acme", LimitScope.TRUNK, "carrier")
CALL = CallToAdmit("acme", "s", "ann", "line", "carrier")


def test_calls_of_one_batch_are_counted_one_after_the_other() -> None:
    """Two may go on at once and one does: of two that begin together, the first does."""
    counts = CallCounts({ACCOUNT: CallLimit(concurrent_calls_max=2)}, {ACCOUNT: CallsSeen(1, 0)})
    assert counts.admit(CALL.scopes()) is Reason.NONE
    assert counts.admit(CALL.scopes()) is Reason.CALL_LIMIT_REACHED


def test_calls_that_began_within_the_second_are_counted_though_they_ended() -> None:
    """Three in a second, however short they were."""
    counts = CallCounts({TRUNK: CallLimit(calls_per_second_max=3)}, {TRUNK: CallsSeen(0, 2)})
    assert counts.admit(CALL.scopes()) is Reason.NONE
    assert counts.admit(CALL.scopes()) is Reason.CALL_RATE_EXCEEDED


def test_a_call_that_one_limit_refuses_does_not_count_for_another() -> None:
    """The trunk is full; the account can still call by another."""
    limits = {ACCOUNT: CallLimit(concurrent_calls_max=1), TRUNK: CallLimit(concurrent_calls_max=0)}
    counts = CallCounts(limits, {})
    assert counts.admit(CALL.scopes()) is Reason.CALL_LIMIT_REACHED
    assert counts.admit(CALL._replace(trunk="other").scopes()) is Reason.NONE


def test_nothing_limits_an_emergency_call() -> None:
    """It is not counted either."""
    assert list(CALL._replace(is_emergency=True).scopes()) == []


def test_a_call_is_limited_by_all_that_is_known_of_it() -> None:
    """Account, line and trunk; what is empty is nobody's."""
    assert [key.scope for key in CALL.scopes()] == list(LimitScope)
    assert list(CallToAdmit("acme", "s", "").scopes()) == []


def test_the_limit_of_an_account_goes_before_the_usual_one() -> None:
    """Everybody has two calls, ann has five; of trunks nothing was said."""
    five, two = CallLimit(concurrent_calls_max=5), CallLimit(concurrent_calls_max=2)
    bob = ACCOUNT._replace(scope_id="bob")
    known = {ACCOUNT: five, ACCOUNT.usual(): two}
    assert limits_in_force([ACCOUNT, bob, TRUNK], known) == {ACCOUNT: five, bob: two}


@pytest.mark.parametrize(
    ("key", "limit"),
    [
        (ACCOUNT, CallLimit()),
        (ACCOUNT, CallLimit(concurrent_calls_max=-1)),
        (ACCOUNT, CallLimit(calls_per_second_max=1_000_001)),
        (ACCOUNT._replace(scope_id="a" * 256), CallLimit(concurrent_calls_max=1)),
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused(key: ScopeKey, limit: CallLimit) -> None:
    """One that limits nothing is none; none at all is a limit of 0."""
    check_limit(ACCOUNT, CallLimit(concurrent_calls_max=0))
    with pytest.raises(DomainError) as refused:
        check_limit(key, limit)
    assert refused.value.reason == "INVALID_CALL_LIMIT"
