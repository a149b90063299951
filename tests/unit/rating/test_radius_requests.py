"""What switches say by RADIUS becomes the request that they mean."""

from pathlib import Path
from typing import Any

import pytest

from kernel.e164 import DialledNumber, NumberKind
from kernel.errors import DomainError
from services.rating.api.radius.profiles import WHOLE_CALL_SECONDS
from services.rating.api.radius.requests import accounting, authorisation
from services.rating.domain.charging.requests import CloseRequest, ExtendRequest, OpenRequest
from tests.unit.rating.radius import (
    NOW_MICROS,
    a_client,
    access_request,
    accounting_request,
    facts,
)
from tollbook.type.v1.call_pb2 import CallKeyKind

EVENT_SECONDS = 1_795_396_073
EVENT_MICROS = EVENT_SECONDS * 1_000_000
START, STOP, INTERIM, ON, FAILED = 1, 2, 3, 7, 15
INVITE, CANCEL, BYE = 1, 2, 8

SIP_CALL = {
    "User-Name": "alice@example.com",
    "Acct-Session-Id": "f81d4fae@192.0.2.1",
    "Calling-Station-Id": "sip:+31201234567@example.com",
    "Called-Station-Id": "sip:4930123456@192.0.2.9:5060;user=phone",
    "Event-Timestamp": EVENT_SECONDS,
}
CISCO_CALL = {
    "User-Name": "1110001",
    "h323-conf-id": "h323-conf-id=931C146B 0F4411D6 AB5591F0 CBF3D765",
    "h323-setup-time": "h323-setup-time=*14:30:25.429 GMT Wed Jan 23 2002",
    "h323-call-origin": "h323-call-origin=answer",
    "Called-Station-Id": "31612345678",
    "Calling-Station-Id": "31201110001",
}
CISCO_SETUP_MICROS = 1_011_796_225_429_000


def opened(folder: Path, attributes: dict[str, Any], **entries: Any) -> OpenRequest:
    request = authorisation(facts(a_client(folder, **entries), access_request(attributes)))
    assert isinstance(request, OpenRequest)
    return request


def told(folder: Path, attributes: dict[str, Any], **entries: Any) -> Any:
    return accounting(facts(a_client(folder, **entries), accounting_request(attributes)))


def test_a_sip_proxy_asks_for_a_call(tmp_path: Path) -> None:
    """URIs become numbers, the user stands without the realm, the Call-ID is the key."""
    request = opened(tmp_path, SIP_CALL, profile="kamailio")
    assert request.session_id == "sbc:f81d4fae@192.0.2.1"
    assert request.equipment == "kamailio"
    assert request.call.line == "alice"
    assert request.call.caller == "31201234567"
    assert request.call.callee == DialledNumber("4930123456", NumberKind.E164)
    assert request.call.call_key == "f81d4fae@192.0.2.1"
    assert request.call.call_key_kind == CallKeyKind.CALL_KEY_KIND_SIP_CALL_ID
    assert request.call.start_micros == EVENT_MICROS


@pytest.mark.parametrize("h323_conf_id", ["h323-conf-id=931C 0F44", "931C 0F44"])
def test_a_cisco_gateway_may_repeat_names_in_values(tmp_path: Path, h323_conf_id: str) -> None:
    """The conference id is the session and the key, with its name before it or without."""
    call = CISCO_CALL | {"h323-conf-id": h323_conf_id}
    request = opened(tmp_path, call, profile="cisco")
    assert request.session_id == "sbc:931C 0F44"
    assert request.call.call_key_kind == CallKeyKind.CALL_KEY_KIND_H323_CONF_ID
    assert request.call.call_key == "931C 0F44"


def test_attributes_in_pairs_are_attributes(tmp_path: Path) -> None:
    """Some gateways send h323-* in Cisco-AVPair."""
    call = SIP_CALL | {"Cisco-AVPair": ["resource-service=reserve", "h323-conf-id=931C"]}
    assert opened(tmp_path, call, profile="cisco").session_id == "sbc:931C"


@pytest.mark.parametrize(
    ("dialled", "callee"),
    [
        ("0201234567", "31201234567"),
        ("00442079460000", "442079460000"),
        ("+442079460000", "442079460000"),
        ("<sip:%2B442079460000@192.0.2.9>", "442079460000"),
        ('"Bob" <sips:+442079460000;npdi@192.0.2.9;transport=tls>', "442079460000"),
        ("tel:+44-20-7946-0000;phone-context=+44", "442079460000"),
        ("sip:112@192.0.2.9", "112"),
    ],
)
def test_numbers_are_read_by_the_plan_of_the_client(
    tmp_path: Path, dialled: str, callee: str
) -> None:
    """National, international, in a URI, in angle brackets, escaped."""
    assert opened(tmp_path, SIP_CALL | {"Called-Station-Id": dialled}).call.callee.digits == callee


def test_a_ported_number_has_its_routing_number(tmp_path: Path) -> None:
    """rn= of RFC 4694 decides the price of a call to a ported number."""
    call = SIP_CALL | {"Called-Station-Id": "sip:+12125551234;npdi;rn=+12125550000@gw.example"}
    request = opened(tmp_path, call)
    assert (request.call.callee.digits, request.call.routing_number) == (
        "12125551234",
        "12125550000",
    )


def test_a_caller_without_a_number_has_none(tmp_path: Path) -> None:
    """Anonymous callers pay by their line."""
    call = SIP_CALL | {"Calling-Station-Id": "sip:anonymous@anonymous.invalid"}
    assert opened(tmp_path, call).call.caller == ""


def test_a_client_of_one_account_needs_no_line(tmp_path: Path) -> None:
    """All that comes from a customer's trunk is the customer's."""
    call = opened(tmp_path, SIP_CALL, account_id="acc-1", trunk="north").call
    assert (call.account_id, call.line, call.trunk) == ("acc-1", "", "north")


def test_a_line_can_be_the_calling_number(tmp_path: Path) -> None:
    """It is looked up in the form that lines have."""
    call = SIP_CALL | {"Calling-Station-Id": "0201234567"}
    assert opened(tmp_path, call, line="Calling-Station-Id").call.line == "31201234567"


def test_without_a_user_the_trunk_or_the_number_tells(tmp_path: Path) -> None:
    """A packet without User-Name names no line."""
    call = {name: value for name, value in SIP_CALL.items() if name != "User-Name"}
    assert opened(tmp_path, call).call.line == ""


def test_an_access_request_in_a_call_asks_for_more(tmp_path: Path) -> None:
    """Who has used something does not open anew (Termination-Action, RFC 2865)."""
    call = SIP_CALL | {"Acct-Session-Time": 60}
    client = a_client(tmp_path, requested_seconds=30)
    request = authorisation(facts(client, access_request(call)))
    assert request == ExtendRequest(
        "sbc:f81d4fae@192.0.2.1", sequence=61, used_seconds=60, requested_seconds=30
    )


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
    stop = CISCO_CALL | {
        "Acct-Status-Type": STOP,
        "Acct-Session-Time": 9,
        "h323-connect-time": "h323-connect-time=14:30:29.100 GMT Wed Jan 23 2002",
        "h323-disconnect-time": "h323-disconnect-time=.14:30:39.050 GMT Wed Jan 23 2002",
    }
    request = told(tmp_path, stop, profile="cisco")
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


@pytest.mark.parametrize(
    ("missing", "reason"),
    [("Acct-Session-Id", "MISSING_ATTRIBUTE"), ("Called-Station-Id", "MISSING_ATTRIBUTE")],
)
def test_what_is_missing_is_named(tmp_path: Path, missing: str, reason: str) -> None:
    """The message says which attribute the switch is to send."""
    call = {name: value for name, value in SIP_CALL.items() if name != missing}
    with pytest.raises(DomainError, match=missing) as caught:
        opened(tmp_path, call)
    assert caught.value.reason == reason


def test_what_is_no_number_is_named(tmp_path: Path) -> None:
    """As at every other door."""
    with pytest.raises(DomainError) as caught:
        opened(tmp_path, SIP_CALL | {"Called-Station-Id": "sip:bob@example.com"})
    assert caught.value.reason == "INVALID_NUMBER"


def test_what_no_database_stores_is_refused(tmp_path: Path) -> None:
    """A NUL in an id, for example."""
    with pytest.raises(DomainError) as caught:
        opened(tmp_path, SIP_CALL | {"Acct-Session-Id": "a\0b"})
    assert caught.value.reason == "UNREADABLE_ATTRIBUTE"


def test_an_id_of_full_length_makes_a_session_all_the_same(tmp_path: Path) -> None:
    """The client's name before it would make it too long: a digest stands for it."""
    ids = {
        opened(tmp_path, SIP_CALL | {"Acct-Session-Id": last * 253}, name="x" * 64).session_id
        for last in "ab"
    }
    assert len(ids) == 2
    assert all(len(session_id) <= 255 for session_id in ids)


def test_a_switch_without_a_clock_is_heard_by_ours(tmp_path: Path) -> None:
    """Without Event-Timestamp, the time it has tried for counts."""
    call = {name: value for name, value in SIP_CALL.items() if name != "Event-Timestamp"}
    stop = call | {"Acct-Status-Type": STOP, "Acct-Session-Time": 65, "Acct-Delay-Time": 5}
    assert told(tmp_path, stop).call.start_micros == NOW_MICROS - 70_000_000


def test_a_clock_ahead_of_time_tells_no_future(tmp_path: Path) -> None:
    """No call begins tomorrow."""
    request = opened(tmp_path, SIP_CALL | {"Event-Timestamp": EVENT_SECONDS + 10**6})
    assert request.call.start_micros == NOW_MICROS
