"""The first tables of rating."""

import sqlalchemy as sa
from alembic import op

from chassis.database.migrations import create_chassis_tables
from chassis.database.partitions import create_default_partition, partition_by

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_chassis_tables(op)
    _create_rate_decks()
    _create_plans()
    _create_exchange()
    _create_account_decks()
    _create_customers()
    _create_charges()
    _create_unrated_calls()
    _create_periods()
    _create_counters()
    _create_routing()


def downgrade() -> None:
    for table in (
        "line_number",
        "numbering_area",
        "supplier_revision",
        "supplier",
        "charge_margin",
        "bundle_grant",
        "usage_counter",
        "rated_batch",
        "period_seal",
        "retry_request",
        "unrated_call",
        "charge",
        "account_change",
        "account_block",
        "subscription",
        "account",
        "rating_profile",
        "account_deck",
        "exchange_rate",
        "calendar_revision",
        "calendar",
        "plan_revision",
        "plan",
        "rate_deck_snapshot",
        "rate_deck_version",
        "rate_deck",
        "tariff_version",
        "lease",
        "request",
        "inbox_position",
        "inbox",
        "outbox_head",
        "outbox",
    ):
        op.drop_table(table)


def _create_rate_decks() -> None:
    op.create_table(
        "tariff_version",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id"),
    )
    op.create_table(
        "rate_deck",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("rate_deck_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("service", sa.SmallInteger(), nullable=False),
        sa.Column("latest_version", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "rate_deck_id"),
        sa.UniqueConstraint("tenant_id", "code", name="rate_deck_code"),
    )
    op.create_table(
        "rate_deck_version",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("rate_deck_version_id", sa.Text(), nullable=False),
        sa.Column("rate_deck_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("effective_time", sa.BigInteger()),
        sa.Column("rate_count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("snapshot_digest", sa.Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "rate_deck_version_id"),
        sa.UniqueConstraint(
            "tenant_id", "rate_deck_id", "version", name="rate_deck_version_number"
        ),
    )
    op.create_table(
        "rate_deck_snapshot",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("rate_deck_version_id", sa.Text(), nullable=False),
        sa.Column("chunk_number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "rate_deck_version_id", "chunk_number"),
    )


def _create_plans() -> None:
    op.create_table(
        "plan",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "plan_id"),
        sa.UniqueConstraint("tenant_id", "code", name="plan_code"),
    )
    op.create_table(
        "plan_revision",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("plan_revision_id", sa.Text(), nullable=False),
        sa.Column("effective_time", sa.BigInteger(), nullable=False),
        sa.Column("rate_deck_ids", sa.Text(), nullable=False),
        sa.Column("duration_rounding", sa.SmallInteger(), nullable=False),
        sa.Column("price_rounding", sa.Text(), nullable=False),
        sa.Column("price_decimals", sa.SmallInteger(), nullable=False),
        sa.Column("monthly_fee_micros", sa.BigInteger(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "plan_id", "revision"),
        sa.UniqueConstraint("tenant_id", "plan_revision_id", name="plan_revision_id"),
    )


def _create_exchange() -> None:
    op.create_table(
        "calendar",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("calendar_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "calendar_id"),
        sa.UniqueConstraint("tenant_id", "code", name="calendar_code"),
    )
    op.create_table(
        "calendar_revision",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("calendar_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("dates", sa.Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "calendar_id", "revision"),
    )
    op.create_table(
        "exchange_rate",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("from_currency", sa.Text(), nullable=False),
        sa.Column("to_currency", sa.Text(), nullable=False),
        sa.Column("effective_time", sa.BigInteger(), nullable=False),
        sa.Column("rate", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "from_currency", "to_currency", "effective_time"),
    )


def _create_account_decks() -> None:
    op.create_table(
        "account_deck",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("rate_deck_id", sa.Text(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("end_time", sa.BigInteger()),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id", "place"),
    )
    op.create_index(
        "account_deck_by_deck", "account_deck", ["tenant_id", "rate_deck_id", "account_id"]
    )
    op.create_table(
        "rating_profile",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("base_currency", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id"),
    )


def _create_customers() -> None:
    op.create_table(
        "account",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("payer_account_id", sa.Text(), nullable=False),
        sa.Column("reseller_account_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("billing_day", sa.SmallInteger(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("change_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id"),
    )
    op.create_index("account_by_payer", "account", ["tenant_id", "payer_account_id"])
    op.create_table(
        "subscription",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("end_time", sa.BigInteger()),
        sa.Column("change_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "subscription_id"),
    )
    op.create_index("subscription_by_account", "subscription", ["tenant_id", "account_id"])
    op.create_table(
        "account_block",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("is_blocked", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("change_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id"),
    )
    op.create_table(
        "account_change",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("change_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id"),
    )
    op.create_index("account_change_by_time", "account_change", ["change_time"])


def _create_charges() -> None:
    op.create_table(
        "charge",
        sa.Column("charge_id", sa.LargeBinary(16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("party", sa.SmallInteger(), nullable=False),
        sa.Column("party_level", sa.SmallInteger(), nullable=False),
        sa.Column("call_key_kind", sa.SmallInteger(), nullable=False),
        sa.Column("call_key", sa.Text(), nullable=False),
        sa.Column("leg", sa.Text(), nullable=False),
        sa.Column("call_id", sa.LargeBinary(16)),
        sa.Column("call_revision", sa.Integer(), nullable=False),
        sa.Column("source", sa.SmallInteger(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("payer_account_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("unrated_reason", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("amount_delta_micros", sa.BigInteger(), nullable=False),
        sa.Column("usage_line", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("period_start", sa.BigInteger()),
        sa.Column("period_end", sa.BigInteger()),
        sa.Column("correction", sa.SmallInteger(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("charged_ms", sa.BigInteger(), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=False),
        sa.Column("settle_time", sa.BigInteger(), nullable=False),
        sa.Column("opened_partition", sa.SmallInteger(), nullable=False),
        sa.Column("opened_sequence", sa.BigInteger(), nullable=False),
        sa.Column("event_partition", sa.SmallInteger(), nullable=False),
        sa.Column("event_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("charge_id", "revision"),
        **partition_by("charge_id"),
    )
    create_default_partition(op, "charge")
    op.create_index("charge_by_account", "charge", ["tenant_id", "account_id", "charge_id"])
    op.create_index("charge_by_period", "charge", ["tenant_id", "payer_account_id", "period_start"])


def _create_unrated_calls() -> None:
    op.create_table(
        "unrated_call",
        sa.Column("charge_id", sa.LargeBinary(16), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("call_id", sa.LargeBinary(16), nullable=False),
        sa.Column("call_revision", sa.Integer(), nullable=False),
        sa.Column("call_key_kind", sa.SmallInteger(), nullable=False),
        sa.Column("call_key", sa.Text(), nullable=False),
        sa.Column("leg", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("payer_account_id", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("callee", sa.Text(), nullable=False),
        sa.Column("callee_kind", sa.SmallInteger(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("answered", sa.SmallInteger(), nullable=False),
        sa.Column("begin_time", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.SmallInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("egress_trunk", sa.Text(), nullable=False),
        sa.Column("routing_number", sa.Text(), nullable=False),
        sa.Column("party", sa.SmallInteger(), nullable=False),
        sa.Column("party_level", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("charge_id"),
    )
    op.create_index(
        "unrated_call_by_account", "unrated_call", ["tenant_id", "account_id", "charge_id"]
    )
    op.create_index("unrated_call_by_tenant", "unrated_call", ["tenant_id", "charge_id"])
    op.create_table(
        "retry_request",
        sa.Column("request_id", sa.Text(), primary_key=True),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("after_charge_id", sa.LargeBinary(16)),
    )


def _create_periods() -> None:
    op.create_table(
        "period_seal",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("period_start", sa.BigInteger(), nullable=False),
        sa.Column("period_end", sa.BigInteger(), nullable=False),
        sa.Column("seal_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("charge_count", sa.BigInteger(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("usage_lines", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("unrated_count", sa.BigInteger(), nullable=False),
        sa.Column("seal_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id", "period_start"),
    )
    op.create_table(
        "rated_batch",
        sa.Column("source_partition", sa.SmallInteger(), nullable=False),
        sa.Column("source_sequence", sa.BigInteger(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("collected_count", sa.Integer(), nullable=False),
        sa.Column("merged_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source_partition", "source_sequence"),
    )


def _create_counters() -> None:
    op.create_table(
        "usage_counter",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("owner_account_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("period_start", sa.BigInteger(), nullable=False),
        sa.Column("period_end", sa.BigInteger(), nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("spent_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "owner_account_id", "source_id", "code", "period_start"
        ),
    )
    op.create_table(
        "bundle_grant",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("allowance", sa.Text(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("end_time", sa.BigInteger(), nullable=False),
        sa.Column("change_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "grant_id"),
    )
    op.create_index("bundle_grant_by_account", "bundle_grant", ["tenant_id", "account_id"])
    op.create_table(
        "charge_margin",
        sa.Column("charge_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("revenue_micros", sa.BigInteger(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
    )


def _create_routing() -> None:
    op.create_table(
        "supplier",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("supplier_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("latest_revision", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "supplier_id"),
        sa.UniqueConstraint("tenant_id", "code", name="supplier_code"),
    )
    op.create_table(
        "supplier_revision",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("supplier_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("effective_time", sa.BigInteger(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("rate_deck_ids", sa.Text(), nullable=False),
        sa.Column("quality", sa.SmallInteger(), nullable=False),
        sa.Column("weight", sa.SmallInteger(), nullable=False),
        sa.Column("trunks", sa.Text(), nullable=False),
        sa.Column("enabled", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "supplier_id", "revision"),
    )
    op.create_table(
        "numbering_area",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "prefix"),
    )
    op.create_table(
        "line_number",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("line_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("payer_account_id", sa.Text(), nullable=False),
        sa.Column("start_time", sa.BigInteger()),
        sa.Column("end_time", sa.BigInteger()),
        sa.Column("change_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "line_id"),
    )
    op.create_index("line_number_by_number", "line_number", ["tenant_id", "number"])
