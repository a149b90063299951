"""Journal, postings, chains, ledger accounts, accounts and payments."""

import sqlalchemy as sa
from alembic import op

from chassis.database.columns import Key16, UtcTime
from chassis.database.migrations import create_chassis_tables
from kernel.clock import EPOCH
from kernel.partition import PARTITION_COUNT

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_chassis_tables(op)
    op.create_table(
        "journal_entry",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("journal_entry_id", Key16, nullable=False),
        sa.Column("chain_id", Key16, nullable=False),
        sa.Column("chain_sequence", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("reason", sa.SmallInteger, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("create_time", UtcTime, nullable=False),
        sa.Column("source_producer", sa.Text),
        sa.Column("source_partition", sa.Integer),
        sa.Column("source_sequence", sa.BigInteger),
        sa.PrimaryKeyConstraint("tenant_id", "journal_entry_id"),
        sa.UniqueConstraint("chain_id", "chain_sequence", name="journal_entry_chain_place"),
    )
    op.create_index(
        "journal_entry_by_reason", "journal_entry", ["tenant_id", "reason", "journal_entry_id"]
    )
    op.create_table(
        "posting",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("journal_entry_id", Key16, nullable=False),
        sa.Column("line", sa.SmallInteger, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("micros", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "journal_entry_id", "line"),
    )
    op.create_index(
        "posting_by_account",
        "posting",
        ["tenant_id", "account_id", "journal_entry_id"],
        sqlite_where=sa.text("account_id <> ''"),
        postgresql_where=sa.text("account_id <> ''"),
    )
    partitions = op.create_table(
        "ledger_partition",
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("closed_until", UtcTime, nullable=False),
    )
    rows = [{"partition": number, "closed_until": EPOCH} for number in range(PARTITION_COUNT)]
    op.bulk_insert(partitions, rows)
    op.create_table(
        "chain_head",
        sa.Column("chain_id", Key16, nullable=False, primary_key=True),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("legal_entity_id", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("newest_time", UtcTime, nullable=False),
        sa.UniqueConstraint("tenant_id", "legal_entity_id", "partition", name="chain_head_chain"),
    )
    op.create_table(
        "ledger_account",
        sa.Column("chain_id", Key16, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("balance_micros", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "account_id", "currency", "kind"),
        sa.CheckConstraint(
            "balance_micros BETWEEN -9000000000000000000 AND 9000000000000000000",
            name="ledger_account_balance_fits",
        ),
    )
    op.create_table(
        "account",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("legal_entity_id", sa.Text, nullable=False),
        sa.Column("payer_account_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("mode", sa.SmallInteger, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("change_sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id"),
    )
    op.create_table(
        "payment",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("payment_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("method", sa.SmallInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("micros", sa.BigInteger, nullable=False),
        sa.Column("value_date", sa.Date, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("create_time", UtcTime, nullable=False),
        sa.Column("event_partition", sa.Integer, nullable=False),
        sa.Column("event_sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "payment_id"),
    )
    op.create_index("payment_by_time", "payment", ["tenant_id", "create_time", "payment_id"])
    op.create_index(
        "payment_by_account", "payment", ["tenant_id", "account_id", "create_time", "payment_id"]
    )
    _create_promotion()
    _create_adjustment()
    _create_roots()


def _create_promotion() -> None:
    op.create_table(
        "promotion",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("promotion_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("granted_micros", sa.BigInteger, nullable=False),
        sa.Column("remaining_micros", sa.BigInteger, nullable=False),
        sa.Column("create_time", UtcTime, nullable=False),
        sa.Column("expire_time", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "promotion_id"),
        sa.CheckConstraint(
            "remaining_micros BETWEEN 0 AND granted_micros", name="promotion_remaining_fits"
        ),
    )
    op.create_index(
        "promotion_by_account",
        "promotion",
        ["tenant_id", "account_id", "expire_time", "promotion_id"],
    )
    op.create_index(
        "promotion_by_expiry",
        "promotion",
        ["expire_time"],
        sqlite_where=sa.text("remaining_micros > 0"),
        postgresql_where=sa.text("remaining_micros > 0"),
    )


def _create_adjustment() -> None:
    op.create_table(
        "adjustment",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("adjustment_id", sa.Text, nullable=False),
        sa.Column("reason", sa.SmallInteger, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("micros", sa.BigInteger, nullable=False),
        sa.Column("counter_account_id", sa.Text),
        sa.Column("counter_currency", sa.Text),
        sa.Column("counter_micros", sa.BigInteger),
        sa.Column("rate", sa.Text),
        sa.Column("rate_is_inverse", sa.Boolean),
        sa.Column("rate_source", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("create_time", UtcTime, nullable=False),
        sa.Column("journal_entry_id", Key16, nullable=False),
        sa.Column("counter_entry_id", Key16),
        sa.Column("corrected_entry_id", Key16),
        sa.PrimaryKeyConstraint("tenant_id", "adjustment_id"),
    )
    for name, columns in (
        ("by_time", ["tenant_id", "create_time", "adjustment_id"]),
        ("by_account", ["tenant_id", "account_id", "create_time", "adjustment_id"]),
        ("by_counter_account", ["tenant_id", "counter_account_id"]),
    ):
        op.create_index(f"adjustment_{name}", "adjustment", columns)
    op.create_table(
        "corrected_entry",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("journal_entry_id", Key16, nullable=False),
        sa.Column("adjustment_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "journal_entry_id"),
    )


def _create_roots() -> None:
    op.create_table(
        "ledger_root",
        sa.Column("end_time", UtcTime, primary_key=True),
        sa.Column("start_time", UtcTime, nullable=False),
        sa.Column("previous_root", sa.LargeBinary(32), nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.UniqueConstraint("start_time", name="ledger_root_follows_one"),
    )
    op.create_table(
        "chain_root",
        sa.Column("end_time", UtcTime, nullable=False),
        sa.Column("chain_id", Key16, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("head_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("entry_count", sa.BigInteger, nullable=False),
        sa.Column("entries_root", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("end_time", "chain_id"),
    )


def downgrade() -> None:
    raise RuntimeError("the journal is never dropped; restore a backup instead")
