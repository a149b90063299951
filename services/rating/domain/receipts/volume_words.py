"""Volume tiers in words: what they count, what they cost, and how a usage spreads over them."""

from __future__ import annotations

from collections.abc import Iterator

from kernel.money import NANOS_PER_UNIT
from services.rating.domain.decimals import decimal_text
from services.rating.domain.plans.plan import FACTOR_ONE, Crossing, Measure
from services.rating.domain.receipts.receipt import Receipt
from services.rating.domain.receipts.words import BASE_UNITS, UNITS, money, plan_currency


def volume_words(receipt: Receipt) -> Iterator[str]:
    """How volume tiers count and price a usage, a sentence a step; none where there are none."""
    volume = receipt.get("volume")
    if volume is None:
        return
    yield (
        f"The volume tiers '{volume['code']}' count {volume['measure']}, "
        f"from {volume['before']} to {volume['after']} with this."
    )
    if volume["mode"] == "WHOLE_VOLUME":
        yield "They are settled when the period is sealed."
    else:
        yield f"Their prices: {tiers_words(volume, receipt)}."
        yield from _graduated(volume, receipt)


def _graduated(volume: Receipt, receipt: Receipt) -> Iterator[str]:
    """How what is paid spreads over the tiers."""
    parts = list(_parts(volume, receipt))
    prices = [f"at {_tier_price(tier, receipt)}" for _, tier in parts]
    if len(parts) == 1:
        yield f"All of it is {prices[0]}."
    elif parts:
        counted = [_counted(quantity, volume, receipt) for quantity, _ in parts]
        if volume["measure"] == Measure.SPEND.name:
            # The counter moves by a rounded amount; what is priced is the exact one.
            counted[-1] = "the rest"
        yield f"That makes {', '.join(map(' '.join, zip(counted, prices, strict=True)))}."


def _parts(volume: Receipt, receipt: Receipt) -> Iterator[tuple[int, Receipt]]:
    """How much of what moves the counter is priced by which tier."""
    before, after, tiers = volume["before"], volume["after"], volume["tiers"]
    if volume["measure"] == Measure.CALLS.name or receipt.get("crossing") == Crossing.AT_START.name:
        # All of it is priced by where the counter stood.
        tiers = [next(tier for tier in reversed(tiers) if tier["from"] <= before)]
    ends = [*(tier["from"] for tier in tiers[1:]), after]
    for tier, end in zip(tiers, ends, strict=True):
        quantity = min(end, after) - max(tier["from"], before)
        if quantity > 0:
            yield quantity, tier


def _counted(quantity: int, volume: Receipt, receipt: Receipt) -> str:
    if volume["measure"] == Measure.SPEND.name:
        return money(quantity, receipt["currency"])
    return f"{quantity} {BASE_UNITS[receipt['kind']]}"


def _tier_price(tier: Receipt, receipt: Receipt) -> str:
    if "price_nanos" in tier:
        price = decimal_text(tier["price_nanos"], NANOS_PER_UNIT)
        return f"{price} {plan_currency(receipt)} a {UNITS[receipt['kind']]}"
    factor = _millionths(tier)
    share = "" if factor == FACTOR_ONE else f"{decimal_text(factor, FACTOR_ONE)} of "
    return f"{share}the price"


def tiers_words(volume: Receipt, receipt: Receipt) -> str:
    """The prices of all tiers."""
    return "; ".join(_tier(each, receipt) for each in volume["tiers"])


def _tier(tier: Receipt, receipt: Receipt) -> str:
    if "price_nanos" in tier:
        price = decimal_text(tier["price_nanos"], NANOS_PER_UNIT)
        return f"from {tier['from']} on {price} {plan_currency(receipt)}"
    return f"from {tier['from']} on times {decimal_text(_millionths(tier), FACTOR_ONE)}"


def _millionths(tier: Receipt) -> int:
    factor: int = tier.get("factor_millionths", FACTOR_ONE)
    return factor
