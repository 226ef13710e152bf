"""Makes one export: gathers what goes in, and has a worker process do what takes long.

Used by the gateway's jobs and, in a process of its own, by `sightline export`. Positions are written here, because the
newest of them are in memory; everything else is the worker's (`gateway.evidence.export_worker`).

What goes in is on hold for as long as that takes: the rules would delete it otherwise while it is read. Holds, because
the command's exports have to be known to a gateway that runs beside it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import pickle
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from gateway.access.privacy import Span, bounds
from gateway.base.errors import ConflictError, SightlineError, StorageError
from gateway.base.piped import PipedWorker
from gateway.base.rfc3339 import format_utc
from gateway.base.sizes import written
from gateway.base.workers import WorkerDiedError
from gateway.evidence.export import Export, ExportedFile, ExportRequest, Kind
from gateway.evidence.left_holds import GATEWAY
from gateway.evidence.package_gathering import gather_package
from gateway.evidence.package_plan import PackagePlan
from gateway.evidence.parts import ExportParts
from gateway.evidence.plan import TRAIL_NS, CameraPlan, Order, VideoPlan, file_stem
from gateway.evidence.position_files import PositionFiles
from gateway.media.model import UtcNs
from gateway.recording.clip import without
from gateway.recording.footage import Footage
from gateway.recording.holds import Holds

log = logging.getLogger(__name__)

POSITIONS = ("gpx", "geojson")
"""The forms in which positions lie beside a video."""
_ROOM = {Kind.VIDEO: 1.02, Kind.PACKAGE: 3.1}
_ROOM_BURNT = 4.0
"""How much room an export takes while it is made, as a multiple of the recordings that go in. What is coded anew lies
there twice; a package has the files, their copy that plays, and that copy once more while it is signed or packed.
"""
_OVER = "the export is over"
_WORKER = "gateway.evidence.export_worker"


class ExportFailedError(SightlineError):
    """The worker could not make it; says what to do."""


class Making:
    """Makes exports of what `parts` have. `keep_free` says how many bytes of a disk of this size are for recordings.

    `actor` places the holds: a gateway's are told from a command's by it.
    """

    def __init__(
        self, parts: ExportParts, holds: Holds, *, keep_free: Callable[[int], int], actor: str = GATEWAY
    ) -> None:
        self._parts = parts
        self._holds = holds
        self._actor = actor
        self._keep_free = keep_free

    async def look(self, request: ExportRequest) -> None:
        """Raises ConflictError when nothing of any of the cameras is recorded in the interval."""
        for camera in request.cameras:
            if await self._parts.archive.catalog.recordings(camera, *request.span(camera)):
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
        """
        async with self._held(export):
            try:
                # It starts while what it needs is gathered.
                async with PipedWorker(_WORKER, export.id, self._parts.clock) as worker:
                    worker.send(pickle.dumps(await self._gathered(export, folder)))
                    return await _answer(worker, progress)
            except WorkerDiedError:
                raise ExportFailedError(
                    "the process that made it ended, for want of memory perhaps: ask again, for a shorter time"
                ) from None

    async def _gathered(self, export: Export, folder: Path) -> Order:
        """What the worker needs to know.

        Raises:
            StorageError: there is no room for the export, or the database refused.
            OSError: the disk refused.
        """
        parts, request = self._parts, export.request
        footages = [await parts.archive.footage(c, *request.span(c)) for c in request.cameras]
        keep_free = await self._room(request, footages, folder)
        plan: VideoPlan | PackagePlan
        if request.kind is Kind.PACKAGE:
            plan = await gather_package(parts, export.id, request, folder, with_audit=request.audit)
        else:
            cameras = [await self._camera(request, footage, folder) for footage in footages]
            plan = VideoPlan(export.id, request, folder, tuple(cameras), parts.clock.utc_ns())
        return Order(plan, parts.archive.root, keep_free)

    @contextlib.asynccontextmanager
    async def _held(self, export: Export) -> AsyncIterator[None]:
        """Nothing that goes in is deleted meanwhile."""
        request, placed = export.request, []
        reason = f"export {export.id} is being made for {request.actor}"
        try:
            for camera in request.cameras:
                hold = await self._holds.place(
                    camera, *request.span(camera), reason=reason, by=self._actor, address=request.address
                )
                placed.append(hold.id)
            yield
        finally:
            for number in placed:
                try:
                    await self._holds.release(number, by=self._actor, reason=_OVER, address=request.address)
                except SightlineError as error:  # somebody has released it, or it stays until somebody does
                    log.warning("export %s: hold %d: %s", export.id, number, error)

    async def _room(self, request: ExportRequest, footages: Sequence[Footage], folder: Path) -> int:
        """Bytes that must stay free on the disk of `folder`.

        Raises:
            StorageError: there is no room for the export beside them.
        """
        disk = await self._parts.threads.run(shutil.disk_usage, folder)
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
        parts, camera = self._parts, footage.camera
        from_ns, to_ns = request.span(camera)
        hidden = await parts.privacy.hidden_positions(camera, from_ns - TRAIL_NS, to_ns)
        unseen = await parts.privacy.hidden_streams(camera, None, to_ns)
        label, stem = parts.label(camera), file_stem(camera, from_ns)
        files = PositionFiles(parts.positions, parts.threads, camera, label, hidden)
        trail: Path | None = None
        if camera in request.positions:
            for form in POSITIONS:
                await files.document(folder / f"{stem}.{form}", form, from_ns, to_ns)
            if request.burn_in:
                trail = folder / f"{stem}.fixes"
                await files.feed(trail, from_ns - TRAIL_NS, to_ns)
        return CameraPlan(
            camera, label, stem, without(footage, bounds(unseen)), trail,
            sound=camera in request.sound, positions=camera in request.positions,
            hidden=bounds(hidden), unseen=bounds(unseen), told=await self._told(request, camera, label, hidden, unseen),
        )  # fmt: skip

    async def _told(
        self, request: ExportRequest, camera: str, label: str, hidden: Sequence[Span], unseen: Sequence[Span]
    ) -> dict[str, Any]:
        """What the report says of a camera, but for its video."""
        (from_ns, to_ns), catalog = request.span(camera), self._parts.archive.catalog

        def within(start_ns: UtcNs, end_ns: UtcNs | None) -> dict[str, str]:
            end_ns = to_ns if end_ns is None else min(end_ns, to_ns)
            return {"start": format_utc(max(start_ns, from_ns)), "end": format_utc(end_ns)}

        def touching(spans: Sequence[Span]) -> list[dict[str, str]]:
            return [within(s.start_ns, s.end_ns) for s in spans if s.end_ns is None or s.end_ns > from_ns]

        spans = await catalog.recordings(camera, from_ns, to_ns)
        gaps = await catalog.gaps(camera, from_ns, to_ns)
        segments = await catalog.segments(camera, from_ns, to_ns)
        return {
            "id": camera,
            "name": label,
            "sound": camera in request.sound,
            "positions": camera in request.positions,
            "positions_hidden": touching(hidden),
            "video_hidden": touching(unseen),
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


async def _answer(worker: PipedWorker, progress: Callable[[float], None]) -> tuple[ExportedFile, ...]:
    """What the worker says in the end; until then it says how far it is."""
    while True:
        answer: dict[str, Any] = json.loads(await worker.receive())
        if "error" in answer:
            raise ExportFailedError(answer["error"])
        if "files" in answer:
            return tuple(ExportedFile(file["name"], file["bytes"], file["sha256"]) for file in answer["files"])
        progress(answer["progress"])
