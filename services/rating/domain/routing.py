"""Least-cost routing: the suppliers that can end a call, in the order in which to try them.

What is compared is a minute by each supplier's deck, exactly, in one currency. A supplier is left
out for one stable reason, so that every supplier of the tenant is either a route or explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from fractions import Fraction
from hashlib import sha256
from math import floor
from typing import NamedTuple

from kernel.errors import DomainError
from services.rating.domain.errors import (
    NO_EXCHANGE_RATE,
    NO_RATE,
    RATE_NOT_YET_VALID,
    precondition,
)
from services.rating.domain.exact import Ratio
from services.rating.domain.plans.plan import FACTOR_ONE
from services.rating.domain.priced_call import NoPriceError
from services.rating.domain.pricing.conversions import Conversions
from services.rating.domain.pricing.rate_search import FoundRate
from services.rating.domain.tariffs.supplier import Supplier

ROUTES_MAX = 50
ROUTES_DEFAULT = 10

# Why a supplier is left out, besides NO_RATE, RATE_NOT_YET_VALID and NO_EXCHANGE_RATE.
DISABLED = "DISABLED"
MARGIN_BELOW_FLOOR = "MARGIN_BELOW_FLOOR"
ROUTE_COUNT_REACHED = "ROUTE_COUNT_REACHED"

_WITHOUT_RATE = {
    NO_RATE: "no deck of it has a prefix of the number; import one, or add another deck",
    RATE_NOT_YET_VALID: "a deck of it has a rate for the number only from a later time on; "
    "publish one that is in force when the call starts",
}


class RouteOrder(IntEnum):
    """In which order suppliers are tried; the values are those of tollbook.rating.v1."""

    PRICE = 1
    QUALITY = 2
    WEIGHT = 3


class Offer(NamedTuple):
    """A supplier, and its rate for the number; or why there is none."""

    supplier: Supplier
    found: FoundRate | None
    why_none: str = NO_RATE


class Sale(NamedTuple):
    """What the caller's account pays for a minute when the call starts."""

    price_nanos: Ratio
    currency: str
    floor_millionths: int | None
    """The least margin that its plan allows; None for no floor."""


class Wish(NamedTuple):
    """How the routes of a call are to be chosen."""

    order: RouteOrder
    route_count: int
    currency: str
    """In which prices are compared."""
    call_key: str
    """Decides the order by weight."""
    sale: Sale | None
    """None when the caller's account is not known."""

    @property
    def floor_millionths(self) -> int | None:
        """The least margin that is allowed; None for no floor."""
        return self.sale and self.sale.floor_millionths


class Route(NamedTuple):
    """A supplier that can end the call."""

    supplier: Supplier
    found: FoundRate
    compared_nanos: Fraction
    """Of a minute, in the currency of comparison."""
    margin: Fraction | None
    """As a share of the selling price; None without a sale, or with one for nothing."""

    @property
    def margin_millionths(self) -> int | None:
        """The margin rounded down, so that what is shown meets a floor as the exact one does."""
        return None if self.margin is None else floor(self.margin * FACTOR_ONE)


class LeftOut(NamedTuple):
    """A supplier that is no route, and why."""

    supplier: Supplier
    reason: str
    message: str


class Routing(NamedTuple):
    """The routes of a call in order, and the other suppliers by code."""

    routes: list[Route]
    left_out: list[LeftOut]


def choose_routes(offers: Sequence[Offer], wish: Wish, conversions: Conversions) -> Routing:
    """Order the offers that can be taken.

    Raises:
        DomainError: MARGIN_BELOW_FLOOR when the floor leaves no supplier of those with a price.
    """
    judged = [_judge(offer, wish, conversions) for offer in offers]
    left_out = [each for each in judged if isinstance(each, LeftOut)]
    priced = [each for each in judged if isinstance(each, Route)]
    below = [route for route in priced if _is_below(wish.floor_millionths, route)]
    if below and len(below) == len(priced):
        raise _all_below_floor(below, wish.floor_millionths or 0)
    left_out += [_below_floor(route, wish.floor_millionths or 0) for route in below]
    ordered = _ordered([route for route in priced if route not in below], wish)
    left_out += [_beyond_count(route, wish) for route in ordered[wish.route_count :]]
    return Routing(
        ordered[: wish.route_count], sorted(left_out, key=lambda each: each.supplier.code)
    )


def explain_route(place: int, route: Route, wish: Wish) -> str:
    """Why a route stands at a place, counted from 1, in words."""
    ranks = {
        RouteOrder.PRICE: "price",
        RouteOrder.QUALITY: f"quality {route.supplier.quality}",
        RouteOrder.WEIGHT: f"weight {route.supplier.weight} and the call key",
    }
    rate, currency = route.found.rate, route.found.version.currency
    own = f"{decimal_text(Fraction(rate.price_nanos))} {currency}"
    compared = f"{decimal_text(route.compared_nanos)} {wish.currency}"
    same = "" if currency == wish.currency else f", that is {compared}"
    margin = route.margin_millionths
    left = "" if margin is None else f", leaving {_percent(margin)} of the selling price"
    return (
        f"place {place} by {ranks[wish.order]}: {own} a minute to {rate.destination} "
        f"(prefix {rate.prefix}){same}{left}"
    )


def decimal_text(nanos: Fraction) -> str:
    """A price with as many of nine decimals as it needs, rounded half up."""
    units, rest = divmod(rounded_nanos(nanos), 10**9)
    return f"{units}.{rest:09d}".rstrip("0").rstrip(".")


def rounded_nanos(nanos: Fraction) -> int:
    """A price of nothing or more, rounded half up to whole nanos."""
    return floor(nanos + Fraction(1, 2))


def _judge(offer: Offer, wish: Wish, conversions: Conversions) -> Route | LeftOut:
    supplier, found, why_none = offer
    if not supplier.enabled:
        return LeftOut(supplier, DISABLED, "it is disabled; enable it to route calls to it")
    if found is None:
        return LeftOut(supplier, why_none, _WITHOUT_RATE[why_none])
    price: Ratio = found.rate.price_nanos, 1
    own = found.version.currency
    try:
        compared = Fraction(*conversions.convert(price, own, wish.currency))
        margin = _margin(price, own, wish.sale, conversions) if wish.sale else None
    except NoPriceError:
        problem = f"there is no exchange rate from {own} at the start of the call; add one"
        return LeftOut(supplier, NO_EXCHANGE_RATE, problem)
    return Route(supplier, found, compared, margin)


def _margin(cost: Ratio, currency: str, sale: Sale, conversions: Conversions) -> Fraction | None:
    selling = Fraction(*sale.price_nanos)
    paid = Fraction(*conversions.convert(cost, currency, sale.currency))
    return (selling - paid) / selling if selling else None


def _is_below(floor_millionths: int | None, route: Route) -> bool:
    """Whether a route leaves too little; one that costs nothing never does."""
    if floor_millionths is None:
        return False
    if route.margin is None:
        return route.compared_nanos > 0
    return route.margin < Fraction(floor_millionths, FACTOR_ONE)


def _ordered(routes: list[Route], wish: Wish) -> list[Route]:
    by_price = sorted(routes, key=_price_rank)
    if wish.order is RouteOrder.QUALITY:
        return sorted(by_price, key=lambda route: -route.supplier.quality)
    return _shared_out(by_price, wish.call_key) if wish.order is RouteOrder.WEIGHT else by_price


def _price_rank(route: Route) -> tuple[Fraction, int, str]:
    return route.compared_nanos, -route.supplier.quality, route.supplier.code


def _shared_out(routes: list[Route], call_key: str) -> list[Route]:
    """Draw one after the other, each with a chance in proportion to its weight.

    The key and the place decide what is drawn. Suppliers without weight come last, by price.
    """
    waiting = [route for route in routes if route.supplier.weight]
    waiting.sort(key=lambda route: route.supplier.code)
    drawn: list[Route] = []
    while waiting:
        total = sum(route.supplier.weight for route in waiting)
        digest = sha256(f"{call_key}\0{len(drawn)}".encode()).digest()
        drawn.append(waiting.pop(_place_of(int.from_bytes(digest) % total, waiting)))
    return drawn + [route for route in routes if not route.supplier.weight]


def _place_of(lot: int, routes: Sequence[Route]) -> int:
    """Whose stretch of the weights, laid end to end, a lot falls on."""
    end = 0
    for place, route in enumerate(routes):
        end += route.supplier.weight
        if lot < end:
            return place
    raise ValueError(f"lot {lot} lies beyond all weights")


def _below_floor(route: Route, floor_millionths: int) -> LeftOut:
    problem = (
        f"it leaves {_left(route)}, the plan asks for {_percent(floor_millionths)}; "
        "take a cheaper supplier, or change the plan's price or margin floor"
    )
    return LeftOut(route.supplier, MARGIN_BELOW_FLOOR, problem)


def _beyond_count(route: Route, wish: Wish) -> LeftOut:
    problem = f"it comes after the {wish.route_count} routes asked for; ask for more"
    return LeftOut(route.supplier, ROUTE_COUNT_REACHED, problem)


def _all_below_floor(routes: Sequence[Route], floor_millionths: int) -> DomainError:
    best = min(routes, key=_price_rank)
    margin = best.margin_millionths
    return precondition(
        "MARGIN_BELOW_FLOOR",
        f"the best of {len(routes)} suppliers, {best.supplier.code!r}, leaves {_left(best)}, the "
        f"plan asks for {_percent(floor_millionths)}; "
        "find a cheaper supplier, or change the plan's price or margin floor",
        supplier_code=best.supplier.code,
        margin_floor=_share(floor_millionths),
        **({} if margin is None else {"best_margin": _share(margin)}),
    )


def _left(route: Route) -> str:
    margin = route.margin_millionths
    if margin is None:
        return "nothing, because the account pays nothing for a minute"
    return f"{_percent(margin)} of the selling price"


def _share(millionths: int) -> str:
    """A share as a decimal, e.g. 0.05."""
    return _scaled(millionths, 6)


def _percent(millionths: int) -> str:
    return f"{_scaled(millionths, 4)}%"


def _scaled(number: int, decimals: int) -> str:
    whole, rest = divmod(abs(number), int(10**decimals))
    text = f"{whole}.{rest:0{decimals}d}".rstrip("0").rstrip(".")
    return f"-{text}" if number < 0 else text
