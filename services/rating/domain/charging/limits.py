"""Limits on calls at once and calls per second, of accounts, lines and trunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from services.rating.domain.charging.answer import Reason
from services.rating.domain.errors import invalid_field

CALLS_MAX = 1_000_000
SCOPE_ID_LENGTH_MAX = 255
# "Per second" is any second, not those of the clock.
RATE_WINDOW_SECONDS = 1


class LimitScope(IntEnum):
    """Whose calls are counted together; the values are those of the contract."""

    ACCOUNT = 1
    LINE = 2
    TRUNK = 3


class ScopeKey(NamedTuple):
    """One account, line or trunk. Keys have an order, in which locks are taken."""

    tenant_id: str
    scope: LimitScope
    scope_id: str

    def usual(self) -> ScopeKey:
        """The key of the limit that holds for every one of its kind without a limit of its own."""
        return self._replace(scope_id="")


@dataclass(frozen=True, slots=True)
class CallLimit:
    """At most so many calls; None: as many as come."""

    concurrent_calls_max: int | None = None
    calls_per_second_max: int | None = None


class CallsSeen(NamedTuple):
    """The calls of a scope that are going on, and those that began within the last second."""

    open_count: int = 0
    recent_count: int = 0


class CallToAdmit(NamedTuple):
    """A call that wants to begin, with everything by which it may be limited."""

    tenant_id: str
    session_id: str
    account_id: str
    line: str = ""
    trunk: str = ""
    is_emergency: bool = False

    def scopes(self) -> Iterator[ScopeKey]:
        """By what it is limited. Nothing limits an emergency call."""
        if self.is_emergency:
            return
        if self.account_id:
            yield ScopeKey(self.tenant_id, LimitScope.ACCOUNT, self.account_id)
        if self.line:
            yield ScopeKey(self.tenant_id, LimitScope.LINE, self.line)
        if self.trunk:
            yield ScopeKey(self.tenant_id, LimitScope.TRUNK, self.trunk)


class CallCounts:
    """Admits the calls of a batch one after the other, counting each that is admitted."""

    def __init__(
        self, limits: Mapping[ScopeKey, CallLimit], seen: Mapping[ScopeKey, CallsSeen]
    ) -> None:
        """`limits` has every limit in question, `seen` what goes on where there is one."""
        self._limits = limits
        self._seen = dict(seen)

    def admit(self, scopes: Iterable[ScopeKey]) -> Reason:
        """Count a call in each of its scopes, or in none and say why."""
        limited = [(key, self._limits[key]) for key in scopes if key in self._limits]
        for key, limit in limited:
            reason = _refusal(limit, self._seen.get(key, CallsSeen()))
            if reason:
                return reason
        for key, _ in limited:
            seen = self._seen.get(key, CallsSeen())
            self._seen[key] = CallsSeen(seen.open_count + 1, seen.recent_count + 1)
        return Reason.NONE


def limits_in_force(
    keys: Iterable[ScopeKey], known: Mapping[ScopeKey, CallLimit]
) -> dict[ScopeKey, CallLimit]:
    """The limit of each key that has one: its own, else the usual one of its kind."""
    found = {key: known.get(key) or known.get(key.usual()) for key in keys}
    return {key: limit for key, limit in found.items() if limit is not None}


def check_limit(key: ScopeKey, limit: CallLimit) -> None:
    """Refuse what cannot be kept. Raises INVALID_CALL_LIMIT."""
    if len(key.scope_id) > SCOPE_ID_LENGTH_MAX:
        _refuse("scope_id", f"it has more than {SCOPE_ID_LENGTH_MAX} characters")
    counts = (limit.concurrent_calls_max, limit.calls_per_second_max)
    if counts == (None, None):
        _refuse("limit", "it limits nothing; give a number of calls, or delete the limit")
    for count in counts:
        if count is not None and not 0 <= count <= CALLS_MAX:
            _refuse("limit", f"{count} calls is not between 0 and {CALLS_MAX}")


def _refusal(limit: CallLimit, seen: CallsSeen) -> Reason:
    if _is_reached(limit.concurrent_calls_max, seen.open_count):
        return Reason.CALL_LIMIT_REACHED
    if _is_reached(limit.calls_per_second_max, seen.recent_count):
        return Reason.CALL_RATE_EXCEEDED
    return Reason.NONE


def _is_reached(count_max: int | None, count: int) -> bool:
    return count_max is not None and count >= count_max


def _refuse(field: str, problem: str) -> None:
    raise invalid_field("INVALID_CALL_LIMIT", f"call_limit.{field}", problem)
