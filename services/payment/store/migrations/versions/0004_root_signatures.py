"""Keeps the signatures of roots; those drawn before have none."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ledger_root", sa.Column("signature", sa.LargeBinary))


def downgrade() -> None:
    raise RuntimeError("signatures cannot be made again; restore a backup instead")
