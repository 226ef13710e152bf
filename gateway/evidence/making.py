"""Makes one export: gathers what goes in, and has a worker process do what takes long.

Used by the gateway's jobs and, in a process of its own, by `sightline export`. Positions are written here, because the
newest of them are in memory; everything else is the worker's (`gateway.evidence.export_worker`).
"""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import IO, Any

from gateway.access.privacy import PrivacyModes, Span, shown
from gateway.base.clock import Clock
from gateway.base.errors import ConflictError, SightlineError, StorageError
from gateway.base.piped import PipedWorker
from gateway.base.rfc3339 import format_utc
from gateway.base.sizes import written
from gateway.base.workers import Threads
from gateway.evidence.export import Export, ExportedFile, ExportRequest, Kind
from gateway.evidence.fix_feed import write_fixes
from gateway.evidence.plan import CameraPlan, Plan, file_stem
from gateway.evidence.trail import TRAIL_NS
from gateway.media.model import Fix, UtcNs
from gateway.positions.formats import Writer
from gateway.positions.store import PositionStore
from gateway.positions.writers import WRITERS
from gateway.recording.archive import Archive
from gateway.recording.footage import Footage

POSITIONS = ("gpx", "geojson")
"""The forms in which positions lie beside a video, among `WRITERS`."""
_ROOM = {Kind.VIDEO: 1.02, Kind.PACKAGE: 2.0}
_ROOM_BURNT = 4.0
"""How much room an export takes, as a multiple of the recordings that go in: what is coded anew lies there twice."""
_WORKER = "gateway.evidence.export_worker"


class ExportFailedError(SightlineError):
    """The worker could not make it; says what to do."""


class Making:
    """Makes exports out of an archive and its positions.

    `label` is a camera's name, by its id; `keep_free` says how many bytes of a disk of this size are for recordings.
    """

    def __init__(
        self,
        archive: Archive,
        positions: PositionStore,
        privacy: PrivacyModes,
        threads: Threads,
        clock: Clock,
        *,
        label: Callable[[str], str],
        keep_free: Callable[[int], int],
    ) -> None:
        self._archive = archive
        self._positions = positions
        self._privacy = privacy
        self._threads = threads
        self._clock = clock
        self._label = label
        self._keep_free = keep_free

    async def look(self, request: ExportRequest) -> None:
        """Raises ConflictError when nothing of any of the cameras is recorded in the interval."""
        for camera in request.cameras:
            if await self._archive.catalog.recordings(camera, request.from_ns, request.to_ns):
                return
        raise ConflictError(
            f"nothing of {', '.join(request.cameras)} is recorded from {format_utc(request.from_ns)} "
            f"to {format_utc(request.to_ns)}: choose another time"
        )

    async def make(self, export: Export, folder: Path, progress: Callable[[float], None]) -> tuple[ExportedFile, ...]:
        """Make the files of `export` in the empty `folder`; all are on the disk itself on return.

        Cancelled, it leaves nothing running.

        Raises:
            SightlineError: it cannot be made; says what to do.
            OSError: the disk refused.
            WorkerDiedError: the worker ended.
        """
        request = export.request
        footages = [await self._archive.footage(c, request.from_ns, request.to_ns) for c in request.cameras]
        keep_free = await self._room(request, footages, folder)
        cameras = [await self._camera(request, footage, folder) for footage in footages]
        plan = Plan(export.id, request, self._archive.root, folder, tuple(cameras), self._clock.utc_ns(), keep_free)
        async with PipedWorker(_WORKER, export.id, self._clock) as worker:
            worker.send(pickle.dumps(plan))
            while True:
                answer: dict[str, Any] = json.loads(await worker.receive())
                if "error" in answer:
                    raise ExportFailedError(answer["error"])
                if "files" in answer:
                    return tuple(ExportedFile(file["name"], file["bytes"], file["sha256"]) for file in answer["files"])
                progress(answer["progress"])

    async def _room(self, request: ExportRequest, footages: Sequence[Footage], folder: Path) -> int:
        """Bytes that must stay free on the disk of `folder`.

        Raises:
            StorageError: there is no room for the export beside them.
        """
        disk = await self._threads.run(shutil.disk_usage, folder)
        stored = sum(chunk.size for footage in footages for piece in footage.pieces for chunk in piece.chunks)
        needed = round(stored * (_ROOM_BURNT if request.burn_in else _ROOM[request.kind]))
        keep_free = self._keep_free(disk.total)
        if disk.free - needed < keep_free:
            raise StorageError(
                f"it takes about {written(needed)}; {written(disk.free)} are free, of which {written(keep_free)} are "
                "for recordings: export less, or free some space"
            )
        return keep_free

    async def _camera(self, request: ExportRequest, footage: Footage, folder: Path) -> CameraPlan:
        camera = footage.camera
        hidden = await self._privacy.hidden_positions(camera, request.from_ns - TRAIL_NS, request.to_ns)
        label, stem = self._label(camera), file_stem(camera, request.from_ns)
        trail: Path | None = None
        if camera in request.positions:
            for form in POSITIONS:
                await self._write_positions(folder / f"{stem}.{form}", form, label, camera, request, hidden)
            if request.burn_in:
                trail = folder / f"{stem}.fixes"
                await self._write_trail(trail, camera, request, hidden)
        return CameraPlan(
            camera, label, stem, footage, trail,
            sound=camera in request.sound, positions=camera in request.positions,
            hidden=tuple((span.start_ns, span.end_ns) for span in hidden),
            told=await self._told(request, camera, label, hidden),
        )  # fmt: skip

    async def _told(self, request: ExportRequest, camera: str, label: str, hidden: Sequence[Span]) -> dict[str, Any]:
        """What the report says of a camera, but for its video."""
        from_ns, to_ns, catalog = request.from_ns, request.to_ns, self._archive.catalog

        def within(start_ns: UtcNs, end_ns: UtcNs | None) -> dict[str, str]:
            end_ns = to_ns if end_ns is None else min(end_ns, to_ns)
            return {"start": format_utc(max(start_ns, from_ns)), "end": format_utc(end_ns)}

        spans = await catalog.recordings(camera, from_ns, to_ns)
        gaps = await catalog.gaps(camera, from_ns, to_ns)
        segments = await catalog.segments(camera, from_ns, to_ns)
        return {
            "id": camera,
            "name": label,
            "sound": camera in request.sound,
            "positions": camera in request.positions,
            "positions_hidden": [
                within(span.start_ns, span.end_ns) for span in hidden if span.end_ns is None or span.end_ns > from_ns
            ],
            "recordings": [within(span.start_ns, span.end_ns) for span in spans],
            "gaps": [
                {**within(gap.start_ns, gap.end_ns), "reason": gap.reason.value, "detail": gap.detail} for gap in gaps
            ],
            "segments": [
                {
                    "path": segment.path,
                    "start": format_utc(segment.start_ns),
                    "end": format_utc(segment.end_ns),
                    "bytes": segment.size,
                    "sha256": segment.sha256.hex(),
                }
                for segment in segments
            ],
        }

    async def _write_positions(
        self, path: Path, form: str, label: str, camera: str, request: ExportRequest, hidden: Sequence[Span]
    ) -> None:
        def write(file: IO[str], writer: Writer, fixes: list[Fix]) -> None:
            file.write(writer.write(fixes))

        writer = WRITERS[form](label)
        with await self._threads.run(path.open, "w", encoding="utf-8") as file:
            await self._threads.run(file.write, writer.start())
            async for fixes in self._fixes(camera, request.from_ns, request.to_ns, hidden):
                await self._threads.run(write, file, writer, fixes)
            await self._threads.run(file.write, writer.end())

    async def _write_trail(self, path: Path, camera: str, request: ExportRequest, hidden: Sequence[Span]) -> None:
        """For the worker: from a trail's length before the first picture on."""
        with await self._threads.run(path.open, "wb") as file:
            async for fixes in self._fixes(camera, request.from_ns - TRAIL_NS, request.to_ns, hidden):
                await self._threads.run(write_fixes, file, fixes)

    async def _fixes(
        self, camera: str, from_ns: UtcNs, to_ns: UtcNs, hidden: Sequence[Span]
    ) -> AsyncIterator[list[Fix]]:
        async for batch in self._positions.batches(camera, from_ns, to_ns):
            if fixes := shown(batch, hidden):
                yield fixes
