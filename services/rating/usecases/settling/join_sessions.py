"""Calls that are settled by their records, and whose sessions were opened before."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kernel.clock import MICROS_PER_SECOND, to_micros
from services.rating.domain.bulk.call_batch import CallBatch
from services.rating.domain.charging.call_sessions import (
    START_TOLERANCE_SECONDS,
    CallSessions,
)
from services.rating.domain.charging.policy import DEFAULT_POLICY
from services.rating.domain.charging.session import (
    AnswerTerms,
    Session,
    SessionState,
    closed,
    next_version,
)
from services.rating.store.call_limits import release_calls
from services.rating.store.sessions import (
    has_sessions_between,
    lock_sessions,
    sessions_of_calls,
    update_sessions,
)
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.settling.settle_wave import SettledWave

_TOLERANCE_MICROS = START_TOLERANCE_SECONDS * MICROS_PER_SECOND


def join_sessions(pricing: CallPricing, calls: CallBatch) -> None:
    """Find and lock the sessions of calls, so that each call has one charge.

    Nearly always there was no session around the time of the calls, and only that is asked.
    """
    sessions = lock_sessions_of(pricing, set(calls.call_keys), calls.starts_micros)
    if sessions is not None:
        pricing.sessions = CallSessions(sessions)


def lock_sessions_of(
    pricing: CallPricing, call_keys: Collection[str], starts_micros: Collection[int]
) -> Collection[Session] | None:
    """The sessions that calls may have had; None where there was none around their time."""
    connection, tenant_id = pricing.uow.connection, pricing.tenant_id
    span = min(starts_micros) - _TOLERANCE_MICROS, max(starts_micros) + _TOLERANCE_MICROS
    if not has_sessions_between(connection, tenant_id, *span):
        return None
    ids = sessions_of_calls(connection, tenant_id, call_keys)
    return lock_sessions(connection, tenant_id, ids).values()


def end_joined(pricing: CallPricing, settled: SettledWave) -> None:
    """End the sessions of calls that were settled: nobody waits for their ends any more."""
    if not pricing.sessions:
        return
    now = to_micros(pricing.uow.now)
    ended = [
        next_version(session, closed(session, charge_id, amount, AnswerTerms(DEFAULT_POLICY, now)))
        for session, charge_id, amount in _settled_sessions(pricing, settled)
    ]
    update_sessions(pricing.uow.connection, ended)
    release_calls(pricing.uow, [(each.tenant_id, each.session_id) for each in ended])


def _settled_sessions(
    pricing: CallPricing, settled: SettledWave
) -> Iterator[tuple[Session, bytes, int]]:
    """The sessions that are over with their calls, each with the charge and what it comes to."""
    for place, charge in enumerate(settled.states()):
        session = pricing.sessions.of_call(settled.calls, place)
        if session is not None and session.state is not SessionState.CLOSED:
            yield session, charge.charge_id, charge.amount_micros
