"""The tables that the chassis keeps in every service's database."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from chassis.database.columns import UtcTime

chassis_metadata = MetaData()

# The event log: every event that this service has published, in order, kept for 35 days.
outbox_table = Table(
    "outbox",
    chassis_metadata,
    Column("partition", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("commit_time", UtcTime, nullable=False),
    Column("traceparent", Text, nullable=False),
    PrimaryKeyConstraint("partition", "sequence"),
    Index("outbox_by_commit_time", "commit_time"),
    Index("outbox_by_type", "event_type", "partition", "sequence"),
)

# The head of each partition. Its row lock makes sequence order the order of commits.
outbox_head_table = Table(
    "outbox_head",
    chassis_metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("published_sequence", BigInteger, nullable=False),
)

# Every event applied here, so that a second delivery has no second effect.
inbox_table = Table(
    "inbox",
    chassis_metadata,
    Column("producer", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    # Digest of the body: the same id with another body is a restored producer, not a repetition.
    Column("body_digest", LargeBinary(16), nullable=False),
    Column("apply_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("producer", "partition", "sequence"),
    Index("inbox_by_apply_time", "apply_time"),
)

# How far this service has come in each producer's log, for reconciliation.
inbox_position_table = Table(
    "inbox_position",
    chassis_metadata,
    Column("producer", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("producer", "event_type", "partition"),
)

# The place in each partition's stream up to which events are dealt with. It commits with their
# effect, so order holds across every crash: the broker's own memory of deliveries is not needed.
stream_position_table = Table(
    "stream_position",
    chassis_metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    # Tells a stream from one that was deleted and made again.
    Column("stream_create_time", UtcTime, nullable=False),
    Column("stream_sequence", BigInteger, nullable=False),
)

# Every mutating request answered, so that a repetition gets the first answer.
request_table = Table(
    "request",
    chassis_metadata,
    Column("tenant_id", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("input_hash", LargeBinary(32), nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    PrimaryKeyConstraint("tenant_id", "method", "request_id"),
    Index("request_by_create_time", "create_time"),
)

# Who does what a single replica should do: relay and consume a partition.
lease_table = Table(
    "lease",
    chassis_metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    # Grows with every change of holder; work under an old token is refused.
    Column("token", BigInteger, nullable=False),
    Column("expire_time", UtcTime, nullable=False),
)
