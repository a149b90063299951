"""What requests to open and extend, and the answers of payment, make of a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kernel.clock import MICROS_PER_SECOND
from kernel.e164 import NumberKind
from services.rating.domain.allowances.reservation import reserve
from services.rating.domain.charging.answer import Reason, Verdict
from services.rating.domain.charging.call_prices import CallPrices
from services.rating.domain.charging.grants import PriceOf, grant_within, wanted
from services.rating.domain.charging.holds import (
    holds_end_micros,
    is_all_held,
    levels_after,
    refusal_of,
    takes_money,
)
from services.rating.domain.charging.requests import ExtendRequest, OpenRequest
from services.rating.domain.charging.session import (
    AnswerTerms,
    Intent,
    Level,
    Session,
    SessionState,
    answered,
    granted,
    noting,
    refused,
)
from services.rating.domain.charging.transfers import StepResult, hold_id_of
from services.rating.domain.counters import CounterBook, CounterUse
from services.rating.domain.errors import sequence_too_old, session_conflict
from services.rating.domain.quantity import CALL_DURATION_SECONDS_MAX

# No switch waits for the answer to an open for so long: one that is late comes to nothing.
OPENING_SECONDS_MAX = 10
# payment holds money no longer.
HOLD_SECONDS_MAX = 24 * 3_600


class Basis(NamedTuple):
    """What a request is answered by."""

    prices: CallPrices | Reason
    """Or why the call has none, or must not be."""
    terms: AnswerTerms


def opened(
    known: Session | None,
    tenant_id: str,
    request: OpenRequest,
    basis: Basis,
    counters: CounterBook,
    limit: Reason = Reason.NONE,
) -> Session:
    """The session of a call that wants to begin; a known one stays as it is.

    One that still waits for its answer does so anew: its switch asks again.

    Raises:
        DomainError: SESSION_CONFLICT for the id of another call.
    """
    prices, terms = basis
    if known is not None:
        _check_same_call(known, request)
        return _waiting(known, terms) if known.state is SessionState.OPENING else known
    slice_end = terms.policy.open_slice(request.requested_seconds)
    session = _waiting(
        Session(tenant_id, request.session_id, request.call, SessionState.OPENING), terms
    )
    if request.call.callee.kind is NumberKind.EMERGENCY:
        return _passing(session, 0, terms)
    if isinstance(prices, Reason) or limit or not request.call.callee.digits:
        return refused(session, 0, limit or _why_not(request, prices), terms)
    session = session._replace(
        levels=_levels(tenant_id, request, prices),
        price_per_minute_nanos=prices.price_per_minute_nanos,
    )
    return _want(session, 0, slice_end, prices, terms, counters)


def extended(
    known: Session, request: ExtendRequest, basis: Basis, counters: CounterBook
) -> Session:
    """The session of a call that wants to go on.

    One that was answered already, that has ended, or whose intent is to be finished first stays
    as it is.

    Raises:
        DomainError: SEQUENCE_TOO_OLD.
    """
    if not known.is_live:
        return known
    if request.sequence < known.sequence:
        raise sequence_too_old(request.session_id, request.sequence, known.sequence)
    if known.intent is not None or request.sequence == known.sequence:
        return known
    session = noting(known, request)
    if not session.levels:
        return _passing(session, request.sequence, basis.terms)
    stop = _stop(session, basis)
    if stop is not None:
        return answered(session, request.sequence, *stop, basis.terms)
    return _extending(session, request, basis, counters)


def finished(
    known: Session,
    sequence: int,
    results: Sequence[StepResult],
    basis: Basis,
    counters: CounterBook,
) -> Session:
    """The session once payment has answered; as it is if somebody else was told before."""
    intent = known.intent
    if intent is None or intent.sequence != sequence or not known.is_live:
        return known
    prices, terms = basis
    ends = holds_end_micros(results)
    reason = refusal_of(known, results) or _refusal(known, prices, ends, terms)
    if isinstance(prices, Reason) or reason:
        # The holds of an open were given back; those of an extend are what they were before.
        known = _reserving(known, known.granted_seconds, prices, counters)
        return refused(known, sequence, reason, terms)
    session = known._replace(levels=levels_after(known, results))
    seconds = intent.wanted.seconds
    if not is_all_held(session.levels, intent.wanted):
        seconds = _covered(session, prices, counters)
        session = _reserving(session, seconds, prices, counters)
    return granted(session, seconds, terms, ends)


def _waiting(session: Session, terms: AnswerTerms) -> Session:
    """An opening session whose switch waits for the answer."""
    until = terms.now_micros + OPENING_SECONDS_MAX * MICROS_PER_SECOND
    return session._replace(expire_micros=until)


def _refusal(
    session: Session, prices: CallPrices | Reason, ends_micros: int | None, terms: AnswerTerms
) -> Reason:
    """Why what is held is of no use."""
    if isinstance(prices, Reason):
        return prices
    if session.state is SessionState.OPENING and session.expire_micros <= terms.now_micros:
        return Reason.FUNDS_UNAVAILABLE
    grace_micros = terms.policy.grace_seconds * MICROS_PER_SECOND
    is_over = ends_micros is not None and ends_micros - grace_micros <= terms.now_micros
    return Reason.FUNDS_UNAVAILABLE if is_over else Reason.NONE


def _covered(session: Session, prices: CallPrices, counters: CounterBook) -> int:
    """The seconds that what is held is worth."""
    intent = session.intent
    assert intent is not None, "only an intent has holds"
    counters.give_back(session.reserved)
    price = _price(session, prices, counters)
    held = [level.held_micros or 0 for level in session.levels]
    seconds = grant_within(price, held, session.reached_seconds, intent.wanted.seconds)
    counters.apply(session.reserved)
    return seconds


def _cost_so_far(session: Session, prices: CallPrices, counters: CounterBook) -> int:
    if not session.used_seconds:
        return 0
    customer = prices.of(session.pricing_begin_micros, counters)[0]
    return customer(min(session.used_seconds, CALL_DURATION_SECONDS_MAX)).amount_micros


def _price(session: Session, prices: CallPrices, counters: CounterBook) -> list[PriceOf]:
    """What the session's call costs each party; the most it may, while nobody has answered."""
    if session.begin_micros is None:
        return prices.of_unanswered(session.call.start_micros, counters)
    return prices.of(session.begin_micros, counters)


def _levels(tenant_id: str, request: OpenRequest, prices: CallPrices) -> tuple[Level, ...]:
    session_id, start = request.session_id, request.call.start_micros
    return tuple(
        party.level(hold_id_of(tenant_id, session_id, start, place))
        for place, party in enumerate(prices.parties)
    )


def _why_not(request: OpenRequest, prices: CallPrices | Reason) -> Reason:
    """Why a call has no price."""
    is_number = bool(request.call.callee.digits)
    return prices if is_number and isinstance(prices, Reason) else Reason.INVALID_NUMBER


def _check_same_call(known: Session, request: OpenRequest) -> None:
    here, there = known.call, request.call
    names = ["call_key_kind", "call_key", "leg"]
    if known.is_live:
        # Numbers are not kept any longer.
        names += ["callee", "trunk"]
    if there.account_id:
        names.append("account_id")
    for name in names:
        if getattr(here, name) != getattr(there, name):
            raise session_conflict(known.session_id, name, here.call_key, there.call_key)


def _passing(session: Session, sequence: int, terms: AnswerTerms) -> Session:
    """An emergency call: it passes, for as long as it likes, at nobody's cost."""
    session = session._replace(
        state=SessionState.ACTIVE,
        granted_seconds=session.used_seconds + CALL_DURATION_SECONDS_MAX,
        expire_micros=terms.now_micros + HOLD_SECONDS_MAX * MICROS_PER_SECOND,
    )
    return answered(session, sequence, Verdict.GRANTED, Reason.NONE, terms)


def _stop(session: Session, basis: Basis) -> tuple[Verdict, Reason] | None:
    """Why a call must end at once."""
    if session.hang_up_reason:
        return Verdict.HANG_UP, Reason.HANG_UP_REQUESTED
    if basis.prices is Reason.ACCOUNT_BLOCKED:
        return Verdict.HANG_UP, basis.prices
    return None


def _extending(
    session: Session, request: ExtendRequest, basis: Basis, counters: CounterBook
) -> Session:
    prices, terms = basis
    if isinstance(prices, Reason):
        return refused(session, request.sequence, prices, terms)
    slice_end = session.used_seconds + terms.policy.extend_slice(request.requested_seconds)
    return _want(session, request.sequence, slice_end, prices, terms, counters)


def _want(
    session: Session,
    sequence: int,
    slice_end: int,
    prices: CallPrices,
    terms: AnswerTerms,
    counters: CounterBook,
) -> Session:
    """The session that wants a slice; at once with its answer where that takes no money."""
    counters.give_back(session.reserved)
    price = _price(session, prices, counters)
    cost = _cost_so_far(session, prices, counters)
    goal = wanted(price, session.reached_seconds, slice_end)
    counters.apply(session.reserved)
    session = session._replace(cost_micros=cost)
    if isinstance(goal, Reason):
        return refused(session, sequence, goal, terms)
    session = _reserving(session, goal.seconds, prices, counters)
    hold_seconds = terms.policy.hold_seconds(goal.seconds - session.used_seconds)
    session = session._replace(intent=Intent(sequence, goal, min(hold_seconds, HOLD_SECONDS_MAX)))
    return session if takes_money(session) else granted(session, goal.seconds, terms)


def _reserving(
    session: Session, seconds: int, prices: CallPrices | Reason, counters: CounterBook
) -> Session:
    """The session with so much reserved of bundles as so many seconds would use."""
    if isinstance(prices, CallPrices) and not prices.counter_keys and not session.reserved:
        return session
    counters.give_back(session.reserved)
    uses: tuple[CounterUse, ...] = ()
    if seconds and isinstance(prices, CallPrices):
        price = _price(session, prices, counters)
        uses = reserve(counters, [each(seconds) for each in price])
    return session._replace(reserved=uses)
