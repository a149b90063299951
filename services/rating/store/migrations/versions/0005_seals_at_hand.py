"""Keeps beside each account up to when it is sealed; finds answers of outages by their age."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("sealed_until", sa.BigInteger()))
    op.execute(
        "UPDATE account SET sealed_until = (SELECT max(period_end) FROM period_seal "
        "WHERE period_seal.tenant_id = account.tenant_id "
        "AND period_seal.account_id = account.account_id)"
    )
    op.create_index("offline_answer_by_age", "offline_answer", ["answer_time"])


def downgrade() -> None:
    op.drop_index("offline_answer_by_age", "offline_answer")
    op.drop_column("account", "sealed_until")
