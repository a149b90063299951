"""What holds for all rating of a tenant."""

from sqlalchemy import Connection, select

from chassis.database.insert import upsert
from services.rating.store.tariff_schema import rating_profile


def base_currency_of(connection: Connection, tenant_id: str) -> str:
    """The currency in which margins are counted; empty when each is in that of its charge."""
    query = select(rating_profile.c.base_currency).where(rating_profile.c.tenant_id == tenant_id)
    return connection.execute(query).scalar_one_or_none() or ""


def set_base_currency(connection: Connection, tenant_id: str, currency: str) -> None:
    """Store the currency in which margins are counted."""
    upsert(connection, rating_profile, {"tenant_id": tenant_id, "base_currency": currency})
