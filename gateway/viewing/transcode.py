"""A camera's video made into another, for those who cannot play, or carry, what the camera sends.

Here belongs the gateway's side of the worker process: what it is given and when, what of it is late, when it is in
vain, and the Hub that the result goes to, which `broadcast` serves like a camera's. The codecs are in
`transcode_worker`; who needs a Transcode is decided in `original` and `renditions`, how many may run in `budget`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeGuard

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, Fault
from gateway.base.metrics import BAD_INPUT, READER_MOVED, TRANSCODED, WORKER_DEATHS
from gateway.base.piped import PipedWorker, keep_working
from gateway.hub import Hub, HubClosedError, Start
from gateway.media import h264, h265
from gateway.media.h264 import split_annex_b
from gateway.media.model import (
    NS,
    AccessUnit,
    Codec,
    Gap,
    GapReason,
    Item,
    TimeSource,
    Track,
    TrackKind,
    UtcNs,
    VideoParameters,
)
from gateway.viewing.budget import Budget
from gateway.viewing.decoding import DECODERS, annex_b
from gateway.viewing.transcode_worker import CODECS, DIGESTED, ORDER, PICTURE, PICTURE_TAG, Order, VideoSettings

__all__ = ["CONSTRAINED_BASELINE", "Transcode", "VideoSettings"]

CONSTRAINED_BASELINE = bytes.fromhex("6742e01f")
"""The beginning of a sequence parameter set: the profile that comes out (RFC 6184 8.1), before anything has."""
MAX_UNDIGESTED = 4
"""Pictures that the worker has been given and has not answered; the others wait in the camera's ring."""
VAIN_PICTURES = 60
VAIN_SECONDS = 8.0
"""So many pictures, from a keyframe on and for so long, that have led to none: the stream cannot be decoded."""
VAIN_DEATHS = 3
"""As many workers that ended before they had made a picture."""
LATE_NS = NS // 5
"""Pictures that waited longer are decoded only, so that a worker that is behind catches up."""
KEYFRAME_SECONDS = 1.0
"""How often the camera is asked for a keyframe at most."""
RING_BYTES = 16 << 20
RING_SECONDS = 4.0

_MODULE = "gateway.viewing.transcode_worker"
_MAX_DATED = 64
"""More pictures than a decoder ever holds back, with those in flight."""
_NEW_TIMELINE = {GapReason.DISCONNECTED, GapReason.STREAM_CHANGED, GapReason.CLOCK_JUMP}


class Transcode:
    """Run `run` as a task for as long as somebody watches `hub`; cancelling that ends the worker and closes `hub`.

    It takes a place of `budget`, which `run` gives back when it ends; a Transcode that may not have run is closed.
    `hub` carries one track: video, with the track id, pts, UTC and time source that the same pictures have in `source`,
    and Gaps where the camera's time begins anew. `work` names it in metrics and logs. `ask_camera` has the camera
    send a keyframe; it is called at most once a second. All calls from the event loop's thread.

    When the worker cannot keep up, it is spared the pictures before the camera's newest keyframe, and to encode those
    after it that are late. When it dies, another goes on from that keyframe.

    Raises:
        BusyError: there is no place in `budget`.
    """

    def __init__(
        self,
        source: Hub,
        clock: Clock,
        settings: VideoSettings,
        *,
        work: str,
        budget: Budget,
        ask_camera: Callable[[], object],
    ) -> None:
        budget.take(source.camera_id, work)
        self._budget: Budget | None = budget
        self.hub = Hub(source.camera_id, cap_bytes=RING_BYTES, min_seconds=RING_SECONDS)
        self.deaths = 0
        """How often the worker ended without being asked to."""
        self._source = source
        self._clock = clock
        self._settings = settings
        self._codec = next(codec for codec, name in DECODERS.items() if name == settings.codec)
        self._work = work
        self._ask_camera = ask_camera
        self._asked = float("-inf")
        self._worker: PipedWorker | None = None
        self._track: Track | None = None
        self._wants_keyframe = False
        self._newest_pts: int | None = None
        """Of what was published. A worker that takes another's place begins before it."""
        self._dates: dict[int, tuple[UtcNs, TimeSource]] = {}
        """UTC by pts, of the pictures given last."""
        self._vain = 0
        """Pictures given to be shown since the last one was made."""
        self._vain_since = 0.0
        self._vain_deaths = 0

    @property
    def pid(self) -> int | None:
        """Of the worker, while there is one."""
        return None if self._worker is None else self._worker.pid

    def request_keyframe(self) -> None:
        """Make the next picture a keyframe. The camera need not be asked: the encoder is here."""
        self._wants_keyframe = True

    async def run(self) -> None:
        """Transcode until the camera is removed, or this is cancelled.

        Raises:
            CameraError: nothing that the camera sends can be decoded.
        """
        try:
            await keep_working(self._start, self._clock, feed=self._feed, take=self._take, died=self._died)
        finally:
            self._worker = None
            self.close()

    def close(self) -> None:
        """Close `hub`, and give the place back. Idempotent."""
        self.hub.close()
        if self._budget is not None:
            self._budget.give_back()
            self._budget = None

    def _start(self) -> PipedWorker:
        self._ask()  # the answer is there about as soon as the worker is, and spares it the ring's whole GOP
        self._worker = PipedWorker(_MODULE, self._settings.to_json(), self._clock)
        return self._worker

    def _died(self) -> None:
        self.deaths += 1
        WORKER_DEATHS.labels(self.hub.camera_id, self._work).inc()
        self._vain_deaths += bool(self._vain)
        if self._vain_deaths >= VAIN_DEATHS:
            raise self._undecodable()

    def _undecodable(self) -> CameraError:
        track = next((track for track in self._source.tracks if track.kind is TrackKind.VIDEO), None)
        sent = "video" if track is None else track.label
        return CameraError(
            Fault.BAD_STREAM,
            f"{self.hub.camera_id} sends {sent} that cannot be decoded: set its encoder to H.264, 8 bits, 4:2:0, not "
            "encrypted, and see whether its own page shows a picture.",
        )

    def _ask(self) -> None:
        now = self._clock.monotonic()
        if now - self._asked >= KEYFRAME_SECONDS:
            self._asked = now
            self._ask_camera()

    # ---- to the worker

    async def _feed(self, worker: PipedWorker) -> None:
        """Returns when the camera is removed."""
        with self._source.subscribe(self._work, start=Start.KEYFRAME) as subscription:
            self._wants_keyframe = True
            resume = 0  # position of the keyframe before which nothing is decoded, as it would come late
            while True:
                try:
                    items = await subscription.batch()
                except HubClosedError:
                    return
                at = subscription.position - len(items)
                pictures = sum(map(self._is_picture, items))
                for item in items:
                    if self._is_picture(item):
                        pictures -= 1
                        late = self._clock.utc_ns() - item.received_ns > LATE_NS
                        if late:
                            resume = max(resume, self._source.last_keyframe or 0)
                        if at >= resume:
                            # The newest is shown however old it is: a camera that has stopped is still seen.
                            shown = self._newest_pts is not None and item.pts <= self._newest_pts
                            await self._give(worker, item, show=not (shown or (late and pictures)))
                    elif isinstance(item, Gap):
                        await self._note(worker, item)
                    at += 1

    def _is_picture(self, item: Item) -> TypeGuard[AccessUnit]:
        if not isinstance(item, AccessUnit) or item.track.kind is not TrackKind.VIDEO:
            return False
        first = next((track for track in self._source.tracks if track.kind is TrackKind.VIDEO), item.track)
        return item.track.id == first.id and item.track.codec in DECODERS

    async def _give(self, worker: PipedWorker, unit: AccessUnit, *, show: bool) -> None:
        await worker.room(below=MAX_UNDIGESTED)
        order = Order.SHOW if show else Order(0)
        if show and self._wants_keyframe:
            order |= Order.KEYFRAME
            self._wants_keyframe = False
        if self._track is None or self._track.id != unit.track.id:
            parameters = VideoParameters(CONSTRAINED_BASELINE if self._codec is Codec.H264 else b"")
            self._track = Track(unit.track.id, TrackKind.VIDEO, self._codec, unit.track.clock_rate, parameters)
        if show:
            self._vain_since = self._vain_since if self._vain else self._clock.monotonic()
            self._vain += 1
        self._dates[unit.pts] = (unit.utc_ns, unit.time_source)
        if len(self._dates) > _MAX_DATED:
            del self._dates[next(iter(self._dates))]
        worker.ask(ORDER.pack(order, CODECS.index(DECODERS[unit.track.codec]), unit.pts), annex_b(unit))

    async def _note(self, worker: PipedWorker, gap: Gap) -> None:
        if gap.track_id is not None and self._track is not None and gap.track_id != self._track.id:
            return
        if gap.reason is GapReason.SLOW_READER:
            READER_MOVED.labels(self.hub.camera_id, self._work).inc()
        elif gap.reason is GapReason.LOSS:
            self._ask()
        elif gap.reason in _NEW_TIMELINE:
            # What was before the Gap comes out before it.
            worker.ask(ORDER.pack(Order.FLUSH, 0, 0))
            await worker.room(below=1)
            self._dates.clear()
            self._newest_pts = None
            self.hub.publish(gap)

    # ---- from the worker

    def _take(self, record: bytes) -> None:
        if record[0] == PICTURE_TAG:
            _, is_keyframe, pts = PICTURE.unpack_from(record)
            self._publish(pts, record[PICTURE.size :], is_keyframe=bool(is_keyframe))
            return
        _, undecodable = DIGESTED.unpack(record)
        if undecodable:
            BAD_INPUT.labels(self.hub.camera_id, "picture that cannot be decoded").inc()
        if self._worker is not None:
            self._worker.answered()
        if self._vain >= VAIN_PICTURES and self._clock.monotonic() - self._vain_since >= VAIN_SECONDS:
            raise self._undecodable()

    def _publish(self, pts: int, data: bytes, *, is_keyframe: bool) -> None:
        date = self._dates.pop(pts, None)
        if date is None or self._track is None:
            return  # of a stream that is over
        utc_ns, time_source = date
        nals = tuple(split_annex_b(data))
        if is_keyframe:
            assert isinstance(self._track.parameters, VideoParameters)
            parse = h264.video_parameters if self._codec is Codec.H264 else h265.video_parameters
            parameters = parse(nals, self._track.parameters)
            if parameters != self._track.parameters:
                self._track = replace(self._track, parameters=parameters)
        if self._track not in self.hub.tracks:
            self.hub.open((self._track,))
        TRANSCODED.labels(self.hub.camera_id, self._work).inc()
        self._newest_pts = pts
        self._vain = self._vain_deaths = 0
        received_ns, size = self._clock.utc_ns(), sum(map(len, nals))
        self.hub.publish(AccessUnit(self._track, pts, pts, utc_ns, time_source, received_ns, nals, is_keyframe, size))
