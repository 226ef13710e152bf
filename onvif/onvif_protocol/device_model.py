"""What a served device is made of: its identity, its profiles, and what its services ask of the gateway.

Values and Protocols only. How they are said on the wire belongs to `device_management`, `media1` and `media2`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from onvif_protocol.discovery_messages import scope


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Who the device says it is. Each device has its own, and keeps it: NVRs recognise devices by these."""

    manufacturer: str
    model: str
    firmware: str
    serial: str
    hardware_id: str
    endpoint: str
    """`urn:uuid:…`, the same in discovery."""
    mac: str
    """`02:00:5e:…`: what some NVRs take for the device's key."""
    name: str
    hostname: str
    location: str = ""
    onvif_profiles: tuple[str, ...] = ("Streaming",)
    """The ONVIF profiles it follows, as their scopes are spelt: `Streaming` (S), `T`, `G`."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """What discovery and GetScopes say (ONVIF Core 7.3.3.1)."""
        scopes = [
            scope("type", "video_encoder"),
            scope("type", "Network_Video_Transmitter"),
            *(scope("Profile", profile) for profile in self.onvif_profiles),
            scope("name", self.name),
            scope("hardware", self.model),
        ]
        if self.location:
            scopes.append(scope("location", self.location))
        return tuple(scopes)


@dataclass(frozen=True, slots=True)
class VideoSource:
    """A sensor: what the profiles of one camera have in common. Its configuration has the same token."""

    token: str
    name: str
    width: int
    height: int
    frame_rate: float


@dataclass(frozen=True, slots=True)
class VideoEncoding:
    """How a stream is coded, and the configuration that says so."""

    token: str
    codec: str
    """`H264` or `H265`."""
    profile: str
    """`Baseline`, `Main`, `Extended`, `High` or, of H.265, `Main`, `Main10`."""
    width: int
    height: int
    frame_rate: float
    bitrate_kbps: int
    gov_length: int
    """Frames from one keyframe to the next."""


@dataclass(frozen=True, slots=True)
class AudioEncoding:
    """How sound is coded, and the configuration that says so."""

    token: str
    codec: str
    """Its name in RTP, upper case: `PCMU`, `PCMA`, `MPEG4-GENERIC`."""
    bitrate_kbps: int
    sample_rate_khz: int
    channels: int = 1


class Part(Enum):
    """A kind of configuration that a profile can hold; the value is its name in both Media services."""

    VIDEO_SOURCE = "VideoSource"
    AUDIO_SOURCE = "AudioSource"
    VIDEO_ENCODER = "VideoEncoder"
    AUDIO_ENCODER = "AudioEncoder"
    METADATA = "Metadata"


EVERY = frozenset(Part)


@dataclass(frozen=True, slots=True)
class MediaProfile:
    """One stream a client can ask for, and the configurations it is made of."""

    token: str
    name: str
    source: VideoSource
    video: VideoEncoding
    audio: AudioEncoding | None = None
    metadata: str | None = None
    """The token of the metadata configuration, where there is metadata."""
    output: str | None = None
    """The token of the audio output, where there is a loudspeaker with a backchannel."""
    parts: frozenset[Part] = EVERY
    """What of all this is in the profile: one that a client made holds what the client has put into it."""
    fixed: bool = True
    """The device's own: it cannot be deleted."""

    @property
    def held(self) -> tuple[tuple[Part, str], ...]:
        """Kind and token of each configuration that it holds, in the order of `Part`."""
        source, audio = self.source.token, self.audio
        there: tuple[tuple[Part, str | None], ...] = (
            (Part.VIDEO_SOURCE, source),
            (Part.AUDIO_SOURCE, None if audio is None else source),
            (Part.VIDEO_ENCODER, self.video.token),
            (Part.AUDIO_ENCODER, None if audio is None else audio.token),
            (Part.METADATA, self.metadata),
        )
        parts = self.parts
        return tuple((part, token) for part, token in there if token is not None and (parts is EVERY or part in parts))

    def configuration(self, part: Part) -> str | None:
        """The token of its configuration of that kind; None: it has none."""
        return next((token for kind, token in self.held if kind is part), None)


class Transport(Enum):
    """How a client wants a stream (ONVIF Streaming 5.1.1)."""

    UDP = "udp"
    RTSP = "rtsp"
    """Interleaved in RTSP's TCP connection."""
    HTTP = "http"
    """That connection tunnelled through HTTP, or HTTPS when the request came by it."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a video source is now (WGS 84)."""

    source: str
    lat: float
    lon: float
    elevation_m: float | None = None


@dataclass(frozen=True, slots=True)
class NetworkAddress:
    """An IPv4 address of the machine, and how many bits of it name the network."""

    address: str
    prefix: int


class MediaModel(Protocol):
    """What the Media, DeviceIO and Imaging services ask. Answers come at once: nothing here may block.

    Whatever is asked for a user holds what that user may see, and nothing else.
    """

    def profiles(self, user: str) -> Sequence[MediaProfile]:
        """The device's own profiles, in a stable order."""

    def stream_uri(self, profile: MediaProfile, transport: Transport, base_url: str, user: str) -> str | None:
        """The URL of a profile's stream; None: this user may not see it now, or there is no such transport.

        `base_url` is `scheme://host:port` of the address that the request came to.
        """

    def snapshot_uri(self, profile: MediaProfile, base_url: str, user: str) -> str | None:
        """The URL of a still picture, None when there is none for this user."""

    def set_synchronization_point(self, profile: MediaProfile) -> None:
        """Send a keyframe soon."""


class DeviceModel(MediaModel, Protocol):
    """What the Device service asks as well."""

    @property
    def identity(self) -> DeviceIdentity:
        """Who the device is."""

    @property
    def discoverable(self) -> bool:
        """Whether it answers to WS-Discovery."""

    @property
    def addresses(self) -> Sequence[NetworkAddress]:
        """Those it may be reached by, as far as it knows."""

    @property
    def rtsp_port(self) -> int:
        """Where its streams are."""

    def locations(self, user: str) -> Sequence[Location]:
        """Where the video sources are, as far as the user may know."""
