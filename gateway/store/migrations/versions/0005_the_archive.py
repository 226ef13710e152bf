"""the archive: cut points of segments, deletions, holds, bookmarks, who wore a camera, exports"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _row_id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False)


def _index(table: str, *columns: str) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.create_index(batch_op.f(f"ix_{table}_{'_'.join(columns)}"), list(columns), unique=False)


def upgrade() -> None:
    with op.batch_alter_table("cameras", schema=None) as batch_op:
        batch_op.add_column(sa.Column("record_on", sa.Text(), server_default="always", nullable=False))
        batch_op.add_column(sa.Column("pre_roll", sa.Text(), server_default="30s", nullable=False))
        batch_op.add_column(sa.Column("post_roll", sa.Text(), server_default="60s", nullable=False))
    with op.batch_alter_table("segments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("imported", sa.Boolean(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("chunks", sa.LargeBinary(), nullable=True))
        batch_op.create_index(batch_op.f("ix_segments_start_ns"), ["start_ns"], unique=False)
    op.create_table(
        "deletions",
        _row_id(),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("start_ns", sa.BigInteger(), nullable=False),
        sa.Column("end_ns", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("deleted_ns", sa.BigInteger(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deletions")),
    )
    _index("deletions", "camera", "start_ns")
    _index("deletions", "deleted_ns")
    op.create_table(
        "holds",
        _row_id(),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("start_ns", sa.BigInteger(), nullable=False),
        sa.Column("end_ns", sa.BigInteger(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("placed_ns", sa.BigInteger(), nullable=False),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("released_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    _index("holds", "camera", "start_ns")
    op.create_table(
        "bookmarks",
        _row_id(),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookmarks")),
    )
    _index("bookmarks", "camera", "utc_ns")
    op.create_table(
        "assignments",
        _row_id(),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("wearer", sa.Text(), nullable=False),
        sa.Column("start_ns", sa.BigInteger(), nullable=False),
        sa.Column("end_ns", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
    )
    _index("assignments", "camera", "start_ns")
    _index("assignments", "wearer", "start_ns")
    op.create_table(
        "exports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("finished_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    _index("exports", "created_ns")


def downgrade() -> None:
    for table in ("exports", "assignments", "bookmarks", "holds", "deletions"):
        op.drop_table(table)
    with op.batch_alter_table("segments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_segments_start_ns"))
        batch_op.drop_column("chunks")
        batch_op.drop_column("imported")
    with op.batch_alter_table("cameras", schema=None) as batch_op:
        for column in ("post_roll", "pre_roll", "record_on"):
            batch_op.drop_column(column)
