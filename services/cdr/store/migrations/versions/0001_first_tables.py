"""Sources, calls, suspense, tallies, watched files, and the projections of lines and accounts."""

import sqlalchemy as sa
from alembic import op

from chassis.database.columns import Key16, UtcTime
from chassis.database.migrations import create_chassis_tables
from chassis.database.partitions import create_default_partition, partition_by

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_chassis_tables(op)
    _create_source_tables()
    _create_call_tables()
    _create_projections()


def _create_source_tables() -> None:
    op.create_table(
        "source",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("format", sa.SmallInteger, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("country_code", sa.Text, nullable=False),
        sa.Column("national_prefix", sa.Text, nullable=False),
        sa.Column("international_prefixes", sa.Text, nullable=False),
        sa.Column("short_codes", sa.Text, nullable=False),
        sa.Column("emergency_numbers", sa.Text, nullable=False),
        sa.Column("line_rule", sa.SmallInteger, nullable=False),
        sa.Column("call_key_kind", sa.SmallInteger, nullable=False),
        sa.Column("conflict_rule", sa.SmallInteger, nullable=False),
        sa.Column("duration_max_ms", sa.BigInteger, nullable=False),
        sa.Column("push_secret_digest", sa.LargeBinary, nullable=False),
        sa.Column("create_time", UtcTime, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "source_id"),
        sa.UniqueConstraint("tenant_id", "code", name="source_code"),
    )
    op.create_table(
        "tally",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("received_count", sa.BigInteger, nullable=False),
        sa.Column("duplicate_count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "source_id"),
    )
    op.create_table(
        "watched_file",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("file_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("record_count", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "source_id", "file_id"),
    )


def _create_call_tables() -> None:
    op.create_table(
        "call",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("call_id", Key16, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("call_key_kind", sa.SmallInteger, nullable=False),
        sa.Column("call_key", sa.Text, nullable=False),
        sa.Column("leg", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("payer_account_id", sa.Text, nullable=False),
        sa.Column("line_id", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("callee", sa.Text, nullable=False),
        sa.Column("callee_kind", sa.SmallInteger, nullable=False),
        sa.Column("start_time", UtcTime, nullable=False),
        sa.Column("answer_time", UtcTime),
        sa.Column("answered", sa.SmallInteger, nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("release_cause", sa.SmallInteger, nullable=False),
        sa.Column("egress_trunk", sa.Text, nullable=False),
        sa.Column("routing_number", sa.Text, nullable=False),
        sa.Column("content_digest", Key16, nullable=False),
        sa.Column("partition", sa.SmallInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("superseded", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("rating_outcome", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("unrated_reason", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("price_micros", sa.BigInteger),
        sa.Column("price_currency", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("charge_id", Key16),
        sa.Column("charge_revision", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("tenant_id", "call_id", "revision"),
        **partition_by("call_id"),
    )
    create_default_partition(op, "call")
    op.create_index("call_by_start", "call", ["tenant_id", "start_time", "call_id"])
    op.create_index("call_by_account", "call", ["tenant_id", "account_id", "start_time", "call_id"])
    op.create_index(
        "call_unrated",
        "call",
        ["tenant_id", "start_time", "call_id"],
        sqlite_where=sa.text("rating_outcome = 3"),
        postgresql_where=sa.text("rating_outcome = 3"),
    )
    op.create_table(
        "suspended_record",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("suspended_record_id", sa.Text, nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("raw_record", sa.LargeBinary, nullable=False),
        sa.Column("raw_digest", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("line_kind", sa.SmallInteger, nullable=False),
        sa.Column("line_identifier", sa.Text, nullable=False),
        sa.Column("receive_time", UtcTime, nullable=False),
        sa.Column("retry_time", UtcTime),
        sa.Column("retry_due", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("tenant_id", "suspended_record_id"),
        sa.UniqueConstraint(
            "tenant_id", "source_id", "raw_digest", name="suspended_record_content"
        ),
    )
    op.create_index(
        "suspended_record_by_line",
        "suspended_record",
        ["tenant_id", "line_kind", "line_identifier"],
    )
    op.create_index(
        "suspended_record_due",
        "suspended_record",
        ["retry_due"],
        sqlite_where=sa.text("retry_due = 1"),
        postgresql_where=sa.text("retry_due = 1"),
    )


def _create_projections() -> None:
    op.create_table(
        "line",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("line_id", sa.Text, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("identifier", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("payer_account_id", sa.Text, nullable=False),
        sa.Column("start_time", UtcTime),
        sa.Column("end_time", UtcTime),
        sa.PrimaryKeyConstraint("tenant_id", "line_id"),
    )
    op.create_index("line_by_identifier", "line", ["tenant_id", "kind", "identifier"])
    op.create_table(
        "account",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("payer_account_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id"),
    )


def downgrade() -> None:
    for name in (
        "account",
        "line",
        "suspended_record",
        "call",
        "watched_file",
        "tally",
        "source",
    ):
        op.drop_table(name)
