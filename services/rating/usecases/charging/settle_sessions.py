"""Settling the calls of sessions that have ended, by the one way that charges are settled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import MICROS_PER_SECOND, to_micros
from kernel.e164 import NumberKind
from kernel.errors import DomainError
from services.rating.domain.charges.charge import ChargeRevision
from services.rating.domain.charges.settlement import InputKind
from services.rating.domain.charging.answer import Answer
from services.rating.domain.charging.call_sessions import START_TOLERANCE_SECONDS, CallSessions
from services.rating.domain.charging.ended_call import ended_call
from services.rating.domain.charging.policy import DEFAULT_POLICY
from services.rating.domain.charging.requests import ChargedCall, CloseRequest
from services.rating.domain.charging.reused_id import is_of_another_call
from services.rating.domain.charging.session import AnswerTerms, Session, SessionState, next_version
from services.rating.domain.charging.transfers import TransferStep
from services.rating.domain.counters import CounterUse
from services.rating.domain.errors import UNKNOWN_ACCOUNT, unrated
from services.rating.store.call_limits import release_calls
from services.rating.store.charges import NO_EVENT, start_of_charged_call
from services.rating.store.sessions import insert_sessions, lock_sessions, update_sessions
from services.rating.usecases.charging.ended_sessions import (
    Ending,
    closed_session,
    end_of_holds,
    ended_calls,
)
from services.rating.usecases.charging.reused_ids import FormerSessions
from services.rating.usecases.settling.charge_events import HeldSettlement
from services.rating.usecases.settling.counter_locks import lock_counters_of
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.settling.settle_calls import settle_parties
from services.rating.usecases.tariffs import Tariffs


class SettledSession(NamedTuple):
    """What became of a session that ended."""

    answer: Answer
    steps: Sequence[TransferStep]
    """What payment is asked to do with its holds."""


def settle_sessions(
    uow: UnitOfWork,
    tariffs: Tariffs,
    tenant_id: str,
    requests: Sequence[CloseRequest],
    recent: Mapping[tuple[str, str], Session],
) -> list[SettledSession | DomainError]:
    """What became of each session. One that was settled before gets its answer again.

    `recent` are sessions in memory, of which only the version is read.
    """
    results: list[SettledSession | DomainError] = []
    for wave in _waves(requests):
        results += _Ends(CallPricing(uow, tariffs, tenant_id), recent).settle(wave)
    return results


def _waves(requests: Sequence[CloseRequest]) -> Iterator[list[CloseRequest]]:
    """The ends in order, cut before each session that comes again: it may be another call's."""
    wave: dict[str, CloseRequest] = {}
    for request in requests:
        if request.session_id in wave:
            yield list(wave.values())
            wave = {}
        wave[request.session_id] = request
    yield list(wave.values())


class _Ends:
    """A batch of ends in its transaction."""

    def __init__(self, pricing: CallPricing, recent: Mapping[tuple[str, str], Session]) -> None:
        self._pricing = pricing
        self._recent = recent
        self._connection = pricing.uow.connection
        self._tenant_id = pricing.tenant_id
        self._terms = AnswerTerms(DEFAULT_POLICY, to_micros(pricing.uow.now))

    def settle(self, wave: Sequence[CloseRequest]) -> list[SettledSession | DomainError]:
        requests = {request.session_id: request for request in wave}
        locked = lock_sessions(self._connection, self._tenant_id, requests, self._recent)
        former = [each for each in locked.values() if _is_over(each, requests[each.session_id])]
        self._former = FormerSessions(self._connection, former)
        known = {key: each for key, each in locked.items() if key not in self._former}
        self._hold(requests.values(), known.values())
        found = {
            session_id: self._looked_at(known.get(session_id), request)
            for session_id, request in requests.items()
        }
        endings = [each for each in found.values() if isinstance(each, Ending)]
        results = {
            session_id: each for session_id, each in found.items() if not isinstance(each, Ending)
        }
        if endings:
            results.update(self._end(endings))
        return [results[request.session_id] for request in wave]

    def _hold(self, requests: Iterable[CloseRequest], known: Collection[Session]) -> None:
        """Lock what calls may be settled with: accounts, then counters, each all at once."""
        calls = [session.call for session in known]
        calls += [request.call for request in requests if request.call is not None]
        ids = {call.account_id for call in calls if call.account_id}
        self._pricing.hold(ids)
        lock_counters_of(self._pricing, self._pricing.with_payers(ids), _reserved(known))

    def _looked_at(
        self, known: Session | None, request: CloseRequest
    ) -> Ending | SettledSession | DomainError:
        """The session that is to end; or how it ended before, or why it cannot."""
        if known is not None and known.state is SessionState.CLOSED and known.answer is not None:
            return SettledSession(known.answer, ())
        try:
            ended = ended_call(known, request)
        except DomainError as error:
            return error
        call = ended.call
        is_chargeable = call.account_id in self._pricing.accounts
        if not is_chargeable and call.callee.kind is not NumberKind.EMERGENCY:
            return unrated(UNKNOWN_ACCOUNT, account_id=call.account_id, line=call.line)
        if known is not None:
            return Ending.of(known, ended, is_chargeable, is_new=False)
        call = self._met(call)
        session = Session(self._tenant_id, request.session_id, call, SessionState.ACTIVE)
        session = self._former.followed_by(session)
        return Ending.of(session, ended._replace(call=call), is_chargeable, is_new=True)

    def _met(self, call: ChargedCall) -> ChargedCall:
        """A call that nobody opened, with the start of its charge if its record was here before."""
        start = start_of_charged_call(
            self._connection, self._tenant_id, call, START_TOLERANCE_SECONDS * MICROS_PER_SECOND
        )
        return call if start is None else replace(call, start_micros=start)

    def _end(self, endings: Sequence[Ending]) -> dict[str, SettledSession]:
        charges, held = self._settle([each for each in endings if each.is_chargeable])
        paid = {settlement.hold_key: settlement for settlement in held}
        results, sessions = {}, []
        for ending in endings:
            session, charge = ending.session, charges.get(ending.call_id)
            after = next_version(session, closed_session(ending, charge, self._terms))
            assert after.answer is not None, "a closed session has an answer"
            results[session.session_id] = SettledSession(
                after.answer, list(end_of_holds(session, paid))
            )
            sessions.append(after)
        self._save(endings, sessions)
        return results

    def _settle(
        self, endings: Sequence[Ending]
    ) -> tuple[dict[bytes, ChargeRevision], list[HeldSettlement]]:
        """The charge of each call, by the call's id, and what holds pay."""
        pricing = self._pricing
        pricing.sessions = CallSessions(each.session for each in endings)
        pricing.return_units(_reserved(each.session for each in endings))
        charges: dict[bytes, ChargeRevision] = {}
        held: list[HeldSettlement] = []
        calls = ended_calls(endings, pricing.accounts)
        for wave in calls.waves(calls.starts_micros) if endings else ():
            settled = settle_parties(pricing, wave, InputKind.SESSION_END, NO_EVENT)
            charges.update(zip(wave.call_ids, settled.first.states(), strict=True))
            held += settled.held
        pricing.save_counters()
        return charges, held

    def _save(self, endings: Sequence[Ending], sessions: Sequence[Session]) -> None:
        both = list(zip(endings, sessions, strict=True))
        insert_sessions(self._connection, [after for ending, after in both if ending.is_new])
        update_sessions(self._connection, [after for ending, after in both if not ending.is_new])
        counted = [each.session for each in endings if each.session.is_live and not each.is_new]
        release_calls(
            self._pricing.uow, [(session.tenant_id, session.session_id) for session in counted]
        )


def _is_over(known: Session, request: CloseRequest) -> bool:
    """Whether a session's own call was over before that of which an end is told."""
    return is_of_another_call(known, request.call, request.is_start_told)


def _reserved(sessions: Iterable[Session]) -> list[CounterUse]:
    return [use for session in sessions for use in session.reserved]
