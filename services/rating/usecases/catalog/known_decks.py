"""Looking up decks that a request names."""

from collections.abc import Collection

from chassis.database.unit_of_work import UnitOfWork
from kernel.ids import is_uuid
from services.rating.domain.errors import not_found
from services.rating.store.decks import StoredDeck, decks_of


def known_decks(
    uow: UnitOfWork, tenant_id: str, rate_deck_ids: Collection[str]
) -> dict[str, StoredDeck]:
    """The decks by their ids, each of which there must be: RATE_DECK_NOT_FOUND."""
    # Items of lists come as they were sent: not every text can be asked of a database.
    decks = decks_of(uow.connection, tenant_id, sorted(filter(is_uuid, rate_deck_ids)))
    unknown = set(rate_deck_ids) - decks.keys()
    if unknown:
        raise not_found("RATE_DECK", min(unknown))
    return decks
