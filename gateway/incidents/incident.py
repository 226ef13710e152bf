"""What an incident is: some cameras, each with an interval, and what people wrote about it. Values only.

How one comes to be and changes is `gateway.incidents.incidents`' business; who sees what of it, `web.incidents`'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.base.errors import BadRequestError, NotFoundError
from gateway.media.model import UtcNs

MAX_TITLE = 200
MAX_TAGS = 32
MAX_TAG = 64
MAX_NOTE = 8000
"""Characters."""
MAX_CAMERAS = 64
"""What one incident, and so one package, has at most."""


@dataclass(frozen=True, slots=True)
class IncidentCamera:
    """What an incident has of one camera: [start_ns, end_ns)."""

    camera: str
    start_ns: UtcNs
    end_ns: UtcNs | None
    """None: it grows."""
    follows: bool
    """It ends when the incident does, and would grow again with it."""
    hold: int
    """The number of what keeps its recordings."""
    added_by: str
    added_ns: UtcNs

    def covers(self, start_ns: UtcNs, end_ns: UtcNs) -> bool:
        """Whether all of [start_ns, end_ns) belongs to it."""
        return self.start_ns <= start_ns and (self.end_ns is None or end_ns <= self.end_ns)


@dataclass(frozen=True, slots=True)
class LinkedAlert:
    """An alert that belongs to an incident."""

    id: int
    camera: str | None


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident, as it is now."""

    id: int
    title: str
    category: str | None
    """Of the policy's retention: under which its recordings go on once it has let go of them."""
    tags: tuple[str, ...]
    origin: Mapping[str, Any]
    """What it was opened from: {"alert": 7}, {"camera": "unit-12"}, {"lat": 52.1, "lon": 13.4, "radius_m": 500.0}, or
    {}: a time."""
    start_ns: UtcNs
    end_ns: UtcNs | None
    """None: it is live, and grows."""
    opened_by: str
    opened_ns: UtcNs
    closed_by: str | None
    closed_ns: UtcNs | None
    """None: people still work on it."""
    cameras: tuple[IncidentCamera, ...]
    """One at least, in the order they were added."""
    alerts: tuple[LinkedAlert, ...]
    notes: int
    """How many there are."""

    def camera(self, camera: str) -> IncidentCamera | None:
        """What it has of a camera; None: nothing."""
        return next((one for one in self.cameras if one.camera == camera), None)

    def spans(self, cameras: Iterable[str], now_ns: UtcNs) -> tuple[tuple[UtcNs, UtcNs], ...]:
        """From when to when there is something of each of these by now.

        Raises:
            NotFoundError: it has no such camera.
        """
        found = []
        for camera in cameras:
            one = self.camera(camera)
            if one is None:
                raise NotFoundError(f'incident {self.id} has no camera "{camera[:80]}"')
            found.append((one.start_ns, max(one.start_ns + 1, now_ns if one.end_ns is None else one.end_ns)))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote about a moment. It is never changed: a correction is another note."""

    id: int
    utc_ns: UtcNs
    """The moment it is about."""
    text: str
    created_by: str
    created_ns: UtcNs


@dataclass(frozen=True, slots=True)
class Opening:
    """What an incident begins as."""

    title: str
    cameras: tuple[str, ...]
    start_ns: UtcNs
    end_ns: UtcNs | None
    category: str | None
    tags: tuple[str, ...]
    origin: Mapping[str, Any]


def title_of(text: str) -> str:
    """A title, its blanks in order.

    Raises:
        BadRequestError: it is empty, too long, or has what cannot be shown.
    """
    text = " ".join(text.split())
    if not 1 <= len(text) <= MAX_TITLE or not text.isprintable():
        raise BadRequestError(f"a title has 1 to {MAX_TITLE} printable characters", pointer="/title")
    return text


def tags_of(texts: list[str]) -> tuple[str, ...]:
    """Tags, each once, in their order.

    Raises:
        BadRequestError: there are too many, or one is empty, too long, or has what cannot be shown.
    """
    if len(texts) > MAX_TAGS:
        raise BadRequestError(f"an incident has {MAX_TAGS} tags at most", pointer="/tags")
    tags = tuple(dict.fromkeys(" ".join(text.split()) for text in texts))
    if not all(1 <= len(tag) <= MAX_TAG and tag.isprintable() for tag in tags):
        raise BadRequestError(f"a tag has 1 to {MAX_TAG} printable characters", pointer="/tags")
    return tags


def note_of(text: str) -> str:
    """What a note says: text with line breaks, whatever it looks like.

    Raises:
        BadRequestError: it is empty, too long, or has what cannot be shown.
    """
    lines = text.replace("\r\n", "\n").expandtabs(4).strip().split("\n")
    if not any(lines) or len(text) > MAX_NOTE or not all(line.isprintable() for line in lines):
        raise BadRequestError(f"a note has 1 to {MAX_NOTE} printable characters", pointer="/text")
    return "\n".join(lines)
