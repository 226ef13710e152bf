"""What is recorded, as the Search, Replay and RecordingControl services tell it, and what they ask of the gateway.

Values, a Protocol, and the XML that more than one of them writes. A Recording is all that there is of one camera, as
ONVIF means it (Recording Control Specification 4.2): where something is missing, events say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from onvif_protocol.device_model import Transport
from onvif_protocol.notification import Notification
from onvif_protocol.soap import Element, element, format_utc

PROFILE_SOURCE = "http://www.onvif.org/ver10/schema/Profile"
"""The type of source that is a media profile of this device."""


class TrackType(StrEnum):
    """What a track holds."""

    VIDEO = "Video"
    AUDIO = "Audio"
    METADATA = "Metadata"


@dataclass(frozen=True, slots=True)
class RecordingTrack:
    """One track of a Recording. From when to when there is anything of it: UTC in nanoseconds."""

    token: str
    type: TrackType
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class Recording:
    """All that is recorded of one camera."""

    token: str
    source: str
    """The token of its video source."""
    profile: str
    """The token of the profile that is recorded."""
    name: str
    address: str
    """A URI for people."""
    tracks: tuple[RecordingTrack, ...]
    """Those of which there is anything."""
    job: str
    """The token of what records it."""
    recording: bool
    """Whether that is at work."""
    retention_seconds: float
    """After so long it is deleted; 0: when there is no room."""

    @property
    def from_ns(self) -> int | None:
        """Where it begins; None: there is nothing yet."""
        return min((track.from_ns for track in self.tracks), default=None)

    @property
    def to_ns(self) -> int | None:
        """To where it reaches."""
        return max((track.to_ns for track in self.tracks), default=None)


@dataclass(frozen=True, slots=True)
class VideoAttributes:
    """How a moment's pictures are coded."""

    encoding: str
    """`H264`, `H265`."""
    width: int
    height: int
    frame_rate: float
    bitrate_kbps: int


@dataclass(frozen=True, slots=True)
class AudioAttributes:
    """How a moment's sound is coded."""

    encoding: str
    """`G711`, `AAC`."""
    sample_rate_khz: int
    bitrate_kbps: int


@dataclass(frozen=True, slots=True)
class MediaAttributes:
    """What there is of a Recording at a moment, and from when to when it is like that."""

    from_ns: int
    to_ns: int
    tracks: tuple[tuple[RecordingTrack, VideoAttributes | AudioAttributes | None], ...]


@dataclass(frozen=True, slots=True)
class RecordingEvent:
    """Something that happened to a Recording, or the state it is in when a search begins."""

    recording: str
    track: str
    told: Notification
    start_state: bool = False


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks."""

    user: str
    address: str


class RecordingsModel(Protocol):
    """What the services ask. Whatever is asked for a user holds what that user may see of the past.

    Every coroutine may raise what the device answers as its own fault.
    """

    async def recordings(self, asker: Asker) -> Sequence[Recording]:
        """All of them, in a stable order. The audit is told that somebody looked."""

    async def media(self, asker: Asker, recording: Recording, at_ns: int) -> MediaAttributes | None:
        """How a Recording is coded at a moment; None: there is nothing then."""

    async def searched(self, asker: Asker, recordings: Sequence[str], from_ns: int, to_ns: int) -> None:
        """Note in the audit that somebody looks for what is recorded of these in an interval."""

    async def events(self, recordings: Sequence[str], from_ns: int, to_ns: int) -> Sequence[RecordingEvent]:
        """What happened to these Recordings in [from_ns, to_ns), by time."""

    async def state(self, recordings: Sequence[str], at_ns: int) -> Sequence[RecordingEvent]:
        """The state that each of them is in at a moment."""

    def replay_uri(self, recording: str, transport: Transport, base_url: str) -> str | None:
        """The URL that plays a Recording; None: there is no such transport. `base_url` is `scheme://host:port`."""


# ---- XML that several services write


def source_information(name: str, recording: Recording) -> Element:
    """A `tt:RecordingSourceInformation`."""
    return element(
        name,
        element("tt:SourceId", recording.source),
        element("tt:Name", recording.name[:64]),
        element("tt:Location", ""),
        element("tt:Description", recording.name),
        element("tt:Address", recording.address),
    )


def track_information(name: str, track: RecordingTrack) -> Element:
    """A `tt:TrackInformation`."""
    return element(
        name,
        element("tt:TrackToken", track.token),
        element("tt:TrackType", track.type),
        element("tt:Description", track.type),
        element("tt:DataFrom", format_utc(track.from_ns)),
        element("tt:DataTo", format_utc(track.to_ns)),
    )


def job_state_information(
    name: str, recording: str, profile: str, tracks: Sequence[tuple[str, TrackType]], *, active: bool
) -> Element:
    """A `tt:RecordingJobStateInformation`; `tracks` are their tokens and types."""
    state = job_state(active=active)
    return element(
        name,
        element("tt:RecordingToken", recording),
        element("tt:State", state),
        element(
            "tt:Sources",
            element("tt:SourceToken", element("tt:Token", profile), Type=PROFILE_SOURCE),
            element("tt:State", state),
            element(
                "tt:Tracks",
                *(
                    element(
                        "tt:Track",
                        element("tt:SourceTag", kind),
                        element("tt:Destination", token),
                        element("tt:State", state),
                    )
                    for token, kind in tracks
                ),
            ),
        ),
    )


def job_state(*, active: bool) -> str:
    """What ONVIF calls a job that is at work, or is not (Recording Control 5.3.5)."""
    return "Active" if active else "Idle"
