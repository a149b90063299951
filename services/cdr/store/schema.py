"""The tables of cdr. The large one, `call`, is keyed by 16-byte keys in the order of time."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from chassis.database.columns import Key16, UtcTime

metadata = MetaData()

source_table = Table(
    "source",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("format", SmallInteger, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("country_code", Text, nullable=False),
    Column("national_prefix", Text, nullable=False),
    # Lists of digits, separated by spaces.
    Column("international_prefixes", Text, nullable=False),
    Column("short_codes", Text, nullable=False),
    Column("emergency_numbers", Text, nullable=False),
    Column("line_rule", SmallInteger, nullable=False),
    Column("call_key_kind", SmallInteger, nullable=False),
    Column("conflict_rule", SmallInteger, nullable=False),
    Column("duration_max_ms", BigInteger, nullable=False),
    # SHA-256 of the secret of HTTP pushes; empty while there is none.
    Column("push_secret_digest", LargeBinary, nullable=False),
    Column("create_time", UtcTime, nullable=False),
    # Grows with every change: the etag.
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("tenant_id", "source_id"),
    UniqueConstraint("tenant_id", "code", name="source_code"),
)

# What came in, counted as it came. Its row lock makes the intake of one source one at a time.
tally_table = Table(
    "tally",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("received_count", BigInteger, nullable=False),
    Column("duplicate_count", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "source_id"),
)

# A row for each revision of a call; the newest is the one that is not superseded.
call_table = Table(
    "call",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("call_id", Key16, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("call_key_kind", SmallInteger, nullable=False),
    Column("call_key", Text, nullable=False),
    Column("leg", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("payer_account_id", Text, nullable=False),
    Column("line_id", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("callee", Text, nullable=False),
    Column("callee_kind", SmallInteger, nullable=False),
    Column("start_time", UtcTime, nullable=False),
    Column("answer_time", UtcTime),
    Column("answered", SmallInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("release_cause", SmallInteger, nullable=False),
    Column("egress_trunk", Text, nullable=False),
    Column("routing_number", Text, nullable=False),
    Column("content_digest", Key16, nullable=False),
    # The CallsCollected event that carried this revision.
    Column("partition", SmallInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("superseded", SmallInteger, nullable=False, server_default=text("0")),
    # Written beside the call when rating has priced it.
    Column("rating_outcome", SmallInteger, nullable=False, server_default=text("0")),
    Column("unrated_reason", Text, nullable=False, server_default=text("''")),
    Column("price_micros", BigInteger),
    Column("price_currency", Text, nullable=False, server_default=text("''")),
    Column("charge_id", Key16),
    Column("charge_revision", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("tenant_id", "call_id", "revision"),
    Index("call_by_start", "tenant_id", "start_time", "call_id"),
    Index("call_by_account", "tenant_id", "account_id", "start_time", "call_id"),
    # The few that staff look for. Indexes of caller and callee would double the cost of storing a
    # call: a number is looked for in the calls of an account or a span of time.
    Index(
        "call_unrated",
        "tenant_id",
        "start_time",
        "call_id",
        sqlite_where=text("rating_outcome = 3"),
        postgresql_where=text("rating_outcome = 3"),
    ),
)

suspended_record_table = Table(
    "suspended_record",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("suspended_record_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("raw_record", LargeBinary, nullable=False),
    # SHA-256 of the whole record as received: the same bytes sent again are a duplicate.
    Column("raw_digest", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    # What the line is called that UNKNOWN_LINE waits for.
    Column("line_kind", SmallInteger, nullable=False),
    Column("line_identifier", Text, nullable=False),
    Column("receive_time", UtcTime, nullable=False),
    Column("retry_time", UtcTime),
    Column("retry_due", SmallInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("tenant_id", "suspended_record_id"),
    UniqueConstraint("tenant_id", "source_id", "raw_digest", name="suspended_record_content"),
    Index("suspended_record_by_line", "tenant_id", "line_kind", "line_identifier"),
    Index(
        "suspended_record_due",
        "retry_due",
        sqlite_where=text("retry_due = 1"),
        postgresql_where=text("retry_due = 1"),
    ),
)

# How far each file of a watched folder has been read.
watched_file_table = Table(
    "watched_file",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    # Device and inode: what stays the same when a log is rotated by renaming.
    Column("file_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("record_count", BigInteger, nullable=False),
    # Digest of the first and the last bytes read: another file under a used inode is noticed.
    Column("fingerprint", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant_id", "source_id", "file_id"),
)

# Projection of invoice's LineChanged: how a call finds its account.
line_table = Table(
    "line",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("line_id", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("payer_account_id", Text, nullable=False),
    Column("start_time", UtcTime),
    Column("end_time", UtcTime),
    PrimaryKeyConstraint("tenant_id", "line_id"),
    Index("line_by_identifier", "tenant_id", "kind", "identifier"),
)

# Projection of invoice's AccountChanged: who pays now, whatever a line said when it was created.
account_table = Table(
    "account",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("payer_account_id", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "account_id"),
)
