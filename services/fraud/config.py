"""Settings of fraud, read from the environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FraudSettings:
    """What an operator may tune."""

    # How often steps of windows that are past their time are looked for.
    step_cleanup_interval_seconds: int = 600
