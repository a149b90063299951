"""The sessions of calls that are being settled: which charge is theirs, and which holds pay it.

A session and the record of its call have the call's key and leg in common; their clocks may differ
a little. The charge is known by the session's start, whoever settles it first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kernel.clock import MICROS_PER_SECOND
from services.rating.domain.bulk.call_batch import CallBatch
from services.rating.domain.charges.charge import Party
from services.rating.domain.charges.charge_columns import ChargeColumns
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.charging.session import Session
from services.rating.domain.charging.transfers import hold_key
from services.rating.domain.counters import CounterUse

# Calls of one key whose starts are further apart are two calls.
START_TOLERANCE_SECONDS = 3_600


class CallIdentity(NamedTuple):
    """By what a call record and a session are known to be of one call."""

    call_key_kind: int
    call_key: str
    leg: str

    @classmethod
    def of(cls, session: Session) -> CallIdentity:
        """The call that a session is of."""
        return cls(session.call.call_key_kind, session.call.call_key, session.call.leg)


class CallSessions:
    """The sessions of a batch of calls, by call."""

    def __init__(self, sessions: Iterable[Session]) -> None:
        self._sessions: dict[CallIdentity, list[Session]] = {}
        for session in sessions:
            self._sessions.setdefault(CallIdentity.of(session), []).append(session)

    def __bool__(self) -> bool:
        return bool(self._sessions)

    def of_call(self, calls: CallBatch, place: int) -> Session | None:
        """The session of a call of a batch."""
        key = calls.call_key_kinds[place], calls.call_keys[place], calls.legs[place]
        return self._of(CallIdentity(*key), calls.starts_micros[place])

    def reserved_for(self, calls: CallBatch) -> list[CounterUse]:
        """What sessions of calls of a batch took of bundles; other calls keep what is theirs."""
        if not self._sessions:
            return []
        found = (self.of_call(calls, place) for place in range(len(calls)))
        sessions = {each.session_id: each for each in found if each is not None}
        return [use for session in sessions.values() for use in session.reserved]

    def charge_starts(self, calls: CallBatch) -> Sequence[int]:
        """The start by which the charge of each call is known."""
        if not self._sessions:
            return calls.starts_micros
        sessions = (self.of_call(calls, place) for place in range(len(calls)))
        return [
            start if session is None else session.call.start_micros
            for start, session in zip(calls.starts_micros, sessions, strict=True)
        ]

    def hold_keys(self, charges: ChargeColumns) -> list[bytes | None] | None:
        """The hold that pays each settlement; None where no session has any."""
        if not self._sessions:
            return None
        names = "call_key_kind", "call_key", "leg", "start_time", "party", "party_level", "outcome"
        keys = [self._hold_key(*row) for row in zip(*map(charges.__getitem__, names), strict=True)]
        return keys if any(keys) else None

    def _hold_key(
        self, kind: int, key: str, leg: str, start: int, party: int, level: int, outcome: int
    ) -> bytes | None:
        session = self._of(CallIdentity(kind, key, leg), start)
        has_none = party == Party.SUPPLIER or outcome == Outcome.UNRATED
        if session is None or has_none or level >= len(session.levels):
            return None
        return hold_key(session.levels[level].hold_id) if session.may_hold(level) else None

    def _of(self, call: CallIdentity, start_micros: int) -> Session | None:
        """The one whose start is nearest."""

        def apart(session: Session) -> int:
            return abs(session.call.start_micros - start_micros)

        nearest = min(self._sessions.get(call, ()), key=apart, default=None)
        if nearest is None or apart(nearest) > START_TOLERANCE_SECONDS * MICROS_PER_SECOND:
            return None
        return nearest


NO_SESSIONS = CallSessions(())
