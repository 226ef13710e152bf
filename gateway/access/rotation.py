"""A new key for the passwords that are kept encrypted: those of cameras and those of NVRs.

Both are encrypted anew in one transaction, because the key before is forgotten when it ends. What signs is changed by
`gateway.ledger`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Table, select, text, update

from gateway.access.audit import Action, Audit, append
from gateway.access.secrets import Vault, of_camera, of_user
from gateway.store.engine import Database
from gateway.store.tables import cameras, users


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many passwords are encrypted with the new key."""

    cameras: int
    users: int


async def rotate_key(database: Database, vault: Vault, audit: Audit, *, actor: str, address: str) -> Rotated:
    """Encrypt every password with a new key. Can be repeated, whatever it was that stopped it.

    Raises:
        StorageError: a password cannot be decrypted, or disk or database refused. The passwords can be read.
    """
    if vault.rotating:
        await _encrypt_anew(database, vault, audit, actor, address, begin=False)
    return await _encrypt_anew(database, vault, audit, actor, address, begin=True)


async def _encrypt_anew(
    database: Database, vault: Vault, audit: Audit, actor: str, address: str, *, begin: bool
) -> Rotated:
    """The new key begins inside the transaction: until it ends, no other process can store what the old one
    encrypted."""

    def work(connection: Connection) -> Rotated:
        if connection.dialect.name == "postgresql":  # SQLite lets one write at a time
            connection.execute(text("LOCK TABLE cameras, users IN EXCLUSIVE MODE"))
        of_cameras = {
            name: vault.decrypt(sealed, of_camera(name)) for name, sealed in _sealed(connection, cameras.c.id)
        }
        of_users = {name: vault.decrypt(sealed, of_user(name)) for name, sealed in _sealed(connection, users.c.name)}
        if begin:
            vault.begin_rotation()
        for camera, password in of_cameras.items():
            _store(connection, cameras.c.id, camera, vault.encrypt(password, of_camera(camera)))
        for user, password in of_users.items():
            _store(connection, users.c.name, user, vault.encrypt(password, of_user(user)))
        rotated = Rotated(len(of_cameras), len(of_users))
        what: dict[str, Any] = {"key": "passwords", "cameras": rotated.cameras, "users": rotated.users}
        append(connection, audit.row(Action.KEY_ROTATE, actor=actor, address=address, **what))
        return rotated

    rotated = await database.write(work)
    vault.end_rotation()
    return rotated


def _sealed(connection: Connection, name: Column[str]) -> list[tuple[str, bytes]]:
    """Whose they are, and the encrypted passwords of a table whose rows are told apart by `name`."""
    sealed = _table(name).c.password_encrypted
    return [(row[0], row[1]) for row in connection.execute(select(name, sealed).where(sealed.is_not(None)))]


def _store(connection: Connection, name: Column[str], whose: str, sealed: bytes) -> None:
    connection.execute(update(_table(name)).where(name == whose).values(password_encrypted=sealed))


def _table(column: Column[str]) -> Table:
    assert isinstance(column.table, Table)
    return column.table
