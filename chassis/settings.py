"""Settings: frozen dataclasses whose fields are read from the environment, each with a default."""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

T = TypeVar("T")

ADDRESS_SUFFIX = "_ADDRESS"

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class SettingsError(Exception):
    """What is wrong with the environment: each variable, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Between:
    """The smallest and the largest value of a number: Annotated[int, "meaning", Between(1, 5)]."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class CommonSettings:
    """What every service reads; the variable of a field is its name in capitals."""

    data_dir: Annotated[Path, "Folder of the files that this process writes."] = Path("data")
    database_url: Annotated[
        str, "sqlite:///file or postgresql://user@host/name; empty: a SQLite file in DATA_DIR."
    ] = ""
    migrate_at_start: Annotated[bool, "Migrate PostgreSQL too at the start, not only SQLite."] = (
        False
    )
    nats_url: Annotated[str, "The NATS servers, separated by commas."] = "nats://127.0.0.1:4222"
    nats_stream_replicas: Annotated[int, "Copies of each stream in NATS.", Between(1, 5)] = 1
    nats_credentials_file: Annotated[Path | None, "Credentials for NATS, if it asks."] = None
    listen_address: Annotated[str, "Host and port of the gRPC server; port 0: a free one."] = (
        "127.0.0.1:50051"
    )
    neighbour_addresses: Annotated[
        str, "Where a service is whose <SERVICE>_ADDRESS is not set; {service} is its name."
    ] = "dns:///{service}:50051"
    addresses: Annotated[
        Mapping[str, str], "Where each service is, from every variable <SERVICE>_ADDRESS."
    ] = dataclasses.field(default_factory=dict)
    trusted_keys_file: Annotated[Path, "Public keys (JWKS) of those who may sign tokens."] = Path(
        "data/authority/trusted_keys.json"
    )
    trusted_identities_file: Annotated[
        Path | None, "Who the holders of client certificates are (JSON), for mTLS."
    ] = None
    service_token_file: Annotated[
        Path | None, "This service's own bearer token; read again when the file changes."
    ] = None
    tls_certificate_file: Annotated[Path | None, "Certificate (PEM); without it, no TLS."] = None
    tls_key_file: Annotated[Path | None, "Key of the certificate (PEM)."] = None
    tls_authority_file: Annotated[
        Path | None, "Authority (PEM) that certificates must come from, at both ends (mTLS)."
    ] = None
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], "Least severe record in the log."
    ] = "INFO"
    otel_exporter_otlp_endpoint: Annotated[
        str, "OTLP collector of traces and metrics; empty: nothing is exported."
    ] = ""
    trace_sample_percent: Annotated[
        int, "Share of new traces that are recorded, in percent.", Between(0, 100)
    ] = 10

    def database_url_of(self, service: str) -> str:
        """The database of a service."""
        return self.database_url or f"sqlite:///{self.data_dir / service}.sqlite3"

    def address_of(self, service: str) -> str:
        """Where a service listens: its own address, or by the pattern of all."""
        pattern = self.neighbour_addresses
        return self.addresses.get(service) or pattern.replace("{service}", service)


def read_settings(cls: type[T], environment: Mapping[str, str]) -> T:
    """Read a settings class from the environment; an empty variable counts as unset.

    Raises SettingsError, which names every wrong variable with its value and what is allowed.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    values: dict[str, Any] = {"addresses": _addresses(environment)} if "addresses" in hints else {}
    problems: list[str] = []
    for field in dataclasses.fields(typing.cast(Any, cls)):
        variable = field.name.upper()
        text = environment.get(variable, "").strip()
        if not text:
            continue
        try:
            values[field.name] = _parse(text, hints[field.name])
        except ValueError as error:
            problems.append(f"{variable}={text!r}: expected {error}")
    if problems:
        raise SettingsError("; ".join(problems))
    return cls(**values)


def _addresses(environment: Mapping[str, str]) -> dict[str, str]:
    """The address of each service: RATING_ADDRESS is that of rating."""
    return {
        name.removesuffix(ADDRESS_SUFFIX).lower(): value
        for name, value in environment.items()
        if name.endswith(ADDRESS_SUFFIX) and value
    }


def _parse(text: str, hint: Any) -> Any:
    """The value of a text; ValueError says what was expected."""
    extras: list[Any] = []
    if typing.get_origin(hint) is Annotated:
        hint, *extras = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        [hint] = (member for member in typing.get_args(hint) if member is not types.NoneType)
    if typing.get_origin(hint) is Literal:
        return _parse_choice(text, typing.get_args(hint))
    if hint is int:
        return _parse_int(text, next((e for e in extras if isinstance(e, Between)), None))
    return _PARSERS[hint](text)


def _parse_choice(text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise ValueError(f"one of {', '.join(choices)}")
    return text


def _parse_int(text: str, limits: Between | None) -> int:
    expected = "a whole number"
    if limits is not None:
        expected += f" from {limits.least} to {limits.most}"
    try:
        value = int(text)
    except ValueError:
        raise ValueError(expected) from None
    if limits is not None and not limits.least <= value <= limits.most:
        raise ValueError(expected)
    return value


def _parse_bool(text: str) -> bool:
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError("true or false")
    return value


def _parse_words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


_PARSERS: dict[Any, Callable[[str], Any]] = {
    bool: _parse_bool,
    str: str,
    Path: lambda text: Path(text).expanduser(),
    tuple[str, ...]: _parse_words,
}
