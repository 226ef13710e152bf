"""The newest entries of chains that are kept in the database: an append reads and writes them in its transaction.

The entries themselves are stored by who keeps the chain. The ledgers, which are files, need none of this.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from gateway.ledger.chain import START, Head, link
from gateway.store.tables import ledger_heads


def append(connection: Connection, chain: str, body: bytes) -> Head:
    """Number and link of a new entry, in the caller's transaction, which stores the entry itself.

    The transaction holds the chain until it ends (SQLite: a writer has the whole database; PostgreSQL: the row of the
    head is locked), so that writers of several processes follow one another.
    """
    return append_all(connection, chain, [body])[0]


def append_all(connection: Connection, chain: str, bodies: Sequence[bytes]) -> list[Head]:
    """As `append`, of entries that follow one another, one at least."""
    row = select(ledger_heads.c.sequence, ledger_heads.c.sha256).where(ledger_heads.c.chain == chain)
    before = connection.execute(row.with_for_update()).first()
    newest = START if before is None else Head(before.sequence, bytes(before.sha256))
    links = []
    for body in bodies:
        newest = link(newest, body)
        links.append(newest)
    values = {"sequence": newest.sequence, "sha256": newest.sha256}
    if before is None:
        connection.execute(insert(ledger_heads).values(chain=chain, **values))
    else:
        connection.execute(update(ledger_heads).where(ledger_heads.c.chain == chain).values(**values))
    return links


def head(connection: Connection, chain: str) -> Head:
    """The newest entry of a chain."""
    row = connection.execute(
        select(ledger_heads.c.sequence, ledger_heads.c.sha256).where(ledger_heads.c.chain == chain)
    ).first()
    return START if row is None else Head(row.sequence, bytes(row.sha256))
