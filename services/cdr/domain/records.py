"""A record on its way to becoming a call: as received, as parsed, as normalised, or refused."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

SHOWN_CHARACTERS_MAX = 80
# ITU-T Q.850 gives a cause seven bits.
RELEASE_CAUSE_MAX = 127


class Reason(StrEnum):
    """Why a record is held in suspense. A reason, once published, never changes its meaning."""

    MALFORMED_RECORD = "MALFORMED_RECORD"
    INVALID_ENCODING = "INVALID_ENCODING"
    RECORD_TOO_LONG = "RECORD_TOO_LONG"
    MISSING_FIELD = "MISSING_FIELD"
    CONTRADICTORY_RECORD = "CONTRADICTORY_RECORD"
    BILLSEC_EXCEEDS_DURATION = "BILLSEC_EXCEEDS_DURATION"
    ABSURD_DURATION = "ABSURD_DURATION"
    IMPLAUSIBLE_START = "IMPLAUSIBLE_START"
    FUTURE_START = "FUTURE_START"
    INVALID_NUMBER = "INVALID_NUMBER"
    INVALID_ROUTING_NUMBER = "INVALID_ROUTING_NUMBER"
    UNKNOWN_LINE = "UNKNOWN_LINE"
    IDENTITY_CONFLICT = "IDENTITY_CONFLICT"


class RejectedRecordError(Exception):
    """A record cannot be used; the message says what is wrong and what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Rejection(NamedTuple):
    """Why a record cannot be used."""

    reason: Reason
    message: str


class RawRecord(NamedTuple):
    """One record as it was received, before anybody has tried to understand it."""

    content: bytes
    """The whole record; only the beginning of one that is too long."""
    origin: str
    """Where it came from: a file name with a line number, or the kind of push."""
    damage: Rejection | None = None
    """Why it is not even worth parsing: too long, or cut off."""
    digest: bytes = b""
    """Digest of all its bytes, when `content` is only the beginning."""


class ParsedRecord(NamedTuple):
    """What a record says, in the source's own terms."""

    call_key: str
    leg: str
    caller: str
    callee: str
    account_code: str
    sip_user: str
    trunk: str
    """On which the call came in."""
    egress_trunk: str
    """On which it went out; empty when the record does not say."""
    routing_number: str
    """What a number portability dip returned; empty when it found nothing or was not made."""
    start: datetime
    """As written: without a zone when the source writes local times."""
    answer: datetime | None
    answered: bool
    billable_ms: int
    total_ms: int | None
    """From set-up to hang-up, when the source says so."""
    release_cause: int
    content: bytes
    """What makes two records of one identity the same record: equal content."""


class NormalisedCall(NamedTuple):
    """A call in the suite's terms, whose line and account are not looked up yet."""

    call_id: bytes
    content_digest: bytes
    call_key: str
    leg: str
    line_identifier: str
    caller: str
    callee: str
    callee_kind: int
    egress_trunk: str
    routing_number: str
    start_micros: int
    answer_micros: int | None
    answered: bool
    duration_ms: int
    release_cause: int


def shown(text: str) -> str:
    """A value as a message shows it: quoted, printable and short."""
    return repr(text if len(text) <= SHOWN_CHARACTERS_MAX else text[:SHOWN_CHARACTERS_MAX] + "…")
