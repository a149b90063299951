"""Changing what people read of a deck."""

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.errors import not_found
from services.rating.domain.naming import check_display_name
from services.rating.store.decks import StoredDeck, decks_of, set_display_name


def rename_rate_deck(
    uow: UnitOfWork, tenant_id: str, rate_deck_id: str, display_name: str
) -> StoredDeck:
    """Give a deck another name; its prices stay as they are.

    Raises:
        DomainError: RATE_DECK_NOT_FOUND, INVALID_NAME.
    """
    check_display_name("rate_deck.display_name", display_name)
    decks = decks_of(uow.connection, tenant_id, [rate_deck_id])
    if rate_deck_id not in decks:
        raise not_found("RATE_DECK", rate_deck_id)
    set_display_name(uow.connection, tenant_id, rate_deck_id, display_name)
    return decks[rate_deck_id]._replace(display_name=display_name)
