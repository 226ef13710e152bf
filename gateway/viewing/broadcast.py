"""One camera's units to all its viewers: cut once, sent in one pass.

Here belongs who gets which unit and with which timestamp: the burst from the ring's last keyframe to the live edge,
viewers that wait for a keyframe, and the anchors that tell which moment a timestamp is. How a frame is numbered,
encrypted and sent is in `gateway.webrtc`; sessions are in `whep`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from typing import TypeGuard

from gateway.base.clock import Clock
from gateway.base.metrics import READER_MOVED, VIEWER_PACKETS
from gateway.hub import Hub, HubClosedError, Start
from gateway.media.h264 import NalType, is_reference, nal_type
from gateway.media.model import NS, AccessUnit, Codec, Gap, GapReason, Item, Track, TrackKind, UtcNs
from gateway.media.payloads import payloads
from gateway.viewing.timebase import Timebase
from gateway.webrtc.fanout import FanOut
from gateway.webrtc.outlet import Frame, Outlet

MAX_PAYLOAD = 1200
"""Bytes: with RTP, SRTP, UDP and IPv6 headers below the 1280 bytes that every IPv6 path carries."""
BURST_FRAMES = 2
BURST_SECONDS = 0.002
"""Two pictures every 2 ms reach a browser without loss; all at once overrun its socket."""
BURST_LIMIT = 6
"""Pictures at most where a turn comes late: a busy machine would otherwise never catch up."""
SQUEEZED_TICKS = 90
"""1 ms between the pictures of the burst: they are sent about as fast, so the player's clock sees no jump."""
KEYFRAME_SECONDS = 1.0
"""How often the camera is asked for a keyframe at most."""
REPORT_SECONDS = 1.0
ANCHOR_SECONDS = 5.0
_DRIFT_NS = NS // 20
"""An anchor off by this much is renewed, within a second."""
_JUMP_NS = NS // 2
"""An anchor off by this much is renewed at once."""
_REPORTS_PER_SLICE = 64
_AUDIO_PIECE = 960
"""Bytes of G.711, one a tick: 120 ms."""

_MISSING = {GapReason.DISCONNECTED, GapReason.STREAM_CHANGED, GapReason.SLOW_READER, GapReason.RESTART}
"""After these the decoder could not go on without a keyframe. After lost packets it can: a flaw in the picture for a
few seconds is worth more than none."""
_NEW_TIMELINE = {GapReason.DISCONNECTED, GapReason.STREAM_CHANGED, GapReason.CLOCK_JUMP}


class Phase(Enum):
    """Where a viewer is."""

    STARTING = "starting"
    """Gets the ring's last pictures, quickly."""
    LIVE = "live"
    WAITING = "waiting"
    """For a keyframe."""
    GONE = "gone"


class Viewer:
    """One session's part in the Broadcast of its camera."""

    def __init__(self, session_id: str, video: Outlet, audio: Outlet | None = None, audio_codec: Codec | None = None):
        self.session_id = session_id
        self.video = video
        self.audio = audio
        self.audio_codec = audio_codec
        self.phase = Phase.WAITING
        self.position = 0
        """While starting: of the next item in the ring."""
        self.backlog: deque[Item] = deque()
        """While starting: items from `position` on, shared with the ring."""
        self.ticks: int | None = None
        """While starting: of the picture sent last."""
        self.highest_pts: int | None = None
        """While starting: as `Broadcast` keeps it for those that are live."""


class Broadcast:
    """Made for the first viewer of a camera, closed after the last one. All calls from the event loop's thread.

    `on_anchor` takes the session, an RTP timestamp as that viewer sees it, and the UTC it was captured at.
    `request_keyframe` asks the camera; it is called at most once a second.
    """

    def __init__(
        self,
        hub: Hub,
        fanout: FanOut,
        clock: Clock,
        *,
        on_anchor: Callable[[str, int, UtcNs], None],
        request_keyframe: Callable[[], None],
    ) -> None:
        self.hub = hub
        self.dropped_b_pictures = 0
        self._fanout = fanout
        self._clock = clock
        self._on_anchor = on_anchor
        self._request_keyframe = request_keyframe
        self._asked = float("-inf")
        self._subscription = hub.subscribe("viewing", start=Start.LIVE)
        self._next = self._subscription.position
        """The ring position of the next item that live viewers get: who has read up to here is live."""
        self._viewers: dict[Viewer, None] = {}
        self._news = asyncio.Event()
        self._video_track: Track | None = None
        self._video = Timebase()
        self._audio = Timebase()
        self._highest_pts: int | None = None
        self._video_utc: UtcNs = 0
        self._audio_utc: UtcNs = 0
        self._reported = float("-inf")
        self._anchored = float("-inf")
        self._anchor = (0, 0)
        self._packets = VIEWER_PACKETS.labels(hub.camera_id)

    @property
    def viewers(self) -> tuple[Viewer, ...]:
        """All, whatever their phase."""
        return tuple(self._viewers)

    def add(self, viewer: Viewer) -> None:
        """Start `viewer` from the ring's last keyframe, or have it wait for the next one."""
        self._viewers[viewer] = None
        self._start(viewer)

    def remove(self, viewer: Viewer) -> None:
        """Send nothing more to `viewer`. Idempotent."""
        viewer.phase = Phase.GONE
        viewer.backlog.clear()
        self._viewers.pop(viewer, None)

    def ask_for_keyframe(self) -> None:
        """Somebody's decoder cannot go on: have the camera send a keyframe, unless it was asked just now."""
        now = self._clock.monotonic()
        if now - self._asked >= KEYFRAME_SECONDS:
            self._asked = now
            self._request_keyframe()

    async def run(self) -> str:
        """Send until the camera can be watched no more; returns why."""
        feed = asyncio.ensure_future(self._feed())
        starts = asyncio.ensure_future(self._run_starts())
        try:
            await asyncio.wait({feed, starts}, return_when=asyncio.FIRST_COMPLETED)
            if starts.done():
                starts.result()
            return feed.result()
        finally:
            self.close()
            for task in (feed, starts):
                task.cancel()
            await asyncio.gather(feed, starts, return_exceptions=True)

    def close(self) -> None:
        """Let go of the ring; `run` returns. Idempotent."""
        self._subscription.close()

    # ---- live

    async def _feed(self) -> str:
        while True:
            moved = self._subscription.moved
            try:
                items = await self._subscription.batch()
            except HubClosedError:
                return "the camera was removed"
            if self._subscription.moved != moved:
                READER_MOVED.labels(self.hub.camera_id, "viewing").inc()
            position = self._subscription.position - len(items)
            for item in items:
                position += 1
                # Set before the item is sent: a starting viewer that reads it meanwhile goes on after it.
                self._next = position
                if self._is_picture(item):
                    if item.track.codec is not Codec.H264:
                        return f"the camera now sends {item.track.codec}"
                    await self._send_video(item)
                elif type(item) is AccessUnit and item.track.kind is TrackKind.AUDIO:
                    await self._send_audio(item)
                elif type(item) is Gap:
                    self._note(item)

    def _is_watched(self, track: Track) -> bool:
        if track is self._video_track:
            return True
        first = next((t for t in self.hub.tracks if t.kind is TrackKind.VIDEO), track)
        if track.id != first.id:
            return False
        self._video_track = track
        return True

    def _is_picture(self, item: Item) -> TypeGuard[AccessUnit]:
        return type(item) is AccessUnit and item.track.kind is TrackKind.VIDEO and self._is_watched(item.track)

    def _note(self, gap: Gap) -> None:
        track = self._video_track
        if gap.track_id is not None and (track is None or gap.track_id != track.id):
            return
        if gap.reason in _NEW_TIMELINE:
            self._video.interrupt()
            self._audio.interrupt()
            self._highest_pts = None
        if gap.reason in _MISSING:
            for viewer in self._in(Phase.LIVE):
                viewer.phase = Phase.WAITING
        if gap.reason is GapReason.LOSS:
            self.ask_for_keyframe()

    async def _send_video(self, unit: AccessUnit) -> None:
        if is_disposable(unit, self._highest_pts):
            self.dropped_b_pictures += 1
            return
        leaps = self._video.leaps
        ticks = self._video.map(unit)
        self._video_utc = unit.utc_ns
        self._highest_pts = unit.pts if self._video.leaps != leaps else _higher(self._highest_pts, unit.pts)
        self._news.set()
        if unit.is_keyframe:
            for viewer in self._in(Phase.WAITING):
                self._go_live(viewer)
        live = self._in(Phase.LIVE)
        if live:
            missed = await self._send(unit, ticks, [viewer.video for viewer in live])
            for viewer in live if missed else ():
                if viewer.video in missed and viewer.phase is Phase.LIVE:
                    self._wait(viewer)
        self._renew_anchors(ticks, unit.utc_ns)
        now = self._clock.monotonic()
        if now - self._reported >= REPORT_SECONDS:
            self._reported = now
            await self._report()

    async def _send_audio(self, unit: AccessUnit) -> None:
        ticks = self._audio.map(unit)
        self._audio_utc = unit.utc_ns
        outlets = [
            viewer.audio
            for viewer in self._in(Phase.LIVE)
            if viewer.audio is not None and viewer.audio_codec is unit.track.codec
        ]
        if not outlets:
            return
        samples = unit.nals[0]
        for at in range(0, len(samples), _AUDIO_PIECE):
            piece = samples[at : at + _AUDIO_PIECE]
            # A sound cut short needs no keyframe: nothing to do for those who missed it.
            await self._fanout.send(Frame((piece,), len(piece), marker=False), ticks + at, outlets)
            self._packets.inc(len(outlets))

    async def _send(self, unit: AccessUnit, ticks: int, outlets: list[Outlet]) -> list[Outlet]:
        pieces = payloads(unit, limit=MAX_PAYLOAD)
        self._packets.inc(len(pieces) * len(outlets))
        return await self._fanout.send(Frame(pieces, sum(map(len, pieces))), ticks, outlets)

    def _in(self, phase: Phase) -> list[Viewer]:
        return [viewer for viewer in self._viewers if viewer.phase is phase]

    # ---- starting

    def _start(self, viewer: Viewer) -> None:
        keyframe = self.hub.last_keyframe
        if keyframe is None:
            self._wait(viewer)
            return
        viewer.phase = Phase.STARTING
        viewer.position = keyframe
        viewer.backlog.clear()
        viewer.highest_pts = None
        self._news.set()

    def _wait(self, viewer: Viewer) -> None:
        viewer.phase = Phase.WAITING
        viewer.backlog.clear()
        self.ask_for_keyframe()

    def _go_live(self, viewer: Viewer) -> None:
        assert self._video.newest is not None
        viewer.phase = Phase.LIVE
        viewer.backlog.clear()
        viewer.video.report(self._video_utc, self._video.newest)
        self._on_anchor(viewer.session_id, viewer.video.rtp_timestamp(self._video.newest), self._video_utc)

    async def _run_starts(self) -> None:
        """Bring starting viewers to the live edge, all at the same pace."""
        while True:
            await self._news.wait()
            self._news.clear()
            progress, turn = True, self._clock.monotonic()
            while progress:
                progress, last, turn = False, turn, self._clock.monotonic()
                due = round((turn - last) * BURST_FRAMES / BURST_SECONDS)
                due = min(max(due, BURST_FRAMES), BURST_LIMIT)
                for viewer in self._in(Phase.STARTING):
                    for _ in range(due):
                        if viewer.phase is not Phase.STARTING or (unit := self._next_unit(viewer)) is None:
                            break
                        await self._send_start(viewer, unit)
                        progress = True
                if progress:
                    await self._clock.sleep(BURST_SECONDS)

    def _next_unit(self, viewer: Viewer) -> AccessUnit | None:
        """The next picture for a starting viewer; None when there is none now, and perhaps it is live by then."""
        while viewer.position < self._next:
            if not viewer.backlog:
                if viewer.position < self.hub.first:
                    self._start(viewer)  # the ring let go of what it had not got yet
                    if viewer.phase is not Phase.STARTING:
                        return None
                viewer.backlog.extend(self.hub.since(viewer.position))
            item = viewer.backlog.popleft()
            viewer.position += 1
            if not self._is_picture(item) or is_disposable(item, viewer.highest_pts):
                continue
            viewer.highest_pts = _higher(viewer.highest_pts, item.pts)
            return item
        newest = self._video.newest
        if newest is not None and viewer.ticks is not None and viewer.ticks <= newest:
            self._go_live(viewer)
        return None

    async def _send_start(self, viewer: Viewer, unit: AccessUnit) -> None:
        newest = self._video.newest
        if newest is None:
            # Nothing came since this Broadcast began: the timeline starts with the newest picture that is held.
            newest = self._video.map(self._newest_in_ring(unit))
        ticks = min(self._video.peek(unit), newest)
        if viewer.ticks is None or viewer.phase is not Phase.STARTING:
            ticks = newest
        elif ticks <= viewer.ticks:
            ticks = viewer.ticks + SQUEEZED_TICKS
        viewer.ticks = ticks
        if await self._send(unit, ticks, [viewer.video]) and viewer.phase is Phase.STARTING:
            self._wait(viewer)

    def _newest_in_ring(self, fallback: AccessUnit) -> AccessUnit:
        held: Iterable[Item] = reversed(self.hub.since(self.hub.last_keyframe or self.hub.first))
        newest = next((item for item in held if self._is_picture(item)), fallback)
        self._video_utc = newest.utc_ns
        return newest

    # ---- telling time

    async def _report(self) -> None:
        video, audio = self._video.newest, self._audio.newest
        assert video is not None
        for count, viewer in enumerate(self._in(Phase.LIVE), 1):
            viewer.video.report(self._video_utc, video)
            if viewer.audio is not None and audio is not None:
                viewer.audio.report(self._audio_utc, audio)
            if count % _REPORTS_PER_SLICE == 0:
                await asyncio.sleep(0)

    def _renew_anchors(self, ticks: int, utc_ns: UtcNs) -> None:
        anchor_ticks, anchor_utc = self._anchor
        off = abs(utc_ns - anchor_utc - (ticks - anchor_ticks) * NS // 90_000)
        age = self._clock.monotonic() - self._anchored
        if off > _JUMP_NS or age >= ANCHOR_SECONDS or (off > _DRIFT_NS and age >= 1):
            self._anchor = (ticks, utc_ns)
            self._anchored = self._clock.monotonic()
            for viewer in self._in(Phase.LIVE):
                self._on_anchor(viewer.session_id, viewer.video.rtp_timestamp(ticks), utc_ns)


def is_disposable(unit: AccessUnit, highest_pts: int | None) -> bool:
    """Whether this is a picture that no other needs and that is shown before one already sent: a B-picture.

    Browsers play in the order of sending and reorder nothing: without it the rest plays rightly.
    """
    if highest_pts is None or unit.pts >= highest_pts:
        return False
    slices = (nal for nal in unit.nals if nal_type(nal) in (NalType.SLICE, NalType.PARTITION_A, NalType.IDR))
    return not any(is_reference(nal) for nal in slices)


def _higher(highest: int | None, pts: int) -> int:
    return pts if highest is None or pts > highest else highest
