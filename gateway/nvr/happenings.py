"""What happens to the cameras, as the ONVIF devices toward NVRs tell it.

Here belong which topics there are, what each property of a camera is now, and who may be told. One `Happenings` serves
all devices: `of` gives the view of one. Who subscribes and what waits for them is `onvif_protocol.subscriptions`.

| topic | property of a camera |
|---|---|
| `tns1:VideoSource/SignalLoss` | whether the picture is lost |
| `tns1:RecordingConfig/JobState` | whether its recording job is at work |
| `tns1:RecordingHistory/Recording/State`, `…/Track/State` | the same, of the recording and of its tracks |
| `tns1:Device/Trigger/DigitalInput` | whether its wearer calls for help: an SOS is open, as if a button were held |
| `tns1:UserAlarm/Alert` | whether an alert of high priority about it is open |
| `tns1:Monitoring/GeoLocation` | where its wearer is, for who has the right POSITION |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from gateway.access.audit import Action
from gateway.access.authority import Authority
from gateway.access.portion import Portion
from gateway.access.users import Principal
from gateway.access.views import Views
from gateway.base.clock import Clock
from gateway.ingest.fleet import Camera, CameraStatus, Fleet
from gateway.media.model import Fix
from gateway.nvr.tokens import TRACKS, job_token, profile_token, recording_token, source_token
from onvif_protocol.notification import EventSource, Notification, PropertyOperation, Topic
from onvif_protocol.recordings_model import job_state, job_state_information
from onvif_protocol.soap import element

_TOKEN = "tt:ReferenceToken"  # noqa: S105 - the name of a type

SIGNAL_LOSS = Topic("tns1:VideoSource/SignalLoss", (("Source", _TOKEN),), (("State", "xs:boolean"),))
JOB_STATE = Topic(
    "tns1:RecordingConfig/JobState",
    (("RecordingJobToken", "tt:RecordingJobReference"),),
    (("State", "xs:string"),),
    (("Information", "tt:RecordingJobStateInformation"),),
)
RECORDING_STATE = Topic(
    "tns1:RecordingHistory/Recording/State", (("RecordingToken", _TOKEN),), (("IsRecording", "xs:boolean"),)
)
TRACK_STATE = Topic(
    "tns1:RecordingHistory/Track/State",
    (("RecordingToken", _TOKEN), ("Track", _TOKEN)),
    (("IsDataPresent", "xs:boolean"),),
)
DIGITAL_INPUT = Topic("tns1:Device/Trigger/DigitalInput", (("InputToken", _TOKEN),), (("LogicalState", "xs:boolean"),))
ALERT = Topic("tns1:UserAlarm/Alert", (("Source", _TOKEN),), (("State", "xs:boolean"),))
GEO_LOCATION = Topic("tns1:Monitoring/GeoLocation", (("Token", _TOKEN),), (), (("CurrentLocation", "tt:GeoLocation"),))

TOPICS = (SIGNAL_LOSS, JOB_STATE, RECORDING_STATE, TRACK_STATE, DIGITAL_INPUT, ALERT, GEO_LOCATION)

Listener = Callable[[Notification], None]


@dataclass(frozen=True, slots=True)
class OpenAlerts:
    """What is open about one camera."""

    sos: bool
    high: bool
    """One of high priority, an SOS or another."""


@dataclass(frozen=True, slots=True)
class _Place:
    fix: Fix
    told: Notification


class Happenings:
    """Tells of all cameras. Make it before the fleet has cameras. All calls from the event loop's thread."""

    def __init__(
        self,
        fleet: Fleet,
        recording: Callable[[str], bool],
        principal: Callable[[str], Principal | None],
        authority: Authority,
        views: Views,
        clock: Clock,
        alerts: Callable[[str], OpenAlerts],
    ) -> None:
        """`recording` says whether a camera's media goes to disk, `alerts` what is open about it (call `look` with its
        id when either changes), `principal` who logs in by a name.
        """
        self._fleet = fleet
        self._recording = recording
        self._principal = principal
        self._authority = authority
        self._views = views
        self._clock = clock
        self._alerts = alerts
        self._states: dict[str, dict[tuple[str, str], Notification]] = {}
        """Of each camera, by topic and the last item of its source: its properties, as `Initialized`."""
        self._places: dict[str, _Place] = {}
        """As told last to somebody who asked for everything: made once for all of them."""
        self._listeners: dict[str | None, list[Listener]] = {}
        """By the camera they want to hear of; None: all."""
        fleet.on_added.append(self._changed)
        fleet.on_changed.append(self._changed)
        fleet.on_removed.append(self._removed)
        fleet.on_fix.append(self._moved)

    def of(self, camera: str | None = None) -> EventSource:
        """What one device tells: of that camera, or of all of them."""
        return _View(self, camera)

    def look(self, camera_id: str) -> None:
        """Something about a camera may have changed: tell it, if it did."""
        camera = self._fleet.cameras.get(camera_id)
        if camera is not None:
            self._changed(camera)

    # ---- for the devices

    async def begin(self, user: str, address: str, camera: str | None) -> Callable[[str], None]:
        """Somebody will be told: the audit says so first, and in the end.

        Raises:
            StorageError: the audit cannot be written.
        """
        view = await self._views.begin(Action.FOLLOW, actor=user, address=address, camera=camera, through="onvif")
        return partial(self._views.end, view)

    def current(self, user: str, camera: str | None) -> Iterable[Notification]:
        """All properties of one camera or of all, of what `user` may see."""
        for one in list(self._fleet.cameras.values()) if camera is None else self._camera(camera):
            for told in [*self._states.get(one.id, {}).values(), *self._place(one)]:
                if self.may_see(user, told):
                    yield told

    def may_see(self, user: str, told: Notification) -> bool:
        """Whether `user` may be told this now."""
        who = self._principal(user)
        if who is None:
            return False
        if told.topic == GEO_LOCATION.path:
            return Portion.of(self._authority.rights(who, told.subject)).positions
        return self._authority.sees(who, told.subject)

    def subscribe(self, listener: Listener, camera: str | None) -> Callable[[], None]:
        """Call `listener` with what happens to that camera, or to any, until what is returned is called."""
        self._listeners.setdefault(camera, []).append(listener)

        def stop() -> None:
            self._listeners[camera].remove(listener)
            if not self._listeners[camera]:
                del self._listeners[camera]

        return stop

    # ---- inside

    def _changed(self, camera: Camera) -> None:
        known = self._states.setdefault(camera.id, {})
        for now in self._properties(camera):
            key = now.topic, now.source[-1][1]
            before = known.get(key)
            if before is None or before.data != now.data:
                known[key] = now
                self._tell(now if before is None else replace(now, operation=PropertyOperation.CHANGED))

    def _removed(self, camera: Camera) -> None:
        place = [held.told] if (held := self._places.pop(camera.id, None)) is not None else []
        for told in [*self._states.pop(camera.id, {}).values(), *place]:
            self._tell(replace(told, operation=PropertyOperation.DELETED, utc_ns=self._clock.utc_ns()))

    def _moved(self, camera: Camera, fix: Fix) -> None:
        if None in self._listeners or camera.id in self._listeners:
            self._tell(_location(camera.id, fix, PropertyOperation.CHANGED))

    def _tell(self, told: Notification) -> None:
        for camera in (None, told.subject):
            for listener in list(self._listeners.get(camera, ())):
                listener(told)

    def _camera(self, camera_id: str) -> list[Camera]:
        camera = self._fleet.cameras.get(camera_id)
        return [] if camera is None else [camera]

    def _place(self, camera: Camera) -> list[Notification]:
        if camera.fix is None:
            return []
        held = self._places.get(camera.id)
        if held is None or held.fix is not camera.fix:
            told = _location(camera.id, camera.fix, PropertyOperation.INITIALIZED)
            held = self._places[camera.id] = _Place(camera.fix, told)
        return [held.told]

    def _properties(self, camera: Camera) -> Iterator[Notification]:
        """All of a camera's but its position, as they are now."""
        lost = camera.status in {CameraStatus.STALE, CameraStatus.OFFLINE}
        recording = self._recording(camera.id)
        source, recorded = source_token(camera.id), recording_token(camera.id)
        kinds = {track.kind for track in camera.hub.tracks}
        tracks = [track for kind, track in TRACKS.items() if kind in kinds]
        alerts = self._alerts(camera.id)
        yield self._state(camera, SIGNAL_LOSS, (source,), lost)
        yield self._state(camera, DIGITAL_INPUT, (source,), alerts.sos)
        yield self._state(camera, ALERT, (source,), alerts.high)
        information = job_state_information(
            "tt:RecordingJobStateInformation", recorded, profile_token(camera.id), tracks, active=recording
        )
        yield replace(
            self._state(camera, JOB_STATE, (job_token(camera.id),), recording),
            data=(("State", job_state(active=recording)),),
            elements=(("Information", information),),
        )
        yield self._state(camera, RECORDING_STATE, (recorded,), recording)
        for token, _ in tracks:
            yield self._state(camera, TRACK_STATE, (recorded, token), recording)

    def _state(self, camera: Camera, topic: Topic, source: tuple[str, ...], value: bool) -> Notification:
        return Notification(
            topic.path,
            self._clock.utc_ns(),
            tuple((name, token) for (name, _), token in zip(topic.source, source, strict=True)),
            ((topic.data[0][0], str(value).lower()),),
            (),
            PropertyOperation.INITIALIZED,
            camera.id,
        )


class _View:
    """What one device tells of."""

    def __init__(self, happenings: Happenings, camera: str | None) -> None:
        self._happenings = happenings
        self._camera = camera

    async def begin(self, user: str, address: str) -> Callable[[str], None]:
        return await self._happenings.begin(user, address, self._camera)

    def topics(self) -> Iterable[Topic]:
        return TOPICS

    def current(self, user: str) -> Iterable[Notification]:
        return self._happenings.current(user, self._camera)

    def may_see(self, user: str, notification: Notification) -> bool:
        return self._happenings.may_see(user, notification)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        return self._happenings.subscribe(listener, self._camera)


def _location(camera: str, fix: Fix, operation: PropertyOperation) -> Notification:
    elevation = None if fix.altitude_m is None else repr(fix.altitude_m)
    where = element("tt:GeoLocation", lon=repr(fix.lon), lat=repr(fix.lat), elevation=elevation)
    source = (("Token", source_token(camera)),)
    return Notification(GEO_LOCATION.path, fix.utc_ns, source, (), (("CurrentLocation", where),), operation, camera)
