"""One viewer as a Broadcast sees it: its streams, its link, and how far it has got.

Here belongs the state that `broadcast` keeps for each viewer and others may read. Who changes it is `broadcast` alone.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from gateway.media.model import Codec, Item
from gateway.viewing.link import Link
from gateway.viewing.order import Order
from gateway.webrtc.outlet import Outlet


class Phase(Enum):
    """Where a viewer is."""

    STARTING = "starting"
    """Gets the ring's last pictures, quickly."""
    LIVE = "live"
    WAITING = "waiting"
    """For a keyframe."""
    SPARSE = "sparse"
    """Gets keyframes alone: its link loses so much that nothing else would be whole."""
    GONE = "gone"


class Answer(Enum):
    """What a viewer gets that asks for a keyframe."""

    RING = "ring"
    """The last one once more, with all that followed."""
    CAMERA = "camera"
    """The next one, which the camera was asked for."""
    COMING = "coming"
    """It is on its way already."""
    NONE = "none"
    """The camera cannot be asked: the viewer has to wait."""


class Viewer:
    """One session's part in the Broadcast of its camera."""

    def __init__(self, session_id: str, video: Outlet, audio: Outlet | None = None, audio_codec: Codec | None = None):
        self.session_id = session_id
        self.video = video
        self.audio = audio
        self.audio_codec = audio_codec
        self.link = Link()
        self.phase = Phase.WAITING
        self.hears = False
        """It has been live, so that sound has a picture to go with."""
        self.position = 0
        """While starting: of the next item in the ring."""
        self.backlog: deque[Item] = deque()
        """While starting: items from `position` on, shared with the ring."""
        self.ticks: int | None = None
        """Of the picture sent last, as far as it was sent by a start; None: there was none."""
        self.order = Order()
        """While starting: of its pictures."""
        self.credit = 0.0
        """While starting: bits that may be sent now."""
        self.is_slow = False
        """While starting: the link keeps the burst from its full speed."""
        self.restarted = float("-inf")
