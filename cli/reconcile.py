"""`tollbook reconcile`: proves from the services' digests that nothing is missing or doubled."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.table import Table

from cli.connection import Connection
from cli.output import amount_text, complain, console, report
from cli.reconciliation import Comparison, Digests, Reconciliation, reconcile_digests
from cli.watermarks import Lag, Positions, common_watermarks, lags
from deploy.local.installation import SERVICES
from kernel.money import Money
from tollbook.cdr.v1 import cdr_service_pb2, cdr_service_pb2_grpc
from tollbook.invoice.v1 import invoice_service_pb2, invoice_service_pb2_grpc
from tollbook.operations.v1 import operations_service_pb2, operations_service_pb2_grpc
from tollbook.payment.v1 import payment_service_pb2, payment_service_pb2_grpc
from tollbook.rating.v1 import rating_service_pb2, rating_service_pb2_grpc
from tollbook.type.v1.watermark_pb2 import Watermark

POLL_SECONDS = 0.2
# More rows than anybody reads: then only the differences are shown.
ROWS_SHOWN_MAX = 120


def reconcile(
    context: typer.Context,
    timeout: Annotated[
        int, typer.Option(min=0, help="Seconds to wait for events on their way.")
    ] = 60,
    complete: Annotated[
        bool, typer.Option("--complete", help="Fail also when events are still on their way.")
    ] = False,
) -> None:
    """Compare all services at common watermarks, to the micro; exit 1 and name any difference."""
    connection: Connection = context.obj
    positions = asyncio.run(_settled_positions(connection, timeout))
    digests = asyncio.run(_digests(connection, common_watermarks(positions)))
    result = reconcile_digests(digests)
    _show(result, digests)
    under_way = _show_under_way(positions)
    if not result.holds or (complete and under_way):
        raise typer.Exit(1)


async def _settled_positions(connection: Connection, timeout_seconds: int) -> dict[str, Positions]:
    """The positions when nothing is on its way any more, or when time is up."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        positions = await _positions(connection)
        is_settled = not _under_way(positions)
        if is_settled or time.monotonic() >= deadline:
            return positions
        await asyncio.sleep(POLL_SECONDS)


async def _positions(connection: Connection) -> dict[str, Positions]:
    return {service: await _positions_of(connection, service) for service in SERVICES}


async def _positions_of(connection: Connection, service: str) -> Positions:
    async with connection.channel(service) as channel:
        stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
        answer = await stub.GetEventPositions(operations_service_pb2.GetEventPositionsRequest())
    return Positions(
        {(each.event_type, each.partition): each.sequence for each in answer.produced},
        {(each.event_type, each.partition): each.sequence for each in answer.consumed},
        answer.unpublished_count,
    )


def _under_way(positions: Mapping[str, Positions]) -> list[str]:
    """What the comparison leaves out, in words."""
    unpublished = [
        f"{service} has {each.unpublished_count:,} events to publish"
        for service, each in positions.items()
        if each.unpublished_count
    ]
    late: list[Lag] = lags(positions)
    return [*unpublished, *map(str, late)]


async def _digests(connection: Connection, sequences: Mapping[str, Sequence[int]]) -> Digests:
    marks = {
        producer: [
            Watermark(producer=producer, partition=partition, sequence=sequence)
            for partition, sequence in enumerate(of_partitions)
        ]
        for producer, of_partitions in sequences.items()
    }
    async with (
        connection.channel("cdr") as cdr,
        connection.channel("rating") as rating,
        connection.channel("payment") as payment,
        connection.channel("invoice") as invoice,
    ):
        cdr_stub = cdr_service_pb2_grpc.CdrAuditServiceStub(cdr)
        whole = await cdr_stub.GetCdrDigest(cdr_service_pb2.GetCdrDigestRequest())
        collected = await cdr_stub.GetCdrDigest(
            cdr_service_pb2.GetCdrDigestRequest(watermarks=marks["cdr"])
        )
        rated = await rating_service_pb2_grpc.RatingAuditServiceStub(rating).GetRatingDigest(
            rating_service_pb2.GetRatingDigestRequest(
                cdr_watermarks=marks["cdr"], rating_watermarks=marks["rating"]
            )
        )
        posted = await payment_service_pb2_grpc.PaymentAuditServiceStub(payment).GetPaymentDigest(
            payment_service_pb2.GetPaymentDigestRequest(
                rating_watermarks=marks["rating"], invoice_watermarks=marks["invoice"]
            )
        )
        invoiced = await invoice_service_pb2_grpc.InvoiceAuditServiceStub(invoice).GetInvoiceDigest(
            invoice_service_pb2.GetInvoiceDigestRequest(
                rating_watermarks=marks["rating"], invoice_watermarks=marks["invoice"]
            )
        )
    return Digests(whole.digests, collected.digests, rated.digests, posted, invoiced.digests)


def _show(result: Reconciliation, digests: Digests) -> None:
    console.print(_table(result.comparisons))
    for fault in result.faults:
        complain(fault)
    for each in result.comparisons:
        if not each.holds:
            complain(_difference(each))
    if result.holds:
        root = digests.payment.ledger_root
        report("Reconciled", f"{len(result.comparisons)} figures agree, to the micro")
        report("Ledger", f"{digests.payment.entry_count:,} entries, chains whole, root {root}")


def _show_under_way(positions: Mapping[str, Positions]) -> bool:
    """Name what was not compared because it is still on its way."""
    under_way = _under_way(positions)
    for words in under_way:
        complain(f"not compared yet: {words}")
    return bool(under_way)


def _table(comparisons: Sequence[Comparison]) -> Table:
    """A row for each figure; two figures where they should be one."""
    table = Table(box=None, padding=(0, 1))
    table.add_column("tenant")
    table.add_column("must agree")
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("")
    all_fit = len(comparisons) <= ROWS_SHOWN_MAX
    for each in comparisons:
        if each.holds and all_fit:
            figure = _figure(each, each.left)
            table.add_row(each.tenant_id, each.rule, figure, "[green]✓[/green]")
        elif not each.holds:
            figures = f"{_figure(each, each.left)}\n{_figure(each, each.right)}"
            table.add_row(each.tenant_id, each.rule, figures, "[red]✗[/red]")
    return table


def _difference(each: Comparison) -> str:
    """A broken rule with tenant, currency, both values and what lies between them."""
    left, right = _figure(each, each.left), _figure(each, each.right)
    between = _figure(each, each.left - each.right)
    return f"{each.tenant_id}: {each.rule}: {left} against {right}, a difference of {between}"


def _figure(each: Comparison, value: int) -> str:
    return amount_text(Money(each.currency, value)) if each.currency else f"{value:,}"
