"""A camera's AAC made into Opus, which is what browsers play, once for all who listen.

Here belongs the gateway's side of the worker process and the Hub that the result goes to. The codecs are in
`opus_worker`. G.711 needs none of this: it is sent as the camera sends it.
"""

from __future__ import annotations

from gateway.base.clock import Clock
from gateway.base.metrics import BAD_INPUT, TRANSCODED, WORKER_DEATHS
from gateway.base.piped import PipedWorker, keep_working
from gateway.hub import Hub, HubClosedError, Start
from gateway.media.model import (
    NS,
    AccessUnit,
    AudioParameters,
    Codec,
    Gap,
    GapReason,
    TimeSource,
    Track,
    TrackKind,
    UtcNs,
)
from gateway.viewing.opus_worker import HEAD, RATE, Tag

MAX_UNDIGESTED = 16
"""Frames that the worker has been given and has not answered; the others wait in the camera's ring."""
LATE_NS = NS // 5
"""Sound that waited longer is left out: a player plays late sound late, and catches up slowly."""
RING_BYTES = 1 << 20
RING_SECONDS = 4.0

_MODULE = "gateway.viewing.opus_worker"
_WORK = "opus"
_NEW_TIMELINE = {GapReason.DISCONNECTED, GapReason.STREAM_CHANGED, GapReason.CLOCK_JUMP}


class Opus:
    """Run `run` as a task for as long as somebody listens; cancelling that ends the worker and closes `hub`.

    The packets of 20 ms in `hub` carry the UTC and time source of what they were made of, so that sound and picture
    meet. All calls from the event loop's thread.
    """

    def __init__(self, source: Hub, clock: Clock) -> None:
        self.hub = Hub(source.camera_id, cap_bytes=RING_BYTES, min_seconds=RING_SECONDS)
        self.deaths = 0
        """How often the worker ended without being asked to."""
        self._source = source
        self._clock = clock
        self._worker: PipedWorker | None = None
        self._aac: Track | None = None
        self._opus: Track | None = None
        self._date: tuple[int, UtcNs, TimeSource] = (0, 0, TimeSource.ARRIVAL)
        """Ticks, UTC and how well it is known, of the frame given last."""

    @property
    def pid(self) -> int | None:
        """Of the worker, while there is one."""
        return None if self._worker is None else self._worker.pid

    async def run(self) -> None:
        """Code until the camera is removed, or this is cancelled."""
        try:
            await keep_working(self._start, self._clock, feed=self._feed, take=self._take, died=self._died)
        finally:
            self.hub.close()

    def _start(self) -> PipedWorker:
        self._aac = None
        self._worker = PipedWorker(_MODULE, "", self._clock)
        return self._worker

    def _died(self) -> None:
        self.deaths += 1
        WORKER_DEATHS.labels(self.hub.camera_id, _WORK).inc()

    # ---- to the worker

    async def _feed(self, worker: PipedWorker) -> None:
        """Returns when the camera is removed."""
        worker.ask(HEAD.pack(Tag.CONFIG, 0))
        await worker.room(below=1)  # it has loaded: what is heard meanwhile would make the sound late for a long time
        with self._source.subscribe(_WORK, start=Start.LIVE) as subscription:
            while True:
                try:
                    items = await subscription.batch()
                except HubClosedError:
                    return
                for item in items:
                    if isinstance(item, AccessUnit) and item.track.codec is Codec.AAC:
                        if self._clock.utc_ns() - item.received_ns <= LATE_NS:
                            await self._give(worker, item)
                    elif isinstance(item, Gap) and item.reason in _NEW_TIMELINE:
                        await worker.room(below=1)  # what was before the Gap comes out before it
                        self._aac = None
                        self.hub.publish(item)

    async def _give(self, worker: PipedWorker, unit: AccessUnit) -> None:
        await worker.room(below=MAX_UNDIGESTED)
        track = unit.track
        if self._aac is None or (track is not self._aac and track != self._aac):
            assert isinstance(track.parameters, AudioParameters)
            worker.ask(HEAD.pack(Tag.CONFIG, 0), track.parameters.config)
            self._opus = Track(track.id, TrackKind.AUDIO, Codec.OPUS, RATE, AudioParameters(RATE, 1))
            self.hub.open((self._opus,))
        self._aac = track
        ticks = unit.pts * RATE // track.clock_rate
        self._date = (ticks, unit.utc_ns, unit.time_source)
        worker.ask(HEAD.pack(Tag.FRAME, ticks), unit.nals[0])

    # ---- from the worker

    def _take(self, record: bytes) -> None:
        tag, ticks = HEAD.unpack_from(record)
        if tag == Tag.PACKET:
            assert self._opus is not None
            known, utc_ns, time_source = self._date
            at_ns = utc_ns + (ticks - known) * NS // RATE
            data, now_ns = record[HEAD.size :], self._clock.utc_ns()
            TRANSCODED.labels(self.hub.camera_id, _WORK).inc()
            self.hub.publish(AccessUnit(self._opus, ticks, ticks, at_ns, time_source, now_ns, (data,), True, len(data)))
            return
        if ticks:
            BAD_INPUT.labels(self.hub.camera_id, "sound that cannot be decoded").inc()
        if self._worker is not None:
            self._worker.answered()
