"""The process that makes the files of one export. It has no database: all it needs to know is in the plan it is given.

Its one Order is pickled by the process that started it. Its answers are JSON: `{"progress": 0.5}` a few times a
second, and in the end either `{"files": [{"name", "bytes", "sha256"}, …]}` or `{"error": "a sentence"}`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from gateway import __version__
from gateway.base.clock import SystemClock
from gateway.base.errors import NotFoundError, SightlineError, StorageError
from gateway.base.records import records, reply, step_back
from gateway.base.rfc3339 import format_utc
from gateway.evidence.export import ExportedFile
from gateway.evidence.plan import CameraPlan, Order, VideoPlan
from gateway.recording.clip import Selection
from gateway.recording.faststart import Written, write_faststart
from gateway.recording.files import Files, SystemFiles

REPORT = "export.json"
NICENESS = 19
"""Whoever watches live comes first, transcodes included."""
TELL_SECONDS = 0.3
BURNING = 0.9
"""The share of the work that coding pictures anew is; the rest is putting them into their file."""
_BLOCK = 1 << 20


class Videos:
    """The work on a VideoPlan. `tell` is called with the share that is done, as often as there is something new."""

    def __init__(self, plan: VideoPlan, recordings: Files, tell: Callable[[float], None]) -> None:
        self._plan = plan
        self._recordings = recordings
        self._tell = tell
        self._hashes: dict[str, str] = {}
        """Of the files that were hashed as they were written."""

    def run(self) -> list[ExportedFile]:
        """Make all files.

        Raises:
            SightlineError: it cannot be done; says what to do.
            OSError: the disk refused.
        """
        plan = self._plan
        sizes = [_size(camera) for camera in plan.cameras]
        told = []
        for number, camera in enumerate(plan.cameras):
            progress = partial(self._of_camera, sum(sizes[:number]), sizes[number], max(1, sum(sizes)))
            told.append({**camera.told, "video": self._video(camera, progress)})
        if not any(camera["video"] for camera in told):
            raise NotFoundError("none of it is recorded any more, or a privacy mode hid it: choose another time")
        (plan.folder / REPORT).write_text(json.dumps(self._report(told), indent=2) + "\n", encoding="utf-8")
        return [self._finished(path) for path in sorted(plan.folder.iterdir())]

    def _of_camera(self, before: int, size: int, whole: int, share: float) -> None:
        """Tell of the work on one camera; sizes are in bytes of recordings."""
        self._tell((before + share * size) / whole)

    def _video(self, camera: CameraPlan, progress: Callable[[float], None]) -> dict[str, Any] | None:
        """Write the video; what the report says of it, or None when there is none."""
        plan = self._plan
        out = plan.folder / f"{camera.stem}.mp4"
        selection = Selection(camera.sound, camera.positions, camera.hidden, camera.unseen)
        told: dict[str, Any] = {}
        try:
            if plan.request.burn_in:
                made, told = self._burnt(camera, out, progress)
            else:
                made = write_faststart(camera.footage, self._recordings, out, selection=selection, progress=progress)
        except NotFoundError:
            return None
        self._hashes[out.name] = made.sha256.hex()
        return {
            "file": out.name,
            "start": format_utc(made.start_ns),
            "end": format_utc(made.end_ns),
            "pictures": made.pictures,
            **told,
        }

    def _burnt(
        self, camera: CameraPlan, out: Path, progress: Callable[[float], None]
    ) -> tuple[Written, dict[str, Any]]:
        from gateway.evidence.burn_in import BurnIn  # with PyAV and numpy: what copies does without

        folder = self._plan.folder
        burn_in = BurnIn(camera, self._recordings, folder, lambda share: progress(share * BURNING))
        burnt = burn_in.run()
        made = write_faststart(
            burnt.footage,
            SystemFiles(folder),
            out,
            selection=Selection(camera.sound, positions=False, unseen=camera.unseen),
            progress=lambda share: progress(BURNING + share * (1 - BURNING)),
        )
        for path in burn_in.leftovers:
            path.unlink()
        return made, {"unreadable_pictures": burnt.unreadable}

    def _report(self, cameras: list[dict[str, Any]]) -> dict[str, Any]:
        plan = self._plan
        return {
            "export": plan.id,
            "made_by": f"Sightline {__version__}",
            "made": format_utc(plan.made_ns),
            "asked_by": plan.request.actor,
            "reason": plan.request.reason,
            "from": format_utc(plan.request.from_ns),
            "to": format_utc(plan.request.to_ns),
            "kind": plan.request.kind.value,
            "burn_in": plan.request.burn_in,
            "cameras": cameras,
        }

    def _finished(self, path: Path) -> ExportedFile:
        """A file, once it is on the disk itself."""
        known = self._hashes.get(path.name)
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while known is None and (block := file.read(_BLOCK)):
                digest.update(block)
            os.fsync(file.fileno())
        return ExportedFile(path.name, path.stat().st_size, known or digest.hexdigest())


class Told:
    """What is told of the progress, and when: not too often, and never without looking how full the disk is."""

    def __init__(self, folder: Path, keep_free: int, replies: BinaryIO) -> None:
        self._folder = folder
        self._keep_free = keep_free
        self._replies = replies
        self._clock = SystemClock()
        self._at = float("-inf")

    def progress(self, share: float) -> None:
        """So much is done.

        Raises:
            StorageError: the disk is about to be full.
            BrokenPipeError: nobody listens any more.
        """
        now = self._clock.monotonic()
        if now - self._at < TELL_SECONDS:
            return
        self._at = now
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < self._keep_free:
            from gateway.base.sizes import written  # with pydantic, which nobody else here needs

            raise StorageError(
                f"the disk is filling up, and {written(self._keep_free)} of it stay free for recordings: "
                "free some space, and ask again"
            )
        answer(self._replies, {"progress": share})


def answer(replies: BinaryIO, values: dict[str, Any]) -> None:
    """Send one answer."""
    reply(replies, json.dumps(values).encode())
    replies.flush()


def make(order: Order, tell: Callable[[float], None]) -> list[ExportedFile]:
    """Make the files of one export.

    Raises:
        SightlineError: it cannot be done; says what to do.
        OSError: the disk refused.
    """
    recordings = SystemFiles(order.recordings)
    if isinstance(order.plan, VideoPlan):
        return Videos(order.plan, recordings, tell).run()
    from gateway.evidence.package import build_package  # with cryptography, which videos do without

    made = build_package(order.plan, recordings, SystemClock(), tell)
    return [ExportedFile(made.path.name, made.size, made.sha256)]


def main(orders: BinaryIO, replies: BinaryIO) -> None:
    """Do what the one Order says."""
    order: Order = pickle.loads(next(records(orders)))  # noqa: S301 (of the process that started this one)
    told = Told(order.plan.folder, order.keep_free, replies)
    try:
        files = make(order, told.progress)
    except BrokenPipeError:
        raise
    except SightlineError as error:
        answer(replies, {"error": str(error)})
    except OSError as error:
        answer(replies, {"error": f"the disk refused ({error.strerror}): free some space, and ask again"})
    else:
        answer(replies, {"files": [file.to_json() for file in files]})


def _size(camera: CameraPlan) -> int:
    """Bytes of recordings that go in."""
    return sum(chunk.size for piece in camera.footage.pieces for chunk in piece.chunks)


if __name__ == "__main__":
    step_back(NICENESS)
    with contextlib.suppress(BrokenPipeError):
        main(sys.stdin.buffer, sys.stdout.buffer)
