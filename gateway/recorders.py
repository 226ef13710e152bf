"""Which cameras are recorded, and when: a Recorder for each that should be, started, ended and watched.

It stands beside `gateway.app` because it joins the fleet with recording, which do not know each other. A camera that
records on an event has a Recorder only around one: the Hub's ring holds the pre-roll until then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.base.clock import Clock
from gateway.base.duration import parse_duration
from gateway.base.errors import ConflictError, StorageError
from gateway.base.supervise import TaskOwner
from gateway.hub import DEFAULT_SECONDS, Hub
from gateway.ingest.fleet import Camera, CameraStatus, Fleet
from gateway.media.model import NS, GapReason, UtcNs
from gateway.recording.recorder import PreRoll, Recorder
from gateway.recording.trigger import PERSON, Cause, Trigger
from onvif_protocol.alarms import Alarm

log = logging.getLogger(__name__)

WATCH_SECONDS = 0.5
RESTART_SECONDS = 1.0
FINISH_SECONDS = 8.0
"""What is not on disk after this long will not be: the gateway stops within 10 s."""
GOP_SECONDS = 5.0
"""The ring holds this much more than the pre-roll, which begins with a keyframe."""
LATE_NS = 60 * NS
"""An alarm that says it was longer ago, or is to come, is dated by a clock that is wrong."""


@dataclass(slots=True)
class _Running:
    recorder: Recorder
    task: asyncio.Task[None]


class Recorders:
    """The recorders of all cameras. Make it before the fleet has cameras; end it with `finish`."""

    def __init__(
        self,
        fleet: Fleet,
        make: Callable[[Hub, PreRoll | None], Recorder],
        clock: Clock,
        private: Callable[[str], bool] = lambda _: False,
        *,
        rest: Callable[[str, UtcNs], Awaitable[bool]],
        pre_roll_sound: Callable[[], bool] = lambda: False,
    ) -> None:
        """`private` says whether a wearer's privacy mode keeps a camera from being recorded; see `look`.

        `rest` tells the catalog that nothing triggers a camera (`Catalog.rest`), `pre_roll_sound` what the policy says.
        """
        self.on_changed: list[Callable[[str], None]] = []
        """Called with a camera's id when its recording begins, ends, or has a problem."""
        self._fleet = fleet
        self._make = make
        self._private = private
        self._rest = rest
        self._pre_roll_sound = pre_roll_sound
        self._clock = clock
        self._tasks = TaskOwner("recorder")
        self._running: dict[str, _Running] = {}
        self._triggers: dict[str, Trigger] = {}
        """Of the cameras that record on an event."""
        self._reached: dict[str, tuple[Hub, int]] = {}
        """Up to which position of its ring a camera was recorded."""
        self._told: dict[str, tuple[bool, str | None, str | None]] = {}
        fleet.on_added.append(self._changed)
        fleet.on_changed.append(self._changed)
        fleet.on_removed.append(self._removed)
        fleet.on_alarm.append(self._alarm)

    def recording(self, camera_id: str) -> bool:
        """Whether this camera's media goes to disk right now."""
        entry = self._running.get(camera_id)
        return entry is not None and entry.recorder.recording

    def due(self, camera_id: str) -> bool:
        """Whether settings, privacy and events want it recorded now."""
        camera, trigger = self._fleet.cameras.get(camera_id), self._triggers.get(camera_id)
        if camera is None or not camera.settings.record or self._private(camera_id):
            return False
        return trigger is None or trigger.recorded(self._clock.monotonic())

    def problem(self, camera_id: str) -> str | None:
        """Why it does not although it should, or less than it should, as a sentence; None: all is well."""
        entry, camera = self._running.get(camera_id), self._fleet.cameras.get(camera_id)
        if entry is not None and entry.recorder.problem is not None:
            return entry.recorder.problem
        if camera_id in self._triggers and camera is not None and camera.hub.cut_short:
            held, cap = camera.hub.held_seconds, camera.hub.cap_bytes >> 20
            return (
                f"Of the pre-roll of {camera.settings.pre_roll} only {held:.0f} s fit into memory ({cap} MiB): "
                "set a shorter one, or a lower bit rate on the camera."
            )
        return None

    def cause(self, camera_id: str) -> str | None:
        """What keeps a camera on record that records on an event; None: nothing does, or it always records."""
        trigger = self._triggers.get(camera_id)
        return None if trigger is None or trigger.cause is None else trigger.cause.why

    def why_not(self, camera_id: str) -> str | None:
        """Why a camera's media does not go to disk right now, be that as it should or not; None: it does."""
        camera = self._fleet.cameras.get(camera_id)
        if camera is None or self.recording(camera_id):
            return None
        if not camera.settings.record:
            return "Recording is switched off for it."
        if self._private(camera_id):
            return "The wearer's privacy mode keeps it from being recorded."
        if (problem := self.problem(camera_id)) is not None:
            return problem
        if not self.due(camera_id):
            return "It records on an event only, and nothing happens."
        if camera.status is CameraStatus.LIVE:
            return "Recording begins with the next keyframe."
        return "It sends no picture."

    def check_request(self, camera_id: str) -> None:
        """Whether `request` would be of use.

        Raises:
            NotFoundError: there is no such camera.
            ConflictError: it is always recorded, or never, and why.
        """
        camera = self._fleet.camera(camera_id)
        if not camera.settings.record:
            raise ConflictError(f'{camera_id} is not recorded: its setting "record" is false')
        if camera_id not in self._triggers:
            raise ConflictError(f'{camera_id} is always recorded: its setting "record_on" is not "event"')
        if self._private(camera_id):
            raise ConflictError(f"the wearer's privacy mode keeps {camera_id} from being recorded")

    def request(self, camera_id: str, on: bool, *, by: str) -> None:
        """Somebody wants a camera that records on an event recorded from now on; `on` False: does not any more.

        Raises:
            NotFoundError, ConflictError: see `check_request`.
        """
        self.check_request(camera_id)
        camera, trigger = self._fleet.camera(camera_id), self._triggers[camera_id]
        if on:
            trigger.begin(PERSON, Cause(f"{by} asked for it", self._clock.utc_ns()))
        else:
            trigger.end(PERSON, self._clock.monotonic(), _post_roll(camera))
        self._changed(camera)
        for callback in self.on_changed:
            callback(camera_id)

    async def watch(self) -> None:
        """End what nothing triggers any more, and tell what changed, twice a second. Runs until cancelled."""
        while True:
            await self._clock.sleep(WATCH_SECONDS)
            for camera_id in list(self._triggers):
                if (camera := self._fleet.cameras.get(camera_id)) is not None:
                    self._changed(camera)
            watched = self._running.keys() | self._triggers.keys()
            now = {i: (self.recording(i), self.problem(i), self.cause(i)) for i in watched}
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
        tasks = [entry.task for entry in self._running.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=FINISH_SECONDS)
            for task in late:
                log.error("%s did not finish in time: the start adopts what it left", task.get_name())
        await self._tasks.close()

    # ---- inside

    def _changed(self, camera: Camera) -> None:
        """Let a camera be recorded if it should be, and not if not."""
        trigger = self._trigger(camera)
        entry = self._running.get(camera.id)
        private = self._private(camera.id)
        allowed = camera.settings.record and not private
        triggered = trigger is None or trigger.recorded(self._clock.monotonic())
        if allowed and triggered and entry is None:
            begin = self._begin(camera, trigger)
            recorder = self._make(camera.hub, begin)
            task = self._tasks.start(self._run(camera, recorder, begin), name=camera.id)
            self._running[camera.id] = _Running(recorder, task)
        elif allowed and not triggered and entry is not None:
            entry.recorder.stop(GapReason.IDLE, at_keyframe=True)
        elif not allowed and entry is not None:
            entry.recorder.stop(GapReason.PRIVACY if private and camera.settings.record else GapReason.DISABLED)

    def _trigger(self, camera: Camera) -> Trigger | None:
        """That of a camera that records on an event; made when it begins to."""
        if camera.settings.record_on != "event" or not camera.settings.record:
            if self._triggers.pop(camera.id, None) is not None:
                camera.hub.min_ns = round(DEFAULT_SECONDS * NS)
            return None
        trigger = self._triggers.get(camera.id)
        if trigger is None:
            trigger = self._triggers[camera.id] = Trigger()
            self._tasks.start(self._begin_to_wait(camera, trigger), name=f"{camera.id} waits")
        camera.hub.min_ns = round(max(DEFAULT_SECONDS, parse_duration(camera.settings.pre_roll) + GOP_SECONDS) * NS)
        if camera.status not in {CameraStatus.LIVE, CameraStatus.STALE}:
            trigger.end_alarms(self._clock.monotonic(), _post_roll(camera))
        return trigger

    async def _begin_to_wait(self, camera: Camera, trigger: Trigger) -> None:
        """Say in the catalog that nothing is missing; what the stop of the gateway has cut off goes on."""
        try:
            resting = await self._rest(camera.id, self._clock.utc_ns())
        except StorageError as error:
            log.error("camera %s: %s", camera.id, error)
            return
        if not resting:
            cause = Cause("it was being recorded when the gateway stopped", self._clock.utc_ns())
            trigger.happened(cause, self._clock.monotonic(), _post_roll(camera))
            self._changed(camera)

    def _begin(self, camera: Camera, trigger: Trigger | None) -> PreRoll | None:
        """Where in the ring a Recording begins: what was recorded before is not recorded twice."""
        hub, reached = self._reached.get(camera.id, (camera.hub, 0))
        position = reached if hub is camera.hub else 0
        if trigger is None or trigger.cause is None:
            return PreRoll(position) if position else None
        at_ns = trigger.cause.utc_ns
        first = camera.hub.keyframe_before(at_ns - parse_duration(camera.settings.pre_roll) * NS)
        return PreRoll(max(position, first), None if self._pre_roll_sound() else at_ns)

    def _alarm(self, camera: Camera, alarm: Alarm, utc_ns: UtcNs) -> None:
        """What a camera says itself."""
        trigger = self._triggers.get(camera.id)
        if trigger is None:
            return
        now_ns, now = self._clock.utc_ns(), self._clock.monotonic()
        cause = Cause(f"the camera reported {alarm.what}", utc_ns if abs(now_ns - utc_ns) <= LATE_NS else now_ns)
        if alarm.active:
            trigger.begin(alarm.key, cause)
        elif alarm.active is None:
            trigger.happened(cause, now, _post_roll(camera))
        else:
            trigger.end(alarm.key, now, _post_roll(camera))
        self._changed(camera)

    def _removed(self, camera: Camera) -> None:
        self._triggers.pop(camera.id, None)
        entry = self._running.get(camera.id)
        if entry is not None:
            entry.recorder.stop()

    async def _run(self, camera: Camera, recorder: Recorder, begin: PreRoll | None) -> None:
        try:
            while True:
                try:
                    await recorder.run()
                    return
                except Exception:
                    log.exception("the recorder of %s failed; it is started again", camera.id)
                await self._clock.sleep(RESTART_SECONDS)
                recorder = self._make(camera.hub, begin)
                self._running[camera.id].recorder = recorder
        finally:
            del self._running[camera.id]
            self._reached[camera.id] = camera.hub, recorder.reached
            # Meanwhile it may have been switched on again, or removed and added again.
            now = self._fleet.cameras.get(camera.id)
            if now is None:
                del self._reached[camera.id]
            elif not now.hub.closed:
                self._changed(now)


def _post_roll(camera: Camera) -> int:
    """Seconds."""
    return parse_duration(camera.settings.post_roll)
