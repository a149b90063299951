"""Tells what was paid on an invoice from what was given up of it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # All that was noted before are payments.
    kind = sa.Column("kind", sa.Integer, nullable=False, server_default="1")
    op.add_column("payment_allocation", kind)


def downgrade() -> None:
    raise RuntimeError("what was given up would be shown as paid; restore a backup instead")
