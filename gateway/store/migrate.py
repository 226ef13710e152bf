"""Alembic migrations, run by the gateway itself: no alembic.ini, no command to remember.

A database that is up to date already is only asked for its revision: Alembic takes a third of a second to import, and
every command opens the database.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from gateway.base.errors import StorageError
from gateway.store.engine import engine_for

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Bring the catalog database at `url` to the newest revision; creates it if need be.

    Raises:
        StorageError: it cannot be opened, or was written by a newer Sightline.
    """
    if revision(url) == newest():
        return
    from alembic import command
    from alembic.util.exc import CommandError

    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        command.upgrade(config(url), "head")
    except CommandError as error:
        raise StorageError(
            f"the database was written by a newer Sightline ({error}): start that version, or restore a backup"
        ) from error
    except SQLAlchemyError as error:
        raise StorageError(f"the database cannot be opened: {getattr(error, 'orig', None) or error}") from error


def newest() -> str:
    """The revision that this Sightline works with: each migration's file begins with its own."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def revision(url: str) -> str | None:
    """The revision of the database at `url`; None: it has none, or cannot be read."""
    engine = engine_for(url, begin="BEGIN", pool_size=1)
    try:
        with engine.begin() as connection:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return None if found is None else str(found)
    except SQLAlchemyError:
        return None  # whoever migrates it will say why
    finally:
        engine.dispose()


def config(url: str) -> Config:
    """The Alembic configuration for `url`."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.attributes["url"] = url
    return settings
