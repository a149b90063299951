"""Decks are managed as their contract says, and each replica prices by the rows imported once."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy import Connection, func, select

from chassis.database.engine import Database
from chassis.grpc import running_call
from chassis.grpc.convert import time_to_proto
from chassis.grpc.endpoint import Endpoint
from chassis.security import caller
from chassis.security.caller import Caller
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.rating.api.rate_decks import RateDeckApi
from services.rating.store.schema import rate_deck, rate_deck_snapshot
from services.rating.usecases.tariffs import Tariffs
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.rate_deck_pb2 import (
    CodeCells,
    RateDeck,
    RateDeckMapping,
    RateDeckVersion,
)
from tollbook.rating.v1.service_pb2 import Service

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK_BYTES_MAX = 2**20

DECK = """prefix,name,price,grace
31,Netherlands,0.06,
316,Netherlands Mobile,0.12,3
"""
MAPPING = RateDeckMapping(
    prefix_column="prefix",
    price_column="price",
    destination_column="name",
    grace_column="grace",
)


class Desk:
    """The rate decks of one tenant."""

    def __init__(self, database: Database, tenant_id: str = "acme") -> None:
        self.database = database
        self.tenant_id = tenant_id
        self.api = RateDeckApi(Endpoint(database), Tariffs())

    def act(self) -> None:
        """Call as the tenant's operator from here on."""
        caller.enter_call(Caller("ann", self.tenant_id, frozenset()))
        running_call.enter_call("tollbook.rating.v1.Test/Method", None)

    async def import_deck(
        self, content: str = DECK, **header: Any
    ) -> messages.ImportRateDeckResponse:
        """Import a rate sheet."""
        usual = {
            "rate_deck_code": "retail",
            "currency_code": "EUR",
            "mapping": MAPPING,
            "request_id": new_uuid(),
        }
        return await self.api.ImportRateDeck(_pieces(content, **{**usual, **header}), None)

    async def publish(self, version_id: str, **fields: Any) -> RateDeckVersion:
        """Put a version into force."""
        usual = {"effective_time": time_to_proto(BEGINNING), "request_id": new_uuid()}
        request = messages.PublishRateDeckVersionRequest(
            rate_deck_version_id=version_id, **{**usual, **fields}
        )
        return (await self.api.PublishRateDeckVersion(request, None)).version

    async def deck(self, rate_deck_id: str) -> RateDeck:
        """A deck."""
        request = messages.GetRateDeckRequest(rate_deck_id=rate_deck_id)
        return (await self.api.GetRateDeck(request, None)).rate_deck

    async def update(self, deck: RateDeck, *paths: str) -> RateDeck:
        """Change a deck."""
        request = messages.UpdateRateDeckRequest(
            rate_deck=deck, update_mask=FieldMask(paths=paths), request_id=new_uuid()
        )
        return (await self.api.UpdateRateDeck(request, None)).rate_deck

    async def versions(self, rate_deck_id: str, **page: Any) -> Any:
        """A page of versions."""
        request = messages.ListRateDeckVersionsRequest(rate_deck_id=rate_deck_id, **page)
        return await self.api.ListRateDeckVersions(request, None)

    async def rates(self, version_id: str, **page: Any) -> Any:
        """A page of rates."""
        request = messages.ListRatesRequest(rate_deck_version_id=version_id, **page)
        return await self.api.ListRates(request, None)


@pytest.fixture
async def desk(database: Database) -> Desk:
    """A tenant without decks."""
    opened = Desk(database)
    opened.act()
    return opened


async def reason_of(answer: Any) -> str:
    """The reason for which a request is refused."""
    with pytest.raises(DomainError) as refusal:
        await answer
    return refusal.value.reason


async def test_a_deck_says_what_its_prices_are_for(desk: Desk) -> None:
    """Calls unless said otherwise; a code belongs to one service for ever."""
    voice = (await desk.import_deck()).rate_deck
    assert (voice.service, voice.display_name) == (Service.SERVICE_VOICE, "retail")
    mapping = RateDeckMapping(prefix_column="1", price_column="3", destination_column="2")
    mapping.headerless = True
    data = await desk.import_deck(
        "31,Netherlands,0.5",
        rate_deck_code="data",
        service=Service.SERVICE_DATA,
        mapping=mapping,
    )
    assert (await desk.deck(data.rate_deck.rate_deck_id)).service == Service.SERVICE_DATA
    [rate] = (await desk.rates(data.version.rate_deck_version_id)).rates
    assert (rate.price.value, rate.first_increment, rate.next_increment) == ("0.5", 1, 1)
    other = desk.import_deck("31,A,1", service=Service.SERVICE_SMS, mapping=mapping)
    assert await reason_of(other) == "SERVICE_MISMATCH"


async def test_rates_are_shown_as_they_were_imported(desk: Desk) -> None:
    """With their grace and their line."""
    imported = await desk.import_deck()
    rates = (await desk.rates(imported.version.rate_deck_version_id)).rates
    assert [(r.prefix, r.price.value, r.grace_seconds, r.row_number) for r in rates] == [
        ("31", "0.06", 0, 2),
        ("316", "0.12", 3, 3),
    ]
    assert [(r.first_increment, r.next_increment, r.minimum) for r in rates] == [(60, 60, 0)] * 2


async def test_only_the_name_of_a_deck_changes(desk: Desk) -> None:
    """Whoever wants other prices imports a new version."""
    deck_id = (await desk.import_deck()).rate_deck.rate_deck_id
    renamed = RateDeck(rate_deck_id=deck_id, display_name="Retail Europe", code="other")
    assert (await desk.update(renamed, "display_name")).display_name == "Retail Europe"
    renamed.display_name = "Retail"
    await desk.update(renamed)
    deck = await desk.deck(deck_id)
    assert (deck.display_name, deck.code) == ("Retail", "retail")
    assert await reason_of(desk.update(renamed, "code")) == "INVALID_FIELD_MASK"
    renamed.display_name = ""
    assert await reason_of(desk.update(renamed)) == "INVALID_NAME"


async def test_decks_of_others_are_not_there(desk: Desk) -> None:
    """To be read, to be changed, or to be listed."""
    imported = await desk.import_deck()
    deck_id = imported.rate_deck.rate_deck_id
    Desk(desk.database, "other").act()
    assert await reason_of(desk.deck(deck_id)) == "RATE_DECK_NOT_FOUND"
    assert await reason_of(desk.versions(deck_id)) == "RATE_DECK_NOT_FOUND"
    deck = RateDeck(rate_deck_id=deck_id, display_name="Mine")
    assert await reason_of(desk.update(deck)) == "RATE_DECK_NOT_FOUND"
    rates = desk.rates(imported.version.rate_deck_version_id)
    assert await reason_of(rates) == "RATE_DECK_VERSION_NOT_FOUND"


async def test_versions_are_listed_the_newest_first(desk: Desk) -> None:
    """A page at a time."""
    imported = [await desk.import_deck() for _ in range(3)]
    deck_id = imported[0].rate_deck.rate_deck_id
    page = await desk.versions(deck_id, page_size=2)
    assert [version.version for version in page.versions] == [3, 2]
    rest = await desk.versions(deck_id, page_size=2, page_token=page.next_page_token)
    assert ([version.version for version in rest.versions], rest.next_page_token) == ([1], "")
    assert len({version.digest for version in page.versions}) == 1


async def test_an_import_that_only_validates_keeps_nothing(desk: Desk) -> None:
    """It answers as the import would, with the same refusals; its request may then be made."""
    content, request_id = DECK + "x,No prefix,1,\n", new_uuid()
    tried = await desk.import_deck(content, validate_only=True, request_id=request_id)
    assert (tried.accepted_count, tried.version.version, tried.rate_deck.code) == (2, 1, "retail")
    assert [row.reason for row in tried.rejected_rows] == ["INVALID_PREFIX"]

    def count_rows(connection: Connection) -> list[int]:
        tables = (rate_deck, rate_deck_snapshot)
        return [
            connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables
        ]

    assert await desk.database.read(count_rows) == [0, 0]
    imported = await desk.import_deck(content, request_id=request_id)
    assert imported.version.digest == tried.version.digest
    in_francs = desk.import_deck(validate_only=True, currency_code="CHF")
    assert await reason_of(in_francs) == "CURRENCY_MISMATCH"


async def test_a_publication_that_only_validates_keeps_nothing(desk: Desk) -> None:
    """The version stays a draft; what could not be published is refused here too."""
    imported = await desk.import_deck()
    version_id = imported.version.rate_deck_version_id
    tried = await desk.publish(version_id, validate_only=True)
    assert tried.state == RateDeckVersion.STATE_PUBLISHED
    [kept] = (await desk.versions(imported.rate_deck.rate_deck_id)).versions
    assert kept.state == RateDeckVersion.STATE_DRAFT
    await desk.publish(version_id)
    again = desk.publish(version_id, validate_only=True)
    assert await reason_of(again) == "ALREADY_PUBLISHED"


async def test_every_replica_has_every_row_of_a_large_deck(desk: Desk) -> None:
    """It travels in parts of at most a mebibyte and comes out as it went in."""
    rows = [f"{prefix},Place {prefix % 97},0.{prefix}," for prefix in range(100_000, 140_000)]
    imported = await desk.import_deck(DECK + "\n".join(rows))
    version_id = imported.version.rate_deck_version_id

    def part_sizes(connection: Connection) -> list[int]:
        column = func.length(rate_deck_snapshot.c.content)
        return list(connection.execute(select(column)).scalars())

    sizes = await desk.database.read(part_sizes)
    assert len(sizes) > 1
    assert max(sizes) <= CHUNK_BYTES_MAX
    replica = Tariffs()
    assert replica.loaded("acme", version_id) is None
    table = await desk.database.read(lambda c: replica.table(c, "acme", version_id))
    assert (len(table), replica.loaded("acme", version_id)) == (40_002, table)
    assert replica.loaded("other", version_id) is None
    found = [table.find(f"{prefix}5551234") for prefix in range(100_000, 140_000)]
    assert [(rate.prefix, rate.price_nanos) for rate in found if rate] == [
        (str(prefix), prefix * 1_000) for prefix in range(100_000, 140_000)
    ]


async def _pieces(content: str, **header: Any) -> AsyncIterator[messages.ImportRateDeckRequest]:
    yield messages.ImportRateDeckRequest(header=messages.ImportRateDeckHeader(**header))
    yield messages.ImportRateDeckRequest(rates_content=content.encode())


async def test_a_carriers_sheet_is_read_as_its_mapping_says(desk: Desk) -> None:
    """Lists, ranges, both increments, a preamble and a withdrawn row, through the contract."""
    mapping = RateDeckMapping(
        prefix_column="codes",
        price_column="price",
        destination_column="name",
        increments_column="billing",
        header_row=2,
        codes=CodeCells(separators=";", hyphen=CodeCells.HYPHEN_RANGE),
        status_column="change",
        withdrawn_statuses=["Closed"],
    )
    sheet = (
        "Acme\ncodes,name,price,billing,change\n316; 318-319,Mobile,0.12,60/1,\n32,B,1,1,Closed\n"
    )
    imported = await desk.import_deck(sheet, mapping=mapping)
    assert (imported.received_count, imported.accepted_count) == (4, 3)
    assert [row.reason for row in imported.rejected_rows] == ["WITHDRAWN"]
    request = messages.ListRatesRequest(rate_deck_version_id=imported.version.rate_deck_version_id)
    rates = (await desk.api.ListRates(request, None)).rates
    assert [each.prefix for each in rates] == ["316", "318", "319"]
    assert {(each.first_increment, each.next_increment) for each in rates} == {(60, 1)}


async def test_a_mapping_of_which_nothing_can_be_made_is_refused(desk: Desk) -> None:
    """With the field, before any row is read."""
    mapping = RateDeckMapping(prefix_column="a", price_column="b", codes=CodeCells(separators="-"))
    with pytest.raises(DomainError, match="INVALID_MAPPING") as refused:
        await desk.import_deck(mapping=mapping)
    assert "mapping.codes" in refused.value.message
