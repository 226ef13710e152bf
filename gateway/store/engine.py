"""The way to the database: one writer thread, some reader threads, transactions as plain functions of a Connection.

SQLite in WAL mode by default, anything SQLAlchemy speaks by URL (PostgreSQL is the other one that is meant). The
command line writes to the same database beside a running gateway, so a writer takes its lock at the start of a
transaction and waits for another's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from gateway.base.errors import StorageError
from gateway.base.workers import Threads
from gateway.store import tables

T = TypeVar("T")

BUSY_TIMEOUT_MS = 10_000
READERS = 4
RESTORING = "restoring"
"""A file in a data directory into which a backup is being brought back."""
_RAISED = "revision raised"


class Database:
    """Runs functions of a Connection in threads. Close it last."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.on_raised: list[Callable[[], None]] = []
        """Called when a transaction of this process has raised a revision and is committed."""
        self._write_engine = engine_for(url, begin="BEGIN IMMEDIATE", pool_size=1)
        self._read_engine = engine_for(url, begin="BEGIN", pool_size=READERS)
        self._writer = Threads("db-write", 1)
        self._readers = Threads("db-read", READERS)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a reader's connection. It must not write.

        Raises:
            StorageError: the database refused.
        """
        return await self._readers.run(_call, self._read_engine, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction on the single writer thread; committed when this returns.

        Raises:
            StorageError: the database refused; nothing of `work` was kept.
        """
        result, raised = await self._writer.run(_call_and_tell, self._write_engine, work)
        if raised:
            for callback in self.on_raised:
                callback()
        return result

    def close(self) -> None:
        """Wait for what is under way and let go of the connections. Blocks."""
        self._writer.close()
        self._readers.close()
        self._write_engine.dispose()
        self._read_engine.dispose()


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return f"sqlite+pysqlite:///{path}"


def open_catalog(data_dir: Path, url: str = "") -> Database:
    """The catalog database, migrated to the newest revision. `url` empty: `data_dir/sightline.db`.

    Raises:
        StorageError: the folder or the database cannot be made or migrated.
    """
    from gateway.store.migrate import upgrade

    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"the data directory {data_dir} cannot be made: {error.strerror}") from error
    if (data_dir / RESTORING).exists():
        raise StorageError(f"a restore into {data_dir} was interrupted: run it again")
    url = url or sqlite_url(data_dir / "sightline.db")
    upgrade(url)
    return Database(url)


def open_positions(data_dir: Path, url: str = "") -> Database:
    """The positions database: a file of its own (`data_dir/positions.db`), or the same server when `url` names one."""
    url = url or sqlite_url(data_dir / "positions.db")
    create_missing(url, tables.positions_metadata)
    return Database(url)


def create_missing(url: str, metadata: MetaData) -> None:
    """Create the tables of `metadata` that are not there yet.

    Raises:
        StorageError: the database cannot be opened or written.
    """
    engine = engine_for(url, begin="BEGIN IMMEDIATE", pool_size=1)
    try:
        with engine.begin() as connection:
            present = set(inspect(connection).get_table_names())
            metadata.create_all(connection, [t for t in metadata.sorted_tables if t.name not in present])
    except SQLAlchemyError as error:
        raise StorageError(_sentence(url, error)) from error
    finally:
        engine.dispose()


def raise_revision(connection: Connection, subject: str) -> None:
    """Note, in the caller's transaction, that `subject` changed: for this process and others to act on."""
    connection.info[_RAISED] = True
    table = tables.revisions
    updated = connection.execute(table.update().where(table.c.subject == subject).values(number=table.c.number + 1))
    if updated.rowcount == 0:
        connection.execute(table.insert().values(subject=subject, number=1))


def revisions(connection: Connection) -> dict[str, int]:
    """The number of each subject."""
    table = tables.revisions
    return {row.subject: row.number for row in connection.execute(select(table.c.subject, table.c.number))}


def _call(engine: Engine, work: Callable[[Connection], T]) -> T:
    try:
        with engine.begin() as connection:
            return work(connection)
    except SQLAlchemyError as error:
        raise StorageError(_sentence(str(engine.url), error)) from error


def _call_and_tell(engine: Engine, work: Callable[[Connection], T]) -> tuple[T, bool]:
    """`_call`, and whether a revision was raised."""

    def noted(connection: Connection) -> tuple[T, bool]:
        connection.info.pop(_RAISED, None)  # of a transaction that was rolled back
        return work(connection), connection.info.pop(_RAISED, False)

    return _call(engine, noted)


def _sentence(url: str, error: SQLAlchemyError) -> str:
    shown = make_url(url).render_as_string(hide_password=True)
    return f"the database {shown} refused: {getattr(error, 'orig', None) or error}"


def engine_for(url: str, *, begin: str, pool_size: int, foreign_keys: bool = True) -> Engine:
    """An Engine whose transactions start with `begin` (SQLite) and that opens at most `pool_size` connections.

    A migration of SQLite remakes whole tables; with `foreign_keys` each would take along every row that refers to it.
    """
    sqlite = make_url(url).get_backend_name() == "sqlite"
    arguments: dict[str, Any] = {"check_same_thread": False, "isolation_level": None} if sqlite else {}
    engine = create_engine(
        url, connect_args=arguments, pool_size=pool_size, max_overflow=0, pool_pre_ping=not sqlite, hide_parameters=True
    )
    if sqlite:

        @event.listens_for(engine, "connect")
        def _connected(connection: Any, _record: object) -> None:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
            cursor.close()

        @event.listens_for(engine, "begin")
        def _begun(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

    return engine
