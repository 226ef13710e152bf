"""One camera's units to all its viewers: cut once, sent in one pass.

Here belongs who gets which unit and with which timestamp: the burst from the ring's last keyframe to the live edge,
viewers that wait for a keyframe, and the anchors that tell which moment a timestamp is. How a frame is numbered,
encrypted and sent is in `gateway.webrtc`; sessions are in `whep`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeGuard

from gateway.base.clock import Clock
from gateway.base.metrics import READER_MOVED, VIEWER_PACKETS
from gateway.hub import Hub, HubClosedError, Start
from gateway.media.model import NS, AccessUnit, Codec, Gap, GapReason, Item, Track, TrackKind, UtcNs
from gateway.media.payloads import payloads
from gateway.viewing.order import Order
from gateway.viewing.rate import Rate
from gateway.viewing.timebase import Timebase
from gateway.viewing.viewer import Answer, Phase, Viewer
from gateway.webrtc.fanout import FanOut
from gateway.webrtc.outlet import Frame, Outlet

MAX_PAYLOAD = 1200
"""Bytes: with RTP, SRTP, UDP and IPv6 headers below the 1280 bytes that every IPv6 path carries."""
BURST_FRAMES = 2
BURST_SECONDS = 0.002
"""Two pictures every 2 ms reach a browser without loss; all at once overrun its socket."""
BURST_LIMIT = 6
"""Pictures at most where a turn comes late: a busy machine would otherwise never catch up."""
BURST_RATE = 160e6
"""Bits a second: what two pictures every 2 ms of a stream of 8 Mbit/s with large keyframes come to."""
BURST_SLACK = 0.05
"""Seconds of the burst's rate that a viewer may save up from turns in which it sent nothing."""
MOST_PLACES = 16
"""Places in the ring that starting viewers are sent pictures from at a time; the others wait, and then begin together.
With pictures for each as fast as the camera makes new ones, nobody in a crowd would ever arrive."""
MOST_CUT = 1000
"""Pictures kept cut for those who start."""
CATCH_UP_SECONDS = 1.0
"""A burst that would take longer is not sent, if the camera gives a keyframe instead."""
FRESH_SECONDS = 1.0
"""How old the ring's last keyframe may be to answer a viewer that lost its place."""
REFRESH_SECONDS = 1.0
"""How often one viewer is started anew at most: what was sent last may still be on its way."""
SQUEEZED_TICKS = 90
"""1 ms between the pictures of the burst: they are sent about as fast, so the player's clock sees no jump."""
KEYFRAME_SECONDS = 1.0
"""How often the camera is asked for a keyframe at most."""
SAME_TIME_NS = 5 * NS
"""Two streams of one camera that are further apart than this are dated by different clocks."""
REPORT_SECONDS = 1.0
ANCHOR_SECONDS = 5.0
_DRIFT_NS = NS // 20
"""An anchor off by this much is renewed, within a second."""
_JUMP_NS = NS // 2
"""An anchor off by this much is renewed at once."""
_REPORTS_PER_SLICE = 64

_MISSING = {GapReason.DISCONNECTED, GapReason.STREAM_CHANGED, GapReason.SLOW_READER, GapReason.RESTART}
"""After these the decoder could not go on without a keyframe. After lost packets it can: a flaw in the picture for a
few seconds is worth more than none."""
_NEW_TIMELINE = {GapReason.DISCONNECTED, GapReason.STREAM_CHANGED, GapReason.CLOCK_JUMP}


class Broadcast:
    """Made for the first viewer of a camera, closed after the last one. All calls from the event loop's thread.

    `on_anchor` takes the session, an RTP timestamp as that viewer sees it, and the UTC it was captured at.
    `request_keyframe` asks the camera, and says whether it can be asked at all; it is called at most once a second.
    `on_keyframe` is called when one was sent. `like` is the Broadcast of another stream of the same camera: a viewer
    that is removed there and added here sees time go on. All its viewers play `codec`.
    """

    def __init__(
        self,
        hub: Hub,
        fanout: FanOut,
        clock: Clock,
        *,
        on_anchor: Callable[[str, int, UtcNs], None],
        request_keyframe: Callable[[], bool],
        on_keyframe: Callable[[], None] = lambda: None,
        like: Broadcast | None = None,
        codec: Codec = Codec.H264,
    ) -> None:
        self.hub = hub
        self._codec = codec
        self.is_unplayable = False
        """Whether it ended because the camera now sends what its viewers cannot play."""
        self._fanout = fanout
        self._clock = clock
        self._on_anchor = on_anchor
        self._request_keyframe = request_keyframe
        self._on_keyframe = on_keyframe
        self._like = like
        self._asked = float("-inf")
        self._can_ask = False
        self._subscription = hub.subscribe("viewing", start=Start.LIVE)
        self._next = self._subscription.position
        """The ring position of the next item that live viewers get: who has read up to here is live."""
        self._viewers: dict[Viewer, None] = {}
        self._by_phase: dict[Phase, dict[Viewer, Outlet]] = {phase: {} for phase in Phase}
        """In the order they entered it, with their video: nobody goes through a crowd for each picture."""
        self._rate = Rate()
        self._news = asyncio.Event()
        self._cut: dict[int, tuple[AccessUnit, Frame]] = {}
        """While somebody starts: what was sent to one who did, by its unit's id."""
        self._video_track: Track | None = None
        self._video = Timebase()
        self._order = Order()
        self._video_utc: UtcNs = 0
        self._reported = float("-inf")
        self._anchored = float("-inf")
        self._anchor = (0, 0)
        self._packets = VIEWER_PACKETS.labels(hub.camera_id)
        self.sent_at: float | None = None
        """When the newest picture came to be sent, on the monotonic clock."""
        for item in hub.since(hub.last_keyframe if hub.last_keyframe is not None else hub.end):
            if self._is_picture(item):
                self._rate.add(item)

    @property
    def viewers(self) -> tuple[Viewer, ...]:
        """All, whatever their phase."""
        return tuple(self._viewers)

    @property
    def rate(self) -> float:
        """Bits a second of the video; 0 as long as it is not known."""
        return self._rate.bits_per_second

    def add(self, viewer: Viewer) -> None:
        """Start `viewer` from the ring's last keyframe, or have it wait for the next one."""
        self._viewers[viewer] = None
        self._start(viewer)

    def remove(self, viewer: Viewer) -> None:
        """Send no more pictures to `viewer`. Idempotent."""
        if viewer in self._viewers and viewer.hears and viewer.phase is not Phase.STARTING:
            self._note_ticks(viewer)
        self._by_phase[viewer.phase].pop(viewer, None)
        viewer.phase = Phase.GONE
        viewer.backlog.clear()
        self._viewers.pop(viewer, None)

    def ask_for_keyframe(self) -> bool:
        """Have the camera send a keyframe, unless it was asked just now; False: it cannot be asked."""
        now = self._clock.monotonic()
        if now - self._asked >= KEYFRAME_SECONDS:
            self._asked = now
            self._can_ask = self._request_keyframe()
        return self._can_ask

    def refresh(self, viewer: Viewer) -> Answer:
        """The viewer's decoder cannot go on: start it anew from a fresh keyframe of the ring, else ask the camera."""
        now = self._clock.monotonic()
        if viewer.phase is Phase.STARTING or now - viewer.restarted < REFRESH_SECONDS:
            return Answer.COMING
        if viewer.phase is Phase.LIVE:
            seconds, bits = self._gop()
            rate = viewer.link.start_rate(self.rate, now) or BURST_RATE
            is_light = self.hub.last_keyframe is not None and bits <= rate * CATCH_UP_SECONDS
            if is_light and (seconds <= FRESH_SECONDS or not self.ask_for_keyframe()):
                viewer.restarted = now
                self._note_ticks(viewer)
                self._start(viewer)
                return Answer.RING
        return Answer.CAMERA if self.ask_for_keyframe() else Answer.NONE

    def thin(self, viewer: Viewer) -> None:
        """Send `viewer` nothing but keyframes, until `thicken`."""
        if viewer.phase in (Phase.LIVE, Phase.STARTING, Phase.WAITING):
            self._note_ticks(viewer)
            viewer.backlog.clear()
            self._enter(viewer, Phase.SPARSE)
            viewer.video.forget()

    def thicken(self, viewer: Viewer) -> None:
        """Send `viewer` all pictures again, from the next keyframe on."""
        if viewer.phase is Phase.SPARSE:
            self._wait(viewer)

    def report_to(self, viewer: Viewer) -> int | None:
        """Report on the video to one viewer now; the LSR that names it in answers. None: there was no picture yet."""
        if self._video.newest is None:
            return None
        last_sr = viewer.link.reported(self._video_utc, self._clock.monotonic())
        viewer.video.report(self._video_utc, self._video.newest)
        return last_sr

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
                    if item.track.codec is not self._codec:
                        self.is_unplayable = True
                        return f"the camera now sends {item.track.codec}"
                    await self._send_video(item)
                    if self._order.needs_reordering:
                        self.is_unplayable = True
                        return "the camera sends pictures in another order than they are shown"
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
            self._order.restart()
        if gap.reason in _MISSING:
            for viewer in self._in(Phase.LIVE):
                self._enter(viewer, Phase.WAITING)
        if gap.reason is GapReason.LOSS:
            self.ask_for_keyframe()

    async def _send_video(self, unit: AccessUnit) -> None:
        if not self._order.add(unit):
            return
        ticks = self._map(unit)
        self._rate.add(unit)
        self.sent_at = self._clock.monotonic()
        if self._by_phase[Phase.STARTING]:
            self._news.set()
        if unit.is_keyframe:
            # Who was still starting begins here, too: what it has not got yet is needed no more, and on a machine or a
            # link that is too slow for the burst it would never arrive.
            for viewer in (*self._in(Phase.WAITING), *self._in(Phase.STARTING)):
                if viewer.ticks is None or viewer.ticks < ticks:
                    self._go_live(viewer)
                elif viewer.phase is Phase.WAITING:
                    self._start(viewer)
        live = self._by_phase[Phase.LIVE]
        if unit.is_keyframe:
            live = live | self._by_phase[Phase.SPARSE]
        if live:
            missed = await self._send(_cut(unit), ticks, list(live.values()))
            for viewer in self._in(Phase.LIVE) if missed else ():
                if viewer.video in missed:
                    self._cut_short(viewer)
        if unit.is_keyframe:
            self._on_keyframe()
        jumped = self._renew_anchors(ticks, unit.utc_ns)
        now = self._clock.monotonic()
        if jumped or now - self._reported >= REPORT_SECONDS:
            self._reported = now
            await self._report()

    async def _send(self, frame: Frame, ticks: int, outlets: list[Outlet]) -> list[Outlet]:
        self._packets.inc(len(frame.payloads) * len(outlets))
        return await self._fanout.send(frame, ticks, outlets)

    def _in(self, phase: Phase) -> list[Viewer]:
        return list(self._by_phase[phase])

    def _enter(self, viewer: Viewer, phase: Phase) -> None:
        self._by_phase[viewer.phase].pop(viewer, None)
        self._by_phase[phase][viewer] = viewer.video
        viewer.phase = phase

    # ---- starting

    def _start(self, viewer: Viewer) -> None:
        keyframe = self.hub.last_keyframe
        if keyframe is None:
            self._wait(viewer)
            return
        self._enter(viewer, Phase.STARTING)
        viewer.position = keyframe
        viewer.backlog.clear()
        viewer.order = Order()
        viewer.credit = 0.0
        viewer.is_slow = False
        if viewer.hears:
            viewer.video.forget()
        self._news.set()

    def _wait(self, viewer: Viewer, *, ask: bool = True) -> None:
        self._enter(viewer, Phase.WAITING)
        viewer.backlog.clear()
        if ask:
            self.ask_for_keyframe()

    def _cut_short(self, viewer: Viewer) -> None:
        # A full socket is everybody's. A full connection is the matter of who does not read it: no keyframe is asked of
        # the camera for that, which all others would have to carry.
        self._wait(viewer, ask=viewer.video.tcp is None)

    def _go_live(self, viewer: Viewer) -> None:
        assert self._video.newest is not None
        self._enter(viewer, Phase.LIVE)
        viewer.backlog.clear()
        if not viewer.hears:  # who comes back has a report, and a crowd that comes back at once would hold up the loop
            viewer.hears = True
            self.report_to(viewer)
        self._on_anchor(viewer.session_id, viewer.video.rtp_timestamp(self._video.newest), self._video_utc)

    async def _run_starts(self) -> None:
        """Bring starting viewers to the live edge, all at the same pace."""
        while True:
            await self._news.wait()
            self._news.clear()
            turn, starting = self._clock.monotonic(), True
            while starting:
                last, turn = turn, self._clock.monotonic()
                starting = await self._continue_starts(turn - last)
                if starting:
                    await self._clock.sleep(BURST_SECONDS)
            self._cut.clear()

    async def _continue_starts(self, passed: float) -> bool:
        """Send what is due after `passed` seconds; False when nothing is left to send now."""
        served = self._in_turn()
        for viewer in served:
            rate = self._start_rate(viewer)
            viewer.credit = min(viewer.credit + max(passed, BURST_SECONDS) * rate, rate * BURST_SLACK)
        exhausted: set[Viewer] = set()
        for _ in range(min(max(round(passed * BURST_FRAMES / BURST_SECONDS), BURST_FRAMES), BURST_LIMIT)):
            batches: dict[tuple[int, int], tuple[AccessUnit, list[Viewer]]] = {}
            for viewer in served:
                # A picture is sent whole as soon as there is any credit, and the debt paid before the next.
                if viewer.phase is not Phase.STARTING or viewer.credit < 0 or viewer in exhausted:
                    continue
                unit = self._next_unit(viewer)
                if unit is None:
                    exhausted.add(viewer)
                    continue
                viewer.credit -= unit.size * 8
                viewer.ticks = self._start_ticks(viewer, unit)
                batches.setdefault((id(unit), viewer.ticks), (unit, []))[1].append(viewer)
            for (_, ticks), (unit, viewers) in batches.items():
                await self._send_start(unit, ticks, viewers)
        return any(viewer not in exhausted for viewer in self._in(Phase.STARTING))

    def _in_turn(self) -> list[Viewer]:
        """Starting viewers, by the order they came in, that are at no more than `MOST_PLACES` in the ring together;
        and those whose link sets the pace.
        """
        places: set[tuple[int, int | None]] = set()
        served = []
        for viewer in self._in(Phase.STARTING):
            place = viewer.position, viewer.ticks
            if viewer.is_slow or place in places:
                served.append(viewer)
            elif len(places) < MOST_PLACES:
                places.add(place)
                served.append(viewer)
        return served

    def _start_rate(self, viewer: Viewer) -> float:
        rate = viewer.link.start_rate(self.rate, self._clock.monotonic())
        if not rate:
            return BURST_RATE
        if not viewer.is_slow:
            viewer.is_slow = True
            if self._gop(viewer.position)[1] > rate * CATCH_UP_SECONDS and self.ask_for_keyframe():
                self._wait(viewer)
        return rate

    def _gop(self, position: int | None = None) -> tuple[float, int]:
        """Seconds and bits of what the ring holds from `position` on, by default from its last keyframe."""
        held = self.hub.since(self.hub.last_keyframe or self.hub.first if position is None else position)
        pictures = [item for item in held if self._is_picture(item)]
        if not pictures:
            return 0.0, 0
        seconds = (pictures[-1].received_ns - pictures[0].received_ns) / NS
        return seconds, 8 * sum(picture.size for picture in pictures)

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
            if self._is_picture(item) and viewer.order.add(item):
                return item
        newest = self._video.newest
        if newest is not None and viewer.ticks is not None and viewer.ticks <= newest:
            self._go_live(viewer)
        return None

    def _start_ticks(self, viewer: Viewer, unit: AccessUnit) -> int:
        newest = self._video.newest
        if newest is None:
            # Nothing came since this Broadcast began: the timeline starts with the newest picture that is held.
            newest = self._map(self._newest_in_ring(unit))
        if viewer.ticks is None:
            return newest
        return max(min(self._video.peek(unit), newest), viewer.ticks + SQUEEZED_TICKS)

    async def _send_start(self, unit: AccessUnit, ticks: int, viewers: list[Viewer]) -> None:
        kept = self._cut.get(id(unit))
        if kept is None:
            if len(self._cut) >= MOST_CUT:
                self._cut.clear()
            kept = self._cut[id(unit)] = (unit, _cut(unit))
        # Some may have left while it was another place's turn.
        viewers = [viewer for viewer in viewers if viewer in self._viewers and viewer.phase is Phase.STARTING]
        missed = await self._send(kept[1], ticks, [viewer.video for viewer in viewers])
        for viewer in viewers if missed else ():
            if viewer.video in missed and viewer.phase is Phase.STARTING:
                self._cut_short(viewer)

    def _newest_in_ring(self, fallback: AccessUnit) -> AccessUnit:
        held: Iterable[Item] = reversed(self.hub.since(self.hub.last_keyframe or self.hub.first))
        return next((item for item in held if self._is_picture(item)), fallback)

    # ---- telling time

    def _map(self, unit: AccessUnit) -> int:
        like = self._like
        if self._video.newest is None and like is not None and like._video.newest is not None:
            later = unit.utc_ns - like._video_utc
            ahead = later * unit.track.clock_rate // NS if abs(later) < SAME_TIME_NS else 0
            self._video.begin(unit, like._video.newest + ahead)
        self._video_utc = unit.utc_ns
        return self._video.map(unit)

    def _note_ticks(self, viewer: Viewer) -> None:
        """What was sent to a viewer that is live no more: pictures of a start come after it."""
        newest = self._video.newest
        if newest is not None:
            viewer.ticks = newest if viewer.ticks is None else max(viewer.ticks, newest)

    async def _report(self) -> None:
        for count, viewer in enumerate(self._in(Phase.LIVE), 1):
            if not viewer.link.awaits_answer:
                self.report_to(viewer)
            if count % _REPORTS_PER_SLICE == 0:
                await asyncio.sleep(0)

    def _renew_anchors(self, ticks: int, utc_ns: UtcNs) -> bool:
        """Whether the camera's time has jumped."""
        anchor_ticks, anchor_utc = self._anchor
        off = abs(utc_ns - anchor_utc - (ticks - anchor_ticks) * NS // 90_000)
        age = self._clock.monotonic() - self._anchored
        if off > _JUMP_NS or age >= ANCHOR_SECONDS or (off > _DRIFT_NS and age >= 1):
            self._anchor = (ticks, utc_ns)
            self._anchored = self._clock.monotonic()
            for viewer in self._in(Phase.LIVE):
                self._on_anchor(viewer.session_id, viewer.video.rtp_timestamp(ticks), utc_ns)
        return off > _JUMP_NS


def _cut(unit: AccessUnit) -> Frame:
    return Frame.of(payloads(unit, limit=MAX_PAYLOAD))
