"""The price of one call: exact integers all the way, in closed form, rounded once.

amount = connect fee + charged seconds * price per minute / 60. The work does not grow with the
number of increments. This scalar path is the reference of `pricing_columns`.
"""

from typing import NamedTuple

from kernel.e164 import NumberKind
from services.rating.domain.conditions import CallFacts
from services.rating.domain.counters import CounterUse
from services.rating.domain.rate_deck import Rate
from services.rating.domain.rounding_rules import DurationRounding, PriceRule
from services.rating.domain.settlement import Outcome
from services.rating.domain.usage import Service

MS_PER_SECOND = 1_000
CALL_DURATION_MS_MAX = 24 * 3_600 * MS_PER_SECOND
# Seconds times nanos per minute: 60 seconds a minute, 1,000 nanos a micro.
EXACT_DENOMINATOR = 60 * 1_000


class Usage(NamedTuple):
    """What was used, and all that decides its price."""

    service: Service
    start_micros: int
    """When the call was set up: decides plan, governing revision and period."""
    begin_micros: int
    """When conversation began: its first second is priced as of then."""
    duration_ms: int
    """Of voice; 0 for others."""
    quantity: int
    """Messages or bytes; 0 for voice."""
    answered: bool
    callee_kind: NumberKind
    facts: CallFacts


class PricedCall(NamedTuple):
    """How the pricing of one usage ended."""

    outcome: Outcome
    unrated_reason: str
    currency: str
    amount_micros: int
    charged_quantity: int
    """Base units: seconds, messages, bytes."""
    usage_line: str
    prefix: str
    receipt: bytes
    counter_uses: tuple[CounterUse, ...] = ()


class CallPrice(NamedTuple):
    """What a call costs."""

    charged_seconds: int
    amount_micros: int


def is_valid_duration(duration_ms: int) -> bool:
    """Whether a call can have lasted so long."""
    return 0 <= duration_ms <= CALL_DURATION_MS_MAX


def whole_seconds(duration_ms: int, rounding: DurationRounding) -> int:
    """The duration in seconds, before increments."""
    match rounding:
        case DurationRounding.UP:
            return -(-duration_ms // MS_PER_SECOND)
        case DurationRounding.DOWN:
            return duration_ms // MS_PER_SECOND
        case DurationRounding.HALF_UP:
            return (duration_ms + MS_PER_SECOND // 2) // MS_PER_SECOND


def charged_seconds(seconds: int, rate: Rate) -> int:
    """The seconds that are charged: the first increment, then whole next ones."""
    beyond_first = max(seconds, rate.minimum) - rate.first_increment
    if beyond_first <= 0:
        return rate.first_increment
    increments = -(-beyond_first // rate.next_increment)
    return rate.first_increment + increments * rate.next_increment


def exact_numerator(rate: Rate, charged: int) -> int:
    """The exact amount in micros, times EXACT_DENOMINATOR."""
    return rate.connect_fee_micros * EXACT_DENOMINATOR + charged * rate.price_nanos


def price_call(
    rate: Rate, duration_ms: int, duration_rounding: DurationRounding, price_rule: PriceRule
) -> CallPrice:
    """The price of one answered call of a valid duration."""
    charged = charged_seconds(whole_seconds(duration_ms, duration_rounding), rate)
    numerator = exact_numerator(rate, charged)
    return CallPrice(charged, price_rule.round_micros(numerator, EXACT_DENOMINATOR))
