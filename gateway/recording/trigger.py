"""What keeps a camera on record that records on an event: who or what set it off, and how long that counts.

No clock is read here: `now` is in seconds of monotonic time. What is recorded from before is the recorder's business.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.media.model import UtcNs

PERSON = "person"
"""The key of what somebody asked for; all others are a camera's own alarms."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a Recording began."""

    why: str
    """A clause for people."""
    utc_ns: UtcNs


class Trigger:
    """The causes of one camera. Recording goes on while one lasts, and for the post-roll after the last."""

    def __init__(self) -> None:
        self.cause: Cause | None = None
        """The first of those that keep it on record; None: it is not."""
        self._lasting: dict[str, Cause] = {}
        self._until = float("-inf")

    def begin(self, key: str, cause: Cause) -> None:
        """It lasts until `end`."""
        self._lasting[key] = cause
        self.cause = self.cause or cause

    def end(self, key: str, now: float, post_roll: float) -> None:
        """It does not last any more; nothing happens when it did not."""
        if self._lasting.pop(key, None) is not None:
            self._until = max(self._until, now + post_roll)

    def end_alarms(self, now: float, post_roll: float) -> None:
        """The camera is gone: nobody would tell that its alarms have ended."""
        for key in [key for key in self._lasting if key != PERSON]:
            self.end(key, now, post_roll)

    def happened(self, cause: Cause, now: float, post_roll: float) -> None:
        """It had no duration."""
        self._until = max(self._until, now + post_roll)
        self.cause = self.cause or cause

    def lasts(self, key: str) -> bool:
        """Whether this one has begun and not ended."""
        return key in self._lasting

    def recorded(self, now: float) -> bool:
        """Whether the camera is to be recorded."""
        if not self._lasting and now >= self._until:
            self.cause = None
        return self.cause is not None
