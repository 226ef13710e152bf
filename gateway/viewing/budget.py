"""How many transcodes run at a time, so that those who watch never take the machine from the recording.

Here belongs the count alone. Who needs a transcode is decided in `original` and `renditions`, what one does in
`transcode`.
"""

from __future__ import annotations

from gateway.base.errors import LaterError
from gateway.base.metrics import TRANSCODES, TRANSCODES_REFUSED

RETRY_SECONDS = 10


class BusyError(LaterError):
    """As many transcodes run as may. Answered with 503 and Retry-After."""

    def __init__(self, camera_id: str, limit: int) -> None:
        super().__init__(
            f"{camera_id} has to be transcoded for this player, and the gateway makes {limit} transcodes already, the "
            'most that are allowed: close another picture, or allow more ("webrtc.max_transcodes")',
            retry_after=RETRY_SECONDS,
        )


class Budget:
    """Places for `limit` transcodes. All calls from the event loop's thread."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running = 0

    def take(self, camera_id: str, work: str) -> None:
        """Take a place for `work` on a camera; whoever does gives it back.

        Raises:
            BusyError: there is none.
        """
        if self.running >= self.limit:
            TRANSCODES_REFUSED.labels(camera_id, work).inc()
            raise BusyError(camera_id, self.limit)
        self._count(1)

    def give_back(self) -> None:
        """Free a place that was taken."""
        self._count(-1)

    def _count(self, change: int) -> None:
        self.running += change
        TRANSCODES.set(self.running)
