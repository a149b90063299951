"""RADIUS clients and packets that tests start from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyrad.packet import AccountingRequest, AcctPacket, AuthPacket, Packet

from services.rating.api.radius.attributes import read_attributes
from services.rating.api.radius.clients import RadiusClient, read_clients
from services.rating.api.radius.dictionaries import load_dictionary
from services.rating.api.radius.packets import ACCOUNTING_CODES, AUTHENTICATION_CODES, decode
from services.rating.api.radius.requests import Facts

SECRET = b"a shared secret"
NOW_MICROS = 1_795_400_000_000_000
DICTIONARY = load_dictionary(None)

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


def clients_file(folder: Path, **entries: Any) -> Path:
    """A clients file with one client on loopback, and some entries of the test's own."""
    values = {
        "name": "sbc",
        "address": "127.0.0.1",
        "secret": SECRET.decode(),
        "tenant": "aurora",
        "country_code": "31",
        "national_prefix": "0",
        **entries,
    }
    path = folder / "clients.toml"
    path.write_text("[[client]]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in values.items()))
    return path


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def a_client(folder: Path, **entries: Any) -> RadiusClient:
    """That client."""
    client = read_clients(clients_file(folder, **entries), frozenset({"112"})).find("127.0.0.1")
    assert client is not None
    return client


def access_request(
    attributes: Mapping[str, Any], secret: bytes = SECRET, is_signed: bool = True
) -> bytes:
    """An Access-Request as a switch sends it."""
    packet = AuthPacket(secret=secret, dict=DICTIONARY, message_authenticator=is_signed)
    return _with(packet, attributes).RequestPacket()


def accounting_request(attributes: Mapping[str, Any], secret: bytes = SECRET) -> bytes:
    """A signed Accounting-Request."""
    packet = AcctPacket(code=AccountingRequest, secret=secret, dict=DICTIONARY)
    return _with(packet, attributes).RequestPacket()


def _with(packet: Packet, attributes: Mapping[str, Any]) -> Packet:
    for name, value in attributes.items():
        packet.AddAttribute(name, value)
    return packet


def facts(client: RadiusClient, data: bytes, now_micros: int = NOW_MICROS) -> Facts:
    """What the door knows of a packet."""
    codes = ACCOUNTING_CODES if data[0] == AccountingRequest else AUTHENTICATION_CODES
    packet = decode(data, client, DICTIONARY, codes)
    return Facts(read_attributes(packet), client, now_micros)
