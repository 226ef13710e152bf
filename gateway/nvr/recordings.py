"""What is recorded, as the ONVIF devices toward NVRs tell it: `onvif_protocol`'s RecordingsModel over the catalog.

A Recording of ONVIF's is all that there is of one camera; ours, which are gapless, are its events. Who may see what is
recorded sees it here, and the audit says that they looked. Playing is `gateway.nvr.replay`'s business.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from gateway.access.audit import Action, Audit
from gateway.access.authority import Authority
from gateway.access.portion import Portion
from gateway.access.rights import Right
from gateway.access.tally import source
from gateway.access.users import Principal
from gateway.base.clock import Clock
from gateway.base.duration import parse_duration
from gateway.base.rfc3339 import format_utc
from gateway.base.workers import Threads
from gateway.ingest.fleet import Fleet
from gateway.media.fmp4_samples import FileHeader, Mp4Error, read_header
from gateway.media.model import NS, AudioParameters, Codec, TrackKind, UtcNs, VideoParameters
from gateway.nvr.happenings import RECORDING_STATE, TRACK_STATE
from gateway.nvr.profiles import RtspPorts, stream_url
from gateway.nvr.replay import PATH
from gateway.nvr.tokens import TRACKS, job_token, profile_token, recording_token, source_token
from gateway.recording.catalog import Catalog
from gateway.recording.clip import unreadable
from gateway.recording.files import Files
from gateway.recording.footage import FootageFinder, Piece
from gateway.recording.units import recorded_tracks
from gateway.store import tables
from gateway.store.engine import Database
from onvif_protocol.device_model import Transport
from onvif_protocol.notification import Notification, PropertyOperation, Topic
from onvif_protocol.recordings_model import (
    Asker,
    AudioAttributes,
    MediaAttributes,
    Recording,
    RecordingEvent,
    RecordingsModel,
    RecordingTrack,
    VideoAttributes,
)

FRESH_SECONDS = 2.0
"""For so long is told again what was found: NVRs ask for each recording by itself."""
LISTED_SECONDS = 3600.0
"""The audit has a row an hour for an account that lists what there is: NVRs do it all the time."""
REMEMBERED = 1000
NAMED_CAMERAS = 50
"""In one row of the audit."""

_AUDIO_NAMES = {Codec.PCMU: "G711", Codec.PCMA: "G711", Codec.AAC: "AAC"}


@dataclass(frozen=True, slots=True)
class _Extent:
    """From when to when there is something of a camera, and of which kinds."""

    from_ns: UtcNs
    to_ns: UtcNs
    kinds: frozenset[TrackKind]


class Recordings:
    """Tells of all cameras; `of` gives what one device tells."""

    def __init__(
        self,
        fleet: Fleet,
        recording: Callable[[str], bool],
        database: Database,
        catalog: Catalog,
        finder: FootageFinder,
        files: Files,
        threads: Threads,
        principal: Callable[[str], Principal | None],
        authority: Authority,
        audit: Audit,
        ports: Callable[[], RtspPorts],
        clock: Clock,
    ) -> None:
        """`recording` says whether a camera's media goes to disk now, `principal` who logs in by a name."""
        self._fleet = fleet
        self._recording = recording
        self._database = database
        self._catalog = catalog
        self._finder = finder
        self._files = files
        self._threads = threads
        self._principal = principal
        self._authority = authority
        self._audit = audit
        self._ports = ports
        self._clock = clock
        self._extents: dict[str, _Extent] = {}
        self._extents_at: float | None = None
        self._listed: OrderedDict[tuple[str, str, str | None], float] = OrderedDict()
        """Who was told what there is, from where, of which camera; and when the audit was told (monotonic)."""

    def of(self, camera: str | None = None) -> RecordingsModel:
        """What the device of one camera tells; None: of all."""
        return _View(self, camera)

    async def told(self, asker: Asker, camera: str | None) -> list[Recording]:
        """The recordings of all cameras, or of one, as far as the asker may see what is recorded.

        Raises:
            StorageError: the database refused.
        """
        who = self._principal(asker.user)
        if who is None:
            return []
        await self._note_listing(asker, camera)
        extents = await self._all_extents()
        cameras = [one for one in self._fleet.cameras.values() if camera in {None, one.id}]
        return [
            self._recording_of(one.id, one.settings.label, extents.get(one.id), Portion.of(rights))
            for one in cameras
            if Right.RECORDED in (rights := self._authority.rights(who, one.id))
        ]

    async def media(self, camera: str, told: Recording, at_ns: UtcNs) -> MediaAttributes | None:
        """How what was recorded at a moment is coded.

        Raises:
            StorageError: the database refused, or a file cannot be read.
        """
        pieces = (await self._finder.find(camera, at_ns, at_ns + 1)).pieces
        if not pieces:
            return None
        piece = pieces[-1]
        header = await self._threads.run(self._header, piece)
        coded = {track.kind: track for track in recorded_tracks(header).values()}
        seconds = max(0.1, (piece.end_ns - piece.start_ns) / NS)
        tracks: list[tuple[RecordingTrack, VideoAttributes | AudioAttributes | None]] = []
        for track in told.tracks:
            kind = next(kind for kind, (token, _) in TRACKS.items() if token == track.token)
            found = coded.get(kind)
            match found.parameters if found is not None else None:
                case VideoParameters(width=width, height=height) if found is not None:
                    units = sum(content.units for content in piece.tracks if content.kind is kind)
                    kbps = round(piece.size * 8 / seconds / 1000)
                    tracks.append((track, VideoAttributes(found.codec.value, width, height, units / seconds, kbps)))
                case AudioParameters(sample_rate=rate) if found is not None:
                    kbps = 64 if found.codec is not Codec.AAC else 128
                    tracks.append((track, AudioAttributes(_AUDIO_NAMES[found.codec], rate // 1000, kbps)))
                case None:
                    continue
                case _:
                    tracks.append((track, None))
        return MediaAttributes(piece.start_ns, piece.end_ns, tuple(tracks))

    async def note_search(self, asker: Asker, cameras: Sequence[str], from_ns: UtcNs, to_ns: UtcNs) -> None:
        """Have the audit say that somebody looks for what was recorded when.

        Raises:
            StorageError: it could not be written.
        """
        one = len(cameras) == 1
        which: dict[str, Any] = {} if one else {"cameras": list(cameras[:NAMED_CAMERAS]), "count": len(cameras)}
        await self._audit.record(
            Action.RECORDINGS,
            actor=asker.user,
            address=asker.address,
            camera=cameras[0] if one else None,
            through="onvif",
            interval={"from": format_utc(from_ns), "to": format_utc(to_ns)},
            **which,
        )

    async def events(self, cameras: Sequence[str], from_ns: UtcNs, to_ns: UtcNs) -> list[RecordingEvent]:
        """Where recordings of these cameras begin and end in an interval, by time.

        Raises:
            StorageError: the database refused.
        """
        found: list[RecordingEvent] = []
        for camera in cameras:
            tokens = await self._track_tokens(camera)
            for start_ns, end_ns, over in await self._spans(camera, from_ns, to_ns):
                moments = [(start_ns, True), *([(end_ns, False)] if over else [])]
                for at_ns, begins in moments:
                    if from_ns <= at_ns < to_ns:
                        found += _states(camera, tokens, at_ns, begins, PropertyOperation.CHANGED)
        found.sort(key=lambda event: event.told.utc_ns)
        return found

    async def states(self, cameras: Sequence[str], at_ns: UtcNs) -> list[RecordingEvent]:
        """Whether these cameras were being recorded at a moment.

        Raises:
            StorageError: the database refused.
        """
        found: list[RecordingEvent] = []
        for camera in cameras:
            spans = await self._spans(camera, at_ns, at_ns + 1)
            on = any(start_ns <= at_ns < end_ns for start_ns, end_ns, _ in spans)
            tokens = await self._track_tokens(camera)
            found += _states(camera, tokens, at_ns, on, PropertyOperation.INITIALIZED)
        return found

    def replay_uri(self, camera: str, transport: Transport, base_url: str) -> str | None:
        """Where a camera's recordings are played; None: there is no such transport."""
        return stream_url(self._ports(), transport, base_url, f"{camera}/{PATH}")

    # ---- inside

    async def _note_listing(self, asker: Asker, camera: str | None) -> None:
        key = asker.user, source(asker.address), camera
        now, told = self._clock.monotonic(), self._listed.get(key)
        if told is not None and now - told < LISTED_SECONDS:
            return
        await self._audit.record(
            Action.RECORDINGS, actor=asker.user, address=asker.address, camera=camera, through="onvif"
        )
        self._listed[key] = now
        self._listed.move_to_end(key)
        if len(self._listed) > REMEMBERED:
            self._listed.popitem(last=False)

    def _recording_of(self, camera: str, label: str, extent: _Extent | None, portion: Portion) -> Recording:
        tracks: tuple[RecordingTrack, ...] = ()
        if extent is not None:
            tracks = tuple(
                RecordingTrack(token, type_, extent.from_ns, extent.to_ns)
                for kind, (token, type_) in TRACKS.items()
                if kind in extent.kinds and portion.has(kind)
            )
        keeps = [parse_duration(row.keep) if row.keep else 0.0 for _, row in self._authority.retention(camera)]
        return Recording(
            recording_token(camera),
            source_token(camera),
            profile_token(camera),
            label,
            f"urn:sightline:{camera}",
            tracks,
            job_token(camera),
            self._recording(camera),
            # Of several rows the longest counts; one without a limit is the longest.
            0.0 if not keeps or 0.0 in keeps else max(keeps),
        )

    async def _all_extents(self) -> dict[str, _Extent]:
        now = self._clock.monotonic()
        if self._extents_at is None or now - self._extents_at >= FRESH_SECONDS:
            cameras = list(self._fleet.cameras)
            stored = await self._database.read(lambda connection: _stored_extents(connection, cameras))
            self._extents, self._extents_at = stored, now
        found = dict(self._extents)
        for camera in self._fleet.cameras:
            growing, before = self._catalog.growing(camera), found.get(camera)
            if growing is None:
                continue
            contents = () if growing.segment is None else growing.segment.tracks
            kinds = frozenset(content.kind for content in contents if content.units)
            from_ns = growing.start_ns if before is None else before.from_ns
            found[camera] = _Extent(from_ns, growing.end_ns, kinds | (before.kinds if before is not None else kinds))
        return found

    async def _track_tokens(self, camera: str) -> list[str]:
        extent = (await self._all_extents()).get(camera)
        return [] if extent is None else [token for kind, (token, _) in TRACKS.items() if kind in extent.kinds]

    async def _spans(self, camera: str, from_ns: UtcNs, to_ns: UtcNs) -> list[tuple[UtcNs, UtcNs, bool]]:
        """Start and end of the recordings that touch an interval, and whether each is over."""
        growing = self._catalog.growing(camera)
        spans = await self._catalog.recordings(camera, from_ns, to_ns)
        return [(span.start_ns, span.end_ns, growing is None or span.end_ns < growing.end_ns) for span in spans]

    def _header(self, piece: Piece) -> FileHeader:
        """In a thread."""
        try:
            with self._files.reader(piece.path) as read_at:
                return read_header(read_at, piece.size)
        except (OSError, Mp4Error) as error:
            raise unreadable(piece.path, error) from error


class _View:
    """What one device tells: `onvif_protocol.recordings_model.RecordingsModel`. All tokens are ids of cameras."""

    def __init__(self, recordings: Recordings, camera: str | None) -> None:
        self._recordings = recordings
        self._camera = camera

    async def recordings(self, asker: Asker) -> Sequence[Recording]:
        return await self._recordings.told(asker, self._camera)

    async def media(self, asker: Asker, recording: Recording, at_ns: UtcNs) -> MediaAttributes | None:
        return await self._recordings.media(recording.token, recording, at_ns)

    async def searched(self, asker: Asker, recordings: Sequence[str], from_ns: UtcNs, to_ns: UtcNs) -> None:
        await self._recordings.note_search(asker, recordings, from_ns, to_ns)

    async def events(self, recordings: Sequence[str], from_ns: UtcNs, to_ns: UtcNs) -> Sequence[RecordingEvent]:
        return await self._recordings.events(recordings, from_ns, to_ns)

    async def state(self, recordings: Sequence[str], at_ns: UtcNs) -> Sequence[RecordingEvent]:
        return await self._recordings.states(recordings, at_ns)

    def replay_uri(self, recording: str, transport: Transport, base_url: str) -> str | None:
        return self._recordings.replay_uri(recording, transport, base_url)


def _stored_extents(connection: Connection, cameras: Iterable[str]) -> dict[str, _Extent]:
    """From the finished Segments, by two looks at an index for each camera."""
    table = tables.segments.c
    found: dict[str, _Extent] = {}
    for camera in cameras:
        of_camera = select(table.start_ns, table.end_ns, table.tracks).where(table.camera == camera)
        first = connection.execute(of_camera.order_by(table.start_ns).limit(1)).first()
        last = connection.execute(of_camera.order_by(table.start_ns.desc()).limit(1)).first()
        if first is not None and last is not None:
            kinds = frozenset(TrackKind(content["kind"]) for content in last.tracks if content["units"])
            found[camera] = _Extent(first.start_ns, last.end_ns, kinds)
    return found


def _states(
    camera: str, tracks: Sequence[str], at_ns: UtcNs, on: bool, operation: PropertyOperation
) -> list[RecordingEvent]:
    """What is told when a recording begins or ends, or to say how it is."""
    token, said = recording_token(camera), str(on).lower()
    video = TRACKS[TrackKind.VIDEO][0]

    def event(topic: Topic, source_: tuple[str, ...], track: str) -> RecordingEvent:
        names = [name for name, _ in topic.source]
        data = ((topic.data[0][0], said),)
        told = Notification(topic.path, at_ns, tuple(zip(names, source_, strict=True)), data, (), operation, camera)
        return RecordingEvent(token, track, told, operation is PropertyOperation.INITIALIZED)

    return [
        event(RECORDING_STATE, (token,), video),
        *(event(TRACK_STATE, (token, track), track) for track in tracks),
    ]
