"""The tables of funds: what accounts may spend, holds, executed transfers and captured charges."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)

from chassis.database.columns import Key16, UtcTime
from services.payment.domain.ledger.entries import POSTING_MAX_MICROS
from services.payment.store.schema import metadata

# A row for each account. Whoever changes its holds locks it first, in the order of accounts; who
# posts as well has taken the turn of the partition before.
funds_table = Table(
    "funds",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    # The sum of its open holds.
    Column("held_micros", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "account_id"),
    CheckConstraint(f"held_micros BETWEEN 0 AND {POSTING_MAX_MICROS}", name="funds_held_fits"),
)

# What was laid down for an account, if anything was; null where nothing was. Changed in the turn of
# its partition.
funds_policy_table = Table(
    "funds_policy",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("credit_limit_micros", BigInteger),
    Column("daily_cap_micros", BigInteger),
    Column("monthly_cap_micros", BigInteger),
    # JSON lists of micros: all thresholds, and those that were reported as reached.
    Column("thresholds", Text, nullable=False),
    Column("low_thresholds", Text, nullable=False),
    # Counted while there are caps.
    Column("spend_day", Integer, nullable=False),
    Column("spend_day_micros", BigInteger, nullable=False),
    Column("spend_month", Integer, nullable=False),
    Column("spend_month_micros", BigInteger, nullable=False),
    # The top-up policy is looked at when no more than this is left; null: there is none, or it is
    # suspended.
    Column("top_up_below_micros", BigInteger),
    PrimaryKeyConstraint("tenant_id", "account_id"),
)

# Holds, ended ones included until they are purged.
hold_table = Table(
    "hold",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("hold_id", Key16, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("held_micros", BigInteger, nullable=False),
    Column("captured_micros", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    Column("expire_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "hold_id"),
    Index("hold_by_expiry", "state", "expire_time"),
    Index("hold_by_account", "tenant_id", "account_id", "state", "create_time", "hold_id"),
)

# Every step executed, so that a repetition gets the first result.
transfer_table = Table(
    "transfer",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("fingerprint", LargeBinary(32), nullable=False),
    # JSON.
    Column("result", Text, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "request_id"),
    Index("transfer_by_create_time", "create_time"),
)

# The charge revisions that were posted through a hold; kept like the journal.
captured_charge_table = Table(
    "captured_charge",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("charge_id", Key16, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("hold_id", Key16, nullable=False),
    # What the account itself paid of it, beside promotional credit.
    Column("own_micros", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "charge_id", "revision"),
)

# What promotions have paid of charge revisions, with a hold or without; what was given back is
# negative.
promotion_payment_table = Table(
    "promotion_payment",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("charge_id", Key16, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("promotion_id", Text, nullable=False),
    Column("micros", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "charge_id", "revision", "promotion_id"),
)
