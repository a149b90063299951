"""Settings of this service beside the common ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from chassis.settings import Between


@dataclass(frozen=True, slots=True)
class InvoiceSettings:
    """What this service reads from the environment."""

    master_key_file: Annotated[
        Path, "The key that wraps the keys of personal data: 32 bytes in base64."
    ] = Path("data/authority/master_key")
    sealed_periods_check_seconds: Annotated[
        int, "How often periods are looked at that wait for usage.", Between(1, 3_600)
    ] = 5
