"""How much is charged: a duration in whole seconds, then minimum and increments, in closed form."""

from kernel.clock import MS_PER_SECOND
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.plans.rounding_rules import DurationRounding

CALL_DURATION_SECONDS_MAX = 24 * 3_600
CALL_DURATION_MS_MAX = CALL_DURATION_SECONDS_MAX * MS_PER_SECOND
# Messages, or bytes: a terabyte.
USAGE_QUANTITY_MAX = 10**12


def is_valid_duration(duration_ms: int) -> bool:
    """Whether a call can have lasted so long."""
    return 0 <= duration_ms <= CALL_DURATION_MS_MAX


def is_valid_quantity(quantity: int) -> bool:
    """Whether so many messages or bytes can be one usage."""
    return 0 <= quantity <= USAGE_QUANTITY_MAX


def whole_seconds(duration_ms: int, rounding: DurationRounding) -> int:
    """The duration in seconds, before increments."""
    match rounding:
        case DurationRounding.UP:
            return -(-duration_ms // MS_PER_SECOND)
        case DurationRounding.DOWN:
            return duration_ms // MS_PER_SECOND
        case DurationRounding.HALF_UP:
            return (duration_ms + MS_PER_SECOND // 2) // MS_PER_SECOND


def charged_quantity(quantity: int, rate: Rate) -> int:
    """The base units that are charged: the first increment, then whole next ones."""
    beyond_first = max(quantity, rate.minimum) - rate.first_increment
    if beyond_first <= 0:
        return rate.first_increment
    increments = -(-beyond_first // rate.next_increment)
    return rate.first_increment + increments * rate.next_increment


def is_in_grace(duration_ms: int, rate: Rate) -> bool:
    """Whether a call is so short that it costs nothing."""
    return 0 < duration_ms <= rate.grace_seconds * MS_PER_SECOND
