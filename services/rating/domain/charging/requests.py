"""What switches ask: to open, extend and close the session of a call."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.e164 import DialledNumber

# A request for more is taken as this: a day.
REQUESTED_SECONDS_MAX = 86_400
SESSION_ID_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class ChargedCall:
    """Which call it is: all that decides its price and who pays."""

    call_key_kind: int
    """tollbook.type.v1.CallKeyKind."""
    call_key: str
    leg: str
    account_id: str
    """Who calls; empty where `line` tells."""
    line: str
    """SIP user, trunk or number, as invoice knows the account's lines."""
    caller: str
    """E.164 digits, or empty."""
    callee: DialledNumber
    trunk: str
    egress_trunk: str
    routing_number: str
    start_micros: int


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """May this call begin, and for how long?"""

    session_id: str
    call: ChargedCall
    requested_seconds: int = 0
    """0: as the account's policy says."""
    equipment: str = ""
    """By whose table return codes are told."""


@dataclass(frozen=True, slots=True)
class ExtendRequest:
    """So much was used; may it go on?"""

    session_id: str
    sequence: int
    """From 1; a repetition has the same."""
    used_seconds: int
    """In all, since the answer."""
    requested_seconds: int = 0
    answer_micros: int | None = None
    """When the call was answered, once it was."""


@dataclass(frozen=True, slots=True)
class CloseRequest:
    """The call has ended."""

    session_id: str
    duration_ms: int
    answered: bool
    answer_micros: int | None = None
    call: ChargedCall | None = None
    """For a session that may not have been opened here."""
    equipment: str = ""
    end_micros: int | None = None
    """When it ended, if the switch does not tell how long it lasted: since the session's answer."""
    is_start_told: bool = True
    """Whether the start of `call` is the switch's word; else it is when we heard of its end."""
