"""Decks to the messages of the contract, and from them how a sheet is read."""

from typing import Any

from chassis.grpc.convert import (
    nanos_to_decimal,
    time_to_proto,
)
from kernel.money import NANOS_PER_MICRO
from services.rating.domain.decks.deck_mapping import (
    CodeCells,
    CodeHyphen,
    DeckMapping,
    DestinationsMapping,
)
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.usage import Service
from services.rating.store.decks import StoredDeck, StoredVersion
from tollbook.rating.v1 import rate_deck_pb2, service_pb2


def deck_to_proto(deck: StoredDeck) -> rate_deck_pb2.RateDeck:
    """A deck."""
    return rate_deck_pb2.RateDeck(
        rate_deck_id=deck.rate_deck_id,
        code=deck.code,
        currency_code=deck.currency,
        latest_version=deck.latest_version,
        create_time=time_to_proto(deck.create_time),
        service=service_pb2.Service.ValueType(deck.service),
        display_name=deck.display_name,
    )


def version_to_proto(version: StoredVersion) -> rate_deck_pb2.RateDeckVersion:
    """A version of a deck."""
    states = rate_deck_pb2.RateDeckVersion
    return rate_deck_pb2.RateDeckVersion(
        rate_deck_version_id=version.rate_deck_version_id,
        rate_deck_id=version.rate_deck_id,
        version=version.version,
        state=states.STATE_PUBLISHED if version.effective_time else states.STATE_DRAFT,
        effective_time=time_to_proto(version.effective_time),
        rate_count=version.rate_count,
        digest=version.digest,
        create_time=time_to_proto(version.create_time),
    )


def rate_to_proto(rate: Rate) -> rate_deck_pb2.Rate:
    """A row of a deck."""
    return rate_deck_pb2.Rate(
        prefix=rate.prefix,
        destination=rate.destination,
        price=nanos_to_decimal(rate.price_nanos),
        connect_fee=nanos_to_decimal(rate.connect_fee_micros * NANOS_PER_MICRO),
        first_increment=rate.first_increment,
        next_increment=rate.next_increment,
        minimum=rate.minimum,
        grace_seconds=rate.grace_seconds,
        row_number=rate.row_number,
    )


def mapping_from_proto(message: rate_deck_pb2.RateDeckMapping, service: Service) -> DeckMapping:
    """How a file of a service is read; what is not set has its default."""
    given: dict[str, Any] = {
        field.name: value
        for field, value in message.ListFields()
        if field.name not in {"destinations", "codes"}
    }
    mapping = {"prefix_column": "", "price_column": "", "service": service, **given}
    if message.HasField("destinations"):
        mapping["destinations"] = _destinations(message.destinations)
    if message.HasField("codes"):
        mapping["codes"] = _code_cells(message.codes)
    return DeckMapping(**mapping)


def _destinations(message: rate_deck_pb2.DestinationsMapping) -> DestinationsMapping:
    return DestinationsMapping(
        prefix_column=message.prefix_column,
        name_column=message.name_column,
        increment_column=message.increment_column,
        minimum_column=message.minimum_column,
    )


def _code_cells(message: rate_deck_pb2.CodeCells) -> CodeCells:
    return CodeCells(
        country_code_column=message.country_code_column,
        separators=message.separators,
        spaces_group_digits=message.spaces_group_digits,
        hyphen=CodeHyphen(message.hyphen),
    )
