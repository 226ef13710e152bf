"""What a served device is made of: its identity, its profiles, and what its services ask of the gateway.

Values and Protocols only. How they are said on the wire belongs to `device_management` and `media1`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

    @property
    def scopes(self) -> tuple[str, ...]:
        """What discovery and GetScopes say (ONVIF Core 7.3.3.1)."""
        scopes = [
            scope("type", "video_encoder"),
            scope("type", "Network_Video_Transmitter"),
            scope("Profile", "Streaming"),
            scope("name", self.name),
            scope("hardware", self.model),
        ]
        if self.location:
            scopes.append(scope("location", self.location))
        return tuple(scopes)


@dataclass(frozen=True, slots=True)
class VideoSource:
    """A sensor: what the profiles of one camera have in common."""

    token: str
    width: int
    height: int
    frame_rate: float


@dataclass(frozen=True, slots=True)
class AudioEncoding:
    """`encoding` as Media1 writes it: `G711`, `AAC`, `G726`."""

    encoding: str
    bitrate_kbps: int
    sample_rate_khz: int


@dataclass(frozen=True, slots=True)
class MediaProfile:
    """One stream a client can ask for: H.264 video, audio and metadata where there are any."""

    token: str
    name: str
    source: VideoSource
    width: int
    height: int
    frame_rate: int
    bitrate_kbps: int
    gov_length: int
    """Frames from one keyframe to the next."""
    h264_profile: str = "Main"
    """`Baseline`, `Main`, `Extended` or `High`."""
    audio: AudioEncoding | None = None
    has_metadata: bool = True


class DeviceModel(Protocol):
    """What the services ask. Answers come at once: nothing here may block."""

    @property
    def identity(self) -> DeviceIdentity:
        """Who the device is."""

    def profiles(self) -> Sequence[MediaProfile]:
        """What it offers now, in a stable order."""

    def stream_uri(self, profile: MediaProfile, host: str) -> str:
        """The RTSP URL of a profile; `host` is the name, without port, that the request came to."""

    def snapshot_uri(self, profile: MediaProfile, base_url: str) -> str | None:
        """The URL of a still picture, None when there is none; `base_url` is `scheme://host:port`."""

    def set_synchronization_point(self, profile: MediaProfile) -> None:
        """Send a keyframe soon."""
