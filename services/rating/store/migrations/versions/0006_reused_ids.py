"""Keeps an answer of an outage beside those to an earlier call whose session had the same id."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_FORMER_KEY = ("tenant_id", "session_id", "sequence")


def upgrade() -> None:
    _make_anew(*_FORMER_KEY, "answer_time")


def downgrade() -> None:
    # The former key has room for the first of the answers to a session and sequence.
    op.execute(
        "DELETE FROM offline_answer WHERE answer_time > (SELECT min(answer_time) "
        "FROM offline_answer first WHERE first.tenant_id = offline_answer.tenant_id "
        "AND first.session_id = offline_answer.session_id "
        "AND first.sequence = offline_answer.sequence)"
    )
    _make_anew(*_FORMER_KEY)


def _make_anew(*key: str) -> None:
    """SQLite changes no primary key of a table that is there."""
    op.execute("CREATE TABLE offline_answer_kept AS SELECT * FROM offline_answer")
    op.drop_table("offline_answer")
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
        sa.PrimaryKeyConstraint(*key),
    )
    op.create_index("offline_answer_by_time", "offline_answer", ["tenant_id", "answer_time"])
    op.create_index("offline_answer_by_age", "offline_answer", ["answer_time"])
    op.execute("INSERT INTO offline_answer SELECT * FROM offline_answer_kept")
    op.drop_table("offline_answer_kept")
