"""From what a record says to the suite's terms, by the profile of its source."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.grpc.convert import time_to_proto
from kernel.clock import to_micros
from services.cdr.domain.formats import asterisk_csv
from services.cdr.domain.normalisation import Reader
from services.cdr.domain.records import NormalisedCall, RawRecord, Reason, Rejection
from services.cdr.domain.source import LineRule, Source
from services.cdr.usecases import grpc_record
from tests.unit.cdr.asterisk import asterisk_line
from tests.unit.cdr.profiles import NOW, a_source
from tollbook.cdr.v1.call_pb2 import CallRecord
from tollbook.type.v1.call_pb2 import CallKey


def read(source: Source | None = None, **fields: Any) -> NormalisedCall | Rejection:
    raw = RawRecord(asterisk_line(**fields).encode(), "Master.csv:1")
    return Reader(source or a_source(), asterisk_csv.parse).read(raw, to_micros(NOW))


def call(source: Source | None = None, **fields: Any) -> NormalisedCall:
    outcome = read(source, **fields)
    assert isinstance(outcome, NormalisedCall), outcome
    return outcome


def reason(source: Source | None = None, **fields: Any) -> Reason:
    outcome = read(source, **fields)
    assert isinstance(outcome, Rejection), outcome
    return outcome.reason


def reported(**fields: Any) -> NormalisedCall | Rejection:
    """The call of a record by gRPC, the door that has routing numbers."""
    record = CallRecord(
        call_key=CallKey(value="1@pbx.example"),
        callee="0032475123456",
        start_time=time_to_proto(NOW),
        **fields,
    )
    raw = RawRecord(record.SerializeToString(deterministic=True), "stream")
    return Reader(a_source(), grpc_record.parse).read(raw, to_micros(NOW))


def micros(*moment: int) -> int:
    return to_micros(datetime(*moment, tzinfo=UTC))  # type: ignore[misc, arg-type]


def test_local_times_become_utc() -> None:
    """12:00 in Amsterdam is 11:00 UTC in winter and 10:00 in summer."""
    summer: dict[str, Any] = {
        "start": "2025-07-01 12:00:00",
        "answer": "2025-07-01 12:00:05",
    }
    assert call().start_micros == micros(2026, 3, 2, 11)
    assert call(**summer).start_micros == micros(2025, 7, 1, 10)


def test_a_source_that_writes_gmt_is_read_as_utc() -> None:
    """usegmtime=yes in cdr.conf goes with the zone UTC in the profile."""
    assert call(a_source(time_zone="UTC")).start_micros == micros(2026, 3, 2, 12)


def test_a_call_over_the_hour_that_comes_twice_is_answered_after_it_started() -> None:
    """02:59:58 summer time, answered four seconds later at 02:00:02 winter time."""
    over = call(start="2025-10-26 02:59:58", answer="2025-10-26 02:00:02")
    assert over.start_micros == micros(2025, 10, 26, 0, 59, 58)
    assert over.answer_micros == micros(2025, 10, 26, 1, 0, 2)


def test_numbers_become_e164() -> None:
    """A national caller and an international callee, as the exchange dials them."""
    assert (call().caller, call().callee) == ("31201234567", "32475123456")


@pytest.mark.parametrize("written", ["+31970123456", "0031970123456", "0970123456"])
def test_routing_numbers_are_written_like_others_of_their_source(written: str) -> None:
    """What a dip returned is priced in place of the callee, so it must be E.164 as well."""
    outcome = reported(routing_number=written)
    assert isinstance(outcome, NormalisedCall)
    assert outcome.routing_number == "31970123456"


@pytest.mark.parametrize("written", ["D083", "1200", "112", "1234567890123456"])
def test_a_routing_number_that_is_none_is_held_with_its_reason(written: str) -> None:
    """Left out, the call would be priced as if its number had never been ported."""
    outcome = reported(routing_number=written)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.INVALID_ROUTING_NUMBER
    assert repr(written) in outcome.message


def test_an_egress_trunk_is_as_long_as_other_names() -> None:
    """At most 80 characters; a longer one is held, not cut to another trunk's name."""
    fits, outcome = reported(egress_trunk="x" * 80), reported(egress_trunk="x" * 81)
    assert isinstance(fits, NormalisedCall)
    assert (fits.egress_trunk, fits.routing_number) == ("x" * 80, "")
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.MALFORMED_RECORD


@pytest.mark.parametrize(("dialled", "kind"), [("0032475123456", 1), ("1200", 2), ("112", 3)])
def test_short_codes_and_emergency_numbers_keep_their_kind(dialled: str, kind: int) -> None:
    """Emergency calls are free because they are known to be emergency calls."""
    assert call(dst=dialled).callee_kind == kind


def test_a_caller_that_is_no_number_stays_as_written() -> None:
    """Anonymous callers are charged like others."""
    assert call(src="anonymous").caller == "anonymous"


@pytest.mark.parametrize(
    ("rule", "identifier"),
    [
        (LineRule.ACCOUNT_CODE, "acme"),
        (LineRule.SIP_USER, "alice"),
        (LineRule.CALLER_NUMBER, "31201234567"),
        (LineRule.TRUNK, "alice"),
    ],
)
def test_the_profile_says_which_field_names_the_line(rule: LineRule, identifier: str) -> None:
    """Nothing is guessed per record."""
    assert call(a_source(line_rule=rule)).line_identifier == identifier


def test_a_corrected_zone_does_not_make_another_call() -> None:
    """The identity is made from the time as written, so that a second import finds the first."""
    assert call().call_id == call(a_source(time_zone="Asia/Tokyo")).call_id


@pytest.mark.parametrize(
    "change",
    [
        {"uniqueid": "1772449200.2"},
        {"dstchannel": "PJSIP/other-0000002c"},
        {"start": "2026-03-02 12:00:01"},
    ],
)
def test_another_id_leg_or_start_is_another_call(change: dict[str, Any]) -> None:
    """Identity is call id, leg and start."""
    assert call(**change).call_id != call().call_id


def test_two_sources_never_share_a_call() -> None:
    """Two exchanges may count their unique ids alike."""
    other = a_source(source_id="0195a000-0000-7000-8000-000000000002")
    assert call(other).call_id != call().call_id


def test_any_other_column_changes_the_content_and_not_the_identity() -> None:
    """A record that differs in anything is never taken for a duplicate."""
    changed = call(amaflags="BILLING")
    assert changed.call_id == call().call_id
    assert changed.content_digest != call().content_digest


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"billsec": -1}, Reason.ABSURD_DURATION),
        ({"billsec": 90_000, "duration": 90_000}, Reason.ABSURD_DURATION),
        ({"duration": 999_999_999}, Reason.ABSURD_DURATION),
        ({"billsec": 66}, Reason.BILLSEC_EXCEEDS_DURATION),
        ({"disposition": "BUSY"}, Reason.CONTRADICTORY_RECORD),
        ({"answer": "2026-03-02 11:59:59"}, Reason.CONTRADICTORY_RECORD),
        ({"start": "2026-03-04 12:00:00", "answer": ""}, Reason.FUTURE_START),
        ({"start": "1970-01-01 01:00:00"}, Reason.IMPLAUSIBLE_START),
        ({"start": "1969-12-31 01:00:00"}, Reason.IMPLAUSIBLE_START),
        ({"dst": "s"}, Reason.INVALID_NUMBER),
        ({"dst": "99"}, Reason.INVALID_NUMBER),
        ({"dst": ""}, Reason.MISSING_FIELD),
        ({"uniqueid": ""}, Reason.MISSING_FIELD),
        ({"uniqueid": "x" * 256}, Reason.MALFORMED_RECORD),
        ({"accountcode": "a\0b"}, Reason.MALFORMED_RECORD),
    ],
)
def test_what_cannot_be_charged_is_held_with_its_reason(
    fields: dict[str, Any], expected: Reason
) -> None:
    """Each kind of absurdity has a reason of its own."""
    assert reason(**fields) is expected


def test_the_profile_may_allow_longer_calls() -> None:
    """A leased line that is up for two days is real where the profile says so."""
    two_days = {"billsec": 172_800, "duration": 172_805}
    assert call(a_source(duration_max_ms=200_000_000), **two_days).duration_ms == 172_800_000


def test_every_message_says_what_is_wrong_and_what_to_do() -> None:
    """The value is named, and so is the way out."""
    outcome = read(start="2026-03-04 12:00:00", answer="")
    assert isinstance(outcome, Rejection)
    assert "2026-03-04 12:00:00" in outcome.message
    assert "correct the time zone of the source's profile" in outcome.message
