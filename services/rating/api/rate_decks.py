"""RateDeckService: imports, publishes and shows rate decks."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import time_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, encode_token, page_size
from chassis.security.caller import Caller
from services.rating.api.convert import (
    deck_to_proto,
    mapping_from_proto,
    rate_to_proto,
    version_to_proto,
)
from services.rating.domain.deck_import import ParsedDeck, parse_deck
from services.rating.domain.errors import invalid_field, not_found
from services.rating.store.decks import list_decks, list_rates, version_of
from services.rating.usecases.import_rate_deck import import_rate_deck
from services.rating.usecases.publish_rate_deck_version import publish_rate_deck_version
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.rating_service_pb2_grpc import RateDeckServiceServicer

FILE_BYTES_MAX = 128 * 1024 * 1024
REJECTED_ROWS_SHOWN_MAX = 1_000


@dataclass(slots=True)
class UploadedDeck:
    """What a client has sent: the same files again are the same request."""

    header: messages.ImportRateDeckHeader
    request_id: str
    rates: bytearray = field(default_factory=bytearray)
    destinations: bytearray = field(default_factory=bytearray)

    def SerializeToString(self, *, deterministic: bool = True) -> bytes:
        """What makes this request the same one again: the header and the content of the files."""
        files = (hashlib.sha256(content).digest() for content in (self.rates, self.destinations))
        return self.header.SerializeToString(deterministic=deterministic) + b"".join(files)


class RateDeckApi(RateDeckServiceServicer):
    """Manages the decks of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def ImportRateDeck(
        self, request_iterator: AsyncIterator[messages.ImportRateDeckRequest], context: Any
    ) -> messages.ImportRateDeckResponse:
        """Read the files and store their rates as a draft."""
        upload = await _receive(request_iterator)
        header = upload.header
        known = await self._endpoint.remembered(upload, messages.ImportRateDeckResponse)
        if known is not None:
            return known
        # A large file takes seconds to read; calls are priced in the meantime.
        parsed = await asyncio.to_thread(
            parse_deck,
            mapping_from_proto(header.mapping),
            bytes(upload.rates),
            bytes(upload.destinations),
        )

        def work(uow: UnitOfWork, caller: Caller) -> messages.ImportRateDeckResponse:
            imported = import_rate_deck(
                uow, caller.tenant_id, header.rate_deck_code, header.currency_code, parsed
            )
            response = _result(parsed)
            response.rate_deck.CopyFrom(deck_to_proto(imported.deck))
            if imported.version:
                response.version.CopyFrom(version_to_proto(imported.version))
            return response

        return await self._endpoint.mutate(upload, messages.ImportRateDeckResponse, work)

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

        return await self._endpoint.mutate(request, messages.PublishRateDeckVersionResponse, work)

    async def ListRateDecks(
        self, request: messages.ListRateDecksRequest, context: Any
    ) -> messages.ListRateDecksResponse:
        """List decks by code."""
        size = page_size(request.page_size)
        [after] = decode_token(request.page_token) or [""]
        decks = await self._endpoint.query(
            lambda connection, caller: list_decks(connection, caller.tenant_id, after, size + 1)
        )
        page = decks[:size]
        return messages.ListRateDecksResponse(
            rate_decks=[deck_to_proto(deck) for deck in page],
            next_page_token=encode_token([page[-1].code]) if len(decks) > size else "",
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
            rates = list_rates(
                connection, caller.tenant_id, version_id, request.prefix, after, size + 1
            )
            page = rates[:size]
            return messages.ListRatesResponse(
                rates=[rate_to_proto(rate) for rate in page],
                next_page_token=encode_token([page[-1].prefix]) if len(rates) > size else "",
            )

        return await self._endpoint.query(work)


async def _receive(pieces: AsyncIterator[messages.ImportRateDeckRequest]) -> UploadedDeck:
    """The whole upload: a header first, then the files in pieces."""
    upload: UploadedDeck | None = None
    async for piece in pieces:
        kind = piece.WhichOneof("piece")
        if (kind == "header") is not (upload is None):
            raise invalid_field("HEADER_MISPLACED", "header", "send it first, and once")
        if upload is None:
            upload = UploadedDeck(piece.header, piece.header.request_id)
        elif kind == "rates_content":
            _append(upload.rates, piece.rates_content, kind)
        else:
            _append(upload.destinations, piece.destinations_content, "destinations_content")
    if upload is None:
        raise invalid_field("HEADER_MISPLACED", "header", "send it first, and once")
    return upload


def _append(content: bytearray, piece: bytes, field_name: str) -> None:
    if len(content) + len(piece) > FILE_BYTES_MAX:
        raise invalid_field(
            "FILE_TOO_LARGE", field_name, f"a file has at most {FILE_BYTES_MAX} bytes; split it"
        )
    content += piece


def _result(parsed: ParsedDeck) -> messages.ImportRateDeckResponse:
    return messages.ImportRateDeckResponse(
        received_count=parsed.received_count,
        accepted_count=len(parsed.rates),
        rejected_count=len(parsed.rejected),
        rejected_rows=[
            messages.RejectedRow(**row._asdict())
            for row in parsed.rejected[:REJECTED_ROWS_SHOWN_MAX]
        ],
    )
