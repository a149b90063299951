"""Policies, limits, return codes and outages of online charging; lines of every kind."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_policies()
    _create_limits()
    _create_return_codes()
    _create_offline_answers()
    _create_lines()
    _move_numbers()


def downgrade() -> None:
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
    op.execute(
        "INSERT INTO line_number (tenant_id, line_id, number, account_id, payer_account_id, "
        "start_time, end_time, change_time) SELECT tenant_id, line_id, identifier, account_id, "
        "payer_account_id, start_time, end_time, change_time FROM line "
        "WHERE kind = 3"
    )
    op.drop_table("line")
    op.drop_table("offline_answer")
    op.drop_table("return_code")
    op.drop_table("counted_call")
    op.drop_table("call_limit")
    op.drop_table("charging_policy")


def _create_policies() -> None:
    op.create_table(
        "charging_policy",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("open_seconds", sa.Integer(), nullable=False),
        sa.Column("extend_seconds", sa.Integer(), nullable=False),
        sa.Column("ask_again_lead_seconds", sa.Integer(), nullable=False),
        sa.Column("validity_seconds", sa.Integer(), nullable=False),
        sa.Column("grace_seconds", sa.Integer(), nullable=False),
        sa.Column("when_exhausted", sa.SmallInteger(), nullable=False),
        sa.Column("outage_rule", sa.SmallInteger(), nullable=False),
        sa.Column("outage_seconds", sa.Integer(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "account_id"),
    )


def _create_limits() -> None:
    op.create_table(
        "call_limit",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.SmallInteger(), nullable=False),
        sa.Column("scope_id", sa.Text(), nullable=False),
        sa.Column("concurrent_calls_max", sa.Integer()),
        sa.Column("calls_per_second_max", sa.Integer()),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "scope", "scope_id"),
    )
    op.create_table(
        "counted_call",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.SmallInteger(), nullable=False),
        sa.Column("scope_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("open_time", sa.BigInteger(), nullable=False),
        sa.Column("end_time", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant_id", "scope", "scope_id", "session_id"),
    )
    op.create_index("counted_call_by_session", "counted_call", ["tenant_id", "session_id"])


def _create_return_codes() -> None:
    op.create_table(
        "return_code",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("equipment", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sip", sa.SmallInteger(), nullable=False),
        sa.Column("sip_phrase", sa.Text(), nullable=False),
        sa.Column("q850", sa.SmallInteger(), nullable=False),
        sa.Column("h323", sa.Integer(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "equipment", "reason"),
    )


def _create_offline_answers() -> None:
    op.create_table(
        "offline_answer",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("granted_seconds", sa.Integer(), nullable=False),
        sa.Column("answer_time", sa.BigInteger(), nullable=False),
        sa.Column("store_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "session_id", "sequence"),
    )
    op.create_index("offline_answer_by_time", "offline_answer", ["tenant_id", "answer_time"])


def _create_lines() -> None:
    op.create_table(
        "line",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("line_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("payer_account_id", sa.Text(), nullable=False),
        sa.Column("start_time", sa.BigInteger()),
        sa.Column("end_time", sa.BigInteger()),
        sa.Column("change_time", sa.BigInteger(), nullable=False),
        sa.Column("store_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "line_id"),
    )
    op.create_index("line_by_identifier", "line", ["tenant_id", "identifier"])
    op.create_index("line_by_store_time", "line", ["store_time"])


def _move_numbers() -> None:
    """Only numbers (3) were kept so far; other kinds come with a replay of invoice's events."""
    op.execute(
        "INSERT INTO line (tenant_id, line_id, kind, identifier, account_id, payer_account_id, "
        "start_time, end_time, change_time, store_time) "
        "SELECT tenant_id, line_id, 3, number, account_id, payer_account_id, "
        "start_time, end_time, change_time, change_time FROM line_number"
    )
    op.drop_table("line_number")
