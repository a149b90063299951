"""Packets are taken only whole and signed, and whatever comes from the network does no harm."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.packet import AuthPacket

from kernel.errors import DomainError
from services.rating.api.radius.answers import Reply
from services.rating.api.radius.attributes import read_attributes
from services.rating.api.radius.clients import RadiusClient
from services.rating.api.radius.duplicates import (
    RESPONSES_KEPT_MAX,
    RESPONSES_KEPT_SECONDS,
    Duplicates,
)
from services.rating.api.radius.packets import (
    ACCOUNTING_CODES,
    AUTHENTICATION_CODES,
    BadPacketError,
    decode,
    encode,
)
from services.rating.api.radius.profiles import PROFILES
from services.rating.api.radius.requests import Facts, accounting, authorisation
from tests.unit.rating.radius import (
    DICTIONARY,
    NOW_MICROS,
    SECRET,
    a_client,
    access_request,
    accounting_request,
)

NOT_SIGNING = ("kamailio", "opensips", "cisco")
CANNOT_SIGN = [{"profile": name} for name in NOT_SIGNING]
CALL = {"User-Name": "alice", "Acct-Session-Id": "1", "Called-Station-Id": "31201234567"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> RadiusClient:
    """A client on loopback."""
    return a_client(tmp_path_factory.mktemp("clients"))


def why_dropped(data: bytes, client: RadiusClient, codes: frozenset[int]) -> str:
    with pytest.raises(BadPacketError) as caught:
        decode(data, client, DICTIONARY, codes)
    return str(caught.value)


def test_accounting_of_another_secret_is_dropped(client: RadiusClient) -> None:
    """Its authenticator covers the packet and the secret (RFC 2866, section 3)."""
    forged = accounting_request(CALL, secret=b"another secret")
    assert why_dropped(forged, client, ACCOUNTING_CODES) == "wrong_secret"


def test_a_wrong_message_authenticator_is_dropped(client: RadiusClient) -> None:
    """RFC 3579, section 3.2."""
    assert decode(access_request(CALL), client, DICTIONARY, AUTHENTICATION_CODES)
    forged = access_request(CALL, b"another secret")
    assert why_dropped(forged, client, AUTHENTICATION_CODES) == "wrong_secret"


def test_what_is_not_signed_is_dropped(client: RadiusClient) -> None:
    """An Access-Request without a Message-Authenticator proves nothing; accounting always does."""
    unsigned = access_request(CALL, is_signed=False)
    assert why_dropped(unsigned, client, AUTHENTICATION_CODES) == "unsigned"
    assert decode(accounting_request(CALL), client, DICTIONARY, ACCOUNTING_CODES)


@pytest.mark.parametrize("entries", [{"require_message_authenticator": False}, *CANNOT_SIGN])
def test_a_client_that_cannot_sign_may_be_trusted(tmp_path: Path, entries: dict[str, Any]) -> None:
    """By its own entry, or because no switch of its profile can; what it signs is verified."""
    trusted = a_client(tmp_path, **entries)
    unsigned = access_request(CALL, b"another secret", is_signed=False)
    assert decode(unsigned, trusted, DICTIONARY, AUTHENTICATION_CODES)
    forged = access_request(CALL, b"another secret")
    assert why_dropped(forged, trusted, AUTHENTICATION_CODES) == "wrong_secret"


@pytest.mark.parametrize("profile", [name for name in PROFILES if name not in NOT_SIGNING])
def test_a_client_signs_unless_its_profile_says_otherwise(tmp_path: Path, profile: str) -> None:
    """And where a switch can, its own entry counts before the profile."""
    assert a_client(tmp_path, profile=profile).require_message_authenticator
    for each in NOT_SIGNING:
        strict = a_client(tmp_path, profile=each, require_message_authenticator=True)
        assert strict.require_message_authenticator


def test_a_question_of_health_must_be_signed(client: RadiusClient) -> None:
    """Status-Server (RFC 5997)."""
    unsigned = bytes([12]) + access_request(CALL, is_signed=False)[1:]
    assert why_dropped(unsigned, client, AUTHENTICATION_CODES) == "unsigned"


def test_what_belongs_to_the_other_port_is_dropped(client: RadiusClient) -> None:
    """And so are answers and what nobody asks here."""
    assert why_dropped(access_request(CALL), client, ACCOUNTING_CODES) == "unexpected_code"
    assert why_dropped(accounting_request(CALL), client, AUTHENTICATION_CODES) == "unexpected_code"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:19],
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:2] + (5000).to_bytes(2) + data[4:] + bytes(5000),
        lambda data: data[:2] + (19).to_bytes(2) + data[4:],
        lambda data: data[:21] + b"\0" + data[22:],
        lambda data: data[:21] + b"\1" + data[22:],
        lambda data: data[:21] + b"\xff" + data[22:],
        lambda data: data[:2] + (len(data) + 1).to_bytes(2) + data[4:] + b"\1",
    ],
)
def test_a_packet_with_a_wrong_length_is_dropped(client: RadiusClient, spoil: object) -> None:
    """RFC 2865, section 3: silently discarded."""
    assert callable(spoil)
    assert why_dropped(spoil(access_request(CALL)), client, AUTHENTICATION_CODES) == "malformed"


def test_what_follows_a_packet_is_padding(client: RadiusClient) -> None:
    """RFC 2865, section 3: ignored, and signatures hold."""
    for data, codes in (
        (access_request(CALL), AUTHENTICATION_CODES),
        (accounting_request(CALL), ACCOUNTING_CODES),
    ):
        assert decode(data + b"\0\0\0", client, DICTIONARY, codes).raw_packet == data


def test_a_reply_is_signed_in_the_first_place(client: RadiusClient) -> None:
    """Against CVE-2024-3596, and Proxy-State comes back as it was."""
    request = AuthPacket(secret=SECRET, dict=DICTIONARY, message_authenticator=True)
    request.AddAttribute("Proxy-State", [b"one", b"two"])
    packet = decode(request.RequestPacket(), client, DICTIONARY, AUTHENTICATION_CODES)
    content = encode(packet, Reply((("Session-Timeout", 60),)))
    reply = request.CreateReply(packet=content)
    assert request.VerifyReply(reply, content, enforce_ma=True)
    assert content[20] == 80
    assert (reply["Session-Timeout"], reply[33]) == ([60], [b"one", b"two"])


def test_a_text_too_long_for_an_attribute_is_cut(client: RadiusClient) -> None:
    """253 octets, RFC 2865, section 5."""
    packet = decode(access_request(CALL), client, DICTIONARY, AUTHENTICATION_CODES)
    content = encode(packet, Reply((("Reply-Message", "x" * 300),), is_reject=True))
    assert content[0] == 3
    assert b"x" * 253 in content


@given(data=st.binary(max_size=400))
def test_junk_is_dropped(client: RadiusClient, data: bytes) -> None:
    """Bytes of any kind end in nothing but a drop."""
    for codes in (AUTHENTICATION_CODES, ACCOUNTING_CODES):
        with pytest.raises(BadPacketError):
            decode(data, client, DICTIONARY, codes)


ATTRIBUTE = st.builds(
    lambda kind, value: bytes([kind, len(value) + 2]) + value,
    st.integers(0, 255),
    st.binary(max_size=60)
    | st.integers(0, 130).map(lambda n: b"\0\0\0\x09" + bytes([n, 6]) + b"h3\xff="),
)


@given(attributes=st.lists(ATTRIBUTE, max_size=12).map(b"".join))
def test_signed_junk_is_read_or_refused(client: RadiusClient, attributes: bytes) -> None:
    """A switch with the secret that sends nonsense gets an expected error, never a crash."""
    head = bytes([4, 7]) + (20 + len(attributes)).to_bytes(2)
    signature = hashlib.md5(head + bytes(16) + attributes + SECRET).digest()
    try:
        packet = decode(head + signature + attributes, client, DICTIONARY, ACCOUNTING_CODES)
    except BadPacketError:
        return
    facts = Facts(read_attributes(packet), client, NOW_MICROS)
    assert {refusal(authorisation, facts), refusal(accounting, facts)} <= EXPECTED


EXPECTED = {"", "MISSING_ATTRIBUTE", "UNREADABLE_ATTRIBUTE", "INVALID_NUMBER"}


def refusal(ask: Callable[[Facts], object], facts: Facts) -> str:
    """The reason of the expected error; empty when there is none."""
    try:
        ask(facts)
    except DomainError as error:
        return error.reason
    return ""


KEY = ("192.0.2.1", 1812, b"fingerprint")


def test_a_retransmission_finds_its_response() -> None:
    """The first is in work, then answered; what could not be answered is tried again."""
    known = Duplicates()
    assert known.is_new(KEY)
    assert not known.is_new(KEY)
    assert known.response(KEY) is None
    known.keep(KEY, b"response")
    assert known.response(KEY) == b"response"
    known.forget(KEY)
    assert known.is_new(KEY)


def test_responses_are_forgotten_in_time_and_in_number() -> None:
    """The memory for them is bounded."""
    now = [0.0]
    known = Duplicates(lambda: now[0])
    assert known.is_new(KEY)
    now[0] = RESPONSES_KEPT_SECONDS + 1
    assert known.is_new(KEY)
    for number in range(RESPONSES_KEPT_MAX):
        known.is_new(("192.0.2.2", number, b""))
    assert known.is_new(KEY)
