"""RateDeckService: imports, publishes and shows rate decks."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import time_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, page_size, token_after
from chassis.security.caller import Caller
from services.rating.api.convert_decks import (
    deck_to_proto,
    mapping_from_proto,
    rate_to_proto,
    version_to_proto,
)
from services.rating.api.deck_upload import UploadedDeck, receive_upload
from services.rating.api.field_mask import fields_to_change
from services.rating.domain.decks.deck_import import ParsedDeck, parse_deck
from services.rating.domain.errors import not_found
from services.rating.domain.usage import Service
from services.rating.store.decks import StoredDeck, decks_of, list_decks, list_versions, version_of
from services.rating.usecases.catalog.import_rate_deck import (
    CompiledDeck,
    DeckHeader,
    compile_rates,
    import_rate_deck,
)
from services.rating.usecases.catalog.publish_rate_deck_version import publish_rate_deck_version
from services.rating.usecases.catalog.rename_rate_deck import rename_rate_deck
from services.rating.usecases.tariffs import Tariffs
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.rating_service_pb2_grpc import RateDeckServiceServicer

# A sheet takes seconds to read in a thread. It stands back after every few rows, or calls priced
# meanwhile would wait for the interpreter at every turn.
IMPORT_PAUSE_SECONDS = 0.000_1


class RateDeckApi(RateDeckServiceServicer):
    """Manages the decks of the caller's tenant."""

    def __init__(self, endpoint: Endpoint, tariffs: Tariffs) -> None:
        self._endpoint = endpoint
        self._tariffs = tariffs

    async def ImportRateDeck(
        self, request_iterator: AsyncIterator[messages.ImportRateDeckRequest], context: Any
    ) -> messages.ImportRateDeckResponse:
        """Read the files and store their rates as a draft."""
        upload = await receive_upload(request_iterator)
        header = upload.header
        known = await self._endpoint.remembered(upload, messages.ImportRateDeckResponse)
        if known is not None:
            return known
        service = Service(header.service or Service.VOICE)
        deck = DeckHeader(header.rate_deck_code, header.currency_code, service)
        parsed, compiled = await asyncio.to_thread(_read, upload, service)

        def work(uow: UnitOfWork, caller: Caller) -> messages.ImportRateDeckResponse:
            imported = import_rate_deck(uow, caller.tenant_id, deck, compiled)
            response = _result(parsed)
            response.rate_deck.CopyFrom(deck_to_proto(imported.deck))
            if imported.version:
                response.version.CopyFrom(version_to_proto(imported.version))
            return response

        return await self._endpoint.mutate(
            upload,
            messages.ImportRateDeckResponse,
            work,
            validate_only=header.validate_only,
        )

    async def PublishRateDeckVersion(
        self, request: messages.PublishRateDeckVersionRequest, context: Any
    ) -> messages.PublishRateDeckVersionResponse:
        """Put a draft into force."""
        effective_time = time_from_proto(request.effective_time)

        def work(uow: UnitOfWork, caller: Caller) -> messages.PublishRateDeckVersionResponse:
            version = publish_rate_deck_version(
                uow, caller.tenant_id, request.rate_deck_version_id, effective_time
            )
            return messages.PublishRateDeckVersionResponse(version=version_to_proto(version))

        return await self._endpoint.mutate(
            request,
            messages.PublishRateDeckVersionResponse,
            work,
            validate_only=request.validate_only,
        )

    async def UpdateRateDeck(
        self, request: messages.UpdateRateDeckRequest, context: Any
    ) -> messages.UpdateRateDeckResponse:
        """Change what people read of a deck."""
        fields_to_change(request.update_mask, {"display_name"})
        new = request.rate_deck

        def work(uow: UnitOfWork, caller: Caller) -> messages.UpdateRateDeckResponse:
            deck = rename_rate_deck(uow, caller.tenant_id, new.rate_deck_id, new.display_name)
            return messages.UpdateRateDeckResponse(rate_deck=deck_to_proto(deck))

        return await self._endpoint.mutate(request, messages.UpdateRateDeckResponse, work)

    async def GetRateDeck(
        self, request: messages.GetRateDeckRequest, context: Any
    ) -> messages.GetRateDeckResponse:
        """Return a deck."""
        deck = await self._endpoint.query(
            lambda connection, caller: _deck(connection, caller, request.rate_deck_id)
        )
        return messages.GetRateDeckResponse(rate_deck=deck_to_proto(deck))

    async def ListRateDeckVersions(
        self, request: messages.ListRateDeckVersionsRequest, context: Any
    ) -> messages.ListRateDeckVersionsResponse:
        """List the versions of a deck, the newest first."""
        size = page_size(request.page_size)
        [before] = decode_token(request.page_token) or [None]

        def work(connection: Connection, caller: Caller) -> messages.ListRateDeckVersionsResponse:
            deck = _deck(connection, caller, request.rate_deck_id)
            versions = list_versions(
                connection, caller.tenant_id, deck.rate_deck_id, before, size + 1
            )
            return messages.ListRateDeckVersionsResponse(
                versions=[version_to_proto(version) for version in versions[:size]],
                next_page_token=token_after(versions, size, lambda each: [each.version]),
            )

        return await self._endpoint.query(work)

    async def ListRateDecks(
        self, request: messages.ListRateDecksRequest, context: Any
    ) -> messages.ListRateDecksResponse:
        """List decks by code."""
        size = page_size(request.page_size)
        [after] = decode_token(request.page_token) or [""]
        decks = await self._endpoint.query(
            lambda connection, caller: list_decks(connection, caller.tenant_id, after, size + 1)
        )
        return messages.ListRateDecksResponse(
            rate_decks=[deck_to_proto(deck) for deck in decks[:size]],
            next_page_token=token_after(decks, size, lambda deck: [deck.code]),
        )

    async def ListRates(
        self, request: messages.ListRatesRequest, context: Any
    ) -> messages.ListRatesResponse:
        """List the rows of a version by prefix."""
        size = page_size(request.page_size)
        [after] = decode_token(request.page_token) or [""]
        version_id = request.rate_deck_version_id

        def work(connection: Connection, caller: Caller) -> messages.ListRatesResponse:
            if version_of(connection, caller.tenant_id, version_id) is None:
                raise not_found("RATE_DECK_VERSION", version_id)
            table = self._tariffs.table(connection, caller.tenant_id, version_id)
            rows = table.rows(request.prefix, after)
            return messages.ListRatesResponse(
                rates=[rate_to_proto(table.rate(row)) for row in rows[:size]],
                next_page_token=token_after(rows, size, lambda row: [table.rate(row).prefix]),
            )

        return await self._endpoint.query(work)


def _deck(connection: Connection, caller: Caller, rate_deck_id: str) -> StoredDeck:
    decks = decks_of(connection, caller.tenant_id, [rate_deck_id])
    if rate_deck_id not in decks:
        raise not_found("RATE_DECK", rate_deck_id)
    return decks[rate_deck_id]


def _read(upload: UploadedDeck, service: Service) -> tuple[ParsedDeck, CompiledDeck]:
    parsed = parse_deck(
        mapping_from_proto(upload.header.mapping, service),
        upload.rates.getvalue(),
        upload.destinations.getvalue(),
        lambda: time.sleep(IMPORT_PAUSE_SECONDS),
    )
    return parsed, compile_rates(parsed.rates)


def _result(parsed: ParsedDeck) -> messages.ImportRateDeckResponse:
    return messages.ImportRateDeckResponse(
        received_count=parsed.received_count,
        accepted_count=len(parsed.rates),
        rejected_count=parsed.rejected_count,
        rejected_rows=[messages.RejectedRow(**row._asdict()) for row in parsed.rejected],
    )
