"""`tollbook suspense`: records that could not become calls, shown and tried again."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from chassis.grpc.client import acting_for
from cli.connection import Connection
from cli.options import TenantOption
from cli.output import add_row, console, report, table
from kernel.ids import new_uuid
from tollbook.cdr.v1 import call_pb2, cdr_service_pb2, cdr_service_pb2_grpc

RECORDS_SHOWN_MAX = 50

suspense = typer.Typer(help="Records that could not become calls.", no_args_is_help=True)

ReasonOption = Annotated[str, typer.Option(help="Only those with this reason; all otherwise.")]


@suspense.command("list")
def list_suspense(context: typer.Context, tenant: TenantOption, reason: ReasonOption = "") -> None:
    """List records in suspense with what is wrong and what to do, oldest first."""
    with acting_for(tenant):
        page = asyncio.run(_list(context.obj, reason))
    if not page.suspended_records:
        report("In suspense", "nothing")
        return
    console.print(_table(page.suspended_records))
    if page.next_page_token:
        console.print(f"and more than these {len(page.suspended_records)}")


@suspense.command("retry")
def retry_suspense(context: typer.Context, tenant: TenantOption, reason: ReasonOption = "") -> None:
    """Try records in suspense again, after their cause is mended."""
    with acting_for(tenant):
        tried = asyncio.run(_retry(context.obj, reason))
    report(
        "Tried again",
        f"{tried.accepted_count:,} accepted, {tried.duplicate_count:,} duplicate, "
        f"{tried.suspended_count:,} still in suspense",
    )


async def _list(
    connection: Connection, reason: str
) -> cdr_service_pb2.ListSuspendedRecordsResponse:
    async with connection.channel("cdr") as channel:
        return await cdr_service_pb2_grpc.CallQueryServiceStub(channel).ListSuspendedRecords(
            cdr_service_pb2.ListSuspendedRecordsRequest(page_size=RECORDS_SHOWN_MAX, reason=reason)
        )


async def _retry(
    connection: Connection, reason: str
) -> cdr_service_pb2.RetrySuspendedRecordsResponse:
    async with connection.channel("cdr") as channel:
        return await cdr_service_pb2_grpc.CallQueryServiceStub(channel).RetrySuspendedRecords(
            cdr_service_pb2.RetrySuspendedRecordsRequest(reason=reason, request_id=new_uuid())
        )


def _table(records: Iterable[call_pb2.SuspendedRecord]) -> Table:
    shown = table("In suspense", "from", "reason", "what to do")
    for each in records:
        add_row(shown, each.origin, each.reason, each.message)
    return shown
