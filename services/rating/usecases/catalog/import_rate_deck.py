"""Importing a carrier's rate sheet as a new draft version of a deck."""

import hashlib
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.ids import new_uuid
from kernel.money import minor_unit_decimals
from services.rating.domain.decks.deck_compiler import compile_deck, deck_digest
from services.rating.domain.decks.rate_columns import RateColumns
from services.rating.domain.errors import currency_mismatch, precondition
from services.rating.domain.naming import check_code
from services.rating.domain.usage import Service
from services.rating.store.decks import (
    StoredDeck,
    StoredVersion,
    deck_by_code,
    insert_deck_if_new,
    insert_version,
    next_version,
)
from services.rating.store.snapshots import compress_snapshot, insert_snapshot


class DeckHeader(NamedTuple):
    """Which deck a sheet is for."""

    code: str
    currency: str
    service: Service


class CompiledDeck(NamedTuple):
    """The rates of a sheet, ready to be stored."""

    rate_count: int
    digest: str
    snapshot_digest: str
    snapshot_chunks: list[bytes]


class ImportedDeck(NamedTuple):
    """The deck and its new draft; no draft when every row was rejected."""

    deck: StoredDeck
    version: StoredVersion | None


def compile_rates(rates: RateColumns) -> CompiledDeck:
    """Compile the rates of a sheet, before any transaction begins: it takes its time."""
    snapshot = compile_deck(rates)
    return CompiledDeck(
        rate_count=len(rates),
        digest=deck_digest(snapshot),
        snapshot_digest=hashlib.sha256(snapshot).hexdigest(),
        snapshot_chunks=compress_snapshot(snapshot),
    )


def import_rate_deck(
    uow: UnitOfWork, tenant_id: str, header: DeckHeader, compiled: CompiledDeck
) -> ImportedDeck:
    """Store the rates of a sheet; make the deck if its code is new.

    Raises:
        DomainError: CURRENCY_MISMATCH, SERVICE_MISMATCH, UNKNOWN_CURRENCY, INVALID_CODE.
    """
    deck = _deck(uow, tenant_id, header)
    if not compiled.rate_count:
        return ImportedDeck(deck, None)
    number = next_version(uow.connection, tenant_id, deck.rate_deck_id)
    version = StoredVersion(
        rate_deck_version_id=new_uuid(),
        rate_deck_id=deck.rate_deck_id,
        version=number,
        effective_time=None,
        rate_count=compiled.rate_count,
        digest=compiled.digest,
        snapshot_digest=compiled.snapshot_digest,
        create_time=uow.now,
    )
    insert_version(uow.connection, tenant_id, version)
    chunks = compiled.snapshot_chunks
    insert_snapshot(uow.connection, tenant_id, version.rate_deck_version_id, chunks)
    return ImportedDeck(deck._replace(latest_version=number), version)


def _deck(uow: UnitOfWork, tenant_id: str, header: DeckHeader) -> StoredDeck:
    """The deck of a code, also when another import makes it at the same time."""
    check_code("header.rate_deck_code", header.code)
    minor_unit_decimals(header.currency)
    new = StoredDeck(
        new_uuid(), header.code, header.code, header.currency, header.service, 0, uow.now
    )
    known = deck_by_code(uow.connection, tenant_id, header.code)
    if known is None:
        insert_deck_if_new(uow.connection, tenant_id, new)
        known = deck_by_code(uow.connection, tenant_id, header.code)
    assert known is not None, "decks are never deleted"
    _check_same(known, header)
    return known


def _check_same(known: StoredDeck, header: DeckHeader) -> None:
    what = f"deck {known.code!r}"
    if known.currency != header.currency:
        raise currency_mismatch(what, expected=known.currency, found=header.currency)
    if known.service != header.service:
        expected = Service(known.service).name
        raise precondition(
            "SERVICE_MISMATCH",
            f"{what} is for {expected}, the sheet for {header.service.name}; "
            "import it under a code of its own",
            expected=expected,
            found=header.service.name,
        )
