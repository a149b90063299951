"""AccountDeckService: manages the decks that accounts have of their own."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, page_size, token_after
from chassis.security.caller import Caller
from services.rating.api.convert_tariff import account_decks_to_proto, overrides_from_proto
from services.rating.domain.errors import UNKNOWN_ACCOUNT, unrated
from services.rating.store.account_decks import (
    AccountDecks,
    account_decks_of,
    accounts_with_decks,
)
from services.rating.store.accounts import accounts_of
from services.rating.usecases.catalog.set_account_decks import replace_account_decks
from tollbook.rating.v1 import tariff_service_pb2 as messages
from tollbook.rating.v1.tariff_service_pb2_grpc import AccountDeckServiceServicer


class AccountDeckApi(AccountDeckServiceServicer):
    """Manages the decks of accounts of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def SetAccountDecks(
        self, request: messages.SetAccountDecksRequest, context: Any
    ) -> messages.SetAccountDecksResponse:
        """Set an account's decks in place of those it had."""

        def work(uow: UnitOfWork, caller: Caller) -> messages.SetAccountDecksResponse:
            overrides = overrides_from_proto(request.overrides, uow.now)
            decks = replace_account_decks(uow, caller.tenant_id, request.account_id, overrides)
            return messages.SetAccountDecksResponse(account_decks=account_decks_to_proto(decks))

        return await self._endpoint.mutate(
            request, messages.SetAccountDecksResponse, work, validate_only=request.validate_only
        )

    async def GetAccountDecks(
        self, request: messages.GetAccountDecksRequest, context: Any
    ) -> messages.GetAccountDecksResponse:
        """Return an account's decks."""
        account_id = request.account_id

        def work(connection: Connection, caller: Caller) -> messages.GetAccountDecksResponse:
            if account_id not in accounts_of(connection, caller.tenant_id, [account_id]):
                raise unrated(UNKNOWN_ACCOUNT, account_id=account_id)
            found = account_decks_of(connection, caller.tenant_id, [account_id])
            [decks] = found or [AccountDecks(account_id, (), None)]
            return messages.GetAccountDecksResponse(account_decks=account_decks_to_proto(decks))

        return await self._endpoint.query(work)

    async def ListAccountDecks(
        self, request: messages.ListAccountDecksRequest, context: Any
    ) -> messages.ListAccountDecksResponse:
        """List the accounts that have decks of their own."""
        size = page_size(request.page_size)
        [after] = decode_token(request.page_token) or [""]
        deck_id = request.rate_deck_id

        def work(connection: Connection, caller: Caller) -> messages.ListAccountDecksResponse:
            found = accounts_with_decks(connection, caller.tenant_id, deck_id, after, size + 1)
            page = account_decks_of(connection, caller.tenant_id, found[:size])
            return messages.ListAccountDecksResponse(
                account_decks=[account_decks_to_proto(each) for each in page],
                next_page_token=token_after(found, size, lambda account_id: [account_id]),
            )

        return await self._endpoint.query(work)
