"""`tollbook import-deck`: a carrier's rate sheet becomes a version of a deck."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from chassis.grpc.client import acting_for
from chassis.grpc.convert import time_to_proto
from cli.connection import Connection
from cli.files import SentFile, progress_bar
from cli.json_files import read_message
from cli.options import FileArgument, TenantOption, utc
from cli.output import add_row, console, report, table
from kernel.ids import new_uuid
from tollbook.rating.v1 import rating_service_pb2, rating_service_pb2_grpc, service_pb2
from tollbook.rating.v1.rate_deck_pb2 import RateDeckMapping

REJECTED_ROWS_SHOWN = 20


class _Service(StrEnum):
    """What can be used and charged for."""

    VOICE = "voice"
    SMS = "sms"
    DATA = "data"
    DID_RENTAL = "did-rental"


@dataclass(frozen=True, slots=True)
class _Deck:
    """What is imported."""

    header: rating_service_pb2.ImportRateDeckHeader
    rates: SentFile
    destinations: SentFile | None


CodeOption = Annotated[str, typer.Option(help="The deck's code; a new one makes a new deck.")]
CurrencyOption = Annotated[str, typer.Option(help="ISO 4217 code of the prices, e.g. EUR.")]
MappingOption = Annotated[
    Path,
    typer.Option(
        help="How the columns are read: a RateDeckMapping as JSON.", exists=True, dir_okay=False
    ),
]
DestinationsOption = Annotated[
    Path | None,
    typer.Option(help="A second file with names and increments.", exists=True, dir_okay=False),
]
ServiceOption = Annotated[
    _Service, typer.Option(help="What the prices are for.", case_sensitive=False)
]
ValidateOption = Annotated[
    bool, typer.Option("--validate-only", help="Check every row and keep nothing.")
]
PublishOption = Annotated[bool, typer.Option("--publish", help="Put it into force.")]
EffectiveOption = Annotated[
    datetime | None, typer.Option(help="From when on (UTC); needs --publish.")
]


def import_deck(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    file: FileArgument,
    tenant: TenantOption,
    code: CodeOption,
    currency: CurrencyOption,
    mapping: MappingOption,
    destinations: DestinationsOption = None,
    service: ServiceOption = _Service.VOICE,
    validate_only: ValidateOption = False,
    publish: PublishOption = False,
    effective: EffectiveOption = None,
) -> None:
    """Import a rate deck, a CSV file, as a draft version; say what became of every row."""
    if publish and validate_only:
        raise typer.BadParameter("what is only validated cannot be published; leave one out")
    header = rating_service_pb2.ImportRateDeckHeader(
        rate_deck_code=code,
        currency_code=currency,
        mapping=read_message(mapping, RateDeckMapping()),
        request_id=new_uuid(),
        service=service_pb2.Service.Value(f"SERVICE_{service.name}"),
        validate_only=validate_only,
    )
    with progress_bar() as progress, acting_for(tenant):
        sent_destinations = SentFile(progress, destinations) if destinations else None
        deck = _Deck(header, SentFile(progress, file), sent_destinations)
        imported = asyncio.run(_import(context.obj, deck))
    _show(imported, "Would import" if validate_only else "Imported")
    if not imported.accepted_count:
        raise typer.Exit(1)
    if publish:
        with acting_for(tenant):
            asyncio.run(_publish(context.obj, imported, effective))


async def _import(connection: Connection, deck: _Deck) -> rating_service_pb2.ImportRateDeckResponse:
    async with connection.channel("rating") as channel:
        stub = rating_service_pb2_grpc.RateDeckServiceStub(channel)
        return await stub.ImportRateDeck(_pieces(deck))


async def _pieces(deck: _Deck) -> AsyncIterator[rating_service_pb2.ImportRateDeckRequest]:
    yield rating_service_pb2.ImportRateDeckRequest(header=deck.header)
    for piece in deck.rates.pieces():
        yield rating_service_pb2.ImportRateDeckRequest(rates_content=piece)
    for piece in deck.destinations.pieces() if deck.destinations else ():
        yield rating_service_pb2.ImportRateDeckRequest(destinations_content=piece)


async def _publish(
    connection: Connection,
    imported: rating_service_pb2.ImportRateDeckResponse,
    effective: datetime | None,
) -> None:
    async with connection.channel("rating") as channel:
        stub = rating_service_pb2_grpc.RateDeckServiceStub(channel)
        published = await stub.PublishRateDeckVersion(
            rating_service_pb2.PublishRateDeckVersionRequest(
                rate_deck_version_id=imported.version.rate_deck_version_id,
                effective_time=time_to_proto(utc(effective)),
                request_id=new_uuid(),
            )
        )
    since = published.version.effective_time.ToJsonString()
    report("Published", f"version {published.version.version}, in force from {since}")


def _show(imported: rating_service_pb2.ImportRateDeckResponse, done: str) -> None:
    deck = imported.rate_deck
    report(
        done if imported.accepted_count else "Nothing imported",
        f"{deck.code} ({deck.currency_code}): {imported.received_count:,} rows = "
        f"{imported.accepted_count:,} rates + {imported.rejected_count:,} rejected",
    )
    if imported.rejected_rows:
        console.print(_rejected_table(imported))


def _rejected_table(imported: rating_service_pb2.ImportRateDeckResponse) -> Table:
    shown = table("Rejected rows", "line", "reason", "what to do")
    for row in imported.rejected_rows[:REJECTED_ROWS_SHOWN]:
        add_row(shown, str(row.row_number), row.reason, row.message)
    more = imported.rejected_count - len(imported.rejected_rows[:REJECTED_ROWS_SHOWN])
    if more:
        shown.caption = f"and {more:,} more"
    return shown
