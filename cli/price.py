"""`tollbook price`: what a call would cost, and why; nothing is booked."""

import asyncio
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from google.protobuf.duration_pb2 import Duration

from chassis.grpc.client import acting_for
from chassis.grpc.convert import duration_ms_to_proto, money_from_proto, time_to_proto
from cli.accounts import account_id_of, naming_account
from cli.connection import Connection
from cli.options import TenantOption, utc
from cli.output import amount_text, report, steps
from kernel.clock import MS_PER_SECOND
from tollbook.rating.v1 import rating_service_pb2, rating_service_pb2_grpc


def price(
    context: typer.Context,
    tenant: TenantOption,
    account: Annotated[str, typer.Option(help="Code of the account that calls.")],
    callee: Annotated[str, typer.Option(help="The called number: +31201234567.")],
    duration: Annotated[str, typer.Option(help="Seconds of conversation: 90 or 61.5.")],
    start: Annotated[
        datetime | None, typer.Option(help="When the call starts (UTC); now otherwise.")
    ] = None,
    caller: Annotated[str, typer.Option(help="The calling number, if it matters.")] = "",
) -> None:
    """Show what a call would cost, every step of it in words; nothing is booked."""
    request = rating_service_pb2.PriceCallRequest(
        callee=callee,
        caller=caller,
        start_time=time_to_proto(utc(start)),
        duration=_seconds(duration),
        receipt_detail=rating_service_pb2.RECEIPT_DETAIL_WORDS,
    )
    with acting_for(tenant):
        priced = asyncio.run(_price(context.obj, tenant, account, request))
    report("Price", amount_text(money_from_proto(priced.amount)))
    steps(priced.receipt.explanation)


def _seconds(text: str) -> Duration:
    """A duration, to the millisecond."""
    try:
        milliseconds = Decimal(text) * MS_PER_SECOND
        return duration_ms_to_proto(int(milliseconds.to_integral_exact()))
    except (InvalidOperation, OverflowError, ValueError):
        raise typer.BadParameter(f"--duration {text!r} is no number of seconds") from None


async def _price(
    connection: Connection,
    tenant: str,
    account_code: str,
    request: rating_service_pb2.PriceCallRequest,
) -> rating_service_pb2.PriceCallResponse:
    request.account_id = await account_id_of(connection, tenant, account_code)
    async with connection.channel("rating") as channel:
        with naming_account(account_code):
            return await rating_service_pb2_grpc.RatingServiceStub(channel).PriceCall(request)
