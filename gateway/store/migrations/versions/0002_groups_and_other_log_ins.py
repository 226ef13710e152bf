"""camera groups, accounts of other issuers, sessions and tokens that can be listed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("cameras", schema=None) as batch_op:
        batch_op.add_column(sa.Column("groups", sa.JSON(), server_default="[]", nullable=False))
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("groups", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("issuer", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("subject", sa.Text(), nullable=True))
        batch_op.alter_column("password_hash", existing_type=sa.Text(), nullable=True)
        batch_op.create_unique_constraint(batch_op.f("uq_users_issuer_subject"), ["issuer", "subject"])
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("method", sa.Text(), server_default="password", nullable=False))
        batch_op.add_column(sa.Column("seen_ns", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("expires_ns", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("seen_ns", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.drop_column("seen_ns")
        batch_op.drop_column("expires_ns")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_column("seen_ns")
        batch_op.drop_column("method")
    op.execute("DELETE FROM users WHERE password_hash IS NULL")  # the older version knows no other way to log in
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_users_issuer_subject"), type_="unique")
        batch_op.alter_column("password_hash", existing_type=sa.Text(), nullable=False)
        batch_op.drop_column("subject")
        batch_op.drop_column("issuer")
        batch_op.drop_column("groups")
    with op.batch_alter_table("cameras", schema=None) as batch_op:
        batch_op.drop_column("groups")
