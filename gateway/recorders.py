"""Which cameras are recorded: a Recorder for each that should be, started, ended and watched.

It stands beside `gateway.app` because it joins the fleet with recording, which do not know each other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from gateway.base.clock import Clock
from gateway.base.supervise import TaskOwner
from gateway.hub import Hub
from gateway.ingest.fleet import Camera, Fleet
from gateway.media.model import GapReason
from gateway.recording.recorder import Recorder

log = logging.getLogger(__name__)

WATCH_SECONDS = 0.5
RESTART_SECONDS = 1.0
FINISH_SECONDS = 8.0
"""What is not on disk after this long will not be: the gateway stops within 10 s."""


class Recorders:
    """The recorders of all cameras. Make it before the fleet has cameras; end it with `finish`."""

    def __init__(
        self,
        fleet: Fleet,
        make: Callable[[Hub], Recorder],
        clock: Clock,
        private: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`private` says whether a wearer's privacy mode keeps a camera from being recorded; see `look`."""
        self.on_changed: list[Callable[[str], None]] = []
        """Called with a camera's id when its recording begins, ends, or has a problem."""
        self._fleet = fleet
        self._make = make
        self._private = private
        self._clock = clock
        self._tasks = TaskOwner("recorder")
        self._running: dict[str, tuple[Recorder, asyncio.Task[None]]] = {}
        self._told: dict[str, tuple[bool, str | None]] = {}
        fleet.on_added.append(self._changed)
        fleet.on_changed.append(self._changed)
        fleet.on_removed.append(self._removed)

    def recording(self, camera_id: str) -> bool:
        """Whether this camera's media goes to disk right now."""
        entry = self._running.get(camera_id)
        return entry is not None and entry[0].recording

    def problem(self, camera_id: str) -> str | None:
        """Why it does not although it should, as a sentence; None: all is well."""
        entry = self._running.get(camera_id)
        return None if entry is None else entry[0].problem

    async def watch(self) -> None:
        """Tell what changed, twice a second. Runs until cancelled."""
        while True:
            await self._clock.sleep(WATCH_SECONDS)
            now = {camera_id: (self.recording(camera_id), self.problem(camera_id)) for camera_id in self._running}
            changed = [i for i in now.keys() | self._told.keys() if now.get(i) != self._told.get(i)]
            self._told = now
            for camera_id in changed:
                for callback in self.on_changed:
                    callback(camera_id)

    def look(self) -> None:
        """Whose privacy mode keeps whom from being recorded has changed."""
        for camera in self._fleet.cameras.values():
            self._changed(camera)

    async def finish(self) -> None:
        """Wait for the recorders of closed Hubs to put everything on disk; ends those that cannot."""
        tasks = [task for _, task in self._running.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=FINISH_SECONDS)
            for task in late:
                log.error("%s did not finish in time: the start adopts what it left", task.get_name())
        await self._tasks.close()

    # ---- inside

    def _changed(self, camera: Camera) -> None:
        entry = self._running.get(camera.id)
        private = self._private(camera.id)
        wanted = camera.settings.record and not private
        if wanted and entry is None:
            recorder = self._make(camera.hub)
            task = self._tasks.start(self._run(camera, recorder), name=camera.id)
            self._running[camera.id] = (recorder, task)
        elif not wanted and entry is not None:
            entry[0].stop(GapReason.PRIVACY if private and camera.settings.record else GapReason.DISABLED)

    def _removed(self, camera: Camera) -> None:
        entry = self._running.get(camera.id)
        if entry is not None:
            entry[0].stop()

    async def _run(self, camera: Camera, recorder: Recorder) -> None:
        try:
            while True:
                try:
                    await recorder.run()
                    return
                except Exception:
                    log.exception("the recorder of %s failed; it is started again", camera.id)
                await self._clock.sleep(RESTART_SECONDS)
                recorder = self._make(camera.hub)
                self._running[camera.id] = (recorder, self._running[camera.id][1])
        finally:
            del self._running[camera.id]
            # Meanwhile it may have been switched on again, or removed and added again.
            now = self._fleet.cameras.get(camera.id)
            if now is not None and not now.hub.closed:
                self._changed(now)
