"""Reads the lines of Asterisk's cdr_csv (`Master.csv`), as `build_csv_record` writes them.

16 columns, then what cdr.conf switches on: `uniqueid` (loguniqueid), `userfield` (loguserfield),
and `peeraccount, linkedid, sequence` (newcdrcolumns). Texts are quoted with doubled quotes, numbers
are bare, an unset time is empty. With 17 or 20 columns the seventeenth is read as `uniqueid`.

One line is one record. Asterisk does not escape a line feed inside a value, so a value with one
becomes two malformed lines in suspense; were lines joined instead, one lost quote would swallow
every record after it.
"""

import csv
import re
from datetime import datetime
from typing import NamedTuple

from services.cdr.domain.records import ParsedRecord, Reason, RejectedRecordError, shown

COLUMNS_MIN = 16
COLUMNS_MAX = 21
NEW_COLUMNS = 3
DEFAULT_LEG = "a"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_WHOLE_SECONDS = re.compile(r"-?[0-9]{1,9}")
# Technology/endpoint-serial, e.g. PJSIP/alice-0000002a or Local/100@office-00000003;1.
_CHANNEL = re.compile(r"[^/]+/(.+)-[0-9a-fA-F]+(?:;[12])?")
# The same for what was dialled: a Local channel only leads back into Asterisk's own dialplan, and
# the channel of an ISDN span has the number behind it, e.g. DAHDI/i1/31612345678-2a.
_PEER = re.compile(r"(?!Local/)[^/]+/([^/]+)(?:/.+)?-[0-9a-fA-F]+")

# Q.850 causes by disposition. FAILED covers too many causes to name one.
_RELEASE_CAUSES = {
    "ANSWERED": 16,
    "BUSY": 17,
    "NO ANSWER": 19,
    "CONGESTION": 34,
    "FAILED": 0,
}


class _Columns(NamedTuple):
    """The columns that every line has, in Asterisk's order."""

    accountcode: str
    src: str
    dst: str
    dcontext: str
    clid: str
    channel: str
    dstchannel: str
    lastapp: str
    lastdata: str
    start: str
    answer: str
    end: str
    duration: str
    billsec: str
    disposition: str
    amaflags: str


def parse(content: bytes) -> ParsedRecord:
    """Understand one line without its line end; raises RejectedRecordError."""
    values = _split(content)
    columns = _Columns._make(values[:COLUMNS_MIN])
    if columns.disposition not in _RELEASE_CAUSES:
        raise RejectedRecordError(
            Reason.MALFORMED_RECORD,
            f"disposition {shown(columns.disposition)} is none of {', '.join(_RELEASE_CAUSES)}",
        )
    endpoint = _named(_CHANNEL, columns.channel)
    return ParsedRecord(
        call_key=_unique_id(values),
        leg=_leg(values, columns.dstchannel),
        caller=columns.src,
        callee=columns.dst,
        account_code=columns.accountcode,
        sip_user=endpoint,
        trunk=endpoint,
        egress_trunk=_named(_PEER, columns.dstchannel),
        routing_number="",
        start=_time(columns.start, "start"),
        answer=_time(columns.answer, "answer") if columns.answer else None,
        answered=columns.disposition == "ANSWERED",
        billable_ms=_milliseconds(columns.billsec, "billsec"),
        total_ms=_milliseconds(columns.duration, "duration"),
        release_cause=_RELEASE_CAUSES[columns.disposition],
        content=content,
    )


def _split(content: bytes) -> list[str]:
    try:
        line = content.removeprefix(BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError as error:
        raise RejectedRecordError(
            Reason.INVALID_ENCODING,
            f"byte {error.start + 1} of the line is not UTF-8; convert the file to UTF-8 "
            "and import it again",
        ) from error
    try:
        values = next(csv.reader((line,), strict=True))
    except csv.Error as error:
        raise RejectedRecordError(
            Reason.MALFORMED_RECORD,
            f"the quotes do not match ({error}); correct the line and import it again",
        ) from error
    if not COLUMNS_MIN <= len(values) <= COLUMNS_MAX:
        raise RejectedRecordError(
            Reason.MALFORMED_RECORD,
            f"the line has {len(values)} columns, Asterisk's Master.csv has {COLUMNS_MIN} to "
            f"{COLUMNS_MAX}; import the complete file from the switch",
        )
    return values


def _unique_id(values: list[str]) -> str:
    """Column 17, unless the line has only the 16 columns and perhaps the newer three."""
    if len(values) in {COLUMNS_MIN, COLUMNS_MIN + NEW_COLUMNS}:
        raise RejectedRecordError(
            Reason.MISSING_FIELD,
            "the line has no uniqueid column; set loguniqueid=yes in cdr.conf",
        )
    return values[COLUMNS_MIN]


def _named(pattern: re.Pattern[str], channel: str) -> str:
    """The endpoint in a channel's name; empty when there is none."""
    found = pattern.fullmatch(channel)
    return found[1] if found else ""


def _leg(values: list[str], dstchannel: str) -> str:
    if len(values) > COLUMNS_MIN + 2:
        return values[-1]
    return dstchannel or DEFAULT_LEG


def _time(text: str, name: str) -> datetime:
    if not text:
        raise RejectedRecordError(Reason.MISSING_FIELD, f"the {name} time is empty")
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass  # such as 2026-02-30, refused below like any other text
    raise RejectedRecordError(
        Reason.MALFORMED_RECORD, f"{name} {shown(text)} is no time like 2026-01-31 23:59:59"
    )


def _milliseconds(text: str, name: str) -> int:
    if not _WHOLE_SECONDS.fullmatch(text):
        raise RejectedRecordError(
            Reason.MALFORMED_RECORD, f"{name} {shown(text)} is no whole number of seconds"
        )
    return int(text) * 1000
