"""LedgerService: reads the ledger."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from chassis.grpc.convert import range_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import Position, decode_token, encode_token, page_size, token_after
from chassis.security.caller import Caller
from services.payment.api.convert import balance_to_proto, entry_to_proto
from services.payment.domain.ledger.balance import Balance
from services.payment.store.accounts import account_of
from services.payment.store.entries import LAST_ID, PlacedEntry, id_before, id_bound, list_entries
from services.payment.store.ledger_accounts import balance_of
from services.payment.usecases.ledger.statement import Statement, StatementPlace, draw_up_statement
from tollbook.payment.v1.payment_service_pb2 import (
    GetBalanceRequest,
    GetBalanceResponse,
    GetStatementRequest,
    GetStatementResponse,
    ListJournalEntriesRequest,
    ListJournalEntriesResponse,
)
from tollbook.payment.v1.payment_service_pb2_grpc import LedgerServiceServicer


class LedgerApi(LedgerServiceServicer):
    """Reads the books of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def GetBalance(self, request: GetBalanceRequest, context: Any) -> GetBalanceResponse:
        """Return the balance of an account."""

        def work(connection: Connection, caller: Caller) -> Balance:
            account = account_of(connection, caller.tenant_id, request.account_id)
            return balance_of(connection, account)

        balance = await self._endpoint.query(work)
        return GetBalanceResponse(balance=balance_to_proto(balance))

    async def GetStatement(
        self, request: GetStatementRequest, context: Any
    ) -> GetStatementResponse:
        """Return a page of a statement."""
        size = page_size(request.page_size)
        span = range_from_proto(request.create_time_range)
        token = decode_token(request.page_token)
        place = None if token is None else StatementPlace(UUID(token[0]), UUID(token[1]))

        def work(connection: Connection, caller: Caller) -> Statement:
            tenant_id, account_id = caller.tenant_id, request.account_id
            return draw_up_statement(connection, tenant_id, account_id, span, place, size)

        statement = await self._endpoint.query(work)
        following = statement.next_place
        return GetStatementResponse(
            opening_balance=balance_to_proto(statement.opening),
            entries=[entry_to_proto(entry) for entry in statement.entries],
            closing_balance=balance_to_proto(statement.closing),
            next_page_token=_token(following) if following else "",
        )

    async def ListJournalEntries(
        self, request: ListJournalEntriesRequest, context: Any
    ) -> ListJournalEntriesResponse:
        """List entries in the order of writing."""
        size = page_size(request.page_size)
        token = decode_token(request.page_token)
        start, end = range_from_proto(request.create_time_range)
        after = id_before(start) if token is None else UUID(token[0])

        def work(connection: Connection, caller: Caller) -> list[PlacedEntry]:
            reason, span = request.reason or None, (after, id_bound(end, LAST_ID))
            return list_entries(connection, caller.tenant_id, span, size + 1, reason)

        entries = await self._endpoint.query(work)
        return ListJournalEntriesResponse(
            journal_entries=[entry_to_proto(entry) for entry in entries[:size]],
            next_page_token=token_after(entries, size, _position),
        )


def _token(place: StatementPlace) -> str:
    return encode_token([str(place.after), str(place.until)])


def _position(placed: PlacedEntry) -> Position:
    return [str(placed[1].journal_entry_id)]
