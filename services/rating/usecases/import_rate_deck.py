"""Importing a carrier's rate sheet as a new draft version of a deck."""

from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.ids import new_uuid
from kernel.money import minor_unit_decimals
from services.rating.domain.deck_import import ParsedDeck
from services.rating.domain.errors import currency_mismatch
from services.rating.domain.naming import check_code
from services.rating.domain.rate_deck import deck_digest
from services.rating.store.decks import (
    StoredDeck,
    StoredVersion,
    deck_by_code,
    insert_deck_if_new,
    insert_version,
    next_version,
)


class ImportedDeck(NamedTuple):
    """The deck and its new draft; no draft when every row was rejected."""

    deck: StoredDeck
    version: StoredVersion | None


def import_rate_deck(
    uow: UnitOfWork, tenant_id: str, code: str, currency: str, parsed: ParsedDeck
) -> ImportedDeck:
    """Store the rates of a sheet; make the deck if its code is new.

    Raises:
        DomainError: CURRENCY_MISMATCH, UNKNOWN_CURRENCY, INVALID_CODE.
    """
    check_code("header.rate_deck_code", code)
    minor_unit_decimals(currency)
    deck = _deck(uow, tenant_id, code, currency)
    if deck.currency != currency:
        raise currency_mismatch(f"deck {code!r}", expected=deck.currency, found=currency)
    if not parsed.rates:
        return ImportedDeck(deck, None)
    number = next_version(uow.connection, tenant_id, deck.rate_deck_id)
    version = StoredVersion(
        rate_deck_version_id=new_uuid(),
        rate_deck_id=deck.rate_deck_id,
        version=number,
        effective_time=None,
        rate_count=len(parsed.rates),
        digest=deck_digest(parsed.rates),
        create_time=uow.now,
    )
    insert_version(uow.connection, tenant_id, version, parsed.rates)
    return ImportedDeck(deck._replace(latest_version=number), version)


def _deck(uow: UnitOfWork, tenant_id: str, code: str, currency: str) -> StoredDeck:
    """The deck of a code, also when another import makes it at the same time."""
    new = StoredDeck(new_uuid(), code, currency, 0, uow.now)
    known = deck_by_code(uow.connection, tenant_id, code)
    if known is None:
        insert_deck_if_new(uow.connection, tenant_id, new)
        known = deck_by_code(uow.connection, tenant_id, code)
    assert known is not None, "decks are never deleted"
    return known
