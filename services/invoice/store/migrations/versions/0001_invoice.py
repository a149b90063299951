"""Tenants, customers and what belongs to them; usage, billing periods, invoices, allocations."""

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
    op.create_table(
        "personal_key",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "owner"),
    )
    op.create_table(
        "tenant",
        sa.Column("tenant_id", sa.Text, primary_key=True),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("create_time", UtcTime, nullable=False),
    )
    op.create_table(
        "legal_entity",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("legal_entity_id", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("country_code", sa.Text, nullable=False),
        sa.Column("tax_number", sa.Text, nullable=False),
        sa.Column("invoice_prefix", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "legal_entity_id"),
        sa.UniqueConstraint("tenant_id", "code"),
        sa.UniqueConstraint("tenant_id", "invoice_prefix"),
    )
    op.create_table(
        "invoice_series",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("legal_entity_id", sa.Text, nullable=False),
        sa.Column("year", sa.Integer, nullable=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "legal_entity_id", "year"),
    )
    op.create_table(
        "tax_rate",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("tax_rate_id", sa.Text, nullable=False),
        sa.Column("country_code", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("basis_points", sa.Integer, nullable=False),
        sa.Column("effective_time", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "tax_rate_id"),
        sa.UniqueConstraint("tenant_id", "country_code", "effective_time"),
    )
    op.create_table(
        "customer",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("country_code", sa.Text, nullable=False),
        sa.Column("create_time", UtcTime, nullable=False),
        sa.Column("display_name", sa.LargeBinary, nullable=False),
        sa.Column("address", sa.LargeBinary, nullable=False),
        sa.Column("email", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id"),
        sa.UniqueConstraint("tenant_id", "external_id"),
    )
    op.create_table(
        "account",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("legal_entity_id", sa.Text, nullable=False),
        sa.Column("payer_account_id", sa.Text, nullable=False),
        sa.Column("reseller_account_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("payment_mode", sa.Integer, nullable=False),
        sa.Column("billing_day", sa.Integer, nullable=False),
        sa.Column("start_time", UtcTime, nullable=False),
        sa.Column("create_time", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id"),
        sa.UniqueConstraint("tenant_id", "code"),
    )
    op.create_index("account_by_payer", "account", ["tenant_id", "payer_account_id"])
    op.create_table(
        "line_identifier",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("identifier", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "identifier"),
    )
    op.create_table(
        "line",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("line_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("identifier", sa.Text, nullable=False),
        sa.Column("start_time", UtcTime, nullable=False),
        sa.Column("end_time", UtcTime),
        sa.PrimaryKeyConstraint("tenant_id", "line_id"),
    )
    op.create_index("line_by_account", "line", ["tenant_id", "account_id", "identifier", "line_id"])
    op.create_index("line_by_identifier", "line", ["tenant_id", "identifier", "line_id"])
    op.create_table(
        "subscription",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("subscription_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("plan_id", sa.Text, nullable=False),
        sa.Column("start_time", UtcTime, nullable=False),
        sa.Column("end_time", UtcTime),
        sa.PrimaryKeyConstraint("tenant_id", "subscription_id"),
    )
    op.create_index(
        "subscription_by_account",
        "subscription",
        ["tenant_id", "account_id", "start_time", "subscription_id"],
    )
    op.create_table(
        "billing_period",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("start_time", UtcTime, nullable=False),
        sa.Column("end_time", UtcTime, nullable=False),
        sa.Column("period_key", Key16, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("seal_id", sa.Text),
        sa.Column("seal_charge_count", sa.BigInteger),
        sa.Column("seal_micros", sa.BigInteger),
        sa.Column("seal_digest", sa.Text),
        sa.Column("close_request_id", sa.Text),
        sa.Column("invoice_id", sa.Text),
        sa.PrimaryKeyConstraint("tenant_id", "account_id", "start_time"),
        sa.UniqueConstraint("tenant_id", "period_key"),
    )
    op.create_index(
        "billing_period_by_state",
        "billing_period",
        ["state", "tenant_id", "account_id", "start_time"],
    )
    op.create_table(
        "usage_item",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("period_key", Key16, nullable=False),
        sa.Column("charge_id", Key16, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("correction", sa.Integer, nullable=False),
        sa.Column("start_time", UtcTime, nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("charged_duration_ms", sa.BigInteger, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("callee", sa.Text, nullable=False),
        sa.Column("usage_line", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("micros_delta", sa.BigInteger, nullable=False),
        sa.Column("source_partition", sa.Integer, nullable=False),
        sa.Column("source_sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "period_key", "charge_id", "revision"),
        sqlite_with_rowid=False,
        **partition_by("charge_id"),
    )
    create_default_partition(op, "usage_item")
    op.create_table(
        "invoice",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("legal_entity_id", sa.Text, nullable=False),
        sa.Column("number_prefix", sa.Text, nullable=False),
        sa.Column("number_year", sa.Integer, nullable=False),
        sa.Column("number_sequence", sa.BigInteger, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("account_code", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("start_time", UtcTime, nullable=False),
        sa.Column("end_time", UtcTime, nullable=False),
        sa.Column("issue_time", UtcTime, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("usage_micros", sa.BigInteger, nullable=False),
        sa.Column("net_micros", sa.BigInteger, nullable=False),
        sa.Column("tax_micros", sa.BigInteger, nullable=False),
        sa.Column("tax_display_name", sa.Text, nullable=False),
        sa.Column("tax_basis_points", sa.Integer, nullable=False),
        sa.Column("issuer_name", sa.Text, nullable=False),
        sa.Column("issuer_address", sa.Text, nullable=False),
        sa.Column("issuer_tax_number", sa.Text, nullable=False),
        sa.Column("recipient_external_id", sa.Text, nullable=False),
        sa.Column("recipient_name", sa.LargeBinary, nullable=False),
        sa.Column("recipient_address", sa.LargeBinary, nullable=False),
        sa.Column("issued_partition", sa.Integer, nullable=False),
        sa.Column("issued_sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "invoice_id"),
        sa.UniqueConstraint("tenant_id", "legal_entity_id", "number_year", "number_sequence"),
    )
    op.create_index(
        "invoice_by_account", "invoice", ["tenant_id", "account_id", "issue_time", "invoice_id"]
    )
    op.create_index("invoice_by_issue", "invoice", ["tenant_id", "issue_time", "invoice_id"])
    op.create_table(
        "invoice_line",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("usage_line", sa.Text, nullable=False),
        sa.Column("charge_count", sa.BigInteger, nullable=False),
        sa.Column("charged_duration_ms", sa.BigInteger, nullable=False),
        sa.Column("micros", sa.BigInteger, nullable=False),
        sa.Column("correction", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "invoice_id", "position"),
    )
    op.create_table(
        "payment_allocation",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("payment_id", sa.Text, nullable=False),
        sa.Column("micros", sa.BigInteger, nullable=False),
        sa.Column("settle_time", UtcTime, nullable=False),
        sa.Column("source_partition", sa.Integer, nullable=False),
        sa.Column("source_sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "invoice_id", "payment_id"),
    )
