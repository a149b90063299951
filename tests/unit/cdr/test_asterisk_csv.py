"""Asterisk's Master.csv, as cdr_csv writes it."""

from datetime import datetime

import pytest

from services.cdr.domain.formats.asterisk_csv import parse
from services.cdr.domain.records import Reason, RejectedRecordError
from tests.unit.cdr.asterisk import asterisk_line


def refused(line: str | bytes) -> RejectedRecordError:
    with pytest.raises(RejectedRecordError) as caught:
        parse(line if isinstance(line, bytes) else line.encode())
    return caught.value


def test_an_answered_call_is_read_column_by_column() -> None:
    """Every column lands where Asterisk's source says it belongs."""
    record = parse(asterisk_line().encode())
    assert record.call_key == "1772449200.1"
    assert (record.caller, record.callee) == ("0201234567", "0032475123456")
    assert (record.account_code, record.sip_user, record.trunk) == ("acme", "alice", "alice")
    assert record.start == datetime(2026, 3, 2, 12, 0, 0)  # noqa: DTZ001
    assert record.answer == datetime(2026, 3, 2, 12, 0, 5)  # noqa: DTZ001
    assert (record.billable_ms, record.total_ms, record.answered) == (60_000, 65_000, True)
    assert record.release_cause == 16


@pytest.mark.parametrize(
    ("disposition", "cause"),
    [("NO ANSWER", 19), ("BUSY", 17), ("CONGESTION", 34), ("FAILED", 0)],
)
def test_a_call_that_failed_has_no_answer_and_its_cause(disposition: str, cause: int) -> None:
    """Asterisk leaves the answer time bare and empty when nobody answered."""
    record = parse(asterisk_line(disposition=disposition, answer="", billsec=0).encode())
    assert (record.answered, record.answer, record.release_cause) == (False, None, cause)


def test_names_may_hold_quotes_and_commas() -> None:
    """A caller id of Smith, "Jim" changes no other column."""
    record = parse(asterisk_line(clid='"Smith, ""Jim""" <100>').encode())
    assert record.callee == "0032475123456"


@pytest.mark.parametrize(
    ("channel", "user"),
    [
        ("SIP/test-02897fd8", "test"),
        ("PJSIP/my-trunk-0000002a", "my-trunk"),
        ("Local/100@office-00000003;1", "100@office"),
        ("OutgoingSpoolFailed", ""),
    ],
)
def test_the_sip_user_is_the_endpoint_of_the_channel(channel: str, user: str) -> None:
    """Technology/endpoint-serial; an endpoint's name may hold a hyphen itself."""
    assert parse(asterisk_line(channel=channel).encode()).sip_user == user


@pytest.mark.parametrize(
    ("dstchannel", "peer"),
    [
        ("PJSIP/my-carrier-0000002b", "my-carrier"),
        ("SIP/203.0.113.5-02897fd8", "203.0.113.5"),
        ("DAHDI/i1/31612345678-2a", "i1"),
        ("Local/100@office-00000003;1", ""),
        ("", ""),
    ],
)
def test_the_egress_trunk_is_the_peer_that_was_dialled(dstchannel: str, peer: str) -> None:
    """It names the supplier; Asterisk's own dialplan is none, and the number is not part of it."""
    record = parse(asterisk_line(dstchannel=dstchannel).encode())
    assert (record.egress_trunk, record.routing_number) == (peer, "")


def test_the_sequence_of_the_newer_columns_is_the_leg() -> None:
    """With newcdrcolumns=yes each record of one call has its own sequence number."""
    line = asterisk_line() + ',"peer","1772449200.1",7'
    assert parse(line.encode()).leg == "7"


def test_without_a_sequence_the_destination_channel_is_the_leg() -> None:
    """Two forks of one call differ in their destination channel; a call without one is leg a."""
    assert parse(asterisk_line().encode()).leg == "PJSIP/carrier-0000002b"
    assert parse(asterisk_line(dstchannel="").encode()).leg == "a"


def test_a_line_without_unique_ids_says_how_to_switch_them_on() -> None:
    """Without loguniqueid two calls cannot be told apart, so none is taken."""
    line = ",".join(asterisk_line().split(",")[:-2])
    failure = refused(line)
    assert failure.reason is Reason.MISSING_FIELD
    assert "loguniqueid=yes" in failure.message


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(asterisk_line()[:-1], id="lost its last quote"),
        pytest.param('"a","b"', id="too few columns"),
        pytest.param(asterisk_line() + ',"","",7,"more"', id="too many columns"),
        pytest.param(asterisk_line(billsec="60s"), id="a duration that is no number"),
        pytest.param(asterisk_line(start="2026-02-30 12:00:00"), id="a day that does not exist"),
        pytest.param(asterisk_line(start="2026-W10-1 12:00:00"), id="another way to write a time"),
        pytest.param(asterisk_line(disposition="MAYBE"), id="an unknown disposition"),
    ],
)
def test_a_damaged_line_is_malformed(line: str) -> None:
    """What Asterisk cannot have written is kept, not guessed."""
    assert refused(line).reason is Reason.MALFORMED_RECORD


def test_a_line_in_another_encoding_names_the_byte() -> None:
    """Latin-1 letters are not UTF-8."""
    failure = refused(asterisk_line(clid="J\xfcrgen").encode("latin-1"))
    assert failure.reason is Reason.INVALID_ENCODING
    assert "convert the file to UTF-8" in failure.message


def test_an_empty_start_is_a_missing_field() -> None:
    """A call without a start belongs to no period."""
    assert refused(asterisk_line(start="")).reason is Reason.MISSING_FIELD


def test_a_byte_order_mark_does_no_harm() -> None:
    """A file that went through a Windows editor begins with one."""
    assert parse(b"\xef\xbb\xbf" + asterisk_line().encode()).account_code == "acme"
