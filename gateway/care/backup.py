"""Backups of a data directory, made while the gateway runs, and bringing one back into an empty directory.

A backup is a folder: `recordings/` as in the data directory, kept from one backup to the next so that each copies only
what is new, and one `state-…/` with everything else as it was at one moment: both databases (SQLite's online backup),
the ledgers, the keys, the settings file, and `backup.json`, which is written last and has the SHA-256 of the rest. The
state before is removed when the new one is whole. Media is copied before the databases and once more after, so that
whatever the copied catalog knows is there. Left out is what nobody needs after a restore (open files, exports, maps),
and tables in PostgreSQL, which are copied by its own tools.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.access.secrets import KEY_FILE
from gateway.base.errors import StorageError
from gateway.base.rfc3339 import format_utc
from gateway.ledger.keys import LEDGER_FOLDER, SIGNING_FOLDER
from gateway.media.model import UtcNs
from gateway.recording.archive import RECORDINGS
from gateway.recording.rows import SegmentRow
from gateway.store.engine import RESTORING

DATABASES = ("sightline.db", "positions.db")
SETTINGS = "settings.toml"
MANIFEST = "backup.json"
STATE = "state-"
CHUNK = 1 << 20

Progress = Callable[[int, int], None]
"""Is told how many files of how many are copied."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of the media."""

    files: int
    """Copied now."""
    bytes: int
    faults: tuple[str, ...]
    """Sentences: files that are not as the catalog has them, and were left out."""


def copy_media(data_dir: Path, target: Path, rows: Sequence[SegmentRow], progress: Progress) -> Copied:
    """Copy the files of `rows` that the backup has not, each held against its hash.

    Raises:
        StorageError: the backup cannot be written.
    """
    files = size = 0
    faults = []
    for number, row in enumerate(rows, 1):
        copy = target / RECORDINGS / row.path
        if not (copy.exists() and copy.stat().st_size == row.size):
            fault = _copy_checked(data_dir / RECORDINGS / row.path, copy, row.sha256.hex())
            if fault is None:
                files, size = files + 1, size + row.size
            else:
                faults.append(f"{row.path}: {fault}")
        progress(number, len(rows))
    return Copied(files, size, tuple(faults))


def copy_state(data_dir: Path, target: Path, utc_ns: UtcNs, *, config: Path | None, sqlite: bool, keys: bool) -> Path:
    """Copy everything but media, as it is at one moment; returns the folder, which is not valid before `seal`.

    Raises:
        StorageError: something cannot be read, or the backup cannot be written.
    """
    name = STATE + "".join(digit for digit in format_utc(utc_ns) if digit.isalnum())
    state = target / f"{name}.part"
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(mode=0o700)
        if sqlite:
            for name in DATABASES:
                _copy_database(data_dir / name, state / name)
        # After the databases: the ledgers must know at least what the catalog knows.
        shutil.copytree(data_dir / LEDGER_FOLDER, state / LEDGER_FOLDER, copy_function=_copy_lines)
        if keys:
            shutil.copytree(data_dir / SIGNING_FOLDER, state / SIGNING_FOLDER)
            for key in data_dir.glob(f"{KEY_FILE}*"):
                shutil.copy2(key, state / key.name)
        if config is not None:
            shutil.copyfile(config, state / SETTINGS)
            (state / SETTINGS).chmod(0o600)
    except (OSError, shutil.Error, sqlite3.Error) as error:
        raise StorageError(f"the backup cannot be made in {target}: {error}") from error
    return state


def seal(target: Path, state: Path, utc_ns: UtcNs, version: str, rows: Sequence[SegmentRow] | None) -> Path:
    """Make `state` the one that counts, and remove what belongs to none: states before, and media that is not among
    `rows` any more. None: media is somebody else's business.

    Raises:
        StorageError: the backup cannot be written.
    """
    try:
        hashes = {path.relative_to(state).as_posix(): _sha256(path) for path in _files(state)}
        manifest = {"format": 1, "utc": format_utc(utc_ns), "version": version, "sha256": hashes}
        (state / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        os.sync()
        made = state.with_suffix("")
        if made.exists():
            shutil.rmtree(made)
        state.rename(made)
        for other in target.glob(f"{STATE}*"):
            if other != made:
                shutil.rmtree(other)
        if rows is not None:
            wanted, media = {row.path for row in rows}, target / RECORDINGS
            for path in list(_files(media)):
                if path.relative_to(media).as_posix() not in wanted:
                    path.unlink()
    except OSError as error:
        raise StorageError(f"the backup in {target} cannot be finished: {error}") from error
    return made


def restore(backup: Path, data_dir: Path, progress: Progress) -> str:
    """Bring the newest state of a backup and its media into an empty data directory; when that was, RFC 3339.

    One that was interrupted can be repeated; until it is whole, nothing opens the data directory.

    Raises:
        StorageError: there is no whole backup, it is damaged, the directory is not empty, or the disk refused.
    """
    states = sorted(path.parent for path in backup.glob(f"{STATE}*Z/{MANIFEST}"))
    if not states:
        raise StorageError(f"there is no whole backup in {backup}")
    state = states[-1]
    try:
        manifest = json.loads((state / MANIFEST).read_text(encoding="utf-8"))
        for name, sha256 in manifest["sha256"].items():
            if _sha256(state / name) != sha256:
                raise StorageError(f"the backup is damaged: {state / name} is not as it was written")
        data_dir.mkdir(parents=True, exist_ok=True)
        marker = data_dir / RESTORING
        if not marker.exists() and any(data_dir.iterdir()):
            raise StorageError(f"{data_dir} is not empty: move it away first, nothing is written over")
        marker.touch()
        media = list(_files(backup / RECORDINGS))
        for number, path in enumerate(media, 1):
            copy = data_dir / path.relative_to(backup)
            if not (copy.exists() and copy.stat().st_size == path.stat().st_size):
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy)
            progress(number, len(media))
        for name in manifest["sha256"]:
            copy = data_dir / name
            copy.parent.mkdir(mode=0o700 if name.startswith(SIGNING_FOLDER) else 0o755, parents=True, exist_ok=True)
            if name != SETTINGS:
                shutil.copy2(state / name, copy)
        os.sync()
        marker.unlink()
    except (OSError, ValueError, KeyError) as error:
        raise StorageError(f"{backup} cannot be restored into {data_dir}: {error}") from error
    return str(manifest["utc"])


def _copy_checked(source: Path, copy: Path, sha256: str) -> str | None:
    """Copy a file whose hash is known; what is wrong with it, if anything is."""
    part = copy.with_suffix(".part")
    digest = hashlib.sha256()
    try:
        reader = source.open("rb")
    except OSError as error:
        return error.strerror or str(error)
    try:
        with reader:
            copy.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as writer:
                while data := reader.read(CHUNK):
                    digest.update(data)
                    writer.write(data)
                os.fsync(writer.fileno())
        if digest.hexdigest() != sha256:
            part.unlink()
            return "it is not as the catalog has it; the backup keeps what it has"
        part.replace(copy)
    except OSError as error:
        raise StorageError(f"the backup cannot be written: {error}") from error
    return None


def _copy_database(source: Path, copy: Path) -> None:
    """A consistent copy of an SQLite file that others write to meanwhile."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(copy)) as target:
        live.backup(target)
    copy.chmod(0o600)


def _copy_lines(source: str, copy: str) -> str:
    """A file that only grows, up to its last whole line."""
    data = Path(source).read_bytes()
    Path(copy).write_bytes(data[: data.rfind(b"\n") + 1])
    return copy


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield Path(parent) / name


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
