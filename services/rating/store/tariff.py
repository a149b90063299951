"""The tariff of a tenant: all that was published in it, without the rows of the decks."""

from sqlalchemy import Connection

from services.rating.domain.tariffs.exchange import ExchangeRates
from services.rating.domain.tariffs.tariff import DeckVersion, Tariff
from services.rating.domain.usage import Service
from services.rating.store.calendars import read_calendars
from services.rating.store.decks import decks_of, published_versions
from services.rating.store.exchange_rates import count_rates, read_exchange_rates
from services.rating.store.numbering_areas import read_numbering_areas
from services.rating.store.plans import all_plans, all_revisions
from services.rating.store.rating_profiles import base_currency_of
from services.rating.store.suppliers import read_suppliers


def read_tariff(connection: Connection, tenant_id: str, earlier: Tariff | None = None) -> Tariff:
    """What calls of a tenant are priced with, as this transaction sees it.

    Exchange rates may be many: they are taken from an earlier tariff if none was added since.
    """
    return Tariff(
        all_plans(connection, tenant_id),
        all_revisions(connection, tenant_id),
        _deck_versions(connection, tenant_id),
        read_calendars(connection, tenant_id),
        _exchange_rates(connection, tenant_id, earlier),
        suppliers=read_suppliers(connection, tenant_id),
        numbering=read_numbering_areas(connection, tenant_id),
        base_currency=base_currency_of(connection, tenant_id),
    )


def _exchange_rates(
    connection: Connection, tenant_id: str, earlier: Tariff | None
) -> ExchangeRates:
    if earlier is not None and len(earlier.exchange) == count_rates(connection, tenant_id):
        return earlier.exchange
    return ExchangeRates(read_exchange_rates(connection, tenant_id))


def _deck_versions(connection: Connection, tenant_id: str) -> list[DeckVersion]:
    published = published_versions(connection, tenant_id)
    decks = decks_of(connection, tenant_id, sorted({each.rate_deck_id for each in published}))
    return [
        DeckVersion(
            version.rate_deck_version_id,
            version.rate_deck_id,
            version.effective_time,
            Service(decks[version.rate_deck_id].service),
            decks[version.rate_deck_id].currency,
        )
        for version in published
        if version.effective_time is not None
    ]
