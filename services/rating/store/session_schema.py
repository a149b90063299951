"""The table of charging sessions."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

from chassis.database.columns import UtcTime
from services.rating.store.schema import metadata

# One call each, from its authorisation to its end; kept for a while after it, for its call record.
charging_session = Table(
    "charging_session",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("session_id", Text, nullable=False),
    # Counts its changes, by which a copy in memory is known to be the newest.
    Column("version", BigInteger, nullable=False),
    # SessionState.
    Column("state", SmallInteger, nullable=False),
    # Who calls; empty where nobody knows.
    Column("account_id", Text, nullable=False),
    Column("call_key_kind", SmallInteger, nullable=False),
    Column("call_key", Text, nullable=False),
    Column("leg", Text, nullable=False),
    # Line and numbers go when the call has ended.
    Column("line", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("callee", Text, nullable=False),
    Column("callee_kind", SmallInteger, nullable=False),
    Column("trunk", Text, nullable=False),
    Column("egress_trunk", Text, nullable=False),
    Column("routing_number", Text, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    # Null until it is known when the call was answered.
    Column("begin_time", UtcTime),
    # When it ends by itself; once it has ended, when it did.
    Column("expire_time", UtcTime, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("granted_seconds", Integer, nullable=False),
    Column("used_seconds", Integer, nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
    Column("price_per_minute_nanos", BigInteger, nullable=False),
    # JSON: who pays and what is held of whom, level by level.
    Column("levels", Text, nullable=False),
    # JSON: what the request in work wants of payment; empty when none is.
    Column("intent", Text, nullable=False),
    # JSON: what was taken of bundles beforehand; empty for nothing.
    Column("reserved", Text, nullable=False),
    # JSON: the newest answer; empty before the first.
    Column("answer", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # Why somebody asked to end it; empty: nobody did.
    Column("hang_up_reason", Text, nullable=False),
    # Of the customer, as hexadecimal, once it is settled.
    Column("charge_id", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "session_id"),
    Index("charging_session_by_call", "tenant_id", "call_key"),
    Index("charging_session_by_start", "tenant_id", "start_time"),
    # What is to be repaired, to end by itself, or to be forgotten.
    Index("charging_session_by_expiry", "state", "expire_time"),
    # Calls that somebody asked to end: few, and for a short time.
    Index(
        "charging_session_hang_up",
        "tenant_id",
        "session_id",
        postgresql_where=text("state <= 2 AND hang_up_reason <> ''"),
        sqlite_where=text("state <= 2 AND hang_up_reason <> ''"),
    ),
    Index(
        "charging_session_live",
        "tenant_id",
        "start_time",
        "session_id",
        postgresql_where=text("state <= 2"),
        sqlite_where=text("state <= 2"),
    ),
)
