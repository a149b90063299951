"""`tollbook route`: the suppliers that can end a call, in the order in which to try them."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import typer

from chassis.grpc.client import acting_for
from chassis.grpc.convert import time_to_proto
from cli.accounts import account_id_of, naming_account
from cli.connection import Connection
from cli.options import TenantOption, utc
from cli.output import add_row, complain, console, table
from tollbook.rating.v1 import supplier_service_pb2, supplier_service_pb2_grpc
from tollbook.type.v1.call_pb2 import CALL_KEY_KIND_SIP_CALL_ID, CallKey


class _Order(StrEnum):
    """In which order suppliers are tried."""

    PRICE = "price"
    QUALITY = "quality"
    WEIGHT = "weight"


def route(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    tenant: TenantOption,
    callee: Annotated[str, typer.Option(help="The called number: +31201234567.")],
    caller: Annotated[str, typer.Option(help="The calling number, if it matters.")] = "",
    account: Annotated[
        str, typer.Option(help="Code of the account that calls; shows what it leaves.")
    ] = "",
    order: Annotated[
        _Order, typer.Option(help="What comes first.", case_sensitive=False)
    ] = _Order.PRICE,
    call_id: Annotated[
        str, typer.Option(help="Call-ID that decides the order by weight; needed for it.")
    ] = "",
    start: Annotated[
        datetime | None, typer.Option(help="When the call starts (UTC); now otherwise.")
    ] = None,
) -> None:
    """Show which suppliers can end a call, in order, and why the others are left out."""
    if order is _Order.WEIGHT and not call_id:
        raise typer.BadParameter("--order weight shares calls out: say by --call-id which it is")
    request = supplier_service_pb2.RouteCallRequest(
        callee=callee,
        caller=caller,
        start_time=time_to_proto(utc(start)),
        order=supplier_service_pb2.RouteOrder.Value(f"ROUTE_ORDER_{order.name}"),
        call_key=CallKey(kind=CALL_KEY_KIND_SIP_CALL_ID, value=call_id) if call_id else None,
    )
    with acting_for(tenant):
        found = asyncio.run(_route(context.obj, tenant, account, request))
    _show(found)
    if not found.routes:
        complain(f"no supplier of {tenant} can end a call to {callee}")
        raise typer.Exit(1)


async def _route(
    connection: Connection,
    tenant: str,
    account_code: str,
    request: supplier_service_pb2.RouteCallRequest,
) -> supplier_service_pb2.RouteCallResponse:
    if account_code:
        request.account_id = await account_id_of(connection, tenant, account_code)
    async with connection.channel("rating") as channel:
        with naming_account(account_code) if account_code else nullcontext():
            stub = supplier_service_pb2_grpc.RoutingServiceStub(channel)
            return await stub.RouteCall(request)


def _show(found: supplier_service_pb2.RouteCallResponse) -> None:
    if found.routes:
        _show_routes(found.routes, found.selling_price.value, found.currency_code)
    if found.left_out_suppliers:
        others = table("Left out", "supplier", "reason", "what to do")
        for each in found.left_out_suppliers:
            add_row(others, each.supplier_code, each.reason, each.message)
        console.print(others)


def _show_routes(
    routes: Sequence[supplier_service_pb2.Route], selling_price: str, currency: str
) -> None:
    sold = f", sold at {selling_price} {currency} a minute" if selling_price else ""
    shown = table(f"Routes{sold}", "supplier", "a minute", "prefix", "margin", "why")
    for each in routes:
        price = f"{each.price.value} {each.currency_code}"
        row = (each.supplier_code, price, each.prefix, _percent(each.margin.value))
        add_row(shown, *row, each.explanation)
    console.print(shown)


def _percent(share: str) -> str:
    """A share in percent, e.g. 41.6667%; empty where there is none."""
    return f"{(Decimal(share) * 100).normalize():f}%" if share else ""
