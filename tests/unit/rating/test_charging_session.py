"""A session goes from request to request, whatever comes late, twice or in another order."""

from typing import Any

from services.rating.domain.charging.answer import Reason, Verdict
from services.rating.domain.charging.authorising import extended, finished
from services.rating.domain.charging.holds import steps_of
from services.rating.domain.charging.requests import ExtendRequest
from services.rating.domain.charging.session import Session, SessionState, expired
from services.rating.domain.charging.standing import answer_to_extend, answer_to_open
from services.rating.domain.charging.transfers import NotHeld
from tests.unit.rating.calls import Shop, bundle
from tests.unit.rating.live_calls import LiveCall, Purse

EURO = 10**6


def opened_call(**terms: Any) -> LiveCall:
    """A call that has its first grant."""
    call = LiveCall(Shop(**terms), Purse({"payer": 10 * EURO}))
    call.open()
    return call


def waiting(call: LiveCall, sequence: int, used_seconds: int) -> Session:
    """The session with the intent of an extend that payment has not heard of yet."""
    assert call.session is not None
    request = ExtendRequest(call.session_id, sequence, used_seconds)
    return extended(call.session, request, call.basis, call.counters)


def test_an_intent_comes_to_its_end_before_the_next_request_counts() -> None:
    """So a message to payment that was delayed is known by then, and changes nothing later."""
    call = opened_call()
    call.session = waiting(call, 1, 30)
    assert waiting(call, 2, 60) is call.session
    call.finish()
    assert call.extend(2, 60).granted_seconds == 120


def test_the_steps_of_an_intent_are_the_same_whoever_takes_them() -> None:
    """Ids, amounts and times follow from the session alone."""
    call = opened_call()
    call.session = waiting(call, 1, 30)
    first = steps_of(call.session)
    call.now_micros += 5 * 10**6
    assert steps_of(waiting(call, 1, 30)) == first
    call.finish()
    held = dict(call.purse.held)
    call.purse.execute(first)
    assert call.purse.held == held


def test_an_answer_of_payment_that_comes_twice_counts_once() -> None:
    """The second finds no intent."""
    call = opened_call()
    call.session = waiting(call, 1, 30)
    results = call.purse.execute(steps_of(call.session))
    once = finished(call.session, 1, results, call.basis, call.counters)
    assert finished(once, 1, results, call.basis, call.counters) is once


def test_a_hold_that_payment_let_expire_ends_what_may_be_extended() -> None:
    """The call goes on with what it was granted; nothing more is to be had."""
    call = opened_call()
    session = waiting(call, 1, 30)
    after = finished(session, 1, [NotHeld("HOLD_ENDED")], call.basis, call.counters)
    assert after.answer is not None
    assert (after.answer.verdict, after.answer.reason) == (
        Verdict.REFUSED,
        Reason.SESSION_EXPIRED,
    )
    assert after.granted_seconds == 60


def test_a_session_expires_once_its_time_is_over_and_gives_its_units_back() -> None:
    """Not a moment before."""
    call = opened_call(bundles=(bundle(60),))
    session = call.session
    assert session is not None
    assert expired(session, session.expire_micros - 1, call.counters) is session
    after = expired(session, session.expire_micros, call.counters)
    assert (after.state, after.reserved) == (SessionState.EXPIRED, ())
    assert [state.used for state in call.counters.states().values()] == [0]


def test_an_open_that_comes_again_after_an_extend_hears_what_is_granted() -> None:
    """Its answer was lost; the switch went on all the same."""
    call = opened_call()
    call.extend(1, 50)
    assert call.session is not None
    again = answer_to_open(call.session)
    assert (again.sequence, again.verdict, again.granted_seconds) == (0, Verdict.GRANTED, 110)


def test_an_unknown_session_is_told_so() -> None:
    """Nobody opened it here."""
    answer = answer_to_extend(None, ExtendRequest("none", 3, 10))
    assert (answer.sequence, answer.verdict, answer.reason) == (
        3,
        Verdict.REFUSED,
        Reason.UNKNOWN_SESSION,
    )
