"""What switches tell by RADIUS accounting becomes the request that they mean."""

from pathlib import Path
from typing import Any

import pytest

from services.rating.api.radius.profiles import WHOLE_CALL_SECONDS
from services.rating.api.radius.requests import accounting
from services.rating.domain.charging.requests import CloseRequest, ExtendRequest
from tests.unit.rating.radius import (
    BYE,
    CANCEL,
    CISCO_CALL,
    CISCO_SETUP_MICROS,
    EVENT_MICROS,
    FAILED,
    INTERIM,
    INVITE,
    NOW_MICROS,
    ON,
    SIP_CALL,
    START,
    STOP,
    a_client,
    accounting_request,
    facts,
)
from tollbook.type.v1.call_pb2 import CallKeyKind

# 9.95 seconds, of which the gateway counts nine.
TIMED_STOP = CISCO_CALL | {
    "Acct-Status-Type": STOP,
    "Acct-Session-Time": 9,
    "h323-connect-time": "h323-connect-time=14:30:29.100 GMT Wed Jan 23 2002",
    "h323-disconnect-time": "h323-disconnect-time=.14:30:39.050 GMT Wed Jan 23 2002",
}


def told(folder: Path, attributes: dict[str, Any], **entries: Any) -> Any:
    return accounting(facts(a_client(folder, **entries), accounting_request(attributes)))


def test_the_start_of_a_sip_call_is_its_answer(tmp_path: Path) -> None:
    """acc_radius sends it with the 200; it counts as the first request."""
    start = SIP_CALL | {"Acct-Status-Type": START, "Sip-Response-Code": 200}
    assert told(tmp_path, start, profile="kamailio") == ExtendRequest(
        "sbc:f81d4fae@192.0.2.1",
        sequence=1,
        used_seconds=0,
        requested_seconds=WHOLE_CALL_SECONDS,
        answer_micros=EVENT_MICROS,
    )


def test_the_start_of_a_gateway_is_the_set_up_until_it_says_more(tmp_path: Path) -> None:
    """Nothing follows from a leg that rings."""
    start = CISCO_CALL | {"Acct-Status-Type": START}
    assert told(tmp_path, start, profile="cisco") is None
    connected = start | {"h323-connect-time": "14:30:29.000 GMT Wed Jan 23 2002"}
    request = told(tmp_path, connected, profile="cisco")
    assert request.answer_micros == 1_011_796_229_000_000


def test_an_interim_update_tells_seconds(tmp_path: Path) -> None:
    """Told again later, by another replica, they are the same request."""
    interim = SIP_CALL | {"Acct-Status-Type": INTERIM, "Acct-Session-Time": 120}
    request = told(tmp_path, interim | {"Acct-Delay-Time": 7})
    assert request == told(tmp_path, interim)
    assert (request.sequence, request.used_seconds) == (121, 120)


def test_an_interim_update_without_seconds_tells_nothing(tmp_path: Path) -> None:
    """acc_radius sends one for a re-INVITE."""
    interim = SIP_CALL | {"Acct-Status-Type": INTERIM, "Sip-Response-Code": 200}
    assert told(tmp_path, interim, profile="kamailio") is None


@pytest.mark.parametrize("callee", ["", "sip:bob@example.com"], ids=["none", "a name"])
def test_a_stop_without_a_number_ends_the_call_of_its_session(tmp_path: Path, callee: str) -> None:
    """The session knows who was called; without one nobody does, and the end says so."""
    stop = SIP_CALL | {
        "Acct-Status-Type": STOP,
        "Acct-Session-Time": 65,
        "Called-Station-Id": callee,
    }
    request = told(tmp_path, {name: value for name, value in stop.items() if value})
    assert (request.call, request.duration_ms) == (None, 65_000)


def test_a_stop_ends_the_call_after_its_seconds(tmp_path: Path) -> None:
    """The call is told with it, for a session that nobody opened."""
    stop = SIP_CALL | {"Acct-Status-Type": STOP, "Acct-Session-Time": 65}
    request = told(tmp_path, stop)
    assert isinstance(request, CloseRequest)
    assert (request.duration_ms, request.answered, request.end_micros) == (65_000, True, None)
    assert request.call is not None
    assert request.call.start_micros == EVENT_MICROS - 65_000_000
    assert request.call.callee.digits == "4930123456"


def test_a_stop_without_seconds_tells_when_the_call_ended(tmp_path: Path) -> None:
    """acc_radius leaves it to the server to remember when the call was answered."""
    stop = SIP_CALL | {"Acct-Status-Type": STOP, "Sip-Method": BYE, "Sip-Response-Code": 200}
    request = told(tmp_path, stop, profile="kamailio")
    assert (request.duration_ms, request.answered, request.end_micros) == (0, True, EVENT_MICROS)


def test_a_stop_without_an_answer_costs_nothing(tmp_path: Path) -> None:
    """Zero seconds are no call."""
    stop = SIP_CALL | {"Acct-Status-Type": STOP, "Acct-Session-Time": 0}
    request = told(tmp_path, stop)
    assert (request.duration_ms, request.answered) == (0, False)


def test_times_of_a_gateway_have_milliseconds(tmp_path: Path) -> None:
    """They count before Acct-Session-Time, which is cut to seconds."""
    request = told(tmp_path, TIMED_STOP, profile="cisco")
    assert (request.duration_ms, request.answered) == (9_950, True)
    assert request.answer_micros == 1_011_796_229_100_000
    assert request.call.start_micros == CISCO_SETUP_MICROS


def test_one_leg_of_a_gateway_is_charged(tmp_path: Path) -> None:
    """The other one is acknowledged."""
    stop = CISCO_CALL | {"Acct-Status-Type": STOP, "Acct-Session-Time": 9}
    other = stop | {"h323-call-origin": "h323-call-origin=originate"}
    assert told(tmp_path, stop, profile="cisco") is not None
    assert told(tmp_path, other, profile="cisco") is None
    assert told(tmp_path, other, profile="cisco", charged_leg="") is not None


def test_asterisk_tells_a_call_by_its_stop_alone(tmp_path: Path) -> None:
    """cdr_radius has attributes of its own."""
    stop = {
        "Acct-Status-Type": STOP,
        "Acct-Session-Id": "1732350000.17",
        "Asterisk-Src": "0201234567",
        "Asterisk-Dst": "0612345678",
        "Asterisk-Start-Time": "2026-11-23 09:00:00 +0100",
        "Asterisk-Answer-Time": "2026-11-23 09:00:10 +0100",
        "Asterisk-End-Time": "2026-11-23 09:01:15 +0100",
        "Asterisk-Bill-Sec": 65,
        "Asterisk-Unique-ID": "1732350000.17",
    }
    request = told(tmp_path, stop, profile="asterisk")
    assert (request.duration_ms, request.answered) == (65_000, True)
    assert request.call.callee.digits == "31612345678"
    assert request.call.line == "31201234567"
    assert request.call.call_key_kind == CallKeyKind.CALL_KEY_KIND_ASTERISK_UNIQUE_ID
    assert request.call.start_micros == 1_795_420_800_000_000


@pytest.mark.parametrize("code", [486, 487, 603, 302])
def test_a_call_that_failed_frees_its_money(tmp_path: Path, code: int) -> None:
    """Kamailio and OpenSIPS tell it by a status of their own."""
    failed = SIP_CALL | {
        "Acct-Status-Type": FAILED,
        "Sip-Method": INVITE,
        "Sip-Response-Code": code,
    }
    request = told(tmp_path, failed, profile="kamailio")
    assert (request.duration_ms, request.answered) == (0, False)


@pytest.mark.parametrize("code", [183, 401, 407])
def test_a_call_that_goes_on_has_not_failed(tmp_path: Path, code: int) -> None:
    """acc_radius tells early media and challenges by the same status."""
    failed = SIP_CALL | {"Acct-Status-Type": FAILED, "Sip-Response-Code": code}
    assert told(tmp_path, failed, profile="kamailio") is None


def test_a_cancel_ends_nothing_by_itself(tmp_path: Path) -> None:
    """The INVITE it is for ends with 487, or was answered meanwhile."""
    cancel = SIP_CALL | {"Acct-Status-Type": STOP, "Sip-Method": CANCEL}
    assert told(tmp_path, cancel, profile="kamailio") is None


def test_a_switch_that_starts_says_nothing_of_calls(tmp_path: Path) -> None:
    """Accounting-On is acknowledged; holds of lost calls expire by themselves."""
    assert told(tmp_path, {"Acct-Status-Type": ON, "Acct-Session-Id": "1"}) is None


def test_a_switch_without_a_clock_is_heard_by_ours(tmp_path: Path) -> None:
    """Without Event-Timestamp, the time it has tried for counts."""
    call = {name: value for name, value in SIP_CALL.items() if name != "Event-Timestamp"}
    stop = call | {"Acct-Status-Type": STOP, "Acct-Session-Time": 65, "Acct-Delay-Time": 5}
    assert told(tmp_path, stop).call.start_micros == NOW_MICROS - 70_000_000


FAR_OFF = ["1969-12-31T23:00:00+00:00", "2200-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"]


@pytest.mark.parametrize("far_off", FAR_OFF)
def test_a_time_for_which_there_are_no_prices_is_not_told(tmp_path: Path, far_off: str) -> None:
    """A clock that is far off loses no charge: what else the packet says counts."""
    times = ("h323-setup-time", "h323-connect-time", "h323-disconnect-time")
    stop = SIP_CALL | {"Acct-Status-Type": STOP, "Acct-Session-Time": 65}
    assert told(tmp_path, stop | dict.fromkeys(times, far_off)) == told(tmp_path, stop)


def test_a_call_cannot_have_begun_before_1970(tmp_path: Path) -> None:
    """However long its Stop says that it was; the charge then tells that its length is none."""
    stop = SIP_CALL | {"Acct-Status-Type": STOP, "Acct-Session-Time": 10**9, "Event-Timestamp": 9}
    request = told(tmp_path, stop)
    assert (request.call.start_micros, request.duration_ms) == (0, 10**12)


def test_times_that_are_a_century_apart_tell_no_duration(tmp_path: Path) -> None:
    """Then Acct-Session-Time counts."""
    stop = TIMED_STOP | {"h323-disconnect-time": "14:30:39.050 GMT Mon Jan 23 2102"}
    assert told(tmp_path, stop, profile="cisco").duration_ms == 9_000
