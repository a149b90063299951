"""How long a call may last for the money that is held: whole increments, never worth more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.charging.answer import Reason
from services.rating.domain.priced_call import PricedCall
from services.rating.domain.quantity import CALL_DURATION_SECONDS_MAX

PriceOf = Callable[[int], PricedCall]
"""The price of a call for one party, by its seconds. No call gets cheaper by lasting longer."""


class Wanted(NamedTuple):
    """What is to be granted in all, and what that takes of each party."""

    seconds: int
    amounts_micros: tuple[int, ...]
    """The price of all of it."""
    least_micros: tuple[int, ...]
    """The price of one increment more than what is granted or used already."""


def wanted(prices: Sequence[PriceOf], reached_seconds: int, slice_end: int) -> Wanted | Reason:
    """What to hold for a slice; the reason why not where there is no price.

    `reached_seconds` are granted or used already; `slice_end` is how long the call may last when
    the slice is granted. The customer's price is the first, and its increments count.
    """
    seconds = max(reached_seconds, min(slice_end, CALL_DURATION_SECONDS_MAX))
    customer = prices[0](seconds)
    if seconds < customer.charged_quantity <= CALL_DURATION_SECONDS_MAX:
        seconds = customer.charged_quantity
        customer = prices[0](seconds)
    in_all = [customer, *(price(seconds) for price in prices[1:])]
    for level, price in enumerate(in_all):
        if price.outcome is Outcome.UNRATED:
            return Reason.RESELLER_REFUSED if level else Reason(price.unrated_reason)
    return Wanted(
        seconds,
        tuple(price.amount_micros for price in in_all),
        _least(prices, min(reached_seconds + 1, seconds), seconds),
    )


def _least(prices: Sequence[PriceOf], second: int, target: int) -> tuple[int, ...]:
    """The price of the first increment from a second on."""
    customer = prices[0](second)
    if customer.charged_quantity < second:
        # In its grace a call is free, and no increment yet.
        second = min(target, 1 + _longest(second, target, partial(_is_in_grace, prices[0])))
        customer = prices[0](second)
    return customer.amount_micros, *(price(second).amount_micros for price in prices[1:])


def _is_in_grace(customer: PriceOf, seconds: int) -> bool:
    return customer(seconds).charged_quantity < seconds


def grant_within(
    prices: Sequence[PriceOf], held_micros: Sequence[int], granted: int, target: int
) -> int:
    """The longest whole-increment duration up to `target` that is worth no more than is held.

    Work is a few halvings, however long the slice.
    """

    def is_held(seconds: int) -> bool:
        return all(
            _is_within(price(seconds), held)
            for price, held in zip(prices, held_micros, strict=True)
        )

    if is_held(target):
        return target
    longest = _longest(granted, target, is_held)
    if longest <= granted:
        return granted
    # What is held for may end within an increment, where another party's money ended it.
    customer = prices[0]
    if customer(longest).charged_quantity > longest:
        longest = _longest(
            granted, longest, lambda seconds: customer(seconds).charged_quantity <= longest
        )
    return max(granted, min(longest, customer(longest).charged_quantity))


def _is_within(price: PricedCall, held_micros: int) -> bool:
    return price.outcome is not Outcome.UNRATED and price.amount_micros <= held_micros


def _longest(known: int, too_long: int, holds_for: Callable[[int], bool]) -> int:
    """The largest number from `known` on, below `too_long`, for which something holds."""
    while too_long - known > 1:
        middle = (known + too_long) // 2
        if holds_for(middle):
            known = middle
        else:
            too_long = middle
    return known
