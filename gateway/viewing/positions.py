"""A camera's positions to those of its viewers whose players opened a data channel. The page has `WS /api/events`."""

from __future__ import annotations

from collections.abc import Callable

from gateway.media.model import Fix
from gateway.positions.formats import fix_text
from gateway.webrtc.datachannel import DataChannels


class Positions:
    """Who is told of which camera. All calls from the event loop's thread."""

    def __init__(self) -> None:
        self._channels: dict[str, dict[DataChannels, None]] = {}

    def follow(self, camera_id: str, channels: DataChannels, newest: Fix | None) -> Callable[[], None]:
        """Tell `channels` each Fix from now on, and `newest` as soon as one opens; call the result to end it."""
        followers = self._channels.setdefault(camera_id, {})
        followers[channels] = None
        if newest is not None:
            channels.latest = fix_text(newest)

        def end() -> None:
            followers.pop(channels, None)
            if not followers and self._channels.get(camera_id) is followers:
                del self._channels[camera_id]

        return end

    def tell(self, camera_id: str, fix: Fix) -> None:
        """A camera's position was accepted."""
        followers = self._channels.get(camera_id)
        if followers:
            message = fix_text(fix)
            for channels in followers:
                channels.send(message)
