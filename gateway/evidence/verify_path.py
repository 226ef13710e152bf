"""`sightline verify PATH`: a package, a recorded file or a copy of one, an exported file, the original of an import.

What a file is, is found by what it holds, not by where it lies: its hash in the catalog, the ledgers and the audit, the
credentials inside it. A whole archive is `verify`'s business.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, select

from gateway.access.audit import Action
from gateway.base.errors import StorageError
from gateway.base.rfc3339 import format_utc
from gateway.evidence.content_credentials import Credentials, Trust, our_roots, read
from gateway.evidence.findings import Progress, Report, Subject
from gateway.evidence.ledger_replay import LedgerSegment, Replay, RowError
from gateway.evidence.package_files import verify as standalone
from gateway.evidence.package_plan import AUDIT_FILE
from gateway.evidence.verify import ROWS_ASKED, Proving, audit_links
from gateway.ledger.keys import PublicKeys
from gateway.ledger.rows import parse
from gateway.recording.file_proof import Point, prove_file
from gateway.store.tables import audit, deletions, segments

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class _Known:
    """A recorded file that the catalog knows, or knew."""

    camera: str
    file: str
    sha256: str
    deleted_ns: int | None


async def verify_path(
    proving: Proving, path: Path, recordings: Path, progress: Callable[[Progress], None] = lambda _: None
) -> Report:
    """Prove what lies at `path`. `recordings`: the archive's folder of them.

    Raises:
        StorageError: it cannot be read, or the database refused.
    """
    report = Report()

    def is_package() -> bool:
        return path.is_dir() or zipfile.is_zipfile(path)

    try:
        if await proving.threads.run(is_package):
            await _package(proving, path, report)
        else:
            await _file(proving, path, recordings, report, progress)
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}") from error
    return report


# ---- a package


class _Told(standalone.Report):
    """What the package's own script would print."""

    def __init__(self, report: Report, name: str) -> None:
        super().__init__(lambda _: None)
        self._report = report
        self._name = name

    def note(self, what: str) -> None:
        """Something to know."""
        self._report.notes.append(what)

    def fault(self, what: str) -> None:
        """Something is not as it was made."""
        where, _, rest = what.partition(": ")
        self._report.add(Subject.PACKAGE, where if rest else self._name, rest or what)


async def _package(proving: Proving, path: Path, report: Report) -> None:
    keys = await proving.threads.run(PublicKeys.read, proving.journals.folder)

    def check() -> tuple[bytes, dict[int, bytes]]:
        package = standalone.Package(path)
        try:
            standalone.check(package, _Told(report, path.name))
        except standalone.NoPackageError as error:
            report.add(Subject.PACKAGE, path.name, f"it is no evidence package: {error}")
            return b"", {}
        copies = [name for name in package.names() if name.endswith("/video.mp4") and name.count("/") == 1]
        roots = our_roots(proving.journals.folder, keys).values()
        for name in copies:
            with _member(path, name) as file:
                _say_credentials(read(file, roots), name, report)
        # What does not hold is not looked up: nobody knows what it says.
        return package.read("keys.jsonl"), _links(package.read(AUDIT_FILE)) if report.holds else {}

    packaged, links = await proving.threads.run(check)
    theirs = PublicKeys.parse(packaged)
    if report.holds and not theirs.keys.keys() & keys.keys.keys():
        report.add(
            Subject.KEY, path.name,
            "it holds by itself, but none of its keys is one of this archive: verify it where it was made",
        )  # fmt: skip
    elif report.holds:
        report.notes.append("its keys are those of this archive")
        await _compare_audit(proving, links, report)


def _links(extract: bytes) -> dict[int, bytes]:
    """The rows of the audit in a package: their links, by number."""
    rows = map(json.loads, extract.splitlines())
    return {int(row["sequence"]): bytes.fromhex(row["link"]) for row in rows}


async def _compare_audit(proving: Proving, links: Mapping[int, bytes], report: Report) -> None:
    """Whether the package's rows of the audit are those that this archive has."""
    numbers = sorted(links)
    for at in range(0, len(numbers), ROWS_ASKED):
        some = numbers[at : at + ROWS_ASKED]
        known = await proving.database.read(lambda connection, some=some: audit_links(connection, some))  # type: ignore[misc]
        for number in some:
            if known.get(number) != links[number]:
                what = f"row {number} is not the one that this archive's audit has"
                report.add(Subject.AUDIT, AUDIT_FILE, what)
                return
    if numbers:
        report.notes.append(f"its {len(numbers)} rows of the audit are those of this archive")


@contextmanager
def _member(path: Path, name: str) -> Iterator[BinaryIO]:
    """A file of a package, to seek in. Those of a ZIP lie in it as they are."""
    if path.is_dir():
        with (path / name).open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as package, package.open(name) as member:
        assert isinstance(member, io.BufferedIOBase)
        yield member  # type: ignore[misc]


# ---- a file


async def _file(
    proving: Proving, path: Path, recordings: Path, report: Report, progress: Callable[[Progress], None]
) -> None:
    sha256 = await proving.threads.run(_sha256_of, path, progress)
    if (inside := _inside(path, recordings)) is not None:
        camera = inside.partition("/")[0]
        if not await _prove(proving, path, camera, inside, report):
            report.add(Subject.FILE, inside, "no row of the ledger speaks of this file", camera)
        return
    known = await proving.database.read(lambda connection: _with_hash(connection, sha256))
    if known is not None:
        gone = "" if known.deleted_ns is None else f", which was deleted at {format_utc(known.deleted_ns)}"
        report.notes.append(f"it is a copy, byte for byte, of {known.file}{gone}")
        if not await _prove(proving, path, known.camera, known.file, report):
            report.notes.append("it is older than the ledger: only the catalog vouches for it")
        return
    keys = await proving.threads.run(PublicKeys.read, proving.journals.folder)
    roots = our_roots(proving.journals.folder, keys).values()
    with path.open("rb") as file:
        credentials = await proving.threads.run(read, file, roots)
    if credentials.trust is not Trust.NONE:
        _say_credentials(credentials, path.name, report)
        if report.holds:
            await _say_sources(proving, credentials, path.name, report)
        return
    if (row := await proving.database.read(lambda connection: _export_with(connection, sha256))) is not None:
        report.notes.append(f"it is as it was exported: row {row} of the audit has its SHA-256")
    elif (original := await proving.threads.run(_import_of, proving, sha256)) is not None:
        report.notes.append(f"it is the original of an import: {original}")
    elif (namesake := await proving.database.read(lambda connection: _with_name(connection, path.name))) is not None:
        if not await _prove(proving, path, namesake.camera, namesake.file, report):
            report.add(Subject.FILE, path.name, f"it is not {namesake.file}, whose name it has")
    else:
        report.add(Subject.FILE, path.name, "nothing here speaks of this file, and it carries no credentials")


def _inside(path: Path, recordings: Path) -> str | None:
    try:
        return path.resolve().relative_to(recordings.resolve()).as_posix()
    except ValueError:
        return None


async def _prove(proving: Proving, path: Path, camera: str, file: str, report: Report) -> bool:
    """Hold the bytes at `path` against the rows about `file`; False when there are none."""

    def work() -> bool:
        found: list[tuple[LedgerSegment | None, list[Point]]] = []
        replay = Replay(lambda segment, points: found.append((segment, points)), lambda _: None)
        name = f'"file":"{file}"'.encode()
        for line in proving.journals.lines(camera):
            if name in line.data:
                try:
                    replay.take(parse(line.data))
                except (ValueError, RowError) as error:
                    report.add(Subject.LEDGER, f"ledger of {camera}", str(error), camera)
        if not found and file in replay.growing:
            found.append((None, replay.growing[file]))
        if not found:
            return False
        segment, points = found[-1]
        with path.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            fault = prove_file(lambda at, length: os.pread(opened.fileno(), length, at), points)
        if fault is None and segment is not None and size > segment.bytes:
            report.add(Subject.FILE, path.name, f"bytes {segment.bytes} to {size - 1} were added", camera)
        elif fault is not None:
            report.add(Subject.FILE, path.name, str(fault), camera)
        else:
            report.notes.append(
                f"{len(points)} rows of the ledger of {camera} vouch for {points[-1].bytes} bytes of it"
            )
            report.notes.append(
                f'the rows themselves are proved with the whole ledger: run "sightline verify --camera {camera}"'
            )
        return True

    return await proving.threads.run(work)


def _say_credentials(credentials: Credentials, name: str, report: Report) -> None:
    match credentials.trust:
        case Trust.NONE:
            report.add(Subject.CREDENTIALS, name, "it carries no Content Credentials")
        case Trust.BROKEN:
            report.add(
                Subject.CREDENTIALS, name, f"its Content Credentials do not hold: {'; '.join(credentials.faults)}"
            )
        case Trust.FOREIGN:
            report.add(Subject.CREDENTIALS, name, "its Content Credentials hold, but no key of this archive made them")
        case Trust.OURS:
            said = credentials.statement
            of = "" if said is None else f": {said.camera}, {format_utc(said.from_ns)} to {format_utc(said.to_ns)}"
            report.notes.append(f"{name}: its Content Credentials hold, and are ours{of}")


async def _say_sources(proving: Proving, credentials: Credentials, name: str, report: Report) -> None:
    """The Segments that the file says it was made of, against what the catalog knows, or knew."""
    if credentials.statement is None:
        return
    for source in credentials.statement.sources:
        known = await proving.database.read(lambda connection, of=source.sha256: _with_hash(connection, of))  # type: ignore[misc]
        if known is None:
            report.add(Subject.CREDENTIALS, name, f"it says it was made of {source.file}, which nothing here knows so")


def _sha256_of(path: Path, progress: Callable[[Progress], None]) -> str:
    digest, done, size = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            progress(Progress(path.name, done, size))
    return digest.hexdigest()


def _with_hash(connection: Connection, sha256: str) -> _Known | None:
    raw = bytes.fromhex(sha256)
    row = connection.execute(select(segments).where(segments.c.sha256 == raw).limit(1)).first()
    if row is not None:
        return _Known(row.camera, row.path, sha256, None)
    gone = connection.execute(select(deletions).where(deletions.c.sha256 == raw).limit(1)).first()
    return None if gone is None else _Known(gone.camera, gone.path, sha256, gone.deleted_ns)


def _with_name(connection: Connection, name: str) -> _Known | None:
    query = select(segments).where(segments.c.path.endswith(f"/{name}", autoescape=True)).limit(1)
    row = connection.execute(query).first()
    return None if row is None else _Known(row.camera, row.path, bytes(row.sha256).hex(), None)


def _export_with(connection: Connection, sha256: str) -> int | None:
    """The audit's row that tells of a finished export with such a file."""
    query = select(audit.c.id).where(
        audit.c.action == Action.EXPORT.value, audit.c.detail.contains(f'"sha256":"{sha256}"', autoescape=True)
    )
    return connection.execute(query.order_by(audit.c.id).limit(1)).scalar()


def _import_of(proving: Proving, sha256: str) -> str | None:
    """What the ledgers say of an import from this file."""
    sought = f'"sha256":"{sha256}"'.encode()
    for camera in proving.journals.cameras():
        for line in proving.journals.lines(camera):
            if sought in line.data and b'"kind":"imported"' in line.data:
                row = parse(line.data)
                return f"{row.body['file']} and what follows it, row {row.sequence} of the ledger of {camera}"
    return None
