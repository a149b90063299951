"""Who may speak to the RADIUS door: the switches of the clients file, each with its profile."""

import ipaddress
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from chassis.settings import SettingsError
from kernel.e164 import NumberPlan
from kernel.errors import DomainError
from services.rating.api.call_keys import CALL_KEY_KINDS
from services.rating.api.radius.profiles import PROFILES
from services.rating.domain.charging.requests import REQUESTED_SECONDS_MAX

NAME_CHARACTERS_MAX = 64
SECRET_CHARACTERS_MIN = 8

_PLAN_FIELDS = ("country_code", "national_prefix", "international_prefixes", "short_codes")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Replies(StrEnum):
    """In whose attributes a client is answered, beside those of the RFCs."""

    H323 = "h323"
    SIP = "sip"
    STANDARD = "standard"


class ClientsFileError(SettingsError):
    """What is wrong with the clients file; never with a secret in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RadiusClient:
    """One switch, or several that are alike."""

    name: str
    """Session ids begin with it, because Acct-Session-Id is unique at one switch only."""
    networks: tuple[Network, ...]
    secret: bytes = field(repr=False)
    tenant_id: str
    equipment: str
    plan: NumberPlan
    zone: tzinfo
    session_id: str
    """The attribute that a call's requests have in common."""
    call_key: str
    """The attribute that the call's record (CDR) has too."""
    call_key_kind: int
    line: str
    """The attribute that names who calls; without one, the trunk or the calling number does."""
    account_id: str
    """Who pays for all that comes from here; empty: the line tells."""
    trunk: str
    charged_leg: str
    """The h323-call-origin that is charged: answer, originate; empty: any."""
    start_is_answer: bool
    """Whether a Start without a time of answer is sent at the answer, not at the set-up."""
    replies: Replies
    names_in_values: bool
    """Whether `h323-credit-time=300` is the value, as Cisco has it, or only `300`."""
    reauthorises: bool
    """Whether it asks again by an Access-Request when Session-Timeout is over."""
    requested_seconds: int
    """How many seconds are held at once; 0 leaves it to the account's policy."""
    require_message_authenticator: bool
    """Whether its Access-Requests are dropped unless they are signed with the secret."""


class Clients:
    """The clients by address; the narrowest network counts."""

    def __init__(self, clients: Iterable[RadiusClient]) -> None:
        pairs = [(network, client) for client in clients for network in client.networks]
        self._by_network = sorted(pairs, key=lambda pair: pair[0].prefixlen, reverse=True)

    def find(self, host: str) -> RadiusClient | None:
        """The client that has this address."""
        address = _unmapped(ipaddress.ip_address(host))
        for network, client in self._by_network:
            if address in network:
                return client
        return None


def _unmapped(address: Address) -> Address:
    """The IPv4 address of a packet that came over an IPv6 socket."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def read_clients(path: Path, emergency_numbers: frozenset[str]) -> Clients:
    """Read the file. Raises ClientsFileError, which names the client and the entry."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ClientsFileError(f"{path} cannot be read: {error}") from error
    entries = content.get("client")
    if not isinstance(entries, list) or not entries or content.keys() != {"client"}:
        raise ClientsFileError(f"{path}: expected one or more [[client]] tables and nothing else")
    clients = [_client(entry, path, emergency_numbers) for entry in entries]
    _check_apart(clients)
    return Clients(clients)


def _check_apart(clients: list[RadiusClient]) -> None:
    names = [client.name for client in clients]
    networks = [str(network) for client in clients for network in client.networks]
    for kind, values in (("name", names), ("network", networks)):
        twice = sorted(value for value, count in Counter(values).items() if count > 1)
        if twice:
            raise ClientsFileError(f"two clients have the {kind} {', '.join(twice)}")


def _client(
    entry: Mapping[str, Any], path: Path, emergency_numbers: frozenset[str]
) -> RadiusClient:
    name = entry.get("name")
    if (
        not isinstance(name, str)
        or not name.isprintable()
        or not 0 < len(name) <= NAME_CHARACTERS_MAX
    ):
        raise ClientsFileError(
            f"{path}: every client needs a name of 1 to {NAME_CHARACTERS_MAX} letters"
        )
    try:
        return _checked_client(entry, path.parent, emergency_numbers)
    except (ValueError, KeyError, TypeError, OSError, DomainError) as error:
        problem = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise ClientsFileError(f"{path}: client {name!r}: {problem}") from error


def _checked_client(
    entry: Mapping[str, Any], folder: Path, emergency_numbers: frozenset[str]
) -> RadiusClient:
    """The client of an entry over its profile; ValueError and its like say what is wrong."""
    profile = PROFILES.get(entry.get("profile", "standard"))
    if profile is None:
        raise ValueError(f"profile must be one of {', '.join(PROFILES)}")
    values: dict[str, Any] = {**profile, **entry}
    _refuse_unknown(values)
    return RadiusClient(
        name=values["name"],
        networks=_networks(values["address"]),
        secret=_secret(values, folder),
        tenant_id=_word(values, "tenant"),
        plan=_number_plan(values, emergency_numbers),
        zone=ZoneInfo(_word(values, "time_zone")),
        call_key_kind=_key_kind(_word(values, "call_key_kind")),
        replies=Replies(values["replies"]),
        **{name: _typed(values, name, str) for name in _TEXTS},
        **{name: _typed(values, name, bool) for name in _SWITCHES},
        requested_seconds=_seconds(values, "requested_seconds"),
    )


_TEXTS = ("equipment", "session_id", "call_key", "line", "account_id", "trunk", "charged_leg")
_SWITCHES = (
    "start_is_answer",
    "names_in_values",
    "reauthorises",
    "require_message_authenticator",
)
_ENTRIES = {
    *("profile", "address", "secret", "secret_file", "tenant", "time_zone"),
    *_PLAN_FIELDS,
    *(member.name for member in fields(RadiusClient)),
} - {"networks", "plan", "zone", "tenant_id"}


def _refuse_unknown(values: Mapping[str, Any]) -> None:
    unknown = values.keys() - _ENTRIES
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))} means nothing here")


def _typed(values: Mapping[str, Any], name: str, kind: type) -> Any:
    value = values[name]
    if type(value) is not kind:
        raise ValueError(f"{name} must be of type {kind.__name__}, not {value!r}")
    return value


def _seconds(values: Mapping[str, Any], name: str) -> int:
    seconds: int = _typed(values, name, int)
    if not 0 <= seconds <= REQUESTED_SECONDS_MAX:
        raise ValueError(f"{name} must be between 0 and {REQUESTED_SECONDS_MAX}, not {seconds}")
    return seconds


def _word(values: Mapping[str, Any], name: str) -> str:
    word: str = _typed(values, name, str)
    if not word:
        raise ValueError(f"{name} is empty")
    return word


def _networks(value: object) -> tuple[Network, ...]:
    addresses = value if isinstance(value, list) else [value]
    return tuple(ipaddress.ip_network(str(address)) for address in addresses)


def _secret(values: Mapping[str, Any], folder: Path) -> bytes:
    """The shared secret, in place or in a file beside this one; RFC 2865, section 3."""
    if ("secret" in values) == ("secret_file" in values):
        raise ValueError("give either secret or secret_file")
    if "secret_file" in values:
        secret = (folder / _word(values, "secret_file")).read_text(encoding="utf-8").strip()
    else:
        secret = str(values["secret"])
    if len(secret) < SECRET_CHARACTERS_MIN:
        raise ValueError(f"its secret has less than {SECRET_CHARACTERS_MIN} characters")
    return secret.encode()


def _number_plan(values: Mapping[str, Any], emergency_numbers: frozenset[str]) -> NumberPlan:
    return NumberPlan(
        country_code=_word(values, "country_code"),
        national_prefix=_typed(values, "national_prefix", str),
        international_prefixes=tuple(_typed(values, "international_prefixes", list)),
        short_codes=frozenset(_typed(values, "short_codes", list)),
        emergency_numbers=emergency_numbers,
    )


def _key_kind(word: str) -> int:
    if word not in CALL_KEY_KINDS:
        raise ValueError(f"call_key_kind must be one of {', '.join(CALL_KEY_KINDS)}")
    return CALL_KEY_KINDS[word]
