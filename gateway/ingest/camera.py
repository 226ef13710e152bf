"""One attempt to connect one camera: ONVIF for the URL, RTSP for the packets, units and positions into its Hub.

`CameraSource.run_once` makes the attempt and raises a CameraError when it is over; only the fleet retries. Packets are
handled where they arrive, in the event loop, without a task or a queue in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import Counter as MetricCounter

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, Fault
from gateway.base.metrics import BAD_INPUT, CAMERA_BYTES, CAMERA_LOST, CAMERA_PACKETS, CAMERA_UNITS
from gateway.base.supervise import TaskOwner
from gateway.base.workers import Threads
from gateway.ingest.fleet import Camera
from gateway.ingest.intake import Totals
from gateway.media.model import NS, AccessUnit, Codec, Gap, GapReason, Track, TrackKind, UtcNs
from gateway.media.rtcp import Bye, RtcpPacket, SenderReport, parse_rtcp
from gateway.media.rtp import RtpError
from gateway.media.track_receiver import TrackReceiver
from gateway.positions import klv
from gateway.positions.from_metadata import fixes, health
from gateway.rtsp.batches import Batches
from gateway.rtsp.client import RtspClient
from gateway.rtsp.sdp import TrackDescription
from onvif_protocol.alarms import alarm
from onvif_protocol.base import ErrorKind, OnvifError
from onvif_protocol.camera import OnvifCamera, Wsdls
from onvif_protocol.metadata import MetadataDocument, MetadataError, parse

log = logging.getLogger(__name__)

INLINE_XML = 32 << 10
"""Metadata documents up to this size are parsed where they arrive (0.1 ms for a usual one), larger ones in a thread."""
HOLE_NS = 3 * NS
"""Two pictures further apart than this without packets lost: the camera stopped in between, and that is a Gap."""
KEYFRAME_REQUEST_SECONDS = 1.0
"""How often a camera is asked for a keyframe at most."""
DROPPED_DOCUMENTS = "The camera sends metadata that is too large, damaged or in a binary form: it cannot be read."
DAMAGED_KLV = "The camera sends KLV that is cut or whose checksum does not hold, so its position is not known."

_FAULTS = {
    ErrorKind.UNREACHABLE: Fault.UNREACHABLE,
    ErrorKind.TIMEOUT: Fault.TIMEOUT,
    ErrorKind.TLS: Fault.TLS,
    ErrorKind.AUTHENTICATION: Fault.AUTHENTICATION,
}


@dataclass(frozen=True, slots=True)
class IngestParts:
    """What every attempt of every camera shares."""

    clock: Clock
    wsdls: Wsdls
    xml_threads: Threads
    batches: Batches | None = None
    """Through which connections are read; None: each by itself."""
    sos_events: Callable[[], tuple[str, ...]] = tuple
    """The topics of a call for help, as the settings name them now (`onvif_protocol.alarms.emergency`)."""


class _Meter:
    """Moves a total that only grows to a metric. Its time series exists from the first increase on."""

    __slots__ = ("_labels", "_metric", "_series", "_told")

    def __init__(self, metric: MetricCounter, *labels: str) -> None:
        self._metric = metric
        self._labels = labels
        self._series: MetricCounter | None = None
        self._told = 0

    def tell(self, total: int) -> bool:
        """Whether `total` has grown since the last time."""
        if total == self._told:
            return False
        if self._series is None:
            self._series = self._metric.labels(*self._labels)
        self._series.inc(total - self._told)
        self._told = total
        return True


class _Stream:
    """One track of the attempt: from its packets to its units."""

    def __init__(self, description: TrackDescription, camera_id: str, *, reorders: bool) -> None:
        track = description.track
        self.kind = track.kind
        self.is_video = track.kind is TrackKind.VIDEO
        self.receiver = TrackReceiver(track, description.payload_type, reorders=reorders, format=description.format)
        self.units = 0
        kind = track.kind.value
        self._packets = _Meter(CAMERA_PACKETS, camera_id, kind)
        self._bytes = _Meter(CAMERA_BYTES, camera_id, kind)
        self._lost = _Meter(CAMERA_LOST, camera_id, kind)
        self._units = _Meter(CAMERA_UNITS, camera_id, kind)
        self._incomplete = _Meter(BAD_INPUT, camera_id, "incomplete_unit")
        self._unreadable = _Meter(BAD_INPUT, camera_id, "payload")
        self._no_rtp = _Meter(BAD_INPUT, camera_id, "rtp")
        self._foreign = _Meter(BAD_INPUT, camera_id, "payload_type")
        self._strays = _Meter(BAD_INPUT, camera_id, "stray_packet")
        self._reports = _Meter(BAD_INPUT, camera_id, "sender_report")

    def count(self) -> bool:
        """Tell the metrics; whether payloads came that could not be read."""
        packets, made = self.receiver.packets, self.receiver.depacketizer
        self._packets.tell(packets.received)
        self._bytes.tell(packets.bytes)
        self._lost.tell(packets.lost)
        self._units.tell(self.units)
        self._incomplete.tell(made.dropped_units)
        self._no_rtp.tell(packets.unreadable)
        self._foreign.tell(packets.foreign)
        self._strays.tell(packets.strays)
        self._reports.tell(self.receiver.timeline.distrusted_reports)
        return self._unreadable.tell(made.malformed + made.unsupported)


class CameraSource:
    """Connects one Camera, once. `choose` says which of the offered tracks are taken; by default all usable ones."""

    def __init__(
        self,
        camera: Camera,
        parts: IngestParts,
        *,
        choose: Callable[[Sequence[TrackDescription]], list[TrackDescription]] | None = None,
    ) -> None:
        self.onvif: OnvifCamera | None = None
        """The camera as ONVIF knows it, while the attempt lasts; None: it is known by its URL."""
        self._camera = camera
        self._choose = choose or usable
        self._parts = parts
        self._clock = parts.clock
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._streams: tuple[_Stream, ...] = ()
        self._session: RtspClient | None = None
        self._junk = _Meter(BAD_INPUT, camera.id, "junk_byte")
        self._foreign = _Meter(BAD_INPUT, camera.id, "foreign_packet")
        self._tasks = TaskOwner(f"camera {camera.id}")
        self._keyframe_asked = float("-inf")
        self._keyframe_refused = False
        self._video_utc_ns: UtcNs | None = None
        self._parsing = False
        self._bad: Counter[str] = Counter()

    async def run_once(self) -> None:
        """Connect, and publish until the camera ends it or `fail` is called.

        Raises:
            CameraError: always, with the reason.
        """
        settings = self._camera.settings
        password = settings.password.get_secret_value()
        try:
            url = settings.url if settings.onvif is None else await self._stream_url(settings.onvif, password)
            assert url is not None, "settings have either a URL or an ONVIF address"
            self._camera.stream_url = url
            async with await RtspClient.open(
                url,
                username=settings.username,
                password=password,
                transport=settings.transport,
                clock=self._clock,
                allow_basic=settings.basic_auth,
                tls_verify=settings.tls_verify,
                choose=self._choose,
                batches=self._parts.batches,
            ) as session:
                self._session = session
                self._streams = tuple(
                    _Stream(description, self._camera.id, reorders=settings.transport == "udp")
                    for description in session.tracks
                )
                self._camera.hub.open(tuple(description.track for description in session.tracks))
                await session.play(self)
                self._camera.connected()
                await self._over
        finally:
            self._flush()
            await self._tasks.close()
            if self.onvif is not None:
                await self.onvif.close()

    def fail(self, error: CameraError) -> None:
        """End the attempt with `error`; the first one counts."""
        if not self._over.done():
            self._over.set_exception(error)

    def request_keyframe(self) -> bool:
        """Ask an ONVIF camera for a keyframe (SetSynchronizationPoint), unless it was asked just now."""
        if self.onvif is None or self._keyframe_refused:
            return False
        now = self._clock.monotonic()
        if now - self._keyframe_asked >= KEYFRAME_REQUEST_SECONDS:
            self._keyframe_asked = now
            self._tasks.start(self._ask_for_keyframe(self.onvif), name="keyframe")
        return True

    def count(self) -> None:
        """Move what was counted since the last call to the metrics, and give up packets waited for too long."""
        now = self._clock.utc_ns()
        for stream in self._streams:
            self._publish(stream, stream.receiver.poll(now))
            if stream.count() and stream.kind is TrackKind.METADATA:
                self._camera.remark = DROPPED_DOCUMENTS
        if self._streams:
            self._camera.intake.take(self._totals(), self._clock.monotonic())
        if self._session is not None:
            self._junk.tell(self._session.skipped_bytes)
            self._foreign.tell(self._session.foreign_packets)
        for what, number in self._bad.items():
            if number:
                BAD_INPUT.labels(self._camera.id, what).inc(number)
        self._bad.clear()

    def _totals(self) -> Totals:
        packets = [stream.receiver.packets for stream in self._streams]
        return Totals(sum(p.bytes for p in packets), sum(p.received for p in packets), sum(p.lost for p in packets))

    # ---- what the RTSP client calls

    def rtp(self, index: int, packets: list[bytes]) -> None:
        """RTP packets of the track with this place among the session's tracks."""
        stream = self._streams[index]
        if items := stream.receiver.receive(packets, self._clock.utc_ns()):
            self._publish(stream, items)

    def rtcp(self, index: int, packets: list[bytes]) -> None:
        """RTCP compound packets of that track."""
        for data in packets:
            try:
                self._control(self._streams[index], parse_rtcp(data))
            except RtpError:
                self._bad["rtcp"] += 1

    def _control(self, stream: _Stream, packets: Sequence[RtcpPacket]) -> None:
        for packet in packets:
            if isinstance(packet, SenderReport):
                stream.receiver.timeline.sender_report(packet, self._clock.utc_ns())
            elif isinstance(packet, Bye) and stream.kind is TrackKind.VIDEO:
                self.fail(CameraError(Fault.ENDED, "The camera ended the stream."))

    def end(self, error: CameraError | None) -> None:
        """The session is over."""
        self.fail(error or CameraError(Fault.ENDED, "The camera closed the connection."))

    # ---- units

    def _publish(self, stream: _Stream, items: Sequence[AccessUnit | Gap]) -> None:
        camera, publish = self._camera, self._camera.hub.publish
        for item in items:
            if isinstance(item, Gap):
                if stream.is_video:
                    self._video_utc_ns = None
                publish(item)
                continue
            stream.units += 1
            if stream.is_video:
                before, utc_ns = self._video_utc_ns, item.utc_ns
                if before is not None and utc_ns - before > HOLE_NS:
                    publish(Gap(before, utc_ns, GapReason.STALLED, item.track.id))
                self._video_utc_ns = utc_ns
                publish(item)
                camera.video_arrived(utc_ns)
            else:
                publish(item)
                if stream.kind is TrackKind.METADATA:
                    read = self._read_klv if item.track.codec is Codec.KLV else self._read_metadata
                    read(item)

    def _flush(self) -> None:
        """What is complete when the attempt ends still counts."""
        for stream in self._streams:
            self._publish(stream, stream.receiver.flush())

    # ---- positions and alarms

    def _read_metadata(self, unit: AccessUnit) -> None:
        data = unit.nals[0]
        if len(data) <= INLINE_XML:
            try:
                self._take(parse(data), unit)
            except MetadataError as error:
                self._bad_metadata(error)
        elif self._parsing:
            # One at a time: a camera that floods us with large documents costs a thread's time, not the loop's.
            self._bad["metadata_flood"] += 1
            self._camera.remark = "The camera sends large metadata documents faster than they can be read."
        else:
            self._parsing = True
            self._tasks.start(self._read_large_metadata(unit), name="metadata")

    async def _read_large_metadata(self, unit: AccessUnit) -> None:
        try:
            document = await self._parts.xml_threads.run(parse, unit.nals[0])
        except MetadataError as error:
            self._bad_metadata(error)
        else:
            self._take(document, unit)
        finally:
            self._parsing = False

    def _take(self, document: MetadataDocument, unit: AccessUnit) -> None:
        self._bad["metadata_part"] += len(document.problems)
        if document.events:
            emergencies = self._parts.sos_events()
            for event in document.events:
                if (happened := alarm(event, emergencies)) is not None:
                    self._camera.alarm_arrived(happened, unit.utc_ns if event.utc_ns is None else event.utc_ns)
            if (told := health(document, utc_ns=unit.utc_ns)) is not None:
                self._camera.health_arrived(told)
        if document.positions and self._camera.settings.position == "metadata":
            for fix in fixes(document, utc_ns=unit.utc_ns, received_ns=unit.received_ns):
                if self._camera.take_fix(fix) is None:
                    self._camera.remark = None

    def _read_klv(self, unit: AccessUnit) -> None:
        if self._camera.settings.position != "metadata":
            return
        reading = klv.read(unit.nals[0], utc_ns=unit.utc_ns, received_ns=unit.received_ns)
        for fix in reading.fixes:
            self._camera.take_fix(fix)
        if reading.damaged:
            self._bad["klv"] += reading.damaged
            self._camera.position_problem = DAMAGED_KLV

    def _bad_metadata(self, error: MetadataError) -> None:
        self._bad["metadata"] += 1
        remark = f"The camera sends metadata that cannot be read, so its position is not known: {error}."
        if self._camera.remark != remark:
            log.warning("camera %s: %s", self._camera.id, remark)
        self._camera.remark = remark

    # ---- ONVIF

    async def _stream_url(self, xaddr: str, password: str) -> str:
        settings = self._camera.settings
        try:
            self.onvif = await OnvifCamera.connect(
                xaddr, settings.username, password, clock=self._clock, wsdls=self._parts.wsdls
            )
            self._camera.device, self._camera.clock_skew_ns = self.onvif.device_information, self.onvif.skew_ns
            return await self.onvif.stream_uri(transport=settings.transport)
        except OnvifError as error:
            raise camera_error(error, xaddr) from error

    async def _ask_for_keyframe(self, onvif: OnvifCamera) -> None:
        try:
            await onvif.set_synchronization_point()
        except OnvifError as error:
            self._keyframe_refused = error.kind is ErrorKind.REFUSED
            log.debug("camera %s gave no keyframe: %s", self._camera.id, error.reason)


def camera_error(error: OnvifError, where: str) -> CameraError:
    """What ONVIF calls at fault, as everything else of a camera is told; `where` is its address."""
    reason = error.reason[:1].upper() + error.reason[1:] + ("" if error.reason.endswith(".") else ".")
    return CameraError(_FAULTS.get(error.kind, Fault.ONVIF), reason, where=where)


def usable(offered: Sequence[TrackDescription]) -> list[TrackDescription]:
    """Of what a camera offers, the first track of each kind that the gateway can use.

    Raises:
        CameraError: there is no video among them; says what there is.
    """
    chosen: dict[TrackKind, TrackDescription] = {}
    for description in offered:
        track = description.track
        if track.codec is Codec.UNSUPPORTED:
            continue
        first = chosen.setdefault(track.kind, description)
        if first.track.codec is Codec.KLV and track.codec is Codec.ONVIF_METADATA:
            chosen[track.kind] = description  # it says more, and is recorded
    if TrackKind.VIDEO not in chosen:
        raise CameraError(
            Fault.NO_VIDEO,
            f"The camera offers no H.264 or H.265 video; it offers {_named([d.track for d in offered]) or 'nothing'}.",
        )
    return list(chosen.values())


def _named(tracks: Sequence[Track]) -> str:
    return ", ".join(f"{track.kind.value} ({track.label})" for track in tracks)
