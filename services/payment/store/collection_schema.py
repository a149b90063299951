"""The tables of collections: instruments, top-up policies, and each time money was asked for."""

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Date,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

from chassis.database.columns import UtcTime
from services.payment.domain.collections.collection import CollectionPurpose
from services.payment.domain.collections.gateway import SettlementState
from services.payment.store.schema import metadata

# What money may be taken from; references of the gateway only.
payment_instrument_table = Table(
    "payment_instrument",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("instrument_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("customer_reference", Text, nullable=False),
    Column("method_reference", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("label", Text, nullable=False),
    Column("expire_month", Date),
    Column("create_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "instrument_id"),
    UniqueConstraint(
        *("tenant_id", "account_id", "gateway", "method_reference"),
        name="payment_instrument_of_account",
    ),
    Index("payment_instrument_by_time", "tenant_id", "create_time", "instrument_id"),
    Index(
        "payment_instrument_by_account", "tenant_id", "account_id", "create_time", "instrument_id"
    ),
)

# How accounts top themselves up. Changed in the turn of the account's partition.
top_up_policy_table = Table(
    "top_up_policy",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("instrument_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("threshold_micros", BigInteger, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("daily_limit_micros", BigInteger),
    Column("monthly_limit_micros", BigInteger),
    Column("decline_count", Integer, nullable=False),
    # Empty while it is active.
    Column("suspend_reason", Text, nullable=False),
    Column("next_time", UtcTime),
    PrimaryKeyConstraint("tenant_id", "account_id"),
    Index("top_up_policy_by_instrument", "tenant_id", "instrument_id"),
    Index(
        "top_up_policy_by_next_time",
        *("next_time", "tenant_id", "account_id"),
        sqlite_where=text("next_time IS NOT NULL"),
        postgresql_where=text("next_time IS NOT NULL"),
    ),
)

# Written out wherever they are asked for: with parameters the indexes on them would not be used.
PENDING: ColumnElement[int] = literal_column(f"{SettlementState.PENDING:d}")
TOP_UP: ColumnElement[int] = literal_column(f"{CollectionPurpose.TOP_UP:d}")

_PENDING = text(f"state = {PENDING}")
_PENDING_TOP_UP = text(f"{_PENDING} AND purpose = {TOP_UP}")

# Each time that money was asked for; kept like the payments that were made of it. Inserted and
# ended in the turn of the account's partition.
collection_table = Table(
    "collection",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("collection_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    # The instrument, which may have been detached since, and what is needed of it then.
    Column("instrument_id", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("purpose", SmallInteger, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    # Empty until the gateway has told it, then never changed.
    Column("reference", Text, nullable=False),
    Column("attempt_count", Integer, nullable=False),
    Column("failure_code", Text, nullable=False),
    Column("received_micros", BigInteger),
    Column("create_time", UtcTime, nullable=False),
    # Null once it has ended.
    Column("next_attempt_time", UtcTime),
    Column("end_time", UtcTime),
    PrimaryKeyConstraint("tenant_id", "collection_id"),
    Index("collection_by_time", "tenant_id", "create_time", "collection_id"),
    Index("collection_by_account", "tenant_id", "account_id", "create_time", "collection_id"),
    Index(
        "collection_pending",
        "next_attempt_time",
        "collection_id",
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    ),
    # An account has one top-up at a time, whatever is wrong with those who ask for it.
    Index(
        "collection_pending_top_up",
        "tenant_id",
        "account_id",
        unique=True,
        sqlite_where=_PENDING_TOP_UP,
        postgresql_where=_PENDING_TOP_UP,
    ),
)
