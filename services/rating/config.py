"""Settings of this service beside the common ones."""

from dataclasses import dataclass
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
