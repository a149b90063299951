"""Turns what a record says into the suite's terms, by the profile of its source."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from kernel.clock import to_micros
from kernel.e164 import NumberKind, NumberPlan, normalise
from kernel.errors import DomainError
from kernel.ids import hash_parts, time_key
from services.cdr.domain.local_time import SourceClock, written_micros
from services.cdr.domain.records import (
    NormalisedCall,
    ParsedRecord,
    RawRecord,
    Reason,
    RejectedRecordError,
    Rejection,
    shown,
)
from services.cdr.domain.source import LineRule, Source

CALL_KEY_CHARACTERS_MAX = 255
FIELD_CHARACTERS_MAX = 80
FUTURE_TOLERANCE_MICROS = 300 * 1_000_000
EARLIEST_START = datetime(2000, 1, 1, tzinfo=UTC)
NUMBERS_CACHED_MAX = 100_000
DIGEST_BYTES = 16
MICROS_BYTES = 8
MICROS_PER_MILLISECOND = 1_000

_EARLIEST_START_MICROS = to_micros(EARLIEST_START)

Parser = Callable[[bytes], ParsedRecord]


class _Number(NamedTuple):
    """What a dialled text normalises to, or why it does not."""

    digits: str
    kind: int
    problem: str = ""


class Reader:
    """Reads the records of one source; keep it as long as the profile stays the same."""

    def __init__(self, source: Source, parse: Parser) -> None:
        self._profile = source.profile
        self._parse = parse
        self._clock = SourceClock(source.profile.time_zone)
        self._numbers = _Numbers(source.profile.numbers)
        self._identity = hash_parts(
            source.tenant_id, source.source_id, str(source.profile.call_key_kind)
        )
        self._line = _LINE_FIELDS[source.profile.line_rule]

    def read(self, raw: RawRecord, now_micros: int) -> NormalisedCall | Rejection:
        """The call that a record describes, or why it cannot be used."""
        if raw.damage is not None:
            return raw.damage
        try:
            return self._normalise(self._parse(raw.content), now_micros)
        except RejectedRecordError as error:
            return Rejection(error.reason, error.message)

    def _normalise(self, record: ParsedRecord, now_micros: int) -> NormalisedCall:
        _check_texts(record)
        start = self._clock.utc_micros(record.start)
        self._check_start(record.start, start, now_micros)
        answer = None if record.answer is None else self._answer_micros(record.answer, start)
        self._check_duration(record)
        callee = self._numbers.find(record.callee)
        if callee.problem:
            raise RejectedRecordError(Reason.INVALID_NUMBER, callee.problem)
        routing_number = self._routing_number(record.routing_number)
        caller = self._numbers.find(record.caller).digits
        return NormalisedCall(
            call_id=self._call_id(record),
            content_digest=hashlib.sha256(record.content).digest()[:DIGEST_BYTES],
            call_key=record.call_key,
            leg=record.leg,
            line_identifier=caller if self._line is None else getattr(record, self._line),
            caller=caller,
            callee=callee.digits,
            callee_kind=callee.kind,
            egress_trunk=record.egress_trunk,
            routing_number=routing_number,
            start_micros=start,
            answer_micros=answer if record.answered else None,
            answered=record.answered,
            duration_ms=record.billable_ms,
            release_cause=record.release_cause,
        )

    def _routing_number(self, text: str) -> str:
        """It decides the price in place of the callee, so that a wrong one is not left out."""
        if not text:
            return ""
        number = self._numbers.find(text)
        if number.kind != NumberKind.E164:
            raise RejectedRecordError(
                Reason.INVALID_ROUTING_NUMBER,
                f"routing number {shown(text)} is no international number by the source's profile; "
                "write all its digits with the country code, or leave it empty",
            )
        return number.digits

    def _call_id(self, record: ParsedRecord) -> bytes:
        """Made from the start as written: a corrected zone does not make another call of it."""
        written = record.start.replace(tzinfo=UTC)
        written_bytes = written_micros(record.start).to_bytes(MICROS_BYTES, signed=True)
        try:
            return time_key(written, self._identity, record.call_key, record.leg, written_bytes)
        except DomainError as error:
            raise RejectedRecordError(Reason.IMPLAUSIBLE_START, error.message) from error

    def _answer_micros(self, answer: datetime, start: int) -> int:
        micros = self._clock.utc_micros(answer)
        if micros < start:
            # Where clocks go back an hour is written twice: the answer may be in the second one.
            micros = self._clock.later_utc_micros(answer)
        if micros < start:
            raise RejectedRecordError(
                Reason.CONTRADICTORY_RECORD,
                f"the call was answered at {answer.isoformat(' ')}, before it started; "
                "correct the clock of the source",
            )
        self._check_lasted((micros - start) // MICROS_PER_MILLISECOND, "rang")
        return micros

    def _check_start(self, written: datetime, start: int, now_micros: int) -> None:
        if start > now_micros + FUTURE_TOLERANCE_MICROS:
            raise RejectedRecordError(
                Reason.FUTURE_START,
                f"the call starts at {written.isoformat(' ')} ({self._profile.time_zone}), in the "
                "future; correct the time zone of the source's profile or the clock of the switch",
            )
        if start < _EARLIEST_START_MICROS:
            raise RejectedRecordError(
                Reason.IMPLAUSIBLE_START,
                f"the call starts at {written.isoformat(' ')}, before {EARLIEST_START.year}; "
                "correct the clock of the switch",
            )

    def _check_duration(self, record: ParsedRecord) -> None:
        billable, total = record.billable_ms, record.total_ms
        longest = billable if total is None else max(billable, total)
        shortest = billable if total is None else min(billable, total)
        self._check_lasted(shortest, "lasted")
        self._check_lasted(longest, "lasted")
        if total is not None and billable > total:
            raise RejectedRecordError(
                Reason.BILLSEC_EXCEEDS_DURATION,
                f"{billable / 1000:.3f} s are to be billed of a call of {total / 1000:.3f} s; "
                "correct the record at the source and send it again",
            )
        if billable and not record.answered:
            raise RejectedRecordError(
                Reason.CONTRADICTORY_RECORD,
                f"{billable / 1000:.3f} s are to be billed of a call that was not answered; "
                "correct the record at the source and send it again",
            )

    def _check_lasted(self, milliseconds: int, did: str) -> None:
        if 0 <= milliseconds <= self._profile.duration_max_ms:
            return
        raise RejectedRecordError(
            Reason.ABSURD_DURATION,
            f"the call {did} {milliseconds / 1000:.3f} s; the source's profile allows 0 to "
            f"{self._profile.duration_max_ms // 1000} s: raise max_duration if the call was real, "
            "otherwise correct the clock of the switch",
        )


class _Numbers:
    """Normalises numbers by one plan and remembers them: the same few are dialled again."""

    def __init__(self, plan: NumberPlan) -> None:
        self._plan = plan
        self._known: dict[str, _Number] = {}

    def find(self, text: str) -> _Number:
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= NUMBERS_CACHED_MAX:
                self._known.clear()
            known = self._known[text] = self._normalise(text)
        return known

    def _normalise(self, text: str) -> _Number:
        """A text that is no number stays as it was written."""
        try:
            number = normalise(text, self._plan)
        except DomainError as error:
            return _Number(text, 0, error.message)
        return _Number(number.digits, int(number.kind))


# None: the calling number after normalisation.
_LINE_FIELDS: dict[LineRule, str | None] = {
    LineRule.ACCOUNT_CODE: "account_code",
    LineRule.SIP_USER: "sip_user",
    LineRule.CALLER_NUMBER: None,
    LineRule.TRUNK: "trunk",
}


_TEXT_LIMITS = {
    "call key": CALL_KEY_CHARACTERS_MAX,
    "leg": FIELD_CHARACTERS_MAX,
    "caller": FIELD_CHARACTERS_MAX,
    "callee": FIELD_CHARACTERS_MAX,
    "account code": FIELD_CHARACTERS_MAX,
    "SIP user": FIELD_CHARACTERS_MAX,
    "trunk": FIELD_CHARACTERS_MAX,
    "egress trunk": FIELD_CHARACTERS_MAX,
    "routing number": FIELD_CHARACTERS_MAX,
}


def _check_texts(record: ParsedRecord) -> None:
    """Required, short enough, and nothing in them that a screen or a database cannot take."""
    texts = (
        record.call_key,
        record.leg,
        record.caller,
        record.callee,
        record.account_code,
        record.sip_user,
        record.trunk,
        record.egress_trunk,
        record.routing_number,
    )
    # The usual record passes with two looks at all its texts together.
    if not "".join(texts).isprintable() or max(map(len, texts)) > FIELD_CHARACTERS_MAX:
        for (name, characters_max), text in zip(_TEXT_LIMITS.items(), texts, strict=True):
            _check_text(name, text, characters_max)
    for name, text in (("call key", record.call_key), ("callee", record.callee)):
        if not text:
            raise RejectedRecordError(
                Reason.MISSING_FIELD, f"the record has no {name}; complete it at the source"
            )


def _check_text(name: str, text: str, characters_max: int) -> None:
    if len(text) > characters_max:
        raise RejectedRecordError(
            Reason.MALFORMED_RECORD,
            f"{name} {shown(text)} is longer than {characters_max} characters; "
            "correct the record at the source",
        )
    if not text.isprintable():
        raise RejectedRecordError(
            Reason.MALFORMED_RECORD,
            f"{name} {shown(text)} has characters that cannot be printed; "
            "correct the record at the source",
        )
