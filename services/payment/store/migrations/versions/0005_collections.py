"""Payment instruments, top-up policies and collections."""

import sqlalchemy as sa
from alembic import op

from chassis.database.columns import UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PENDING = sa.text("state = 1")
PENDING_TOP_UP = sa.text("state = 1 AND purpose = 1")
HAS_NEXT_TIME = sa.text("next_time IS NOT NULL")


def upgrade() -> None:
    op.add_column("funds_policy", sa.Column("top_up_below_micros", sa.BigInteger))
    create_payment_instrument()
    create_top_up_policy()
    create_collection()


def create_payment_instrument() -> None:
    op.create_table(
        "payment_instrument",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("instrument_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("customer_reference", sa.Text, nullable=False),
        sa.Column("method_reference", sa.Text, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("expire_month", sa.Date),
        sa.Column("create_time", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "instrument_id"),
        sa.UniqueConstraint(
            *("tenant_id", "account_id", "gateway", "method_reference"),
            name="payment_instrument_of_account",
        ),
    )
    op.create_index(
        "payment_instrument_by_time",
        "payment_instrument",
        ["tenant_id", "create_time", "instrument_id"],
    )
    op.create_index(
        "payment_instrument_by_account",
        "payment_instrument",
        ["tenant_id", "account_id", "create_time", "instrument_id"],
    )


def create_top_up_policy() -> None:
    op.create_table(
        "top_up_policy",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("instrument_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("threshold_micros", sa.BigInteger, nullable=False),
        sa.Column("amount_micros", sa.BigInteger, nullable=False),
        sa.Column("daily_limit_micros", sa.BigInteger),
        sa.Column("monthly_limit_micros", sa.BigInteger),
        sa.Column("decline_count", sa.Integer, nullable=False),
        sa.Column("suspend_reason", sa.Text, nullable=False),
        sa.Column("next_time", UtcTime),
        sa.PrimaryKeyConstraint("tenant_id", "account_id"),
    )
    op.create_index("top_up_policy_by_instrument", "top_up_policy", ["tenant_id", "instrument_id"])
    op.create_index(
        "top_up_policy_by_next_time",
        "top_up_policy",
        ["next_time", "tenant_id", "account_id"],
        sqlite_where=HAS_NEXT_TIME,
        postgresql_where=HAS_NEXT_TIME,
    )


def create_collection() -> None:
    op.create_table(
        "collection",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("collection_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("instrument_id", sa.Text, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount_micros", sa.BigInteger, nullable=False),
        sa.Column("purpose", sa.SmallInteger, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("attempt_count", sa.Integer, nullable=False),
        sa.Column("failure_code", sa.Text, nullable=False),
        sa.Column("received_micros", sa.BigInteger),
        sa.Column("create_time", UtcTime, nullable=False),
        sa.Column("next_attempt_time", UtcTime),
        sa.Column("end_time", UtcTime),
        sa.PrimaryKeyConstraint("tenant_id", "collection_id"),
    )
    create_indexes_of_collection()


def create_indexes_of_collection() -> None:
    indexes: list[tuple[str, list[str], sa.TextClause | None, bool]] = [
        ("by_time", ["tenant_id", "create_time", "collection_id"], None, False),
        ("by_account", ["tenant_id", "account_id", "create_time", "collection_id"], None, False),
        ("pending", ["next_attempt_time", "collection_id"], PENDING, False),
        ("pending_top_up", ["tenant_id", "account_id"], PENDING_TOP_UP, True),
    ]
    for name, columns, where, unique in indexes:
        op.create_index(
            f"collection_{name}",
            "collection",
            columns,
            unique=unique,
            sqlite_where=where,
            postgresql_where=where,
        )


def downgrade() -> None:
    raise RuntimeError("collections are part of the books; restore a backup instead")
