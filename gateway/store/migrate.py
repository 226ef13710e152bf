"""Alembic migrations, run by the gateway itself: no alembic.ini, no command to remember."""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy.exc import SQLAlchemyError

from gateway.base.errors import StorageError

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Bring the catalog database at `url` to the newest revision; creates it if need be.

    Raises:
        StorageError: it cannot be opened, or was written by a newer Sightline.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        command.upgrade(config(url), "head")
    except CommandError as error:
        raise StorageError(
            f"the database was written by a newer Sightline ({error}): start that version, or restore a backup"
        ) from error
    except SQLAlchemyError as error:
        raise StorageError(f"the database cannot be opened: {getattr(error, 'orig', None) or error}") from error


def config(url: str) -> Config:
    """The Alembic configuration for `url`."""
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.attributes["url"] = url
    return settings
