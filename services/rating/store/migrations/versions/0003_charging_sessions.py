"""Charging sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "charging_session",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("call_key_kind", sa.SmallInteger(), nullable=False),
        sa.Column("call_key", sa.Text(), nullable=False),
        sa.Column("leg", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("callee", sa.Text(), nullable=False),
        sa.Column("callee_kind", sa.SmallInteger(), nullable=False),
        sa.Column("trunk", sa.Text(), nullable=False),
        sa.Column("egress_trunk", sa.Text(), nullable=False),
        sa.Column("routing_number", sa.Text(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("begin_time", sa.BigInteger()),
        sa.Column("expire_time", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("granted_seconds", sa.Integer(), nullable=False),
        sa.Column("used_seconds", sa.Integer(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("price_per_minute_nanos", sa.BigInteger(), nullable=False),
        sa.Column("levels", sa.Text(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("reserved", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("hang_up_reason", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "session_id"),
    )
    _create_indexes()


def downgrade() -> None:
    op.drop_table("charging_session")


def _create_indexes() -> None:
    table, is_live = "charging_session", sa.text("state <= 2")
    op.create_index("charging_session_by_call", table, ["tenant_id", "call_key"])
    op.create_index("charging_session_by_start", table, ["tenant_id", "start_time"])
    op.create_index("charging_session_by_expiry", table, ["state", "expire_time"])
    op.create_index(
        "charging_session_live",
        table,
        ["tenant_id", "start_time", "session_id"],
        postgresql_where=is_live,
        sqlite_where=is_live,
    )
