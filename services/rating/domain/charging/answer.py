"""What switches are told: whether a call may begin or go on, for how long, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Verdict(IntEnum):
    """Whether a call may begin or go on; the values are those of tollbook.rating.v1.Verdict."""

    GRANTED = 1
    REFUSED = 2
    """One that has begun ends when what was granted before is used up."""
    HANG_UP = 3
    CLOSED = 4


class WhenExhausted(IntEnum):
    """What to do when granted seconds are used up; the values are those of the contract."""

    HANG_UP = 1
    CONTINUE = 2


class Reason(StrEnum):
    """Why a call may not begin or go on. A reason never changes its meaning."""

    NONE = ""
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    SPEND_CAP_REACHED = "SPEND_CAP_REACHED"
    ACCOUNT_BLOCKED = "ACCOUNT_BLOCKED"
    UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
    NO_PLAN = "NO_PLAN"
    NO_RATE = "NO_RATE"
    RATE_NOT_YET_VALID = "RATE_NOT_YET_VALID"
    NO_EXCHANGE_RATE = "NO_EXCHANGE_RATE"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    INVALID_NUMBER = "INVALID_NUMBER"
    INVALID_DURATION = "INVALID_DURATION"
    """It is said to have lasted more than a day, for which there are no prices."""
    CALL_LIMIT_REACHED = "CALL_LIMIT_REACHED"
    CALL_RATE_EXCEEDED = "CALL_RATE_EXCEEDED"
    RESELLER_REFUSED = "RESELLER_REFUSED"
    FUNDS_UNAVAILABLE = "FUNDS_UNAVAILABLE"
    """payment or the database did not answer, and the account's policy is to refuse then."""
    OFFLINE_ALLOWANCE = "OFFLINE_ALLOWANCE"
    """They did not answer, and the account's policy allowed these seconds on credit (GRANTED)."""
    HANG_UP_REQUESTED = "HANG_UP_REQUESTED"
    SESSION_CLOSED = "SESSION_CLOSED"
    SESSION_EXPIRED = "SESSION_EXPIRED"
    SESSION_REFUSED = "SESSION_REFUSED"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to an open, an extend or a close; a repetition gets the same."""

    session_id: str
    sequence: int
    verdict: Verdict
    reason: Reason = Reason.NONE
    granted_seconds: int = 0
    """In all, from the answer of the call on; whole increments."""
    valid_seconds: int = 0
    """The grant counts so long from now."""
    ask_again_at_seconds: int = 0
    """When to ask for more: seconds of the call; 0: no need to."""
    when_exhausted: WhenExhausted = WhenExhausted.HANG_UP
    price_per_minute_nanos: int = 0
    currency: str = ""
    held_micros: int = 0
    """Of the customer's money, for this call."""
    cost_micros: int = 0
    """Up to the seconds reported as used."""
