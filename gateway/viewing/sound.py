"""One camera's sound to those of its viewers who have a picture: G.711 as it is, AAC as Opus.

Here belongs who hears what, and with which timestamp. It goes beside the pictures, whichever stream they come from: a
viewer that is moved to another one hears no gap. How AAC becomes Opus is in `opus`.
"""

from __future__ import annotations

import asyncio

from gateway.base.clock import Clock
from gateway.base.metrics import VIEWER_PACKETS
from gateway.base.supervise import TaskOwner, cancel_once
from gateway.hub import Hub, HubClosedError, Start
from gateway.media.model import NS, AccessUnit, Codec, Gap, GapReason
from gateway.viewing.opus import Opus
from gateway.viewing.timebase import Timebase
from gateway.viewing.viewer import Viewer
from gateway.webrtc.fanout import FanOut
from gateway.webrtc.outlet import Frame

REPORT_SECONDS = 1.0
JUMP_NS = NS // 50
"""When ticks and UTC have moved apart by more, the next report does not wait: the lips would not fit meanwhile."""
_PIECE = 960
"""Bytes of G.711, one a tick: 120 ms."""
_NEW_TIMELINE = {GapReason.DISCONNECTED, GapReason.STREAM_CHANGED, GapReason.CLOCK_JUMP}


class Sound:
    """Runs, as tasks of `tasks`, while there are listeners. All calls from the event loop's thread."""

    def __init__(self, hub: Hub, fanout: FanOut, clock: Clock, tasks: TaskOwner) -> None:
        self.hub = hub
        self._fanout = fanout
        self._clock = clock
        self._tasks = tasks
        self._feeds: dict[bool, _Feed] = {}
        """One for those who hear Opus, one for those who hear G.711."""

    def add(self, viewer: Viewer) -> None:
        """Send the sound to `viewer`, if it has room for any, as soon as it has a picture."""
        if viewer.audio is None:
            return
        is_opus = viewer.audio_codec is Codec.OPUS
        feed = self._feeds.get(is_opus)
        if feed is None:
            feed = self._feeds[is_opus] = _Feed(self._fanout, self._clock, self.hub.camera_id)
            name = f"sound of {self.hub.camera_id}"
            feed.task = self._tasks.start(self._coded(feed) if is_opus else feed.run(self.hub), name=name)
        feed.listeners[viewer] = None

    def remove(self, viewer: Viewer) -> None:
        """Send no more sound to `viewer`. Idempotent."""
        is_opus = viewer.audio_codec is Codec.OPUS
        feed = self._feeds.get(is_opus)
        if feed is not None and feed.listeners.pop(viewer, viewer) is None and not feed.listeners:
            del self._feeds[is_opus]
            if feed.task is not None:
                cancel_once(feed.task)

    async def _coded(self, feed: _Feed) -> None:
        opus = Opus(self.hub, self._clock)
        coding, sending = asyncio.ensure_future(opus.run()), asyncio.ensure_future(feed.run(opus.hub))
        try:
            await asyncio.gather(coding, sending)
        finally:
            for task in (coding, sending):
                task.cancel()
            await asyncio.gather(coding, sending, return_exceptions=True)


class _Feed:
    """What one Hub holds of sound, to all its listeners."""

    def __init__(self, fanout: FanOut, clock: Clock, camera_id: str) -> None:
        self.listeners: dict[Viewer, None] = {}
        self.task: asyncio.Task[None] | None = None
        self._fanout = fanout
        self._clock = clock
        self._time = Timebase()
        self._packets = VIEWER_PACKETS.labels(camera_id)
        self._reported = float("-inf")
        self._told = (0, 0)
        """Ticks and UTC of the last report."""

    async def run(self, hub: Hub) -> None:
        """Until the Hub closes."""
        with hub.subscribe("sound", start=Start.LIVE) as subscription:
            while True:
                try:
                    items = await subscription.batch()
                except HubClosedError:
                    return
                for item in items:
                    if isinstance(item, AccessUnit):
                        await self._send(item)
                    elif isinstance(item, Gap) and item.reason in _NEW_TIMELINE:
                        self._time.interrupt()

    async def _send(self, unit: AccessUnit) -> None:
        codec = unit.track.codec
        outlets = [
            viewer.audio
            for viewer in self.listeners
            if viewer.audio is not None and viewer.hears and viewer.audio_codec is codec
        ]
        if not outlets:
            return
        ticks = self._time.map(unit)
        data = unit.nals[0]
        step = len(data) if codec is Codec.OPUS else _PIECE
        for at in range(0, len(data), step):
            # A sound cut short needs no keyframe: nothing to do for those who missed it.
            await self._fanout.send(Frame.of((data[at : at + step],), marker=False), ticks + at, outlets)
            self._packets.inc(len(outlets))
        now = self._clock.monotonic()
        told_ticks, told_utc = self._told
        jumped = abs(unit.utc_ns - told_utc - (ticks - told_ticks) * NS // unit.track.clock_rate) > JUMP_NS
        if jumped or now - self._reported >= REPORT_SECONDS:
            self._reported, self._told = now, (ticks, unit.utc_ns)
            for outlet in outlets:
                outlet.report(unit.utc_ns, ticks)
