"""Watches all cameras for what is cause for an alert, and for when that ends.

What is cause, the rules say. What is known already (raised, resolved, outlived a restart), the book of alerts says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice

from gateway.access.authority import Authority
from gateway.base.alert_settings import Alerts as AlertSettings
from gateway.base.clock import Clock
from gateway.incidents.alert import Grade, Kind, subject_of
from gateway.incidents.alerts import Alerts
from gateway.incidents.rules.contact import camera_offline, unit_lost
from gateway.incidents.rules.facts import FINE, Facts, Finding, Rule, Thresholds
from gateway.incidents.rules.health import battery_low, storage_low
from gateway.incidents.rules.movement import Stillness, no_movement
from gateway.incidents.rules.recording import DISK_FULL, not_recording
from gateway.incidents.where import where
from gateway.ingest.fleet import Camera, CameraStatus, Fleet
from gateway.media.model import Fix, UtcNs

WATCH_SECONDS = 1.0
TURNS = 5
"""Each second a fifth of the cameras is looked at: what is due by the minute need not be found within a second."""

RULES: dict[Kind, Rule] = {
    Kind.CAMERA_OFFLINE: camera_offline,
    Kind.UNIT_LOST: unit_lost,
    Kind.NO_MOVEMENT: no_movement,
    Kind.BATTERY_LOW: battery_low,
    Kind.STORAGE_LOW: storage_low,
    Kind.NOT_RECORDING: not_recording,
}


@dataclass(frozen=True, slots=True)
class RecordingState:
    """What is asked of the recorders, by a camera's id."""

    due: Callable[[str], bool]
    """Whether settings, privacy and events want it recorded now."""
    recording: Callable[[str], bool]
    problem: Callable[[str], str | None]
    """Why it is not, as a sentence."""
    disk_full: Callable[[], bool]


@dataclass(slots=True)
class _Unit:
    """What is remembered of one camera. Times are monotonic."""

    live_at: float
    """When it was live last; or since when the gateway has it."""
    subjects: dict[Kind, str]
    live: bool = False
    was_live: bool = False
    unrecorded_at: float | None = None
    """Since when it has been seen to be due, live, and not recorded."""
    fix_at: float | None = None
    stillness: Stillness | None = None
    """None: nobody wants to know."""


class Watch:
    """Raises and ends the alerts that the gateway finds itself. Make it before the fleet has cameras."""

    def __init__(
        self,
        alerts: Alerts,
        fleet: Fleet,
        authority: Authority,
        recording: RecordingState,
        clock: Clock,
        settings: Callable[[], AlertSettings],
    ) -> None:
        self._alerts = alerts
        self._fleet = fleet
        self._authority = authority
        self._recording = recording
        self._clock = clock
        self._settings = settings
        self._units: dict[str, _Unit] = {}
        fleet.on_added.append(self._added)
        fleet.on_changed.append(self._changed)
        fleet.on_removed.append(self._removed)
        fleet.on_fix.append(self._moved)

    async def run(self) -> None:
        """Look at all cameras, turn by turn. Runs until cancelled."""
        self._end_of_removed()
        for turn in cycle(range(TURNS)):
            self.look(turn)
            await self._clock.sleep(WATCH_SECONDS)

    def look(self, turn: int) -> None:
        """Judge the cameras whose turn it is. Waits for nothing."""
        thresholds, full = Thresholds.of(self._settings()), self._recording.disk_full()
        for camera in islice(self._fleet.cameras.values(), turn, None, TURNS):
            self._judge(camera, thresholds, disk_full=full)
        self._judge_disk(full=full)

    # ---- inside

    def _judge(self, camera: Camera, thresholds: Thresholds, *, disk_full: bool) -> None:
        unit = self._units[camera.id]
        facts = self._facts(camera, unit, disk_full=disk_full)
        for kind, rule in RULES.items():
            subject = unit.subjects[kind]
            raised = self._alerts.goes_on(subject)
            judgement = rule(facts, thresholds, raised)
            if judgement is FINE and raised:
                self._alerts.ended(subject, facts.now_ns)
            elif isinstance(judgement, Finding) and not raised and self._alerts.grade(kind, camera.id) is not Grade.OFF:
                self._alerts.raise_soon(
                    kind,
                    camera.id,
                    utc_ns=judgement.since_ns,
                    text=judgement.text,
                    detail=where(camera, self._authority, facts.now_ns),
                    subject=subject,
                )

    def _facts(self, camera: Camera, unit: _Unit, *, disk_full: bool) -> Facts:
        now, live = self._clock.monotonic(), camera.status is CameraStatus.LIVE
        due, recording = self._recording.due(camera.id), self._recording.recording(camera.id)
        if recording or not due or not live:
            unit.unrecorded_at = None
        elif unit.unrecorded_at is None:
            unit.unrecorded_at = now
        if self._alerts.grade(Kind.NO_MOVEMENT, camera.id) is Grade.OFF:
            unit.stillness = None
        elif unit.stillness is None:
            unit.stillness = Stillness()
        return Facts(
            now_ns=self._clock.utc_ns(),
            status=camera.status,
            reason=camera.reason,
            was_live=unit.was_live,
            absent_s=0.0 if live else now - unit.live_at,
            fix_s=None if unit.fix_at is None else now - unit.fix_at,
            position_in_stream=camera.settings.position == "metadata",
            still_s=None if unit.stillness is None else unit.stillness.seconds,
            moved=unit.stillness is not None and unit.stillness.moved,
            health=camera.health,
            recording_due=due,
            recording=recording,
            recording_problem=self._recording.problem(camera.id),
            unrecorded_s=0.0 if unit.unrecorded_at is None else now - unit.unrecorded_at,
            disk_full=disk_full,
        )

    def _judge_disk(self, *, full: bool) -> None:
        """That nothing at all is recorded is one alert, about the gateway."""
        subject = subject_of(Kind.NOT_RECORDING, None)
        now_ns = self._clock.utc_ns()
        raised = self._alerts.goes_on(subject)
        if full and not raised:
            self._alerts.raise_soon(Kind.NOT_RECORDING, None, utc_ns=now_ns, text=DISK_FULL, subject=subject)
        elif raised and not full:
            self._alerts.ended(subject, now_ns)

    def _added(self, camera: Camera) -> None:
        subjects = {kind: subject_of(kind, camera.id) for kind in RULES}
        self._units[camera.id] = _Unit(self._clock.monotonic(), subjects)

    def _changed(self, camera: Camera) -> None:
        """Its status, maybe: note since when it is not live."""
        unit, live = self._units.get(camera.id), camera.status is CameraStatus.LIVE
        if unit is None:
            return  # it was removed, and says goodbye
        if live or unit.live:
            unit.live_at, unit.was_live = self._clock.monotonic(), True
        unit.live = live

    def _moved(self, camera: Camera, fix: Fix) -> None:
        """Called for each position of each unit: cheap."""
        unit = self._units.get(camera.id)
        if unit is None:
            return
        unit.fix_at = self._clock.monotonic()
        if unit.stillness is not None:
            unit.stillness.push(fix)

    def _removed(self, camera: Camera) -> None:
        del self._units[camera.id]
        self._end_all_of(camera.id, self._clock.utc_ns())

    def _end_of_removed(self) -> None:
        """What was removed while the gateway was down is cause for nothing any more."""
        now_ns = self._clock.utc_ns()
        for camera in {alert.camera for alert in self._alerts.lasting().values() if alert.camera is not None}:
            if camera not in self._fleet.cameras:
                self._end_all_of(camera, now_ns)

    def _end_all_of(self, camera: str, now_ns: UtcNs) -> None:
        for kind in RULES:
            self._alerts.ended(subject_of(kind, camera), now_ns)
