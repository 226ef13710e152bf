"""Builds an evidence package: a ZIP with the recordings as they lie on disk, a copy that plays in one piece, positions,
and everything that proves them to somebody who has nothing else of ours. docs/evidence.md says what is in it.

Blocks and takes long: call it in a worker process, with what `package_gathering` gathered. Memory hardly grows with
what goes in.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path
from typing import IO, Any

from gateway import __version__
from gateway.base.clock import Clock
from gateway.base.errors import NotFoundError, StorageError
from gateway.base.rfc3339 import format_utc
from gateway.evidence.anchor_book import inclusion, read_book
from gateway.evidence.content_credentials import Issuer, Source, Statement, our_roots, sign
from gateway.evidence.ledger_extract import Extract, extract
from gateway.evidence.package_plan import AUDIT_FILE, INCIDENT_FILE, PackagedCamera, PackagePlan
from gateway.evidence.package_zip import PackageZip, ShortError
from gateway.ledger.journal import SUFFIX, Journals
from gateway.ledger.keys import KEYS_FILE, PublicKeys
from gateway.media.model import TrackKind
from gateway.recording.faststart import write_faststart
from gateway.recording.files import Files
from gateway.recording.rows import SegmentRow

FORMAT = "sightline evidence package 1"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
RECORDINGS = "recordings"
"""The folder in the package; below it, paths are those of the ledgers."""
_TEXTS = ("README.txt", "verify.py", "verify.html")


@dataclass(frozen=True, slots=True)
class PackageSummary:
    """A package that is complete and on the disk."""

    path: Path
    size: int
    """In bytes."""
    sha256: str
    segments: int
    """Recorded files that are in it as they are."""
    withheld: int
    """Those that are not, because whoever asked may not have all of what is in them, or because they still grow."""


def build_package(
    plan: PackagePlan, files: Files, clock: Clock, progress: Callable[[float], None] = lambda _: None
) -> PackageSummary:
    """Make `plan.out`; whatever else lies in the plan's folder is gone on return.

    `progress` is called with the share that is done. Whatever it raises ends the work, and passes through.

    Raises:
        NotFoundError: nothing is recorded in this interval.
        StorageError: something cannot be read or written.
        CredentialsError: the copies cannot be signed.
    """
    builder = _Builder(plan, files, clock, progress)
    try:
        with _created(plan.out) as file:
            builder.build(file)
        size, sha256 = _size_and_sha256(plan.out)
    except ShortError as error:
        raise StorageError("a recording became shorter while it was packed") from error
    except FileNotFoundError as error:
        raise StorageError(
            f"{error.filename} was deleted while it was packed: place a hold on the interval, and ask again"
        ) from error
    except OSError as error:
        raise StorageError(f"{plan.out} cannot be made: {error.strerror or error}") from error
    return PackageSummary(plan.out, size, sha256, builder.segments, builder.withheld)


class _Builder:
    """One package while it is built."""

    def __init__(self, plan: PackagePlan, files: Files, clock: Clock, progress: Callable[[float], None]) -> None:
        self.segments = self.withheld = 0
        self._plan = plan
        self._files = files
        self._journals = Journals.open(plan.data_dir, clock)
        self._keys = PublicKeys.read(self._journals.folder)
        self._anchors = read_book(self._journals.folder, self._keys)
        self._issuer = Issuer(plan.data_dir, self._journals.signer, clock)
        self._progress = progress
        # The copies are written three times: as such, with their credentials, and into the package.
        self._total = sum(3 * _copied_bytes(camera) for camera in plan.cameras)
        self._total += sum(row.size for camera in plan.cameras for row in camera.segments)
        self._done = 0

    def build(self, file: IO[bytes]) -> None:
        if not any(camera.footage.pieces for camera in self._plan.cameras):
            raise NotFoundError("nothing is recorded in this interval")
        package = PackageZip(file, self._plan.made_ns)
        for name in _TEXTS:
            package.add_bytes(name, resources("gateway.evidence").joinpath("package_files", name).read_bytes())
        package.add_bytes(KEYS_FILE, (self._journals.folder / KEYS_FILE).read_bytes())
        cameras = [self._camera(camera, package) for camera in self._plan.cameras]
        for key, root in our_roots(self._journals.folder, self._keys).items():
            package.add_bytes(f"certificates/{key}.pem", root.encode())
        if self._plan.audit is not None:
            self._take(self._plan.audit, AUDIT_FILE, package)
        if self._plan.incident is not None:
            self._take(self._plan.incident, INCIDENT_FILE, package)
        manifest = json.dumps(self._manifest(cameras, package), indent=1, ensure_ascii=False).encode()
        signature = self._journals.signer.sign(hashlib.sha256(manifest).digest())
        signed = {"key": signature.key, "signature": b64encode(signature.value).decode()}
        package.add_bytes(MANIFEST, manifest, listed=False)
        package.add_bytes(SIGNATURE, json.dumps(signed).encode(), listed=False)
        package.close()

    def _manifest(self, cameras: list[dict[str, Any]], package: PackageZip) -> dict[str, Any]:
        request = self._plan.request
        return {
            "format": FORMAT,
            "software": f"Sightline {__version__}",
            "made": format_utc(self._plan.made_ns),
            "by": request.actor,
            "reason": request.reason,
            "from": format_utc(request.from_ns),
            "to": format_utc(request.to_ns),
            "cameras": cameras,
            "audit": None if self._plan.audit is None else {"file": AUDIT_FILE, "rows": self._plan.audit_rows},
            "incident": None if self._plan.incident is None else {"number": request.incident, "file": INCIDENT_FILE},
            "files": package.files,
        }

    def _camera(self, camera: PackagedCamera, package: PackageZip) -> dict[str, Any]:
        whole, withheld = [], []
        for row in camera.segments:
            why = _withheld(camera, row)
            if why is None:
                whole.append(row)
            else:
                withheld.append(_span(row.start_ns, row.end_ns) | {"file": row.path, "why": why})
        withheld += [
            _span(piece.start_ns, piece.end_ns) | {"file": piece.path, "why": "it was still being recorded"}
            for piece in camera.footage.pieces
            if piece.open
        ]
        self.segments += len(whole)
        self.withheld += len(withheld)
        stops = self._anchors.rows(camera.id)
        found = extract(self._journals, camera.id, {row.path for row in camera.segments}, stops)
        ledgers = self._ledgers(camera, found, package)
        for path in camera.positions:
            self._take(path, f"{camera.id}/positions{path.suffix}", package)
        return {
            "id": camera.id,
            "name": camera.label,
            **_span(*self._plan.request.span(camera.id)),
            "recorded": [_span(span.start_ns, span.end_ns) for span in camera.recorded],
            "gaps": [
                _span(gap.start_ns, gap.end_ns)
                | {
                    "reason": gap.reason.value,
                    "track": None if gap.kind is None else gap.kind.value,
                    "packets": gap.packets,
                    "detail": gap.detail,
                }
                for gap in camera.gaps
            ],
            "deleted": camera.deleted,
            "wearers": camera.wearers,
            "sound": camera.selection.sound,
            "positions": camera.selection.positions,
            "segments": [self._segment(row, found, package) for row in whole],
            "withheld": withheld,
            "video": self._copy(camera, package) if camera.footage.pieces else None,
            "ledgers": ledgers,
            "anchors": self._anchor(camera, found, package),
        }

    def _segment(self, row: SegmentRow, found: Extract, package: PackageZip) -> dict[str, Any]:
        """Put a recorded file in, untouched."""
        name, named = f"{RECORDINGS}/{row.path}", found.named.get(row.path)
        with self._files.reader(row.path) as read_at:
            package.add(name, read_at, 0, row.size, self._written)
        return _span(row.start_ns, row.end_ns) | {
            "name": name,
            "file": row.path,
            "bytes": row.size,
            "sha256": row.sha256.hex(),
            "adopted": row.adopted,
            "imported": named is not None and named.imported,
            "row": None if named is None else named.row,
        }

    def _copy(self, camera: PackagedCamera, package: PackageZip) -> dict[str, Any]:
        """The interval in one MP4 that plays anywhere, with Content Credentials."""
        name, plain = f"{camera.id}/video.mp4", self._plan.folder / f"{camera.id}.plain.mp4"
        signed = self._plan.folder / f"{camera.id}.mp4"
        weight, before = _copied_bytes(camera), self._done
        written = write_faststart(
            camera.footage, self._files, plain, selection=camera.selection,
            progress=lambda share: self._tell(before + round(weight * share)),
        )  # fmt: skip
        sources = tuple(Source(row.path, row.sha256.hex()) for row in camera.segments)
        statement = Statement(camera.id, written.start_ns, written.end_ns, self._plan.made_ns, sources)
        sign(plain, signed, statement, self._issuer)
        plain.unlink()
        self._tell(before + 2 * weight)
        self._take(signed, name, package, counted=True)
        return _span(written.start_ns, written.end_ns) | {"name": name}

    def _ledgers(self, camera: PackagedCamera, found: Extract, package: PackageZip) -> list[dict[str, Any]]:
        said = []
        for number, run in enumerate(found.runs, 1):
            name = f"{camera.id}/ledger-{number}.jsonl"
            with (self._journals.folder / f"{camera.id}{SUFFIX}").open("rb") as file:
                descriptor = file.fileno()
                package.add(name, lambda at, size, of=descriptor: os.pread(of, size, at), run.start, run.end)  # type: ignore[misc]
            said.append(
                {
                    "file": name,
                    "after": {"sequence": run.after.sequence, "link": run.after.sha256.hex()},
                    "to": {"sequence": run.to.sequence, "link": run.to.sha256.hex()},
                }
            )
        return said

    def _anchor(self, camera: PackagedCamera, found: Extract, package: PackageZip) -> list[dict[str, Any]]:
        """Of each run of rows, the anchor that holds its end."""
        said = []
        for run in found.runs:
            anchor = inclusion(self._journals.folder, camera.id, run.to)
            if anchor is None:
                continue
            token = None
            if anchor.token is not None:
                token = f"{camera.id}/anchor-{run.to.sequence}.tsr"
                package.add_bytes(token, anchor.token)
            said.append(anchor.to_json() | {"token": token})
        return said

    def _take(self, path: Path, name: str, package: PackageZip, *, counted: bool = False) -> None:
        """Put a file in that was made for this package, and remove it."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            progress = self._written if counted else _nothing
            package.add(name, lambda at, length: os.pread(file.fileno(), length, at), 0, size, progress)
        path.unlink()

    def _written(self, count: int) -> None:
        self._tell(self._done + count)

    def _tell(self, done: int) -> None:
        self._done = done
        self._progress(min(1.0, done / max(1, self._total)))


def _withheld(camera: PackagedCamera, row: SegmentRow) -> str | None:
    """Why a recorded file is not handed out as it is; None: it is."""

    def touched(spans: Iterable[tuple[int, int | None]]) -> bool:
        return any(start < row.end_ns and (end is None or end > row.start_ns) for start, end in spans)

    if touched(camera.selection.unseen):
        return "a privacy mode hid what the camera sent"
    pieces = [piece for piece in camera.footage.pieces if piece.path == row.path]
    if not pieces:
        return "it cannot be read any more"
    has = {kind for kind in TrackKind if pieces[0].has(kind)}
    if TrackKind.AUDIO in has and not camera.selection.sound:
        return "it has sound, which whoever asked may not have"
    if TrackKind.METADATA in has:
        if not camera.selection.positions:
            return "it has positions, which whoever asked may not have"
        if touched(camera.selection.hidden):
            return "it has positions that a privacy mode hid"
    return None


def _span(start_ns: int, end_ns: int | None) -> dict[str, Any]:
    return {"from": format_utc(start_ns), "to": None if end_ns is None else format_utc(end_ns)}


def _copied_bytes(camera: PackagedCamera) -> int:
    return sum(chunk.size for piece in camera.footage.pieces for chunk in piece.chunks)


def _size_and_sha256(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _nothing(_: int) -> None:
    """What is small is not counted."""


@contextmanager
def _created(path: Path) -> Iterator[IO[bytes]]:
    """A new file, on the disk itself in the end; when anything goes wrong, nothing is left in its folder."""
    try:
        with path.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(path.parent)
        raise
