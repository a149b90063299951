"""`tollbook attach-instrument` and `tollbook instruments`: what money may be taken from."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

import typer

from chassis.grpc.client import acting_for
from cli.accounts import account_id_of, naming_account
from cli.connection import Connection
from cli.listing import pages
from cli.options import AccountOption, TenantOption
from cli.output import add_row, console, report, table
from kernel.ids import new_uuid
from tollbook.payment.v1 import collection_service_pb2 as messages
from tollbook.payment.v1.collection_pb2 import PaymentInstrument
from tollbook.payment.v1.collection_service_pb2_grpc import CollectionServiceStub


def attach_instrument(
    context: typer.Context,
    tenant: TenantOption,
    account: AccountOption,
    customer: Annotated[str, typer.Option(help="What the gateway calls the payer: cus_...")],
    method: Annotated[str, typer.Option(help="What it calls the card or mandate: pm_...")],
    gateway: Annotated[str, typer.Option(help="Who keeps it.")] = "stripe",
) -> None:
    """Let money be taken from a card or mandate that a payment gateway keeps."""
    wanted = PaymentInstrument(
        gateway=gateway, customer_reference=customer, method_reference=method
    )
    with acting_for(tenant):
        attached = asyncio.run(_attach(context.obj, tenant, account, wanted))
    report("Instrument", f"{attached.instrument_id}, {attached.label}, of {account}")


def instruments(
    context: typer.Context,
    tenant: TenantOption,
    account: Annotated[str, typer.Option(help="Only those of this account, by its code.")] = "",
) -> None:
    """List payment instruments, the newest first."""
    with acting_for(tenant):
        _show(asyncio.run(listed_instruments(context.obj, tenant, account)))


async def listed_instruments(
    connection: Connection, tenant: str, account: str
) -> list[PaymentInstrument]:
    """The instruments of an account, or of all, the newest first."""
    account_id = await account_id_of(connection, tenant, account) if account else ""
    async with connection.channel("payment") as channel:
        wanted = messages.ListPaymentInstrumentsRequest(account_id=account_id)
        found = pages(CollectionServiceStub(channel).ListPaymentInstruments, wanted)
        return [each async for page in found for each in page.instruments]


async def _attach(
    connection: Connection, tenant: str, account: str, wanted: PaymentInstrument
) -> PaymentInstrument:
    wanted.account_id = await account_id_of(connection, tenant, account)
    request = messages.AttachPaymentInstrumentRequest(instrument=wanted, request_id=new_uuid())
    async with connection.channel("payment") as channel:
        with naming_account(account):
            stub = CollectionServiceStub(channel)
            return (await stub.AttachPaymentInstrument(request)).instrument


def _show(found: Iterable[PaymentInstrument]) -> None:
    shown = table("Payment instruments", "instrument", "what", "until", "gateway", "method")
    for each in found:
        month = each.expire_month
        until = f"{month.year}-{month.month:02}" if each.HasField("expire_month") else ""
        texts = (each.instrument_id, each.label, until, each.gateway, each.method_reference)
        add_row(shown, *texts)
    console.print(shown)
