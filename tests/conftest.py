"""What holds for every test: what is costly and not its subject costs little.

New databases need no run of the migrations, passwords of people no strong hash, and no property is judged by how long
an example takes.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy.engine import make_url

from gateway.access import users
from gateway.store import migrate
from gateway.store.engine import sqlite_url
from tests.accounts import CHEAP

# A machine that others work on takes 300 ms for what takes it 2 ms otherwise.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def _migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """New databases are copies of one that the migrations made: they take 0.15 s, some hundred times.

    Migrating what is there already is the product's own; `Config` and Alembic's commands always are.
    """
    upgrade, template = migrate.upgrade, tmp_path_factory.mktemp("template") / "sightline.db"
    upgrade(sqlite_url(template))

    def upgrade_a_copy(url: str) -> None:
        file = make_url(url).database
        if url.startswith("sqlite") and file and Path(file).parent.is_dir() and not Path(file).exists():
            shutil.copyfile(template, file)
        upgrade(url)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "upgrade", upgrade_a_copy)
        yield


@pytest.fixture(scope="session", autouse=True)
def _weak_hashes() -> Iterator[None]:
    """Who makes `Users` without saying how passwords are hashed gets hashes that take no time. (`Passwords` itself is
    as strong as ever.)"""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "Passwords", lambda: CHEAP)
        yield


@pytest.fixture(scope="session")
def built_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of `tests.proof_rig.make_archive`. It takes two seconds to make: copy it, and change the copy."""
    from tests.proof_rig import make_archive

    return asyncio.run(make_archive(tmp_path_factory.mktemp("archive")))
