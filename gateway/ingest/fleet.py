"""The fleet: one supervised Source per camera, its status, and who needs it connected.

Everything that retries is here. A Source makes one attempt; the fleet says when there is another, what people read in
the meantime, and when a stream that shows nothing is given up. The Hub outlives attempts and changes of settings, so
that viewers and recorder stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, Fault, NotFoundError
from gateway.base.metrics import CAMERA_ERRORS
from gateway.base.settings import CameraSettings
from gateway.base.supervise import Backoff, TaskOwner, cancel_once, pause
from gateway.hub import Hub
from gateway.ingest.health import HealthBoard
from gateway.ingest.intake import Intake
from gateway.ingest.registry import Configured, Origin
from gateway.media.model import NS, Fix, Gap, GapReason, UnitHealth, UtcNs
from gateway.positions.tracker import Rule, Tracker
from onvif_protocol.alarms import Alarm
from onvif_protocol.camera_media import DeviceInformation

log = logging.getLogger(__name__)

STALE_AFTER = 3.0
"""Seconds without video until a live camera is called stale."""
STALLED_AFTER = 10.0
"""Seconds without video until the attempt is given up."""
WELL_AFTER = 5.0
"""Seconds of video after which an attempt counts as a success, so that the next failure is retried at once."""
LINGER = 10.0
"""Seconds an on-demand camera stays connected after the last one who needed it."""
HURRY_AFTER = 1.0
"""Seconds between two attempts at least, however often a device says hello."""
AHEAD_NS = 60 * NS
"""A newest position that lies further ahead of the clock than this makes none that follow late ones."""
TICK = 0.5

NO_KEYFRAME = "The camera sends keyframes too rarely to start a picture from: set a shorter keyframe interval on it."
IDLE = "Connects only while somebody watches."
REFUSED_FIX = {
    Rule.OUT_OF_RANGE: "latitude or longitude is out of range",
    Rule.ZERO: "0, 0 is what a receiver without a fix says",
    Rule.CLOCK: "its time is more than a day off",
    Rule.SPEED: "nobody moves that fast",
    Rule.JUMP: "it lies too far from the one before",
    Rule.SETTLING: "its receiver has only just found where it is, and does not agree with itself yet",
}
"""What people read of a position that was refused; duplicates are none of their business."""
NO_FIX = "The receiver does not know where it is: it needs a view of the sky."
NOT_THE_WAY_IN = {
    "id", "name", "groups", "record", "record_on", "pre_roll", "post_roll", "connect", "password_file",
    "position", "position_from",
}  # fmt: skip
"""Settings that change without a new connection; what a password file holds is in `password`."""


class CameraStatus(StrEnum):
    """What people are told of a camera."""

    DISABLED = "disabled"
    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    OFFLINE = "offline"


class Source(Protocol):
    """Connects one Camera."""

    async def run_once(self) -> None:
        """Make one attempt: connect, publish into the Hub, and raise CameraError when it is over."""

    def fail(self, error: CameraError) -> None:
        """End the attempt under way with `error`."""

    def count(self) -> None:
        """Add what was counted since the last call to the metrics. Called once in a while, not per packet."""

    def request_keyframe(self) -> bool:
        """Ask the camera for a keyframe, at most once a second; False: it cannot be asked."""


class Camera:
    """One configured camera at run time. Everything here is read by others and written by the fleet and its Source."""

    def __init__(self, configured: Configured, clock: Clock) -> None:
        self.configured = configured
        self.hub = Hub(configured.settings.id)
        self.status = CameraStatus.CONNECTING
        self.since_ns: UtcNs = clock.utc_ns()
        """Since when it has that status."""
        self.reason: str | None = None
        self.fault: Fault | None = None
        """What the last attempt failed by, while it is not live."""
        self.device: DeviceInformation | None = None
        """Who made it, as it said last through ONVIF; None: it has not since the start."""
        self.clock_skew_ns: int | None = None
        """How far its clock was ahead of ours then, to a second or so."""
        self.intake = Intake()
        self.stream_url: str | None = None
        """Where its stream was found last."""
        self.talk: bool | None = None
        """Whether it has a backchannel; None: it has not said yet."""
        self.retry_ns: UtcNs | None = None
        """When the next attempt is made, while one is waited for."""
        self.video_ns: UtcNs | None = None
        """Capture time of the newest video unit."""
        self.tracker = Tracker(configured.settings.id)
        """Judges the positions; it outlives attempts, so that a jump is seen across them."""
        self._late: Tracker | None = None
        """Judges those that come late: what a unit kept while it had no network is a track of its own."""
        self.remark: str | None = None
        """What is wrong although there is a picture: metadata that cannot be read."""
        self.position_problem: str | None = None
        """Why its position is not known, or not believed, in a sentence. Told by the fleet's watch."""
        self.source: Source | None = None
        self._clock = clock
        self._health = HealthBoard()
        self._video_at: float | None = None
        self._live_since: float | None = None
        self._holds = 0
        self._idle_since: float | None = None
        self._wanted = asyncio.Event()
        self._hurry = asyncio.Event()
        self._changed: Callable[[Camera], None] = lambda _: None
        self._fixed: Callable[[Camera, Fix], None] = lambda _, __: None
        self._fixed_late: Callable[[Camera, Fix], None] = lambda _, __: None
        self._told_health: Callable[[Camera, UnitHealth], None] = lambda _, __: None
        self._told_problem: str | None = None
        self._alarmed: Callable[[Camera, Alarm, UtcNs], None] = lambda _, __, ___: None
        self._live_waiters: set[asyncio.Future[None]] = set()

    @property
    def id(self) -> str:
        """Its id."""
        return self.configured.settings.id

    @property
    def fix(self) -> Fix | None:
        """The newest accepted position."""
        return self.tracker.last

    @property
    def health(self) -> UnitHealth | None:
        """How the unit is: the newest known value of each; None: it never said."""
        return self._health.now

    @property
    def settings(self) -> CameraSettings:
        """Its settings."""
        return self.configured.settings

    @property
    def origin(self) -> Origin:
        """Who owns the settings."""
        return self.configured.origin

    # ---- the Source's side

    def connected(self) -> None:
        """It was told to play, and agreed. From now on a picture is due."""
        self._video_at = self._clock.monotonic()

    def video_arrived(self, utc_ns: UtcNs) -> None:
        """A video unit was published. Called for each one: cheap."""
        self.video_ns = utc_ns
        self._video_at = self._clock.monotonic()
        if self.status is not CameraStatus.LIVE:
            if self._live_since is None:
                self._live_since = self._video_at
            self.retry_ns = self.fault = None
            self.set_status(CameraStatus.LIVE, None)
            for waiter in self._live_waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def take_fix(self, fix: Fix) -> Rule | None:
        """A position of any carrier came: judged, and if it is believed, kept and told of.

        None: it is believed. Else the rule that it breaks; that is counted, and people read it.
        """
        rule = self.tracker.push(fix, self._clock.utc_ns())
        if rule is None:
            self.position_problem = None
            self.fix_arrived(fix)
        elif (why := REFUSED_FIX.get(rule)) is not None:
            self.position_problem = f"The camera sends a position that cannot be believed: {why}."
        return rule

    def no_fix(self) -> None:
        """A carrier tells of a moment at which the receiver does not know where it is."""
        self.tracker.no_fix(self._clock.utc_ns())
        self.position_problem = NO_FIX

    def take_kept_fix(self, fix: Fix) -> Rule | None:
        """As `take_fix`, of a carrier that sends later what it could not send in time, and by a clock that holds.

        One that is older than the newest is judged among its like and kept, and it moves nobody on the map.
        """
        now_ns, newest = self._clock.utc_ns(), self.tracker.last
        if newest is None or not fix.utc_ns <= newest.utc_ns <= now_ns + AHEAD_NS:
            return self.take_fix(fix)
        if self._late is None:
            self._late = Tracker(self.id)
        rule = Rule.DUPLICATE if self.tracker.knows(fix) else self._late.push(fix, now_ns)
        if rule is None:
            self._fixed_late(self, fix)
        return rule

    def fix_arrived(self, fix: Fix) -> None:
        """A position was accepted."""
        self._fixed(self, fix)

    def health_arrived(self, health: UnitHealth) -> None:
        """The unit says how it is. The page is told by the fleet's watch, not for each report."""
        self._told_health(self, self._health.push(health, self._clock.utc_ns()))

    def alarm_arrived(self, alarm: Alarm, utc_ns: UtcNs) -> None:
        """The camera says that something happens, or has ended."""
        self._alarmed(self, alarm, utc_ns)

    def set_status(self, status: CameraStatus, reason: str | None) -> None:
        """Change what people are told."""
        if (status, reason) != (self.status, self.reason):
            if status is not self.status:
                self.since_ns = self._clock.utc_ns()
            self.status, self.reason = status, reason
            self._changed(self)

    def set_talk(self, talk: bool) -> None:
        """It is known whether it has a backchannel."""
        self.talk = talk
        self._changed(self)

    # ---- those who need it

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep an on-demand camera connected."""
        self._holds += 1
        self._update_wanted()
        try:
            yield
        finally:
            self._holds -= 1
            self._idle_since = self._clock.monotonic()

    async def live(self, timeout: float) -> bool:
        """Wait until there is a picture, at most `timeout` seconds of the event loop's time; whether there is one."""
        if self.status is CameraStatus.LIVE:
            return True
        waiter = asyncio.get_running_loop().create_future()
        self._live_waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._live_waiters.discard(waiter)
        return True

    def _update_wanted(self) -> None:
        settings = self.settings
        lingering = self._idle_since is not None and self._clock.monotonic() - self._idle_since < LINGER
        if settings.connect == "always" or settings.record or self._holds or lingering:
            self._wanted.set()
        else:
            self._wanted.clear()


class Fleet:
    """All cameras of the gateway."""

    def __init__(self, source_for: Callable[[Camera], Source], clock: Clock) -> None:
        self._source_for = source_for
        self._clock = clock
        self._tasks = TaskOwner("camera")
        self._supervisors: dict[str, asyncio.Task[None]] = {}
        self._ending: dict[str, set[asyncio.Task[None]]] = {}
        """Supervisors that were told to end and still say goodbye to the camera: its next one waits for them."""
        self.cameras: dict[str, Camera] = {}
        self.on_added: list[Callable[[Camera], None]] = []
        self.on_changed: list[Callable[[Camera], None]] = []
        """Status, reason, settings, or how the unit is."""
        self.on_removed: list[Callable[[Camera], None]] = []
        self.on_fix: list[Callable[[Camera, Fix], object]] = []
        """Each position that is believed, of whatever carrier."""
        self.on_late_fix: list[Callable[[Camera, Fix], object]] = []
        """Each that is believed and came after newer ones: where the unit was, not where it is."""
        self.on_health: list[Callable[[Camera, UnitHealth], None]] = []
        """Each report of how a unit is, with the newest known value of what it does not say."""
        self.on_alarm: list[Callable[[Camera, Alarm, UtcNs], None]] = []
        """What a camera says of a digital input, an alarm, motion or a call for help, and when it was."""

    def camera(self, camera_id: str) -> Camera:
        """The camera of that id.

        Raises:
            NotFoundError: there is none.
        """
        try:
            return self.cameras[camera_id]
        except KeyError:
            raise NotFoundError(f'there is no camera "{camera_id}"') from None

    def label(self, camera_id: str) -> str:
        """The name that people see; of a camera that was removed its id."""
        camera = self.cameras.get(camera_id)
        return camera_id if camera is None else camera.settings.label

    def apply(self, configured: Iterable[Configured]) -> None:
        """Make the running cameras those that are configured; only what changed is touched.

        All of it holds when this returns: nobody sees a part of it. Connections begin and end afterwards.
        """
        wanted = {c.settings.id: c for c in configured}
        for camera_id in [i for i in self.cameras if i not in wanted]:
            self._remove(camera_id)
        for camera_id, new in wanted.items():
            camera = self.cameras.get(camera_id)
            if camera is None:
                self._add(new)
            elif camera.configured != new:
                self._change(camera, new)

    def device_appeared(self, hosts: Iterable[str]) -> None:
        """A device with one of these addresses said hello: cameras there that wait for a retry need not wait longer."""
        known = set(hosts)
        for camera in self.cameras.values():
            if urlsplit(camera.settings.onvif or camera.settings.url or "").hostname in known:
                camera._hurry.set()

    async def run(self) -> None:
        """Watch for stale and stalled cameras and move counts to the metrics. Runs until cancelled."""
        while True:
            await self._clock.sleep(TICK)
            for camera in self.cameras.values():
                self._watch(camera)

    async def stop_sources(self) -> None:
        """End every attempt; Hubs stay open."""
        self._supervisors.clear()
        await self._tasks.close()

    def close_hubs(self) -> None:
        """End every Subscription."""
        for camera in self.cameras.values():
            camera.hub.close()

    # ---- inside

    def _add(self, configured: Configured) -> None:
        camera = Camera(configured, self._clock)
        camera._changed = self._notify_changed
        camera._fixed = self._notify_fix
        camera._fixed_late = self._notify_late_fix
        camera._told_health = self._notify_health
        camera._alarmed = self._notify_alarm
        self.cameras[camera.id] = camera
        for callback in self.on_added:
            callback(camera)
        self._start(camera)

    def _change(self, camera: Camera, new: Configured) -> None:
        old = camera.configured.settings
        camera.configured = new
        camera._update_wanted()
        if old.position != new.settings.position:
            camera.position_problem = None
        if old.model_dump(exclude=NOT_THE_WAY_IN) != new.settings.model_dump(exclude=NOT_THE_WAY_IN):
            camera.device = camera.clock_skew_ns = camera.stream_url = camera.talk = None
            self._stop(camera.id)
            self._start(camera)
        self._notify_changed(camera)

    def _remove(self, camera_id: str) -> None:
        camera = self.cameras.pop(camera_id)
        self._stop(camera_id)
        camera.hub.close()
        for callback in self.on_removed:
            callback(camera)

    def _start(self, camera: Camera) -> None:
        camera._update_wanted()
        self._supervisors[camera.id] = self._tasks.start(self._supervise(camera), name=camera.id)

    def _stop(self, camera_id: str) -> None:
        task = self._supervisors.pop(camera_id)
        cancel_once(task)
        self._ending.setdefault(camera_id, set()).add(task)
        task.add_done_callback(lambda _: self._ended(camera_id, task))

    def _ended(self, camera_id: str, task: asyncio.Task[None]) -> None:
        self._ending[camera_id].discard(task)
        if not self._ending[camera_id]:
            del self._ending[camera_id]

    def _notify_changed(self, camera: Camera) -> None:
        for callback in self.on_changed:
            callback(camera)

    def _notify_fix(self, camera: Camera, fix: Fix) -> None:
        for callback in self.on_fix:
            callback(camera, fix)

    def _notify_late_fix(self, camera: Camera, fix: Fix) -> None:
        for callback in self.on_late_fix:
            callback(camera, fix)

    def _notify_health(self, camera: Camera, health: UnitHealth) -> None:
        for callback in self.on_health:
            callback(camera, health)

    def _notify_alarm(self, camera: Camera, alarm: Alarm, utc_ns: UtcNs) -> None:
        for callback in self.on_alarm:
            callback(camera, alarm, utc_ns)

    async def _supervise(self, camera: Camera) -> None:
        while ending := self._ending.get(camera.id):
            camera.set_status(CameraStatus.CONNECTING, None)
            await asyncio.wait(ending)
        self._attempt_ended(camera)
        backoff = Backoff(self._clock)
        while True:
            if not camera._wanted.is_set():
                camera.set_status(CameraStatus.DISABLED, IDLE)
                await camera._wanted.wait()
                camera.set_status(CameraStatus.CONNECTING, None)
            error = await self._attempt(camera)
            was_live = camera._live_since is not None
            if was_live and self._clock.monotonic() - (camera._live_since or 0.0) >= WELL_AFTER:
                backoff.succeeded()
            self._attempt_ended(camera)
            if not camera._wanted.is_set():
                continue
            # Told once, not at each retry: a camera may be away for days.
            level = logging.DEBUG if error.reason == camera.reason else logging.WARNING
            log.log(level, "camera %s: %s%s", camera.id, error.reason, f" [{error.where}]" if error.where else "")
            CAMERA_ERRORS.labels(camera.id, error.fault.value).inc()
            seconds = backoff.failed()
            camera.retry_ns, camera.fault = self._clock.utc_ns() + round(seconds * NS), error.fault
            # A stream that ends after it was live is connecting again: offline is said once an attempt has failed.
            again = CameraStatus.CONNECTING if was_live and seconds == 0 else CameraStatus.OFFLINE
            camera.set_status(again, error.reason)
            self._notify_changed(camera)
            if seconds:
                await self._pause(camera, seconds)
            camera.retry_ns = None

    async def _pause(self, camera: Camera, seconds: float) -> None:
        """Wait before the next attempt; `device_appeared` may cut the rest short after `HURRY_AFTER`."""
        camera._hurry.clear()
        await self._clock.sleep(min(seconds, HURRY_AFTER))
        if seconds <= HURRY_AFTER:
            return
        await pause(self._clock, seconds - HURRY_AFTER, camera._hurry)

    async def _attempt(self, camera: Camera) -> CameraError:
        camera.source = self._source_for(camera)
        camera._live_since = camera._video_at = camera.remark = None
        camera.intake.begin()
        try:
            await camera.source.run_once()
        except CameraError as error:
            return error
        except Exception:
            log.exception("camera %s: the attempt failed by a fault of the gateway", camera.id)
            return CameraError(Fault.BAD_STREAM, "The gateway failed on what this camera sent; its log says where.")
        finally:
            camera.source.count()
            camera.source = None
        return CameraError(Fault.ENDED, "The camera ended the stream.")

    def _attempt_ended(self, camera: Camera) -> None:
        if camera._live_since is not None and camera.video_ns is not None:
            camera.hub.publish(Gap(camera.video_ns, None, GapReason.DISCONNECTED))
        camera._live_since = None

    def _watch(self, camera: Camera) -> None:
        problem = camera.position_problem
        if camera._health.due(self._clock.monotonic()) or problem != camera._told_problem:
            camera._told_problem = problem
            self._notify_changed(camera)
        if camera._idle_since is not None:
            camera._update_wanted()
        if camera.source is None:
            return
        camera.source.count()
        if not camera._wanted.is_set():
            camera.source.fail(CameraError(Fault.ENDED, IDLE))
            return
        if camera._video_at is None:
            return
        silent = self._clock.monotonic() - camera._video_at
        if silent >= STALLED_AFTER:
            reason = f"The camera is connected but has sent no picture for {silent:.0f} s; connecting again."
            camera.source.fail(CameraError(Fault.STALLED, reason))
        elif silent >= STALE_AFTER:
            camera.set_status(CameraStatus.STALE, "The camera is connected but sends no picture.")
        elif camera.status is CameraStatus.LIVE:
            remark = NO_KEYFRAME if camera.hub.keyframe_evicted else camera.remark
            camera.set_status(CameraStatus.LIVE, remark or camera.position_problem)
