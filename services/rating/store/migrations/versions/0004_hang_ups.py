"""Finds the calls that somebody asked to end."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    asked = sa.text("state <= 2 AND hang_up_reason <> ''")
    op.create_index(
        "charging_session_hang_up",
        "charging_session",
        ["tenant_id", "session_id"],
        postgresql_where=asked,
        sqlite_where=asked,
    )


def downgrade() -> None:
    op.drop_index("charging_session_hang_up", "charging_session")
