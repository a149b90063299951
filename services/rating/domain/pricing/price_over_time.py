"""What a minute of a call costs when it begins, and when that changes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

from kernel.clock import MICROS_PER_SECOND
from kernel.rounding import RoundingMode, round_ratio
from services.rating.domain.account import Customer
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.priced_call import Usage
from services.rating.domain.pricing.conversions import Conversions
from services.rating.domain.pricing.rate_search import RateSearch
from services.rating.domain.pricing.segments import segments_of
from services.rating.domain.quantity import CALL_DURATION_SECONDS_MAX
from services.rating.domain.tariffs.tariff import Tariff


class PriceOverTime(NamedTuple):
    """The price of a minute, volume tiers and bundles left out."""

    currency: str
    """Of the plan."""
    price_nanos: int
    """To the nearest."""
    change_micros: int | None
    """When a minute begins to cost something else; None when that is not within a day."""


def price_over_time(
    usage: Usage, customer: Customer, tariff: Tariff, table_of: Callable[[str], PrefixTable]
) -> PriceOverTime | None:
    """The price of a call, from its begin on; None where it has none."""
    search = RateSearch(usage, customer, tariff, table_of)
    governing = search.terms_at(usage.start_micros)
    if governing is None:
        return None
    first = search.first(governing)
    if first is None:
        return None
    longest = CALL_DURATION_SECONDS_MAX
    spans = search.over_time(first, longest) if governing.compiled.splits else [(0, first)]
    conversions = Conversions(tariff.exchange, usage.start_micros)
    segments = segments_of(spans, 0, longest, usage.facts, governing, conversions)
    price = segments[0].price
    ends = accumulate(segment.units for segment in segments)
    change = None
    for end, following in zip(ends, segments[1:], strict=False):
        if following.price[0] * price[1] != price[0] * following.price[1]:
            change = usage.begin_micros + end * MICROS_PER_SECOND
            break
    nanos = round_ratio(*price, RoundingMode.HALF_UP)
    return PriceOverTime(governing.currency, nanos, change)
