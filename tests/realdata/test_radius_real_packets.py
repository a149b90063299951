"""RADIUS of a real Kamailio and of a real Cisco gateway means what it meant there."""

import re
from pathlib import Path
from typing import Any

import pytest

from services.rating.api.radius.answers import ACKNOWLEDGED
from services.rating.api.radius.attributes import read_attributes
from services.rating.api.radius.clients import RadiusClient
from services.rating.api.radius.dictionaries import load_dictionary
from services.rating.api.radius.packets import ACCOUNTING_CODES, decode, encode
from services.rating.api.radius.requests import Facts, accounting, authorisation
from services.rating.domain.charging.requests import CloseRequest, ExtendRequest, OpenRequest
from tests.unit.rating.radius import DICTIONARY, NOW_MICROS, a_client

KAMAILIO_SECRET = "testing123"
ATTRIBUTE = re.compile(r'([\w-]+)=(?:"([^"]*)"|(\S+))')
STATUS = {"Start": "1"}


@pytest.fixture
def kamailio(tmp_path: Path) -> RadiusClient:
    """The proxy that sent the recorded packets."""
    return a_client(tmp_path, profile="kamailio", secret=KAMAILIO_SECRET)


@pytest.fixture
def wire(realdata: Path) -> list[bytes]:
    """The packets as they came."""
    [file] = (realdata / "cdr/radius").glob("kamailio*wire*.hex")
    return [bytes.fromhex(line) for line in file.read_text().split()]


def test_a_real_proxy_tells_its_calls(wire: list[bytes], kamailio: RadiusClient) -> None:
    """Early media is no failure; a Start sent twice is one; a busy call is closed unanswered."""
    requests = [told(data, kamailio) for data in wire]
    early, start, again, stop, busy, busy_again = requests
    assert early is None
    assert isinstance(start, ExtendRequest)
    assert start == again
    assert isinstance(stop, CloseRequest)
    assert stop.session_id == start.session_id
    assert (start.answer_micros, stop.end_micros) == (1_795_396_073_000_000, 1_795_396_077_000_000)
    assert stop.call is not None
    assert stop.call.callee.digits == "4989012345"
    assert isinstance(busy, CloseRequest)
    assert busy == busy_again
    assert (busy.answered, busy.duration_ms) == (False, 0)


def test_a_real_packet_is_answered_with_its_secret(
    wire: list[bytes], kamailio: RadiusClient
) -> None:
    """What we say is what its own server would have to say."""
    for data in wire:
        packet = decode(data, kamailio, DICTIONARY, ACCOUNTING_CODES)
        response = encode(packet, ACKNOWLEDGED)
        assert packet.VerifyReply(packet.CreateReply(packet=response), response)


def told(data: bytes, client: RadiusClient) -> Any:
    packet = decode(data, client, DICTIONARY, ACCOUNTING_CODES)
    return accounting(Facts(read_attributes(packet), client, NOW_MICROS))


def test_a_real_gateway_tells_its_legs(realdata: Path, tmp_path: Path) -> None:
    """The answer leg is charged, under the id with which the call was asked for; no leg twice."""
    text = (realdata / "cdr/radius/cisco_ios_gateway_auth_and_start.txt").read_text()
    call_check, answer_leg, originate_leg = [
        line for line in text.splitlines() if line and not line.startswith("#")
    ]
    gateway = a_client(tmp_path, profile="cisco", session_id="Acct-Session-Id")
    asked = authorisation(facts(call_check, gateway))
    assert isinstance(asked, OpenRequest)
    assert asked.session_id == "sbc:000B5571"
    assert asked.call.callee.digits == "2210001"
    connected = (
        answer_leg + ' h323-connect-time="h323-connect-time=14:30:29.000 GMT Wed Jan 23 2002"'
    )
    start = accounting(facts(connected, gateway))
    assert isinstance(start, ExtendRequest)
    assert start.session_id == asked.session_id
    assert accounting(facts(answer_leg, gateway)) is None
    assert accounting(facts(originate_leg, gateway)) is None


def facts(line: str, client: RadiusClient) -> Facts:
    """The attributes of a line of the recorded text."""
    attributes: dict[str, str] = {}
    for name, quoted, bare in ATTRIBUTE.findall(line):
        value = (quoted or bare).removeprefix(f"{name}=")
        attributes.setdefault(name.lower(), value)
    status = next((number for word, number in STATUS.items() if f"Request {word}" in line), "")
    return Facts({**attributes, "acct-status-type": status}, client, NOW_MICROS)


def test_real_dictionaries_load_one_by_one(realdata: Path) -> None:
    """Those of the vendors, and together with ours."""
    dictionary = load_dictionary(realdata / "radius_dictionaries")
    for name in ("Acme-Session-Generic-Id", "h323-credit-time", "Asterisk-Bill-Sec", "User-Name"):
        assert name in dictionary
