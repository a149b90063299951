"""LedgerRootService: proves entries by roots."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection

from chassis.database.engine import Database
from chassis.grpc.convert import date_from_proto, range_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import PAGE_SIZE_MAX, Position, decode_token, page_size, token_after
from chassis.security.caller import Caller
from kernel.clock import from_micros, utc_now
from services.payment.api.convert_roots import (
    balance_over_time_to_proto,
    proof_to_proto,
    root_to_proto,
)
from services.payment.domain.ledger.hash_chain import Chain
from services.payment.domain.ledger.root_audit import StoredRoot
from services.payment.domain.ledger.root_errors import ledger_root_not_found
from services.payment.store.entries import FIRST_ID, LAST_ID, id_bound
from services.payment.store.ledger_accounts import BalanceOverTime, balances_over_time
from services.payment.store.ledger_roots import list_roots, newest_root, root_ending
from services.payment.usecases.ledger.close_ledger import Sign, close_until_now, unsigned
from services.payment.usecases.ledger.prove_entry import EntryProof, prove_entry
from tollbook.payment.v1 import ledger_root_pb2
from tollbook.payment.v1 import ledger_root_service_pb2 as messages
from tollbook.payment.v1.ledger_root_service_pb2_grpc import LedgerRootServiceServicer

ONE_DAY = timedelta(days=1)


class LedgerRootApi(LedgerRootServiceServicer):
    """Proves the books of the caller's tenant."""

    def __init__(self, endpoint: Endpoint, database: Database, sign: Sign = unsigned) -> None:
        self._endpoint = endpoint
        self._database = database
        self._sign = sign

    async def DrawLedgerRoot(
        self, request: messages.DrawLedgerRootRequest, context: Any
    ) -> messages.DrawLedgerRootResponse:
        """Draw a root over everything written until now."""
        await close_until_now(self._database, utc_now(), self._sign)
        newest = await self._endpoint.query(lambda connection, _caller: newest_root(connection))
        assert newest is not None, "closing the ledger leaves a root, its own or another's"
        return messages.DrawLedgerRootResponse(ledger_root=root_to_proto(newest, _none))

    async def GetDailyRoot(
        self, request: messages.GetDailyRootRequest, context: Any
    ) -> messages.GetDailyRootResponse:
        """Return the root drawn at the end of a day."""
        day = date_from_proto(request.day)
        if day is None:
            raise ledger_root_not_found("no day")
        end_time = datetime.combine(day, time(), UTC) + ONE_DAY

        def work(connection: Connection, caller: Caller) -> ledger_root_pb2.LedgerRoot:
            found = root_ending(connection, end_time)
            if found is None:
                raise ledger_root_not_found(day.isoformat())
            return _root_of_tenant(found, caller.tenant_id)

        return messages.GetDailyRootResponse(ledger_root=await self._endpoint.query(work))

    async def ListLedgerRoots(
        self, request: messages.ListLedgerRootsRequest, context: Any
    ) -> messages.ListLedgerRootsResponse:
        """List roots, the oldest first."""
        size = page_size(request.page_size)
        start, end = range_from_proto(request.end_time_range)
        token = decode_token(request.page_token)
        after = start if token is None else from_micros(token[0])

        def work(connection: Connection, caller: Caller) -> list[ledger_root_pb2.LedgerRoot]:
            found = list_roots(connection, after, end, size + 1)
            return [_root_of_tenant(each, caller.tenant_id) for each in found]

        found = await self._endpoint.query(work)
        return messages.ListLedgerRootsResponse(
            ledger_roots=found[:size], next_page_token=token_after(found, size, _position)
        )

    async def ProveEntry(
        self, request: messages.ProveEntryRequest, context: Any
    ) -> messages.ProveEntryResponse:
        """Prove that an entry is under a root."""

        def work(connection: Connection, caller: Caller) -> EntryProof:
            return prove_entry(connection, caller.tenant_id, request.journal_entry_id)

        return proof_to_proto(await self._endpoint.query(work))

    async def ExportBalances(
        self, request: messages.ExportBalancesRequest, context: Any
    ) -> AsyncIterator[messages.ExportBalancesResponse]:
        """Send what each ledger account had at the beginning and at the end of a time."""
        start, end = range_from_proto(request.create_time_range)
        span = id_bound(start, FIRST_ID), id_bound(end, LAST_ID)

        def work(connection: Connection, caller: Caller) -> list[BalanceOverTime]:
            return balances_over_time(connection, caller.tenant_id, *span)

        balances = await self._endpoint.query(work)
        for at in range(0, len(balances), PAGE_SIZE_MAX):
            part = balances[at : at + PAGE_SIZE_MAX]
            yield messages.ExportBalancesResponse(
                balances=[balance_over_time_to_proto(each) for each in part]
            )


def _none(_chain: Chain) -> bool:
    return False


def _root_of_tenant(found: StoredRoot, tenant_id: str) -> ledger_root_pb2.LedgerRoot:
    return root_to_proto(found, lambda chain: chain.tenant_id == tenant_id)


def _position(root: ledger_root_pb2.LedgerRoot) -> Position:
    return [root.end_time.ToMicroseconds()]
