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
    rates_in_memory_max: Annotated[
        int, "Compiled rows of decks kept in memory, about 70 bytes each.", Between(1, 100_000_000)
    ] = 5_000_000
    retry_interval_seconds: Annotated[
        int,
        "How often calls without a price are looked for that can be tried again.",
        Between(1, 3_600),
    ] = 1
