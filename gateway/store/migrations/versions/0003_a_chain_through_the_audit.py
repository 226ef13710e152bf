"""reasons in the audit, a chain through it, indices to search it by, views that are open

Rows that were there before are chained as they stand, and a row of its own says how many they were: of them the chain
proves nothing older than this migration.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import rfc8785
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SEARCHED = ("actor", "camera", "action", "outcome")
BATCH = 1000

_audit = sa.table(
    "audit",
    *map(sa.column, ("id", "utc_ns", "actor", "action", "outcome", "camera", "address", "detail", "sha256")),
)


def upgrade() -> None:
    op.create_table(
        "ledger_heads",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_ledger_heads")),
    )
    op.create_table(
        "open_views",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open_views")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_camera"))
        batch_op.alter_column(
            "detail",
            existing_type=sa.JSON(),
            type_=sa.Text(),
            existing_nullable=False,
            postgresql_using="detail::text",
        )
        batch_op.add_column(sa.Column("reason", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("sha256", sa.LargeBinary(), nullable=True))
    _chain(op.get_bind())
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.alter_column("sha256", existing_type=sa.LargeBinary(), nullable=False)
        for column in SEARCHED:
            batch_op.create_index(batch_op.f(f"ix_audit_{column}_utc_ns"), [column, "utc_ns"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("audit", schema=None) as batch_op:
        for column in SEARCHED:
            batch_op.drop_index(batch_op.f(f"ix_audit_{column}_utc_ns"))
        batch_op.drop_column("sha256")
        batch_op.drop_column("reason")
        batch_op.alter_column(
            "detail",
            existing_type=sa.Text(),
            type_=sa.JSON(),
            existing_nullable=False,
            postgresql_using="detail::json",
        )
        batch_op.create_index(batch_op.f("ix_audit_camera"), ["camera"], unique=False)
    op.drop_table("open_views")
    op.drop_table("ledger_heads")


def _chain(connection: sa.Connection) -> None:
    """Number the rows without a hole, link each to the one before it, and say so in a row of its own."""
    after, sequence, link = 0, 0, bytes(32)
    query = sa.select(_audit).order_by(_audit.c.id).limit(BATCH)
    while rows := connection.execute(query.where(_audit.c.id > after)).mappings().all():
        for row in rows:
            sequence += 1
            values, link = _linked(dict(row), sequence, link)
            # Numbers only go down, so none is taken: PostgreSQL leaves holes where a transaction failed.
            connection.execute(_audit.update().where(_audit.c.id == row["id"]).values(**values))
        after = rows[-1]["id"]
    if sequence:
        told = {
            "utc_ns": time.time_ns(),
            "actor": "sightline",
            "action": "chain_start",
            "outcome": "done",
            "camera": None,
            "address": "local",
            "detail": json.dumps({"rows_before": sequence}),
        }
        sequence += 1
        values, link = _linked(told, sequence, link)
        connection.execute(_audit.insert().values(**(told | values)))
    heads = sa.table("ledger_heads", *map(sa.column, ("chain", "sequence", "sha256")))
    connection.execute(heads.insert().values(chain="audit", sequence=sequence, sha256=link))


def _linked(row: dict[str, object], sequence: int, previous: bytes) -> tuple[dict[str, object], bytes]:
    """What changes in a row, and its link, as gateway.ledger and gateway.access.audit made it when this was written."""
    detail: Any = json.loads(str(row["detail"]))
    body: dict[str, Any] = {key: row[key] for key in ("actor", "action", "outcome", "address")}
    body |= {"detail": detail, "utc_ns": str(row["utc_ns"])}
    if row["camera"] is not None:
        body["camera"] = row["camera"]
    whole: dict[str, Any] = {"body": body, "previous": previous.hex(), "sequence": sequence}
    link = hashlib.sha256(rfc8785.dumps(whole)).digest()
    return {"id": sequence, "detail": rfc8785.dumps(detail).decode(), "sha256": link}, link
