"""The tables of suppliers and of area codes: where calls go."""

from sqlalchemy import (
    Column,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from chassis.database.columns import UtcTime
from services.rating.store.schema import metadata

supplier = Table(
    "supplier",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("supplier_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("latest_revision", Integer, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "supplier_id"),
    UniqueConstraint("tenant_id", "code", name="supplier_code"),
)

# Append-only: how a supplier was from a time on.
supplier_revision = Table(
    "supplier_revision",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("supplier_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("effective_time", UtcTime, nullable=False),
    Column("display_name", Text, nullable=False),
    # JSON list, in the order in which the decks are asked.
    Column("rate_deck_ids", Text, nullable=False),
    Column("quality", SmallInteger, nullable=False),
    Column("weight", SmallInteger, nullable=False),
    # JSON list.
    Column("trunks", Text, nullable=False),
    Column("enabled", SmallInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "supplier_id", "revision"),
)

# A tenant's own area codes and exchanges of the United States; replaced as a whole.
numbering_area = Table(
    "numbering_area",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("state", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "prefix"),
)
