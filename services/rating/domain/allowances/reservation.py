"""Reserving what a call may still take of bundles: taken beforehand, given back when it is settled.

Units that are reserved count as used for everybody else, so two calls never get the same ones.
Volume tiers are looked at as they stand: they count what was settled.
"""

from collections.abc import Iterable

from services.rating.domain.counters import CounterBook, CounterUse
from services.rating.domain.priced_call import PricedCall


def reserve(counters: CounterBook, prices: Iterable[PricedCall]) -> tuple[CounterUse, ...]:
    """Take of bundles what calls would take."""
    uses = tuple(use for price in prices for use in price.counter_uses if use.before.granted)
    counters.apply(uses)
    return uses
