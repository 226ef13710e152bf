"""The values that travel from a camera to everyone who wants its media.

Here belong the nouns of docs/glossary.md that more than one layer speaks of: Track, AccessUnit, Gap, Fix,
UnitHealth. They know no I/O, render nothing and, but for AccessUnit (which says why), are frozen. How they are parsed,
packed or stored belongs elsewhere.

Times are integers: UTC as nanoseconds since the Unix epoch (`…_ns`), media time in the track's clock ticks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

UtcNs: TypeAlias = int
"""Nanoseconds since 1970-01-01T00:00:00Z, without leap seconds (as `time.time_ns`)."""

NS = 1_000_000_000
"""Nanoseconds in a second."""


class TrackKind(StrEnum):
    """What a track carries."""

    VIDEO = "video"
    AUDIO = "audio"
    METADATA = "metadata"


class Codec(StrEnum):
    """How a track is coded. The value is the name the public API shows."""

    H264 = "H264"
    H265 = "H265"
    AAC = "AAC"
    PCMU = "PCMU"
    PCMA = "PCMA"
    OPUS = "opus"
    """Made by the gateway of AAC, for browsers (RFC 7587). From cameras it counts as unsupported."""
    ONVIF_METADATA = "ONVIF"
    KLV = "KLV"
    """SMPTE ST 336 (RFC 6597): read for positions and passed on, not recorded."""
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class VideoParameters:
    """Parameter sets of H.264 (ITU-T H.264 7.3.2) or H.265 (ITU-T H.265 7.3.2), and what they say.

    The byte strings are whole NAL units without start code. They are empty while a camera that names none in its
    SDP has not sent any yet.
    """

    sps: bytes = b""
    pps: tuple[bytes, ...] = ()
    vps: bytes = b""
    width: int = 0
    height: int = 0
    reorder_depth: int = 0
    """How many pictures may precede one in decoding order and follow it in output order (0: no B-frames)."""

    @property
    def complete(self) -> bool:
        """Whether a decoder could start with these."""
        return bool(self.sps and self.pps)


@dataclass(frozen=True, slots=True)
class AudioParameters:
    """`config` is the AudioSpecificConfig of AAC (ISO/IEC 14496-3 1.6.2.1), empty for others."""

    sample_rate: int = 8000
    channels: int = 1
    config: bytes = b""


@dataclass(frozen=True, slots=True)
class MetadataParameters:
    """`encoding_name` as the SDP wrote it, lower case: `vnd.onvif.metadata`, `smpte336m`, …"""

    encoding_name: str = "vnd.onvif.metadata"


Parameters: TypeAlias = VideoParameters | AudioParameters | MetadataParameters


@dataclass(frozen=True, slots=True)
class Track:
    """One stream of a camera. When its parameters change in mid-stream, a new Track value with the same id follows:
    compare `unit.track is not track` to notice.
    """

    id: int
    """Place in the camera's description, from 0. Stable within one attempt."""
    kind: TrackKind
    codec: Codec
    clock_rate: int
    """Ticks a second of `pts` and `dts`."""
    parameters: Parameters
    name: str = ""
    """The encoding name as the camera's SDP wrote it."""

    @property
    def label(self) -> str:
        """What people read: the codec, or the camera's own word for one that is recorded and watched nowhere."""
        return self.name or "unknown" if self.codec is Codec.UNSUPPORTED else self.codec.value


class TimeSource(StrEnum):
    """How well a unit's UTC is known, best first."""

    RTCP = "rtcp"
    """An RTCP sender report of the camera (RFC 3550 6.4.1)."""
    DOCUMENT = "document"
    """The UtcTime inside the metadata document."""
    ARRIVAL = "arrival"
    """The gateway's clock when the first packet came."""


@dataclass(slots=True)
class AccessUnit:
    """One coded picture, one audio frame or one metadata document.

    A value like the others: nobody changes one. It is not frozen because dozens are made each second of each camera,
    and a frozen one takes five times as long to make.

    `nals`: video: NAL units without start codes; audio: one element, one raw AAC frame or G.711 samples; metadata:
    one element, the XML as text bytes, decompressed.
    """

    track: Track
    pts: int
    """Presentation time in ticks of `track.clock_rate`, unwrapped to 64 bits, from an arbitrary origin."""
    dts: int
    utc_ns: UtcNs
    """When it was captured."""
    time_source: TimeSource
    received_ns: UtcNs
    """The gateway's clock when its last packet came."""
    nals: tuple[bytes, ...]
    is_keyframe: bool = True
    """Decoding can start here: an IDR, or a recovery point after which the picture is complete."""
    size: int = field(default=0)
    """Sum of the NAL units' lengths in bytes."""


class GapReason(StrEnum):
    """Why media is missing, or why a reader was moved."""

    LOSS = "packets lost"
    DISCONNECTED = "camera disconnected"
    STALLED = "camera sent nothing"
    CLOCK_JUMP = "camera clock jumped"
    SLOW_READER = "reader fell behind"
    DISK = "disk could not be written"
    RESTART = "gateway stopped"
    DISABLED = "recording disabled"
    PRIVACY = "privacy mode"
    STREAM_CHANGED = "stream changed"
    IDLE = "nothing to record"
    """No loss: the camera records on an event, and there was none."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Media that is missing: a value in the stream, never a silent hole.

    `track_id` None: all tracks. `end_ns` None: not known yet; the next unit says. `packets` 0: not counted.
    """

    start_ns: UtcNs
    end_ns: UtcNs | None
    reason: GapReason
    track_id: int | None = None
    packets: int = 0
    detail: str = ""


class Constellation(StrEnum):
    """A satellite system."""

    GPS = "GPS"
    GLONASS = "GLONASS"
    GALILEO = "Galileo"
    BEIDOU = "BeiDou"
    QZSS = "QZSS"
    NAVIC = "NavIC"
    SBAS = "SBAS"


@dataclass(frozen=True, slots=True)
class Fix:
    """One GNSS position, WGS 84. None where the carrier says nothing."""

    utc_ns: UtcNs
    lat: float
    """Degrees, north positive."""
    lon: float
    """Degrees, east positive."""
    altitude_m: float | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    """Degrees clockwise from true north, 0 <= course < 360."""
    accuracy_m: float | None = None
    """Horizontal, one sigma."""
    constellations: tuple[Constellation, ...] = ()
    satellites: int | None = None
    carrier: str = ""
    """Which of the carriers of docs/interfaces.md brought it: `onvif-event`, `milestone`, `axis`, …"""
    received_ns: UtcNs = 0


@dataclass(frozen=True, slots=True)
class UnitHealth:
    """How a body-worn camera, or the phone beside it, is. None where it says nothing; percents are 0 to 100."""

    utc_ns: UtcNs
    battery_percent: float | None = None
    charging: bool | None = None
    signal_percent: float | None = None
    """Of the mobile or wireless network, as the unit's own display would show it."""
    storage_free_percent: float | None = None
    """Of the unit's own memory, not of the gateway's disk."""
    carrier: str = ""
    """Which of the carriers of docs/interfaces.md brought it, as of a Fix."""


Item: TypeAlias = AccessUnit | Gap
"""What a Hub carries. No Fixes: it lets go of media by GOPs, and units without a picture have none for days."""
