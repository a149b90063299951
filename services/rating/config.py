"""Settings of this service beside the common ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from chassis.settings import Between


@dataclass(frozen=True, slots=True)
class RatingSettings:
    """What this service reads from the environment."""

    emergency_numbers: Annotated[
        tuple[str, ...], "Numbers that are priced at zero and pass whatever happens."
    ] = ("112", "911", "999")
    rate_deck_mebibytes_max: Annotated[
        int,
        "Size of the folder DATA_DIR/rate-decks; a deck takes about 100 bytes a prefix.",
        Between(1, 1_000_000),
    ] = 512
    retry_interval_seconds: Annotated[
        int,
        "How often calls without a price are looked for that can be tried again.",
        Between(1, 3_600),
    ] = 1
    charging_http_listen_address: Annotated[
        str, "Host and port of charging by HTTP; port 0: a free one; empty: none."
    ] = "127.0.0.1:8082"
    radius_clients_file: Annotated[
        Path | None, "Switches that may speak RADIUS, with their secrets (TOML); empty: no RADIUS."
    ] = None
    radius_authentication_address: Annotated[str, "Host and UDP port of RADIUS authentication."] = (
        "127.0.0.1:1812"
    )
    radius_accounting_address: Annotated[str, "Host and UDP port of RADIUS accounting."] = (
        "127.0.0.1:1813"
    )
    radius_dictionaries_dir: Annotated[
        Path | None, "Folder of further RADIUS dictionaries, dictionary.*; empty: none."
    ] = None
