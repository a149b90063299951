"""The tables around charging sessions: policies, limits, return codes, lines, outages."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)

from chassis.database.columns import UtcTime
from services.rating.store.schema import metadata

charging_policy = Table(
    "charging_policy",
    metadata,
    Column("tenant_id", Text, nullable=False),
    # Empty: of every account of the tenant without a policy of its own.
    Column("account_id", Text, nullable=False),
    Column("open_seconds", Integer, nullable=False),
    Column("extend_seconds", Integer, nullable=False),
    Column("ask_again_lead_seconds", Integer, nullable=False),
    Column("validity_seconds", Integer, nullable=False),
    Column("grace_seconds", Integer, nullable=False),
    Column("when_exhausted", SmallInteger, nullable=False),
    Column("outage_rule", SmallInteger, nullable=False),
    Column("outage_seconds", Integer, nullable=False),
    Column("update_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "account_id"),
)

call_limit = Table(
    "call_limit",
    metadata,
    Column("tenant_id", Text, nullable=False),
    # LimitScope.
    Column("scope", SmallInteger, nullable=False),
    # Empty: of every one of its kind without a limit of its own.
    Column("scope_id", Text, nullable=False),
    # Null: as many as come.
    Column("concurrent_calls_max", Integer),
    Column("calls_per_second_max", Integer),
    Column("update_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "scope", "scope_id"),
)

# The calls that count against a limit, one row for each limited account, line or trunk of a call.
counted_call = Table(
    "counted_call",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("scope", SmallInteger, nullable=False),
    Column("scope_id", Text, nullable=False),
    Column("session_id", Text, nullable=False),
    Column("open_time", UtcTime, nullable=False),
    # Null while the call goes on; ended calls count for a second.
    Column("end_time", UtcTime),
    PrimaryKeyConstraint("tenant_id", "scope", "scope_id", "session_id"),
    Index("counted_call_by_session", "tenant_id", "session_id"),
)

# What equipment is told instead of the standard table.
return_code = Table(
    "return_code",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("equipment", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("sip", SmallInteger, nullable=False),
    Column("sip_phrase", Text, nullable=False),
    Column("q850", SmallInteger, nullable=False),
    Column("h323", Integer, nullable=False),
    Column("update_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "equipment", "reason"),
)

# Whose lines are, as invoice last told it.
line = Table(
    "line",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("line_id", Text, nullable=False),
    # LineKind.
    Column("kind", SmallInteger, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("payer_account_id", Text, nullable=False),
    # Null: from or for ever.
    Column("start_time", UtcTime),
    Column("end_time", UtcTime),
    Column("change_time", UtcTime, nullable=False),
    # When it was stored here: replicas ask what is new by it.
    Column("store_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "line_id"),
    Index("line_by_identifier", "tenant_id", "identifier"),
    Index("line_by_store_time", "store_time"),
)

# What was answered while payment or the database did not; never changed, forgotten like sessions.
offline_answer = Table(
    "offline_answer",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("session_id", Text, nullable=False),
    # Of the request; CLOSE_SEQUENCE for a close.
    Column("sequence", BigInteger, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("verdict", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("granted_seconds", Integer, nullable=False),
    Column("answer_time", UtcTime, nullable=False),
    Column("store_time", UtcTime, nullable=False),
    # Switches give the ids of sessions that are over to other calls.
    PrimaryKeyConstraint("tenant_id", "session_id", "sequence", "answer_time"),
    Index("offline_answer_by_time", "tenant_id", "answer_time"),
    Index("offline_answer_by_age", "answer_time"),
)
