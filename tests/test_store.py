"""The database: migrations say what the tables say, transactions are whole, two processes get along."""

from __future__ import annotations

import asyncio

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select

from gateway.base.errors import StorageError
from gateway.store import tables
from gateway.store.engine import Database, open_catalog, open_positions, raise_revision, revisions, sqlite_url
from gateway.store.migrate import config, newest


@pytest.fixture
def catalog(tmp_path):
    database = open_catalog(tmp_path)
    yield database
    database.close()


async def test_migrations_make_exactly_the_tables(catalog: Database):
    def differences(connection: Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection), tables.metadata)

    assert await catalog.read(differences) == []


async def test_migrating_twice_changes_nothing(tmp_path):
    open_catalog(tmp_path).close()
    command.upgrade(config(sqlite_url(tmp_path / "sightline.db")), "head")
    open_catalog(tmp_path).close()


async def test_what_is_up_to_date_is_not_migrated(tmp_path, monkeypatch):
    open_catalog(tmp_path).close()
    monkeypatch.delattr(command, "upgrade")
    open_catalog(tmp_path).close()


def test_the_newest_revision_is_the_one_that_none_follows():
    assert ScriptDirectory.from_config(config("sqlite://")).get_current_head() == newest()


async def test_a_migration_that_remakes_a_table_keeps_what_refers_to_it(tmp_path):
    """SQLite drops the old table for it, and dropping users would end every log-in and token of theirs."""
    url = sqlite_url(tmp_path / "sightline.db")
    command.upgrade(config(url), "0001")
    database = Database(url)
    await database.write(
        lambda c: [
            c.exec_driver_sql("INSERT INTO users VALUES (1, 'ann', 'auditor', 'hash', 5)"),
            c.exec_driver_sql("INSERT INTO tokens VALUES (x'01', 'backup', 1, 5)"),
        ]
    )
    database.close()
    migrated = open_catalog(tmp_path)
    try:
        assert await migrated.read(lambda c: c.execute(select(tables.users.c.name, tables.users.c.groups)).all()) == [
            ("ann", [])
        ]
        assert await migrated.read(lambda c: c.execute(select(tables.tokens.c.name)).scalars().all()) == ["backup"]
    finally:
        migrated.close()
    command.downgrade(config(url), "0001")
    command.upgrade(config(url), "head")


async def test_a_failed_write_leaves_nothing(catalog: Database):
    def half(connection: Connection) -> None:
        connection.execute(insert(tables.users).values(name="a", role="auditor", password_hash="x", created_ns=1))
        connection.execute(insert(tables.users).values(name="a", role="auditor", password_hash="x", created_ns=1))

    with pytest.raises(StorageError, match="UNIQUE"):
        await catalog.write(half)
    assert await catalog.read(lambda c: c.execute(select(tables.users)).all()) == []


async def test_an_error_of_the_caller_is_rolled_back_and_raised(catalog: Database):
    def fails(connection: Connection) -> None:
        raise_revision(connection, "cameras")
        raise KeyError("mine")

    with pytest.raises(KeyError):
        await catalog.write(fails)
    assert await catalog.read(revisions) == {}


async def test_two_writers_take_turns(tmp_path):
    one, two = open_catalog(tmp_path), open_catalog(tmp_path)
    try:
        await asyncio.gather(
            *(database.write(lambda c: raise_revision(c, "cameras")) for database in (one, two) for _ in range(20))
        )
        assert await one.read(revisions) == {"cameras": 40}
    finally:
        one.close()
        two.close()


async def test_a_database_from_the_future_is_refused(tmp_path):
    catalog = open_catalog(tmp_path)
    await catalog.write(lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num='9999'"))
    catalog.close()
    with pytest.raises(StorageError, match="newer Sightline"):
        open_catalog(tmp_path)


async def test_a_data_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        open_catalog(tmp_path / "file")


async def test_positions_live_in_a_file_of_their_own(tmp_path):
    open_positions(tmp_path).close()
    assert (tmp_path / "positions.db").exists()
    assert not (tmp_path / "sightline.db").exists()
