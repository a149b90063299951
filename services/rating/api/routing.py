"""RoutingService: finds the suppliers that end a call, in order."""

from typing import Any

from chassis.grpc.convert import nanos_to_decimal
from chassis.security.caller import current_caller
from kernel.clock import from_micros
from kernel.money import NANOS_PER_MICRO, minor_unit_decimals
from services.rating.api.convert_quotes import start_micros
from services.rating.api.numbers import international, number_from_proto
from services.rating.domain.errors import invalid_field
from services.rating.domain.routing import (
    ROUTES_DEFAULT,
    ROUTES_MAX,
    LeftOut,
    Route,
    RouteOrder,
    Wish,
    explain_route,
    rounded_nanos,
)
from services.rating.usecases.quoting.route_call import CallToRoute, RoutedCall, Routes
from tollbook.rating.v1 import supplier_service_pb2 as messages
from tollbook.rating.v1.supplier_service_pb2_grpc import RoutingServiceServicer

_NUMBERS = international()


class RoutingApi(RoutingServiceServicer):
    """Routes calls of the caller's tenant."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    async def RouteCall(
        self, request: messages.RouteCallRequest, context: Any
    ) -> messages.RouteCallResponse:
        """Order the suppliers of one call."""
        routed = await self._routes.route(current_caller().tenant_id, _call(request))
        return _response(routed)


def _call(request: messages.RouteCallRequest) -> CallToRoute:
    order = RouteOrder(request.order or RouteOrder.PRICE)
    count = request.route_count or ROUTES_DEFAULT
    if not 1 <= count <= ROUTES_MAX:
        problem = f"{count} must be 1 to {ROUTES_MAX}, or 0 for {ROUTES_DEFAULT}"
        raise invalid_field("INVALID_ROUTE_COUNT", "route_count", problem)
    if order is RouteOrder.WEIGHT and not request.call_key.value:
        problem = "the order by weight is each call's own; send the switch's id of the call"
        raise invalid_field("CALL_KEY_REQUIRED", "call_key", problem)
    if request.currency_code:
        minor_unit_decimals(request.currency_code)
    return CallToRoute(
        callee=_digits(request.callee),
        caller=_digits(request.caller),
        routing_number=_digits(request.routing_number),
        account_id=request.account_id,
        start_time=from_micros(start_micros(request.start_time)),
        order=order,
        route_count=count,
        currency=request.currency_code,
        call_key=f"{request.call_key.kind}:{request.call_key.value}",
    )


def _digits(text: str) -> str:
    """E.164 digits; nothing for nothing. INVALID_NUMBER."""
    return number_from_proto(text, _NUMBERS).digits if text else ""


def _response(routed: RoutedCall) -> messages.RouteCallResponse:
    routes = enumerate(routed.routing.routes, start=1)
    response = messages.RouteCallResponse(
        routes=[_route_to_proto(place, route, routed.wish) for place, route in routes],
        left_out_suppliers=map(_left_out_to_proto, routed.routing.left_out),
        currency_code=routed.wish.currency,
    )
    if routed.selling_nanos is not None:
        selling = nanos_to_decimal(rounded_nanos(routed.selling_nanos))
        response.selling_price.CopyFrom(selling)
    return response


def _route_to_proto(place: int, route: Route, wish: Wish) -> messages.Route:
    supplier, (version, _, rate) = route.supplier, route.found
    message = messages.Route(
        supplier_id=supplier.supplier_id,
        supplier_code=supplier.code,
        trunks=supplier.trunks,
        price=nanos_to_decimal(rate.price_nanos),
        connect_fee=nanos_to_decimal(rate.connect_fee_micros * NANOS_PER_MICRO),
        currency_code=version.currency,
        compared_price=nanos_to_decimal(rounded_nanos(route.compared_nanos)),
        prefix=rate.prefix,
        destination=rate.destination,
        rate_deck_version_id=version.rate_deck_version_id,
        first_increment=rate.first_increment,
        next_increment=rate.next_increment,
        explanation=explain_route(place, route, wish),
    )
    if route.margin_millionths is not None:
        message.margin.CopyFrom(nanos_to_decimal(route.margin_millionths * NANOS_PER_MICRO))
    return message


def _left_out_to_proto(left_out: LeftOut) -> messages.LeftOutSupplier:
    return messages.LeftOutSupplier(
        supplier_id=left_out.supplier.supplier_id,
        supplier_code=left_out.supplier.code,
        reason=left_out.reason,
        message=left_out.message,
    )
