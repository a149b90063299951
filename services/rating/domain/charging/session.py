"""The life of a charging session: what each request, and each answer of payment, makes of it.

Nothing here reads a clock or asks anybody, so any order of events can be tried. A request that
needs money first becomes the session's *intent*; the steps for payment follow from the session
alone; what came of them ends the intent with an answer. Whoever finds an intent takes the same
steps again, which is harmless, before anything else happens to the session.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from kernel.clock import MICROS_PER_SECOND
from services.rating.domain.charging.answer import Answer, Reason, Verdict
from services.rating.domain.charging.grants import Wanted
from services.rating.domain.charging.policy import ChargingPolicy
from services.rating.domain.charging.requests import ChargedCall, ExtendRequest
from services.rating.domain.counters import CounterBook, CounterUse


class SessionState(IntEnum):
    """How a session stands; the values are those of tollbook.rating.v1.SessionState."""

    OPENING = 1
    ACTIVE = 2
    REFUSED = 3
    CLOSED = 4
    EXPIRED = 5


LIVE_STATES = (SessionState.OPENING, SessionState.ACTIVE)


class Level(NamedTuple):
    """A party that pays for the call: the customer first, then each reseller above."""

    account_id: str
    payer_account_id: str
    currency: str
    hold_id: str
    held_micros: int | None = None
    """What is held of its money; None while no hold was placed."""


class Intent(NamedTuple):
    """What a request wants of payment, until that has answered."""

    sequence: int
    wanted: Wanted
    hold_seconds: int
    """For how long money is to be held."""


class Session(NamedTuple):
    """One call, from its authorisation to its end."""

    tenant_id: str
    session_id: str
    call: ChargedCall
    """With the account that calls, where anybody knows it."""
    state: SessionState
    levels: tuple[Level, ...] = ()
    """Nobody pays for an emergency call."""
    expire_micros: int = 0
    """When something is done about it if nothing comes: an opening one is taken on, one with a
    grant expires. Once it has ended, when it did."""
    sequence: int = 0
    """The newest that was answered."""
    granted_seconds: int = 0
    used_seconds: int = 0
    begin_micros: int | None = None
    """When the call was answered, once that is known."""
    cost_micros: int = 0
    price_per_minute_nanos: int = 0
    intent: Intent | None = None
    answer: Answer | None = None
    """The newest; None while the first is on the way."""
    reserved: tuple[CounterUse, ...] = ()
    """What it took of bundles for what is granted, to be given back before it is settled."""
    reason: Reason = Reason.NONE
    """Why it was refused or ended."""
    hang_up_reason: str = ""
    """Why somebody asked to end it; empty: nobody did."""
    charge_id: bytes | None = None
    version: int = 1
    """Counts its changes."""

    @property
    def is_live(self) -> bool:
        """Whether the call may be going on."""
        return self.state in LIVE_STATES

    @property
    def reached_seconds(self) -> int:
        """What is granted, or used if that is more."""
        return max(self.granted_seconds, self.used_seconds)

    @property
    def pricing_begin_micros(self) -> int:
        """As of when its first second is priced."""
        return self.call.start_micros if self.begin_micros is None else self.begin_micros

    def may_hold(self, level: int) -> bool:
        """Whether there may be a hold of a level: it was placed, or is being placed."""
        is_placing = self.intent is not None and self.intent.wanted.amounts_micros[level] > 0
        return is_placing or self.levels[level].held_micros is not None


class AnswerTerms(NamedTuple):
    """By what a session is answered: the account's policy, and the time."""

    policy: ChargingPolicy
    now_micros: int


def noting(session: Session, request: ExtendRequest) -> Session:
    """The session with what an extend reports."""
    return session._replace(
        used_seconds=max(session.used_seconds, request.used_seconds),
        begin_micros=session.begin_micros or begin_of(session.call, request.answer_micros),
    )


def begin_of(call: ChargedCall, answer_micros: int | None) -> int | None:
    """When conversation began; never before the call, whatever clocks say."""
    return None if answer_micros is None else max(call.start_micros, answer_micros)


def granted(
    session: Session, seconds: int, terms: AnswerTerms, ends_micros: int | None = None
) -> Session:
    """The session once what is held for its intent, until an instant, is worth so many seconds.

    A call that has begun goes on with what it was granted before, if that is all there is.
    """
    intent = session.intent
    assert intent is not None, "only an intent is granted"
    if seconds <= session.reached_seconds < intent.wanted.seconds:
        return refused(session, intent.sequence, Reason.INSUFFICIENT_FUNDS, terms)
    expire = terms.now_micros + intent.hold_seconds * MICROS_PER_SECOND
    session = session._replace(
        state=SessionState.ACTIVE,
        # Nobody takes back what a switch was told in an outage.
        granted_seconds=max(seconds, session.granted_seconds),
        # A grant never outlives its holds.
        expire_micros=expire if ends_micros is None else min(expire, ends_micros),
    )
    return answered(session, intent.sequence, Verdict.GRANTED, Reason.NONE, terms)


def refused(session: Session, sequence: int, reason: Reason, terms: AnswerTerms) -> Session:
    """The session once a request is refused: an open ends it, an extend leaves it as it was."""
    if session.state is SessionState.OPENING:
        session = session._replace(
            state=SessionState.REFUSED, reason=reason, expire_micros=terms.now_micros
        )
    return answered(session, sequence, Verdict.REFUSED, reason, terms)


def answered(
    session: Session, sequence: int, verdict: Verdict, reason: Reason, terms: AnswerTerms
) -> Session:
    """The session with its newest answer, which a repetition of the request gets too."""
    valid_seconds = ask_again_at = held = 0
    currency = ""
    if session.levels:
        currency, held = session.levels[0].currency, session.levels[0].held_micros or 0
    if verdict is Verdict.GRANTED and session.levels:
        left = (session.expire_micros - terms.now_micros) // MICROS_PER_SECOND
        valid_seconds = max(0, left - terms.policy.grace_seconds)
        ask_again_at = terms.policy.ask_again_at(session.used_seconds, session.granted_seconds)
    answer = Answer(
        session.session_id,
        sequence,
        verdict,
        reason,
        session.granted_seconds,
        valid_seconds,
        ask_again_at,
        terms.policy.when_exhausted,
        session.price_per_minute_nanos,
        currency,
        held,
        session.cost_micros,
    )
    return session._replace(sequence=sequence, intent=None, answer=answer)


def closed(
    session: Session, charge_id: bytes | None, cost_micros: int, terms: AnswerTerms
) -> Session:
    """The session once it is settled: nothing is held or reserved for it any more."""
    session = session._replace(
        state=SessionState.CLOSED,
        expire_micros=terms.now_micros,
        levels=tuple(level._replace(held_micros=None) for level in session.levels),
        charge_id=charge_id,
        cost_micros=cost_micros,
        reserved=(),
    )
    return answered(session, session.sequence, Verdict.CLOSED, Reason.NONE, terms)


def expired(session: Session, now_micros: int, counters: CounterBook) -> Session:
    """The session when no end came in time: its call record will charge it."""
    if not session.is_live or session.expire_micros > now_micros:
        return session
    counters.give_back(session.reserved)
    return session._replace(
        state=SessionState.EXPIRED,
        expire_micros=now_micros,
        reason=Reason.SESSION_EXPIRED,
        intent=None,
        reserved=(),
    )


def asked_to_hang_up(session: Session, reason: str) -> Session:
    """The session when somebody asked to end it: its next extend is told so."""
    return session._replace(hang_up_reason=reason or Reason.HANG_UP_REQUESTED.value)


def next_version(before: Session, after: Session) -> Session:
    """What became of a session, in its next version if anything did."""
    return after if after is before else after._replace(version=before.version + 1)
