"""`tollbook import-calls`: a file of call records goes to cdr; every record is accounted for."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer

from chassis.grpc.client import acting_for
from cli.connection import Connection
from cli.files import SentFile, progress_bar
from cli.options import TenantOption
from cli.output import add_row, console, report, table
from tollbook.cdr.v1 import cdr_service_pb2, cdr_service_pb2_grpc


def import_calls(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file, in the source's format.", exists=True)],
    tenant: TenantOption,
    source: Annotated[str, typer.Option(help="Code of the source that wrote it.")],
) -> None:
    """Import a file of call records; sending one twice only gives duplicates."""
    with progress_bar() as progress, acting_for(tenant):
        sent = SentFile(progress, file)
        totals = asyncio.run(_import(context.obj, sent, source, file.name))
    _show(totals)
    if totals.suspended_count:
        console.print(f"What to do about each: tollbook suspense list --tenant {tenant}")


async def _import(
    connection: Connection, sent: SentFile, source: str, name: str
) -> cdr_service_pb2.ImportCallFileResponse:
    async with connection.channel("cdr") as channel:
        stub = cdr_service_pb2_grpc.CallIntakeServiceStub(channel)
        answer = cdr_service_pb2.ImportCallFileResponse()
        async for progress in stub.ImportCallFile(_pieces(sent, source, name)):
            answer = progress
            sent.tell(f"{answer.received_count:,} records")
    return answer


async def _pieces(
    sent: SentFile, source: str, name: str
) -> AsyncIterator[cdr_service_pb2.ImportCallFileRequest]:
    yield cdr_service_pb2.ImportCallFileRequest(source_code=source, file_name=name)
    for piece in sent.pieces():
        yield cdr_service_pb2.ImportCallFileRequest(content=piece)


def _show(totals: cdr_service_pb2.ImportCallFileResponse) -> None:
    report(
        "Records",
        f"{totals.received_count:,} received = {totals.accepted_count:,} accepted + "
        f"{totals.duplicate_count:,} duplicate + {totals.suspended_count:,} in suspense",
    )
    if totals.suspended_reasons:
        shown = table("In suspense", "records", "reason", figures={"records"})
        for each in sorted(totals.suspended_reasons, key=lambda each: -each.count):
            add_row(shown, f"{each.count:,}", each.reason)
        console.print(shown)
