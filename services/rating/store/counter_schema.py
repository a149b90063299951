"""The tables of what accounts have included and used up, and of margins."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from chassis.database.columns import Key16, UtcTime
from services.rating.store.schema import metadata

# How far bundles and volume tiers are used up in a period: changed in the transaction of the
# charge, in the order of settlement.
usage_counter = Table(
    "usage_counter",
    metadata,
    Column("tenant_id", Text, nullable=False),
    # The account whose usage is counted; the payer where accounts share the counter.
    Column("owner_account_id", Text, nullable=False),
    # The plan that has the terms, or the bundle that was granted by itself.
    Column("source_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("period_start", UtcTime, nullable=False),
    Column("period_end", UtcTime, nullable=False),
    # Base units or micros that a bundle holds; 0 for volume tiers.
    Column("granted", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    # Micros charged for what was counted, for volume tiers.
    Column("spent_micros", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "owner_account_id", "source_id", "code", "period_start"),
)

# Bundles that an account has besides those of its plan.
bundle_grant = Table(
    "bundle_grant",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("grant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    # JSON of the allowance.
    Column("allowance", Text, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    Column("end_time", UtcTime, nullable=False),
    Column("change_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "grant_id"),
    Index("bundle_grant_by_account", "tenant_id", "account_id"),
)

# What a party pays less what the next one up is paid for the same call, in one currency.
charge_margin = Table(
    "charge_margin",
    metadata,
    Column("charge_id", Key16, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("revenue_micros", BigInteger, nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
)
