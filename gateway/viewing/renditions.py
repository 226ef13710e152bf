"""The streams of one camera that its viewers are spread over, and who moves from one to another when.

Here belongs the ladder: what the camera sends on top, below it what takes less (the camera's second profile, then what
the gateway makes itself), each fetched or made only while somebody needs it. Whether a link carries a stream is judged
in `link`, who gets which picture of a stream in `broadcast`; what fills the lower streams is given by the caller.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.base.clock import Clock
from gateway.base.errors import SightlineError
from gateway.base.metrics import (
    KEYFRAMES_WANTED,
    PACKETS_WANTED,
    QUALITY_CHANGES,
    VIEWER_JITTER,
    VIEWER_LOSS,
    VIEWER_ROUND_TRIP,
)
from gateway.base.supervise import TaskOwner, cancel_once
from gateway.hub import Hub
from gateway.media.model import Codec, UtcNs
from gateway.media.rtcp import ReportBlock
from gateway.viewing.broadcast import Broadcast
from gateway.viewing.budget import BusyError
from gateway.viewing.link import PROBE_SECONDS, Judge, Verdict
from gateway.viewing.original import Original, Rendition
from gateway.viewing.transcode_worker import VideoSettings
from gateway.viewing.viewer import Phase, Viewer
from gateway.webrtc.fanout import FanOut

log = logging.getLogger(__name__)

TICK = 0.5
"""Seconds between two looks at every viewer; their reports are looked at when they come."""
OPEN_SECONDS = 8.0
"""A lower stream without a keyframe for so long is given up."""
SILENT_SECONDS = 3.0
"""A lower stream without a picture for so long, while the camera sends some, is given up."""
KEYFRAME_PATIENCE = 1.0
"""A stream that gives no keyframe for so long although it was asked is joined at its last one."""
RETRY_SECONDS = 30.0
"""Until a stream that was given up is tried again."""
BUSY_SECONDS = 5.0
"""Until a transcode for which there was no place is asked for again."""
ALL_CLEAR_SECONDS = 10.0
"""Until a viewer of the original is told that its link is well again."""


REDUCED = VideoSettings(max_width=640, kbps=400, max_fps=15)
"""What the gateway makes for a link that carries neither of the camera's streams."""


class Quality(StrEnum):
    """Which stream of a camera, best first."""

    ORIGINAL = "original"
    """What the camera sends."""
    SECOND = "second"
    """The camera's own second profile."""
    REDUCED = "reduced"
    """Made by the gateway, 400 kbit/s."""


class Trouble(StrEnum):
    """Why a viewer's picture is not what it could be."""

    SLOW_LINK = "slow link"
    """The link does not carry the better stream."""
    NOTHING_SMALLER = "slow link, no smaller picture"
    """The link does not carry the stream, and there is none that takes less."""
    BUSY = "slow link, gateway busy"
    """The link does not carry the stream, and what takes less could not be made: too much is being made already."""


@dataclass(frozen=True, slots=True)
class Lower:
    """A stream below the original."""

    quality: Quality
    make: Callable[[], Rendition | None]
    """None: the camera has no such stream, at least not now. It may raise a BusyError."""


class Place:
    """Where one viewer is on the ladder."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.judge = Judge(viewer.link)
        self.quality = Quality.ORIGINAL
        self.trouble: Trouble | None = None
        self.level = 0
        self.best = 0
        """The level that it has while its link carries it: below the original for a picture that is shown small."""
        self.target: int | None = None
        """The level that it goes to with that one's next keyframe."""
        self.aimed_at = 0.0
        self.slow_at = float("-inf")
        """When the link was last found not to carry the stream."""


class _Step:
    """One level of the ladder below the original."""

    def __init__(self, level: int, lower: Lower) -> None:
        self.level = level
        self.lower = lower
        self.broadcast: Broadcast | None = None
        self.task: asyncio.Task[None] | None = None
        self.opened_at = 0.0
        self.retry_at = float("-inf")
        self.is_busy = False
        """It was refused for want of room."""
        self.rate = 0.0
        """Bits a second, as known last."""


class Renditions:
    """Made for the first viewer of a camera, closed after the last one. Run `run`. All calls from the loop's thread.

    All viewers play `codec`. While the camera sends something else, or pictures that cannot be shown as they come,
    `make_playable` makes the original of it. `on_anchor` and `request_keyframe` are as `Broadcast` has them.
    `on_quality` takes the session, what it sees and why.

    Raises:
        SightlineError: from `make_playable`, when it is needed at once and refuses.
    """

    def __init__(
        self,
        hub: Hub,
        fanout: FanOut,
        clock: Clock,
        *,
        codec: Codec = Codec.H264,
        make_playable: Callable[[], Rendition] | None = None,
        lower: Sequence[Lower] = (),
        on_anchor: Callable[[str, int, UtcNs], None],
        on_quality: Callable[[str, Quality, Trouble | None], None],
        request_keyframe: Callable[[], bool],
    ) -> None:
        self.hub = hub
        """What the camera sends."""
        self.codec = codec
        self._fanout = fanout
        self._clock = clock
        self._on_anchor = on_anchor
        self.top = Original(
            hub,
            fanout,
            clock,
            codec=codec,
            make_playable=make_playable,
            on_anchor=on_anchor,
            on_keyframe=lambda: self._arrived(0),
            request_keyframe=request_keyframe,
        )
        self._on_quality = on_quality
        self._steps = [_Step(level, step) for level, step in enumerate(lower, 1)]
        self._places: dict[Place, None] = {}
        self._closing = False
        self._tasks = TaskOwner(f"renditions of {hub.camera_id}")

    async def run(self) -> str:
        """Serve until the camera can be watched no more; returns why.

        Raises:
            SightlineError: what the camera sends now cannot be made playable, or not now.
        """
        watch = self._tasks.start(self._watch(), name="watch")
        try:
            return await self.top.run()
        finally:
            self._closing = True
            watch.cancel()
            await self._tasks.close()

    def close(self) -> None:
        """Let go of the camera, whether `run` was begun or not; it returns. Idempotent."""
        self.top.close()

    @property
    def original(self) -> Broadcast:
        """What viewers have whose link carries it."""
        return self.top.broadcast

    # ---- one viewer

    def join(self, viewer: Viewer, *, small: bool = False, slow: bool = False) -> Place:
        """Start `viewer` with the original, or if it is to be `small` with the camera's smaller stream when that flows.

        Otherwise it gets the original until the smaller one does: see `resize`. One that says that its link is `slow`
        gets of the original keyframes alone until there is something smaller, and rises like any other whose link
        has become better.
        """
        place = Place(viewer)
        viewer.link.begins(viewer.video.next_sequence, self._clock.monotonic())
        self._places[place] = None
        second = self._second if small else None
        if second is not None and second.broadcast is not None and second.broadcast.hub.last_keyframe is not None:
            self._stand(place, second.level)
            self._tell(place, None, moved=True)
        self._stream(place.level).add(viewer)
        if small:
            self.resize(place, small=True)
        if slow and place.level == 0:
            place.slow_at = self._clock.monotonic()
            self._descend(place)
            if place.target is not None:
                self.original.thin(viewer)
        return place

    def resize(self, place: Place, *, small: bool) -> None:
        """The viewer shows its picture small from now on, or large.

        A small one gets the camera's second stream if there is one, and that alone: making a smaller picture for it
        would cost more than it saves. It changes over with a keyframe, so that there is a picture all the time.
        """
        second = self._second
        place.best = second.level if small and second is not None else 0
        if place.target not in (None, place.best) and place.trouble is None:
            place.target = None  # it went there for its size alone
            self._close_unneeded()
        if place.target is None:
            self._toward_best(place)

    def leave(self, place: Place) -> None:
        """Send nothing more to its viewer. Idempotent."""
        if place in self._places:
            del self._places[place]
            self._stream(place.level).remove(place.viewer)
            self._close_unneeded()

    def keyframe_wanted(self, place: Place) -> None:
        """The viewer's decoder cannot go on."""
        answer = self._stream(place.level).refresh(place.viewer)
        KEYFRAMES_WANTED.labels(self.hub.camera_id, answer.value).inc()

    def received(self, place: Place, block: ReportBlock) -> None:
        """The viewer reported on its video."""
        viewer, now = place.viewer, self._clock.monotonic()
        link = viewer.link
        if link.received(block, viewer.video.clock_rate, now) and link.round_trip is not None:
            # Once a second: a browser reports up to five times as often.
            VIEWER_ROUND_TRIP.observe(link.round_trip)
            VIEWER_LOSS.observe(block.fraction_lost / 256)
            VIEWER_JITTER.observe(block.jitter / viewer.video.clock_rate)
        if (above := self._above(place)) is not None:
            place.judge.answered(block, above, now)
        self._consider(place)

    def packets_wanted(self, place: Place, count: int) -> int:
        """The viewer lacks packets of its video; how many of them are to be sent again."""
        PACKETS_WANTED.labels(self.hub.camera_id).inc(count)
        return place.viewer.link.asked_again(count, self._rate(place.level), self._clock.monotonic())

    def estimated(self, place: Place, bitrate: int) -> None:
        """The viewer says what it believes to get through."""
        place.viewer.link.estimated(bitrate, self._clock.monotonic())
        self._consider(place)

    # ---- judging

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(TICK)
            now = self._clock.monotonic()
            for step in self._steps:
                if step.task is not None and self._has_failed(step, now):
                    log.warning("%s: the %s stream gives no picture", self.hub.camera_id, step.lower.quality)
                    cancel_once(step.task)
            for place in list(self._places):
                self._consider(place)
                if place.viewer.phase is Phase.SPARSE:
                    self._stream(place.level).ask_for_keyframe()
                if place.target is not None and now - place.aimed_at > KEYFRAME_PATIENCE:
                    self._move_if_seen(place, place.target)
                elif place.target is None and place.level < place.best:
                    self._toward_best(place)

    def _has_failed(self, step: _Step, now: float) -> bool:
        sent_at = None if step.broadcast is None else step.broadcast.sent_at
        if sent_at is None:
            return now - step.opened_at > OPEN_SECONDS
        original = self.original.sent_at
        return now - sent_at > SILENT_SECONDS and original is not None and now - original < SILENT_SECONDS / 2

    def _consider(self, place: Place) -> None:
        now = self._clock.monotonic()
        above = self._above(place)
        match place.judge.verdict(now, rate=self._rate(place.level), above=above):
            case Verdict.DOWN:
                place.slow_at = now
                if place.target is None or place.target < place.level:
                    self._descend(place)
            case Verdict.UP:
                if place.target is None:
                    self._ascend(place)
            case Verdict.PROBE:
                assert above is not None
                self._probe(place, above)
            case Verdict.STAY:
                if place.level <= place.best and place.trouble and now - place.slow_at > ALL_CLEAR_SECONDS:
                    place.target = None
                    self._stream(place.level).thicken(place.viewer)
                    self._tell(place, None)
                    self._close_unneeded()

    def _rate(self, level: int) -> float:
        if level == 0:
            return self.original.rate
        step = self._steps[level - 1]
        if step.broadcast is not None:
            step.rate = step.broadcast.rate or step.rate
        return step.rate

    def _above(self, place: Place) -> float | None:
        """The rate of the better stream; of the best while that one's is not known. None: it has what it is to have."""
        return None if place.level <= place.best else self._rate(place.level - 1) or self.original.rate or None

    def _descend(self, place: Place) -> None:
        """Aim at the next stream that takes less; the viewer stays where it is until that can be seen."""
        link, now = place.viewer.link, self._clock.monotonic()
        below = sorted(self._steps[place.level :], key=lambda step: link.denies(step.rate, now))
        if any(self._aim(place, step.level) for step in below):
            if link.is_lossy:
                self._stream(place.level).thin(place.viewer)
            return
        place.target = None
        self._stream(place.level).thicken(place.viewer)
        if place.level:
            self._tell(place, Trouble.SLOW_LINK)
        else:
            self._tell(place, Trouble.BUSY if any(step.is_busy for step in below) else Trouble.NOTHING_SMALLER)

    def _ascend(self, place: Place) -> None:
        any(self._aim(place, level) for level in range(place.level - 1, place.best - 1, -1))

    def _probe(self, place: Place, above: float) -> None:
        sent = place.viewer.video.repeat(round(above * PROBE_SECONDS / 8))
        last_sr = self._stream(place.level).report_to(place.viewer)
        if last_sr is not None:
            place.judge.probing(last_sr, 8 * sent, self._clock.monotonic())

    # ---- moving

    @property
    def _second(self) -> _Step | None:
        """The camera's own smaller stream."""
        return next((step for step in self._steps if step.lower.quality is Quality.SECOND), None)

    def _toward_best(self, place: Place) -> None:
        """Have a viewer whose link is well go over to the stream for the size of its picture, if that can be had."""
        now = self._clock.monotonic()
        if place.level < place.best:
            step = self._steps[place.best - 1]
            if now >= step.retry_at and not self._aim(place, place.best):
                step.retry_at = now + RETRY_SECONDS  # the camera has none, and will hardly have one soon
        elif place.level > place.best and place.trouble is None:
            self._aim(place, place.best)

    def _aim(self, place: Place, level: int) -> bool:
        """Move the viewer to that level with its next keyframe; False: there is no such stream."""
        if level:
            step = self._steps[level - 1]
            if step.task is None and not self._open(step):
                return False
        if place.level <= place.best < level:
            self._tell(place, Trouble.SLOW_LINK)
        place.target, place.aimed_at = level, self._clock.monotonic()
        if not self._stream(level).ask_for_keyframe():
            self._move_if_seen(place, level)
        return True

    def _move_if_seen(self, place: Place, level: int) -> None:
        """Move the viewer, to begin with what the ring of that level holds."""
        if self._stream(level).hub.last_keyframe is not None:
            self._move(place, level)

    def _move(self, place: Place, level: int) -> None:
        self._stream(place.level).remove(place.viewer)
        place.judge.moved(self._clock.monotonic(), up=level < place.level)
        self._stand(place, level)
        self._stream(level).add(place.viewer)
        QUALITY_CHANGES.labels(self.hub.camera_id, place.quality.value).inc()
        self._tell(place, Trouble.SLOW_LINK if level > place.best else None, moved=True)
        self._close_unneeded()

    def _stand(self, place: Place, level: int) -> None:
        place.level, place.target = level, None
        place.quality = self._steps[level - 1].lower.quality if level else Quality.ORIGINAL

    def _stream(self, level: int) -> Broadcast:
        if level == 0:
            return self.original
        broadcast = self._steps[level - 1].broadcast
        assert broadcast is not None, "who is on a step, or goes there, is taken off before it ends"
        return broadcast

    def _tell(self, place: Place, trouble: Trouble | None, *, moved: bool = False) -> None:
        if moved or trouble is not place.trouble:
            place.trouble = trouble
            self._on_quality(place.viewer.session_id, place.quality, trouble)

    # ---- the streams below

    def _open(self, step: _Step) -> bool:
        now = self._clock.monotonic()
        if now < step.retry_at:
            return False
        try:
            rendition = step.lower.make()
        except BusyError:
            step.is_busy, step.retry_at = True, now + BUSY_SECONDS
            return False
        step.is_busy = False
        if rendition is None:
            return False
        step.opened_at = now
        step.broadcast = Broadcast(
            rendition.hub,
            self._fanout,
            self._clock,
            on_anchor=self._on_anchor,
            request_keyframe=lambda: rendition.request_keyframe() is not False,
            on_keyframe=lambda: self._arrived(step.level),
            like=self.original,
            codec=self.codec,
        )
        step.task = self._tasks.start(self._run_step(step, step.broadcast, rendition), name=step.lower.quality.value)
        step.task.add_done_callback(lambda _: rendition.close())  # also if it never began
        return True

    async def _run_step(self, step: _Step, broadcast: Broadcast, rendition: Rendition) -> None:
        fill, serve = asyncio.ensure_future(rendition.run()), asyncio.ensure_future(broadcast.run())
        try:
            await asyncio.wait({fill, serve}, return_when=asyncio.FIRST_COMPLETED)
            if fill.done():
                fill.result()
        except SightlineError as error:
            log.warning("%s: the %s stream ended: %s", self.hub.camera_id, step.lower.quality, error)
        finally:
            self._ended(step, broadcast)
            for task in (fill, serve):
                task.cancel()
            await asyncio.gather(fill, serve, return_exceptions=True)

    def _arrived(self, level: int) -> None:
        for place in [place for place in self._places if place.target == level]:
            self._move(place, level)

    def _ended(self, step: _Step, broadcast: Broadcast) -> None:
        """Who is on the step, or waits for it, has the original until there is something else."""
        if step.broadcast is not broadcast:
            return  # it was closed because nobody needed it
        needed = [place for place in self._places if step.level in (place.level, place.target)]
        slow = [place for place in needed if place.trouble is not None]
        step.task = None
        step.retry_at = self._clock.monotonic() + RETRY_SECONDS
        for place in needed:
            place.target = None
            if place.level == step.level:
                self._move(place, 0)
        step.broadcast = None
        if not self._closing:
            for place in slow:
                self._descend(place)

    def _close_unneeded(self) -> None:
        wanted = {level for place in self._places for level in (place.level, place.target)}
        for step in self._steps:
            if step.task is not None and step.level not in wanted:
                cancel_once(step.task)
                step.broadcast = step.task = None
