"""`tollbook bill`: the invoices of an account on the terminal, and their documents as files."""

import asyncio
from pathlib import Path
from typing import Annotated

import grpc.aio
import typer
from rich.table import Table

from chassis.grpc.client import acting_for
from chassis.grpc.convert import date_from_proto, money_from_proto
from cli.connection import Connection
from cli.listing import pages
from cli.options import TenantOption
from cli.output import add_row, amount_text, complain, console, report, table
from tollbook.invoice.v1 import invoice_pb2, invoice_service_pb2, invoice_service_pb2_grpc

INVOICES_SHOWN_MAX = 12
_MILLISECONDS_PER_MINUTE = 60_000
STATES = {
    invoice_pb2.Invoice.STATE_ISSUED: "open",
    invoice_pb2.Invoice.STATE_PARTIALLY_PAID: "paid in part",
    invoice_pb2.Invoice.STATE_PAID: "paid",
    invoice_pb2.Invoice.STATE_WRITTEN_OFF: "written off",
}


def bill(
    context: typer.Context,
    tenant: TenantOption,
    account: Annotated[str, typer.Option(help="Code of the account that pays.")],
    number: Annotated[
        str, typer.Option(help="Only the invoice with this number; the newest otherwise.")
    ] = "",
    pdf: Annotated[Path | None, typer.Option(help="Save the invoice here.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Save the calls here.")] = None,
) -> None:
    """Show an account's invoices and the lines of the newest one."""
    documents = {
        invoice_pb2.DOCUMENT_KIND_PDF: pdf,
        invoice_pb2.DOCUMENT_KIND_CALLS_CSV: csv,
    }
    with acting_for(tenant):
        found = asyncio.run(_fetch(context.obj, account, number, documents))
    if not found:
        complain(f"account {account} of {tenant} has no such invoice")
        raise typer.Exit(1)
    for path in documents.values():
        if path:
            report("Saved", str(path))


async def _fetch(
    connection: Connection,
    account_code: str,
    number: str,
    documents: dict[invoice_pb2.DocumentKind.ValueType, Path | None],
) -> bool:
    """Show what there is and save what is asked for; False without an invoice."""
    async with connection.channel("invoice") as channel:
        invoices = await _invoices(channel, account_code, number)
        if len(invoices) > 1:
            console.print(_overview(invoices[:INVOICES_SHOWN_MAX]))
        chosen = next((each for each in invoices if number in {"", each.number}), None)
        if chosen is None:
            return False
        console.print(_lines_table(chosen))
        for kind, path in documents.items():
            if path:
                path.write_bytes(await _document(channel, chosen.invoice_id, kind))
    return True


async def _invoices(
    channel: grpc.aio.Channel, account_code: str, number: str
) -> list[invoice_pb2.Invoice]:
    """The account's newest invoices, back to the one that is wanted; none without the account."""
    customers = invoice_service_pb2_grpc.CustomerServiceStub(channel)
    known = await customers.ListAccounts(invoice_service_pb2.ListAccountsRequest(code=account_code))
    if not known.accounts:
        return []
    stub = invoice_service_pb2_grpc.InvoiceServiceStub(channel)
    account_id = known.accounts[0].account_id
    request = invoice_service_pb2.ListInvoicesRequest(account_id=account_id)
    invoices: list[invoice_pb2.Invoice] = []
    async for page in pages(stub.ListInvoices, request):
        invoices += page.invoices
        if not number or number in {each.number for each in page.invoices}:
            break
    return invoices


async def _document(
    channel: grpc.aio.Channel, invoice_id: str, kind: invoice_pb2.DocumentKind.ValueType
) -> bytes:
    stub = invoice_service_pb2_grpc.InvoiceServiceStub(channel)
    request = invoice_service_pb2.DownloadInvoiceDocumentRequest(invoice_id=invoice_id, kind=kind)
    return b"".join([piece.content async for piece in stub.DownloadInvoiceDocument(request)])


def _overview(invoices: list[invoice_pb2.Invoice]) -> Table:
    headings = ("number", "issued", "due", "total", "state")
    shown = table("Invoices, newest first", *headings, figures={"total"})
    for each in invoices:
        total = amount_text(money_from_proto(each.total_amount))
        issued, due = date_from_proto(each.issue_date), date_from_proto(each.due_date)
        add_row(shown, each.number, str(issued), str(due), total, STATES[each.state])
    return shown


def _lines_table(invoice: invoice_pb2.Invoice) -> Table:
    """The lines to the micro, then what is rounded and taxed."""
    title = f"Invoice {invoice.number}, account {invoice.account_code}"
    figures = ("charges", "minutes", "amount")
    shown = table(title, "usage", *figures, figures=figures)
    for line in invoice.lines:
        add_row(
            shown,
            line.usage_line + (" (earlier period)" if line.correction else ""),
            f"{line.charge_count:,}",
            f"{-(-line.charged_duration_ms // _MILLISECONDS_PER_MINUTE):,}",
            amount_text(money_from_proto(line.amount)),
        )
    shown.add_section()
    for words, amount in (
        ("Rounding", invoice.rounding_difference),
        ("Net", invoice.net_amount),
        (invoice.tax_display_name, invoice.tax_amount),
        ("Total", invoice.total_amount),
        ("Paid", invoice.paid_amount),
        ("Written off", invoice.written_off_amount),
        ("Open", invoice.open_amount),
    ):
        add_row(shown, words, "", "", amount_text(money_from_proto(amount)))
    return shown
