"""Funds, their policies, holds, executed transfers and captured charges."""

import sqlalchemy as sa
from alembic import op

from chassis.database.columns import Key16, UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "funds",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("held_micros", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id"),
        sa.CheckConstraint("held_micros BETWEEN 0 AND 9000000000000000000", name="funds_held_fits"),
    )
    op.create_table(
        "funds_policy",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("credit_limit_micros", sa.BigInteger),
        sa.Column("daily_cap_micros", sa.BigInteger),
        sa.Column("monthly_cap_micros", sa.BigInteger),
        sa.Column("thresholds", sa.Text, nullable=False),
        sa.Column("low_thresholds", sa.Text, nullable=False),
        sa.Column("spend_day", sa.Integer, nullable=False),
        sa.Column("spend_day_micros", sa.BigInteger, nullable=False),
        sa.Column("spend_month", sa.Integer, nullable=False),
        sa.Column("spend_month_micros", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id"),
    )
    op.create_table(
        "hold",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("hold_id", Key16, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("held_micros", sa.BigInteger, nullable=False),
        sa.Column("captured_micros", sa.BigInteger, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("create_time", UtcTime, nullable=False),
        sa.Column("expire_time", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "hold_id"),
    )
    op.create_index("hold_by_expiry", "hold", ["state", "expire_time"])
    op.create_index(
        "hold_by_account", "hold", ["tenant_id", "account_id", "state", "create_time", "hold_id"]
    )
    op.create_table(
        "transfer",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("create_time", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "request_id"),
    )
    op.create_index("transfer_by_create_time", "transfer", ["create_time"])
    op.create_table(
        "captured_charge",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("charge_id", Key16, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("hold_id", Key16, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "charge_id", "revision"),
    )


def downgrade() -> None:
    raise RuntimeError("captured charges are part of the books; restore a backup instead")
