"""What switches ask by RADIUS becomes the request that they mean."""

from pathlib import Path
from typing import Any

import pytest

from kernel.e164 import DialledNumber, NumberKind
from kernel.errors import DomainError
from services.rating.api.radius.requests import authorisation
from services.rating.domain.charging.requests import ExtendRequest, OpenRequest
from tests.unit.rating.radius import (
    CISCO_CALL,
    EVENT_MICROS,
    EVENT_SECONDS,
    NOW_MICROS,
    SIP_CALL,
    a_client,
    access_request,
    facts,
)
from tollbook.type.v1.call_pb2 import CallKeyKind


def opened(folder: Path, attributes: dict[str, Any], **entries: Any) -> OpenRequest:
    request = authorisation(facts(a_client(folder, **entries), access_request(attributes)))
    assert isinstance(request, OpenRequest)
    return request


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Acct-Session-Id", "a\0b"),
        ("User-Name", "a\0b"),
        ("User-Name", "sip:a%00b@example.com"),
        ("User-Name", "<sip:alice%0d%0a@example.com>"),
    ],
)
def test_what_no_database_stores_is_refused(tmp_path: Path, name: str, value: str) -> None:
    """A NUL in an id, for example, also where a URI has it escaped."""
    with pytest.raises(DomainError) as caught:
        opened(tmp_path, SIP_CALL | {name: value})
    assert caught.value.reason == "UNREADABLE_ATTRIBUTE"


def test_an_id_of_full_length_makes_a_session_all_the_same(tmp_path: Path) -> None:
    """The client's name before it would make it too long: a digest stands for it."""
    ids = {
        opened(tmp_path, SIP_CALL | {"Acct-Session-Id": last * 253}, name="x" * 64).session_id
        for last in "ab"
    }
    assert len(ids) == 2
    assert all(len(session_id) <= 255 for session_id in ids)


def test_a_clock_ahead_of_time_tells_no_future(tmp_path: Path) -> None:
    """No call begins tomorrow."""
    request = opened(tmp_path, SIP_CALL | {"Event-Timestamp": EVENT_SECONDS + 10**6})
    assert request.call.start_micros == NOW_MICROS
