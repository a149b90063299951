"""The tables of what prices depend on besides decks and plans."""

from sqlalchemy import (
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from chassis.database.columns import UtcTime
from services.rating.store.schema import metadata

calendar = Table(
    "calendar",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("calendar_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    # The newest one.
    Column("revision", Integer, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "calendar_id"),
    UniqueConstraint("tenant_id", "code", name="calendar_code"),
)

calendar_revision = Table(
    "calendar_revision",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("calendar_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    # JSON list of dates, in order.
    Column("dates", Text, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "calendar_id", "revision"),
)

# Append-only.
exchange_rate = Table(
    "exchange_rate",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("from_currency", Text, nullable=False),
    Column("to_currency", Text, nullable=False),
    Column("effective_time", UtcTime, nullable=False),
    # The exact decimal.
    Column("rate", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "from_currency", "to_currency", "effective_time"),
)

# The decks that accounts have of their own, in the order in which they are asked.
account_deck = Table(
    "account_deck",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("place", SmallInteger, nullable=False),
    Column("rate_deck_id", Text, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    Column("end_time", UtcTime),
    Column("update_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "account_id", "place"),
    Index("account_deck_by_deck", "tenant_id", "rate_deck_id", "account_id"),
)

rating_profile = Table(
    "rating_profile",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    # Empty: each margin is in the currency of its charge.
    Column("base_currency", Text, nullable=False),
)
