"""`tollbook export-ledger`: a tenant's books of a time as one file that proves itself."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from chassis.grpc.client import acting_for
from chassis.grpc.convert import range_to_proto
from cli.connection import Connection
from cli.ledger_lines import (
    Fields,
    balance_line,
    end_line,
    entry_line,
    first_line,
    proof_line,
    root_line,
    written,
)
from cli.listing import pages
from cli.options import TenantOption, utc
from cli.output import complain, report
from kernel.clock import EPOCH, to_micros
from tollbook.payment.v1 import ledger_root_service_pb2 as messages
from tollbook.payment.v1.ledger_pb2 import JournalEntry
from tollbook.payment.v1.ledger_root_pb2 import LedgerRoot
from tollbook.payment.v1.ledger_root_service_pb2_grpc import LedgerRootServiceStub
from tollbook.payment.v1.payment_service_pb2 import ListJournalEntriesRequest
from tollbook.payment.v1.payment_service_pb2_grpc import LedgerServiceStub
from tollbook.type.v1.time_range_pb2 import TimeRange

ONE_DAY = timedelta(days=1)
_DAY = ["%Y-%m-%d"]


def export_ledger(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write it.", dir_okay=False)],
    tenant: TenantOption,
    first_day: Annotated[
        datetime | None, typer.Option("--from", formats=_DAY, help="First day, UTC; else all.")
    ] = None,
    last_day: Annotated[
        datetime | None, typer.Option("--to", formats=_DAY, help="Last day, UTC; else the newest.")
    ] = None,
    prove: Annotated[
        list[str] | None, typer.Option(help="Add the proof of this journal entry; repeatable.")
    ] = None,
    draw_root: Annotated[
        bool, typer.Option("--draw-root", help="First draw a root, up to now, for all tenants.")
    ] = False,
) -> None:
    """Write a tenant's entries, balances, roots and proofs; tools/check_ledger.py checks them."""
    start, last = utc(first_day) or EPOCH, utc(last_day)
    wanted = Export(tenant, (start, last + ONE_DAY if last else None), prove or ())
    try:
        line_count, newest = asyncio.run(_export(context.obj, file, wanted, draw_root))
    except NoRootError:
        complain(
            "no root ends in that time: a day has one when it has ended (UTC), and --draw-root "
            "draws one now"
        )
        raise typer.Exit(1) from None
    report("Exported", f"{line_count:,} lines to {file}")
    report("Newest root", newest.root)
    if newest.signature:
        report("Its signature", newest.signature)


def prove_entries(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write it.", dir_okay=False)],
    entries: Annotated[list[str], typer.Argument(help="Journal entries.")],
    tenant: TenantOption,
) -> None:
    """Write the proofs of journal entries, and nothing else of the books."""
    line_count = asyncio.run(_prove(context.obj, file, tenant, entries))
    report("Proven", f"{line_count - 2:,} entries in {file}")


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be exported: from the last root before the span to the last one in it."""

    tenant_id: str
    span: tuple[datetime, datetime | None]
    proven_ids: Iterable[str] = ()


class NoRootError(Exception):
    """Nothing in the span is under a root yet."""


class Books:
    """A tenant's books, as payment tells them."""

    def __init__(self, ledger: Any, roots: Any) -> None:
        """Stubs of LedgerService and LedgerRootService."""
        self._ledger = ledger
        self._roots = roots
        # The last one that an export is under, once it has begun.
        self.newest_root = LedgerRoot()

    async def lines(self, wanted: Export) -> AsyncIterator[Fields]:
        """The lines of an export. Raises NoRootError."""
        start, roots = await self._roots_of(*wanted.span)
        self.newest_root = roots[-1]
        end = _end_of(self.newest_root)
        yield first_line(wanted.tenant_id, to_micros(start), to_micros(end))
        for root in roots:
            yield root_line(root)
        time_range = range_to_proto((start, end))
        async for entry in self._entries(time_range):
            yield entry_line(entry)
        request = messages.ExportBalancesRequest(create_time_range=time_range)
        async for part in self._roots.ExportBalances(request):
            for line in map(balance_line, part.balances):
                if line["micros"]:
                    yield line
        async for line in self._proofs(wanted.proven_ids):
            yield line

    async def proofs(self, tenant_id: str, entry_ids: Iterable[str]) -> AsyncIterator[Fields]:
        """The lines of a file with proofs alone."""
        yield first_line(tenant_id, 0, 0)
        async for line in self._proofs(entry_ids):
            yield line

    async def _proofs(self, entry_ids: Iterable[str]) -> AsyncIterator[Fields]:
        for entry_id in sorted(set(entry_ids)):
            request = messages.ProveEntryRequest(journal_entry_id=entry_id)
            yield proof_line(await self._roots.ProveEntry(request))

    async def _roots_of(
        self, start: datetime, end: datetime | None
    ) -> tuple[datetime, list[LedgerRoot]]:
        """When the export starts, and the roots from the one that ends there, if any."""
        roots = [root async for root in self._roots_until(end)]
        opening = max((at for at, root in enumerate(roots) if _end_of(root) <= start), default=None)
        if opening is not None:
            start, roots = _end_of(roots[opening]), roots[opening:]
        if len(roots) < (1 if opening is None else 2):
            raise NoRootError
        return EPOCH if opening is None else start, roots

    async def _roots_until(self, end: datetime | None) -> AsyncIterator[LedgerRoot]:
        request = messages.ListLedgerRootsRequest(end_time_range=range_to_proto((None, end)))
        async for page in pages(self._roots.ListLedgerRoots, request):
            for root in page.ledger_roots:
                yield root

    async def _entries(self, time_range: TimeRange) -> AsyncIterator[JournalEntry]:
        request = ListJournalEntriesRequest(create_time_range=time_range)
        async for page in pages(self._ledger.ListJournalEntries, request):
            for entry in page.journal_entries:
                yield entry


async def _export(
    connection: Connection, file: Path, wanted: Export, draw_root: bool
) -> tuple[int, LedgerRoot]:
    """Write the file, whole or not at all; tell how many lines it has, and its newest root."""
    async with connection.channel("payment") as channel:
        roots = LedgerRootServiceStub(channel)
        if draw_root:
            await roots.DrawLedgerRoot(messages.DrawLedgerRootRequest())
        with acting_for(wanted.tenant_id):
            books = Books(LedgerServiceStub(channel), roots)
            return await write_lines(file, books.lines(wanted)), books.newest_root


async def _prove(
    connection: Connection, file: Path, tenant_id: str, entry_ids: Iterable[str]
) -> int:
    async with connection.channel("payment") as channel:
        books = Books(LedgerServiceStub(channel), LedgerRootServiceStub(channel))
        with acting_for(tenant_id):
            return await write_lines(file, books.proofs(tenant_id, entry_ids))


async def write_lines(file: Path, lines: AsyncIterator[Fields]) -> int:
    """Write lines and the last one, which counts them; the file is there when it is whole."""
    unfinished, count = file.with_name(f".{file.name}.part"), 1
    with unfinished.open("w", encoding="utf-8", newline="\n") as target:
        async for line in lines:
            target.write(written(line))
            count += 1
        target.write(written(end_line(count)))
    unfinished.replace(file)
    return count


def _end_of(root: LedgerRoot) -> datetime:
    return root.end_time.ToDatetime(tzinfo=UTC)
