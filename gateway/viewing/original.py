"""The best that viewers of one codec can have of a camera: what it sends, or what is made of it while it must be.

Here belongs the change between the two, in either direction, while its viewers go on. Which pictures play is judged in
`playable`, how others are made in `transcode`; what is less than the original is `renditions`' affair.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from gateway.base.clock import Clock
from gateway.hub import Hub
from gateway.media.model import Codec, UtcNs
from gateway.viewing.broadcast import Broadcast
from gateway.viewing.playable import plays_as_sent, plays_for
from gateway.webrtc.fanout import FanOut

log = logging.getLogger(__name__)

CHECK_SECONDS = 2.0
"""Between two looks at what the camera sends, while it is transcoded."""
CALM_SECONDS = 10.0
"""A camera that has sent what plays for so long is passed on again."""
FIRST_HOLD = 10.0
LONGEST_HOLD = 640.0
"""It is transcoded for at least so long. Each relapse doubles that."""
KEYFRAME_PATIENCE = 5.0
"""To be passed on again, a camera is given so long to send the keyframe that it was asked for."""


class Rendition(Protocol):
    """Fills `hub` for as long as `run` runs."""

    @property
    def hub(self) -> Hub:
        """Of the stream; of the same camera and its time."""

    async def run(self) -> None:
        """Until cancelled, or there is no more; what went wrong is raised as a SightlineError."""

    def close(self) -> None:
        """Let go of all that it holds, whether it has run or not. Idempotent."""

    def request_keyframe(self) -> object:
        """Have the next picture be a keyframe, as soon as may be; False: it cannot be asked."""


class Original:
    """Run `run`, and end with `close`, which may also come alone. All calls from the event loop's thread.

    `make_playable` makes something of what viewers of `codec` cannot play; None: nothing can be made for them. The
    other arguments are as `Broadcast` has them.

    Raises:
        SightlineError: from `make_playable`, when it is needed at once and refuses.
    """

    def __init__(
        self,
        hub: Hub,
        fanout: FanOut,
        clock: Clock,
        *,
        codec: Codec,
        make_playable: Callable[[], Rendition] | None,
        on_anchor: Callable[[str, int, UtcNs], None],
        on_keyframe: Callable[[], None],
        request_keyframe: Callable[[], bool],
    ) -> None:
        self.hub = hub
        """What the camera sends."""
        self._fanout = fanout
        self._clock = clock
        self._codec = codec
        self._make_playable = make_playable
        self._on_anchor = on_anchor
        self._on_keyframe = on_keyframe
        self._request_keyframe = request_keyframe
        self._hold = FIRST_HOLD
        self._has_returned = False
        """It was passed on again after it had been made."""
        self.made: Rendition | None = None
        """What its viewers have instead of what the camera sends, while they do."""
        if make_playable is not None and not plays_as_sent(hub):
            self.made = make_playable()
        self.broadcast = self._new_broadcast(None)
        """What its viewers have now."""

    async def run(self) -> str:
        """Serve until the camera can be watched no more; returns why.

        Raises:
            SightlineError: it would have to be made playable, and that cannot be done, or not now.
        """
        try:
            while True:
                reason = await (self._pass_on() if self.made is None else self._make(self.made))
                if reason is not None:
                    return reason
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the camera; `run` returns. Idempotent."""
        self.broadcast.close()
        if self.made is not None:
            self.made.close()

    async def _pass_on(self) -> str | None:
        """Send what the camera sends; None: it has to be made playable from now on."""
        reason = await self.broadcast.run()
        if self._make_playable is None or not self.broadcast.is_unplayable:
            return reason
        log.info("%s: %s: it is transcoded from now on", self.hub.camera_id, reason)
        if self._has_returned:
            self._hold = min(2 * self._hold, LONGEST_HOLD)
        self._replace(self._make_playable())
        return None

    async def _make(self, made: Rendition) -> str | None:
        """Send what is made; None: what the camera sends plays again."""
        fill, serve = asyncio.ensure_future(made.run()), asyncio.ensure_future(self.broadcast.run())
        calm = asyncio.ensure_future(self._plays_again())
        tasks = fill, serve, calm
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if fill.done():
                fill.result()
            if not calm.done():
                return await serve
            calm.result()
            log.info("%s: what it sends plays again: it is passed on from now on", self.hub.camera_id)
            self._has_returned = True
            self._replace(None)
            return None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            made.close()

    async def _plays_again(self) -> None:
        """Returns when what the camera sends has been playable for long enough: after a keyframe, if one can be had."""
        await self._clock.sleep(self._hold)
        while not plays_for(self.hub, CALM_SECONDS, self._clock.utc_ns()):
            await self._clock.sleep(CHECK_SECONDS)
        old = self.hub.last_keyframe
        until = self._clock.monotonic() + KEYFRAME_PATIENCE
        if self._request_keyframe():
            while self.hub.last_keyframe == old and self._clock.monotonic() < until:
                await self._clock.sleep(CHECK_SECONDS / 20)

    def _replace(self, made: Rendition | None) -> None:
        """Its viewers go on with `made`, or with what the camera sends, as soon as there is a picture of that."""
        old, self.made = self.broadcast, made
        self.broadcast = self._new_broadcast(old)
        for viewer in old.viewers:
            old.remove(viewer)
            self.broadcast.add(viewer)

    def _new_broadcast(self, like: Broadcast | None) -> Broadcast:
        made = self.made
        return Broadcast(
            self.hub if made is None else made.hub,
            self._fanout,
            self._clock,
            on_anchor=self._on_anchor,
            request_keyframe=self._request_keyframe if made is None else lambda: made.request_keyframe() is not False,
            on_keyframe=self._on_keyframe,
            like=like,
            codec=self._codec,
        )
