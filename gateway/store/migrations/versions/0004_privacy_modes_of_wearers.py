"""privacy modes of wearers: which are on, and when they were"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "privacy",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("start_ns", sa.BigInteger(), nullable=False),
        sa.Column("end_ns", sa.BigInteger(), nullable=True),
        sa.Column("hides_position", sa.Boolean(), nullable=False),
        sa.Column("hides_stream", sa.Boolean(), nullable=False),
        sa.Column("recording", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy")),
    )
    with op.batch_alter_table("privacy", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_privacy_camera_start_ns"), ["camera", "start_ns"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("privacy", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_privacy_camera_start_ns"))
    op.drop_table("privacy")
