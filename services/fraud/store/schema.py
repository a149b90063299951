"""The tables of fraud: rules, the windows being watched, alerts, blocks."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)

from chassis.database.columns import UtcTime

metadata = MetaData()

fraud_rule_table = Table(
    "fraud_rule",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("fraud_rule_id", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("window_minutes", Integer, nullable=False),
    # Null where the kind has no use for an amount.
    Column("limit_currency", Text),
    Column("limit_micros", BigInteger),
    Column("count_limit", BigInteger, nullable=False),
    Column("action", SmallInteger, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "fraud_rule_id"),
)

# Every account seen; its row lock puts whatever happens to the account in one order.
watched_account_table = Table(
    "watched_account",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    # Calls that started up to here count no more; null when the account was never unblocked.
    Column("pardon_time", UtcTime),
    PrimaryKeyConstraint("tenant_id", "account_id"),
)

# What an account did for a rule in one step (a twelfth of the rule's window) of the calls' time.
window_step_table = Table(
    "window_step",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("fraud_rule_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    # Counts steps since 1970-01-01 UTC.
    Column("step", BigInteger, nullable=False),
    Column("call_count", BigInteger, nullable=False),
    Column("spent_micros", BigInteger, nullable=False),
    # The first charges of the step, 16 bytes each.
    Column("charge_ids", LargeBinary, nullable=False),
    # Microseconds UTC, as batches have them: these are added up by the thousand.
    Column("first_call_micros", BigInteger, nullable=False),
    Column("last_call_micros", BigInteger, nullable=False),
    # Steps that nothing was added to for long are dropped.
    Column("update_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "account_id", "fraud_rule_id", "step"),
    Index("window_step_by_update_time", "update_time"),
)

alert_table = Table(
    "alert",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("alert_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("fraud_rule_id", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("raise_time", UtcTime, nullable=False),
    Column("message", Text, nullable=False),
    Column("charge_ids", LargeBinary, nullable=False),
    Column("call_count", BigInteger, nullable=False),
    Column("spent_micros", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    # Of the fullest window.
    Column("first_call_micros", BigInteger, nullable=False),
    Column("last_call_micros", BigInteger, nullable=False),
    # Of all broken windows.
    Column("episode_start_micros", BigInteger, nullable=False),
    Column("episode_end_micros", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "alert_id"),
    Index("alert_by_account", "tenant_id", "account_id", "alert_id"),
)

block_table = Table(
    "block",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("block_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "account_id"),
)
