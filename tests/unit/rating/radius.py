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


def access_request(attributes: Mapping[str, Any], secret: bytes = SECRET) -> bytes:
    """An Access-Request as a switch sends it."""
    packet = AuthPacket(secret=secret, dict=DICTIONARY)
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
