"""A source of call records and the profile by which its records are read."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kernel.e164 import NumberPlan
from services.cdr.domain.errors import invalid_profile, invalid_source

MILLISECONDS_PER_HOUR = 3_600_000
DEFAULT_DURATION_MAX_MILLISECONDS = 24 * MILLISECONDS_PER_HOUR
DURATION_LIMIT_MILLISECONDS = 31 * 24 * MILLISECONDS_PER_HOUR

_CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")


class RecordFormat(IntEnum):
    """What a source's records look like; the values are those of tollbook.cdr.v1.RecordFormat."""

    ASTERISK_CSV = 1
    FREESWITCH_JSON = 2
    GRPC = 3


class LineRule(IntEnum):
    """Which field names the line that is charged; the values are those of the contract.

    The kinds of line in tollbook.invoice.v1 are numbered alike: the rule finds the kind.
    """

    ACCOUNT_CODE = 1
    SIP_USER = 2
    CALLER_NUMBER = 3
    TRUNK = 4


class ConflictRule(IntEnum):
    """What happens to a record with a known identity and other content."""

    SUSPEND = 1
    REVISE = 2


@dataclass(frozen=True, slots=True)
class SourceProfile:
    """How the records of one source are to be understood; nothing is guessed per record."""

    numbers: NumberPlan
    line_rule: LineRule
    call_key_kind: int
    time_zone: str = "UTC"
    conflict_rule: ConflictRule = ConflictRule.SUSPEND
    duration_max_ms: int = DEFAULT_DURATION_MAX_MILLISECONDS

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise invalid_profile(
                "time_zone", f"{self.time_zone!r} is no IANA time zone; write e.g. Europe/Amsterdam"
            ) from error
        if not 0 < self.duration_max_ms <= DURATION_LIMIT_MILLISECONDS:
            raise invalid_profile("max_duration", "must be more than 0 and at most 31 days")
        if self.call_key_kind <= 0:
            raise invalid_profile("call_key_kind", "say what kind of id the source's call id is")


@dataclass(frozen=True, slots=True)
class Source:
    """A piece of equipment that writes call records."""

    tenant_id: str
    source_id: str
    code: str
    format: RecordFormat
    profile: SourceProfile
    create_time: datetime
    version: int = 1
    push_secret_digest: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.code):
            raise invalid_source(
                "code", f"{self.code!r} must be 1 to 40 letters, digits, '-' or '_'"
            )
