"""Settings of fraud, read from the environment."""

from dataclasses import dataclass
from typing import Annotated

from chassis.settings import Between


@dataclass(frozen=True, slots=True)
class FraudSettings:
    """What an operator may tune."""

    step_cleanup_interval_seconds: Annotated[
        int, "How often steps of windows that are past their time are dropped.", Between(1, 86_400)
    ] = 600
