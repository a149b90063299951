"""Giving an account decks of its own."""

from collections.abc import Iterator, Mapping, Sequence

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import from_micros
from services.rating.domain.account import DeckOverride
from services.rating.domain.errors import (
    UNKNOWN_ACCOUNT,
    invalid_field,
    no_exchange_rate,
    unrated,
)
from services.rating.store.account_changes import note_account_change
from services.rating.store.account_decks import AccountDecks, set_account_decks
from services.rating.store.accounts import accounts_of, subscriptions_of
from services.rating.store.decks import StoredDeck
from services.rating.store.exchange_rates import has_rate_at
from services.rating.store.plans import plan_of
from services.rating.store.retries import ask_retry
from services.rating.usecases.catalog.known_decks import known_decks

ACCOUNT_DECKS_MAX = 64


def replace_account_decks(
    uow: UnitOfWork, tenant_id: str, account_id: str, overrides: Sequence[DeckOverride]
) -> AccountDecks:
    """Store an account's decks in place of those it had; calls without a price are tried again.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, RATE_DECK_NOT_FOUND, NO_EXCHANGE_RATE, INVALID_PERIOD,
            INVALID_ACCOUNT_DECKS.
    """
    # First of all: two that set the same account's decks do so one after the other.
    note_account_change(uow, tenant_id, account_id)
    if account_id not in accounts_of(uow.connection, tenant_id, [account_id]):
        raise unrated(UNKNOWN_ACCOUNT, account_id=account_id)
    _check_overrides(overrides)
    _check_decks(uow, tenant_id, account_id, overrides)
    decks = AccountDecks(account_id, tuple(overrides), uow.now if overrides else None)
    set_account_decks(uow.connection, tenant_id, decks)
    ask_retry(uow.connection, tenant_id, account_id)
    return decks


def _check_overrides(overrides: Sequence[DeckOverride]) -> None:
    if len(overrides) > ACCOUNT_DECKS_MAX:
        problem = f"{len(overrides)} are too many; give at most {ACCOUNT_DECKS_MAX}"
        raise invalid_field("INVALID_ACCOUNT_DECKS", "overrides", problem)
    for place, each in enumerate(overrides):
        if each.end_micros is not None and each.end_micros <= each.start_micros:
            end, start = from_micros(each.end_micros), from_micros(each.start_micros)
            problem = f"it ends at {end.isoformat()}, not after its start {start.isoformat()}"
            raise invalid_field("INVALID_PERIOD", f"overrides[{place}].validity", problem)


def _check_decks(
    uow: UnitOfWork, tenant_id: str, account_id: str, overrides: Sequence[DeckOverride]
) -> None:
    decks = known_decks(uow, tenant_id, {each.rate_deck_id for each in overrides})
    for deck, currency, instant in set(_exchanges(uow, tenant_id, account_id, overrides, decks)):
        moment = from_micros(instant)
        if not has_rate_at(uow.connection, tenant_id, deck.currency, currency, moment):
            what = f"deck {deck.code!r}"
            raise no_exchange_rate(what, deck.currency, currency, moment.isoformat())


def _exchanges(
    uow: UnitOfWork,
    tenant_id: str,
    account_id: str,
    overrides: Sequence[DeckOverride],
    decks: Mapping[str, StoredDeck],
) -> Iterator[tuple[StoredDeck, str, int]]:
    """Each deck with the currency of a plan that it is asked for, and the first such instant."""
    subscriptions = subscriptions_of(uow.connection, tenant_id, [account_id])
    for subscription in subscriptions.get(account_id, ()):
        plan = plan_of(uow.connection, tenant_id, subscription.plan_id)
        for each in overrides if plan is not None else ():
            first = max(each.start_micros, subscription.start_micros)
            ends = [end for end in (each.end_micros, subscription.end_micros) if end is not None]
            if plan is not None and all(first < end for end in ends):
                yield decks[each.rate_deck_id], plan.currency, first
