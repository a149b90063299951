"""How long for this money: the inverse of pricing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kernel.clock import MS_PER_SECOND
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.priced_call import PricedCall, Usage
from services.rating.domain.quantity import CALL_DURATION_SECONDS_MAX, USAGE_QUANTITY_MAX
from services.rating.domain.usage import Service

# Each halves what is left of at most 10^12 bytes; one more looks at the longest, one at the
# shortest usage.
PRICINGS_MAX = USAGE_QUANTITY_MAX.bit_length() + 2

PriceOf = Callable[[Usage], PricedCall]


class Affordable(NamedTuple):
    """The most that an amount buys."""

    quantity: int
    """Whole seconds, messages or bytes; 0 when the amount does not even buy the first."""
    price: PricedCall
    """Of that quantity; of the first base unit when it is 0."""


def longest_usage(budget_micros: int, usage: Usage, price_of: PriceOf) -> Affordable:
    """The longest usage that costs at most the budget; how long `usage` itself is does not matter.

    No usage is cheaper than a shorter one, so halving finds it in PRICINGS_MAX pricings at most.
    """
    longest = _quantity_max(usage)
    price = price_of(_of_length(usage, longest))
    if _is_affordable(price, budget_micros):
        return Affordable(longest, price)
    shortest = price_of(_of_length(usage, 1))
    if not _is_affordable(shortest, budget_micros):
        return Affordable(0, shortest)
    best, too_long = Affordable(1, shortest), longest
    while too_long - best.quantity > 1:
        middle = (best.quantity + too_long) // 2
        price = price_of(_of_length(usage, middle))
        if _is_affordable(price, budget_micros):
            best = Affordable(middle, price)
        else:
            too_long = middle
    return best


def _is_affordable(price: PricedCall, budget_micros: int) -> bool:
    return price.outcome is not Outcome.UNRATED and price.amount_micros <= budget_micros


def _quantity_max(usage: Usage) -> int:
    return CALL_DURATION_SECONDS_MAX if usage.service is Service.VOICE else USAGE_QUANTITY_MAX


def _of_length(usage: Usage, quantity: int) -> Usage:
    if usage.service is Service.VOICE:
        return usage._replace(duration_ms=quantity * MS_PER_SECOND)
    return usage._replace(quantity=quantity)
