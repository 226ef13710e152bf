"""the NVR side: passwords that digests can be checked with, limits by camera, ports of virtual ONVIF devices"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("password_encrypted", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("cameras", sa.JSON(), server_default="[]", nullable=False))
    op.create_table(
        "onvif_devices",
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("camera", name=op.f("pk_onvif_devices")),
        sa.UniqueConstraint("number", name=op.f("uq_onvif_devices_number")),
    )


def downgrade() -> None:
    op.drop_table("onvif_devices")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("cameras")
        batch_op.drop_column("password_encrypted")
