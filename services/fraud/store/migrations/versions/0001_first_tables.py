"""First tables."""

import sqlalchemy as sa
from alembic import op

from chassis.database.columns import UtcTime
from chassis.database.migrations import create_chassis_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables(op)
    op.create_table(
        "fraud_rule",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("fraud_rule_id", sa.Text, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("window_minutes", sa.Integer, nullable=False),
        sa.Column("limit_currency", sa.Text),
        sa.Column("limit_micros", sa.BigInteger),
        sa.Column("count_limit", sa.BigInteger, nullable=False),
        sa.Column("action", sa.SmallInteger, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "fraud_rule_id"),
    )
    op.create_table(
        "watched_account",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("pardon_time", UtcTime),
        sa.PrimaryKeyConstraint("tenant_id", "account_id"),
    )
    op.create_table(
        "window_step",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("fraud_rule_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("call_count", sa.BigInteger, nullable=False),
        sa.Column("spent_micros", sa.BigInteger, nullable=False),
        sa.Column("charge_ids", sa.LargeBinary, nullable=False),
        sa.Column("first_call_micros", sa.BigInteger, nullable=False),
        sa.Column("last_call_micros", sa.BigInteger, nullable=False),
        sa.Column("update_time", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id", "fraud_rule_id", "step"),
    )
    op.create_index("window_step_by_update_time", "window_step", ["update_time"])
    op.create_table(
        "alert",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("alert_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("fraud_rule_id", sa.Text, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("raise_time", UtcTime, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("charge_ids", sa.LargeBinary, nullable=False),
        sa.Column("call_count", sa.BigInteger, nullable=False),
        sa.Column("spent_micros", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("first_call_micros", sa.BigInteger, nullable=False),
        sa.Column("last_call_micros", sa.BigInteger, nullable=False),
        sa.Column("episode_start_micros", sa.BigInteger, nullable=False),
        sa.Column("episode_end_micros", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "alert_id"),
    )
    op.create_index("alert_by_account", "alert", ["tenant_id", "account_id", "alert_id"])
    op.create_table(
        "block",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("block_time", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id"),
    )
