"""`tollbook price`: what a call would cost, and why; nothing is booked."""

import asyncio
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from google.protobuf.duration_pb2 import Duration
from rich.markup import escape

from chassis.grpc.client import acting_for
from chassis.grpc.convert import duration_ms_to_proto, money_from_proto, time_to_proto
from cli.connection import Connection
from cli.options import TenantOption, utc
from cli.output import amount_text, complain, console, report
from tollbook.invoice.v1 import invoice_service_pb2, invoice_service_pb2_grpc
from tollbook.rating.v1 import rating_service_pb2, rating_service_pb2_grpc

MILLISECONDS_PER_SECOND = 1_000


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
        priced = asyncio.run(_price(context.obj, account, request))
    if priced is None:
        complain(f"{tenant} has no account {account}; --account takes the account's code")
        raise typer.Exit(1)
    report("Price", amount_text(money_from_proto(priced.amount)))
    for step, words in enumerate(priced.receipt.explanation, start=1):
        console.print(f"    {step:>2}. {escape(words)}", soft_wrap=True)


def _seconds(text: str) -> Duration:
    """A duration, to the millisecond."""
    try:
        milliseconds = Decimal(text) * MILLISECONDS_PER_SECOND
        return duration_ms_to_proto(int(milliseconds.to_integral_exact()))
    except (InvalidOperation, OverflowError, ValueError):
        raise typer.BadParameter(f"--duration {text!r} is no number of seconds") from None


async def _price(
    connection: Connection, account_code: str, request: rating_service_pb2.PriceCallRequest
) -> rating_service_pb2.PriceCallResponse | None:
    """The price of a call; None when there is no such account."""
    async with connection.channel("invoice") as channel:
        customers = invoice_service_pb2_grpc.CustomerServiceStub(channel)
        wanted = invoice_service_pb2.ListAccountsRequest(code=account_code)
        known = (await customers.ListAccounts(wanted)).accounts
    if not known:
        return None
    request.account_id = known[0].account_id
    async with connection.channel("rating") as channel:
        return await rating_service_pb2_grpc.RatingServiceStub(channel).PriceCall(request)
