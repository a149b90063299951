"""Keeps who has paid for a charge: the account itself, or its promotions."""

import sqlalchemy as sa
from alembic import op

from chassis.database.columns import Key16

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nobody knows who paid for earlier charges: what is given back of them goes to the account.
    own_micros = sa.Column("own_micros", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("captured_charge", own_micros)
    op.create_table(
        "promotion_payment",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("charge_id", Key16, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("promotion_id", sa.Text, nullable=False),
        sa.Column("micros", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "charge_id", "revision", "promotion_id"),
    )


def downgrade() -> None:
    raise RuntimeError("captured charges are part of the books; restore a backup instead")
