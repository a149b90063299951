"""Exports of books, as the command line writes them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

from chassis.grpc import running_call
from chassis.grpc.endpoint import Endpoint
from chassis.security import caller
from chassis.security.caller import Caller
from cli.ledger_export import Books as ExportedBooks
from cli.ledger_export import Export
from cli.ledger_lines import Fields, end_line, written
from kernel.clock import EPOCH
from services.payment.api.ledger import LedgerApi
from services.payment.api.roots import LedgerRootApi
from services.payment.usecases.ledger.close_ledger import close_ledger
from tests.conformance.payment.books import Books


class Stub:
    """A servicer, called as a stub is."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        method = getattr(self._api, name)
        return lambda request: method(request, None)


def draw_root(books: Books, end_time: datetime) -> None:
    """Draw a root over what was written before a moment."""
    asyncio.run(close_ledger(books.database, end_time))


def export(books: Books, tenant_id: str = "acme", **wanted: Any) -> list[bytes]:
    """The lines of a tenant's books."""
    chosen = Export(tenant_id, **({"span": (EPOCH, None)} | wanted))
    return _lines(books, tenant_id, lambda exported: exported.lines(chosen))


def proofs(books: Books, entry_ids: Sequence[str], tenant_id: str = "acme") -> list[bytes]:
    """The lines of a file with proofs alone."""
    return _lines(books, tenant_id, lambda exported: exported.proofs(tenant_id, entry_ids))


def _lines(
    books: Books, tenant_id: str, work: Callable[[ExportedBooks], AsyncIterator[Fields]]
) -> list[bytes]:
    async def gather() -> list[Fields]:
        caller.enter_call(Caller("ann", tenant_id, frozenset()))
        running_call.enter_call("tollbook.payment.v1.LedgerRootService/ListLedgerRoots", None)
        endpoint = Endpoint(books.database)
        ledger, roots = LedgerApi(endpoint), LedgerRootApi(endpoint, books.database)
        return [line async for line in work(ExportedBooks(Stub(ledger), Stub(roots)))]

    found = asyncio.run(gather())
    return [written(line).encode() for line in [*found, end_line(len(found) + 1)]]
