"""The clients file says who may ask, and what is wrong with it is told without its secrets."""

import re
from pathlib import Path
from typing import Any

import pytest

from services.rating.api.radius.clients import ClientsFileError, Replies, read_clients
from services.rating.api.radius.dictionaries import DictionaryError, load_dictionary
from tests.unit.rating.radius import SECRET, a_client, clients_file

GUIDES = Path(__file__).parents[3] / "docs/guides/switches"
TWO = """
[[client]]
name = "all"
address = ["10.0.0.0/8", "2001:db8::/32"]
secret = "of all the network"
tenant = "aurora"
country_code = "31"

[[client]]
name = "one"
profile = "cisco"
address = "10.1.2.3"
secret_file = "one.secret"
tenant = "borealis"
country_code = "49"
time_zone = "Europe/Berlin"
charged_leg = "originate"
"""


def test_the_narrowest_network_counts(tmp_path: Path) -> None:
    """A switch of its own stands out of its network."""
    (tmp_path / "clients.toml").write_text(TWO)
    (tmp_path / "one.secret").write_text("of one alone\n")
    clients = read_clients(tmp_path / "clients.toml", frozenset())
    hosts = ("10.1.2.3", "::ffff:10.1.2.3", "10.1.2.4", "2001:db8::1", "192.0.2.1")
    found = [clients.find(host) for host in hosts]
    assert [client and client.name for client in found] == ["one", "one", "all", "all", None]
    assert found[0] is not None
    assert found[0].secret == b"of one alone"


def test_a_client_writes_only_what_its_profile_does_not_say(tmp_path: Path) -> None:
    """And may say otherwise."""
    client = a_client(tmp_path, profile="cisco", charged_leg="originate")
    assert (client.session_id, client.replies) == ("h323-conf-id", Replies.H323)
    assert client.charged_leg == "originate"


def test_no_secret_is_shown(tmp_path: Path) -> None:
    """Whoever logs a client logs no secret."""
    assert SECRET.decode() not in repr(a_client(tmp_path))


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ({"secret": "short"}, "less than 8 characters"),
        ({"secret_file": "x"}, "either secret or secret_file"),
        ({"address": "10.0.0.300"}, "10.0.0.300"),
        ({"address": "10.0.0.1/8"}, "host bits"),
        ({"profile": "asteriks"}, "profile must be one of"),
        ({"sesion_id": "x"}, "sesion_id means nothing"),
        ({"call_key_kind": "guid"}, "call_key_kind must be one of"),
        ({"country_code": "Holland"}, "country code"),
        ({"time_zone": "Holland"}, "Holland"),
        ({"reauthorises": "yes"}, "reauthorises must be of type bool"),
        ({"replies": "loud"}, "loud"),
        ({"requested_seconds": -1}, "between 0 and 86400"),
        ({"name": ""}, "needs a name"),
        ({"tenant": ""}, "tenant is empty"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, entries: dict[str, Any], problem: str) -> None:
    """The file, the client and the entry; never the secret."""
    path = clients_file(tmp_path, **entries)
    with pytest.raises(ClientsFileError, match=problem) as caught:
        read_clients(path, frozenset())
    assert "clients.toml" in str(caught.value)
    assert SECRET.decode() not in str(caught.value)


def test_a_missing_entry_is_named(tmp_path: Path) -> None:
    """What has no default must be written."""
    path = clients_file(tmp_path)
    path.write_text(path.read_text().replace("country_code", "# country_code"))
    with pytest.raises(ClientsFileError, match="country_code is missing"):
        read_clients(path, frozenset())


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    """Not TOML, not there, without clients."""
    for name, content in (("bad", "[[client"), ("empty", ""), ("other", "[server]\nport = 1")):
        (tmp_path / name).write_text(content)
        with pytest.raises(ClientsFileError, match=name):
            read_clients(tmp_path / name, frozenset())
    with pytest.raises(ClientsFileError, match="missing"):
        read_clients(tmp_path / "missing", frozenset())


@pytest.mark.parametrize("guide", ["README.md", "kamailio.md", "cisco.md"])
def test_the_clients_of_the_guides_are_understood(tmp_path: Path, guide: str) -> None:
    """What is copied from a guide works."""
    [block] = re.findall(r"```toml\n(.*?)```", (GUIDES / guide).read_text(), re.DOTALL)
    for name in re.findall(r'secret_file = "(.*?)"', block):
        (tmp_path / name).write_text("a secret of its own")
    (tmp_path / "clients.toml").write_text(block)
    clients = read_clients(tmp_path / "clients.toml", frozenset())
    addresses = re.findall(r"\d+\.\d+\.\d+\.\d+", block)
    assert addresses
    assert all(clients.find(address) for address in addresses)


def test_two_clients_are_not_taken_for_one(tmp_path: Path) -> None:
    """Neither by name, because of their sessions, nor by address."""
    entry = clients_file(tmp_path).read_text()
    for other, problem in (("10.0.0.1", "name sbc"), ("127.0.0.1", "network 127.0.0.1/32")):
        second = entry.replace("127.0.0.1", other).replace(
            "sbc", "sbc" if other[0:2] == "10" else "x"
        )
        (tmp_path / "two.toml").write_text(entry + second)
        with pytest.raises(ClientsFileError, match=problem):
            read_clients(tmp_path / "two.toml", frozenset())


def test_dictionaries_of_vendors_are_added(tmp_path: Path) -> None:
    """An operator puts the files of its vendors into a folder."""
    (tmp_path / "dictionary.acme").write_text(
        "VENDOR Acme 9148\nBEGIN-VENDOR Acme\nATTRIBUTE Acme-Session-Generic-Id 40 string\n"
        "END-VENDOR Acme\n"
    )
    dictionary = load_dictionary(tmp_path)
    assert "Acme-Session-Generic-Id" in dictionary
    assert "h323-conf-id" in dictionary


def test_a_bad_dictionary_is_named(tmp_path: Path) -> None:
    """The service does not start with half of what is meant."""
    (tmp_path / "dictionary.acme").write_text("ATTRIBUTE Acme-Thing forty string\n")
    with pytest.raises(DictionaryError, match=r"dictionary\.acme"):
        load_dictionary(tmp_path)
