"""Session descriptions (RFC 8866): what a camera says it sends, and what our own server says.

Here belong the format, the URLs in it, and how media lines become Tracks and Tracks become media lines. What parameter
sets say belongs to `gateway.media`.

Cameras break most rules of the format, so a line that cannot be read is passed over and counted; parameters that cannot
be read count as missing, since most cameras send them in-band too.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from gateway.base.errors import SightlineError
from gateway.media import audio, h264, h265
from gateway.media.bits import BitstreamError
from gateway.media.model import (
    AudioParameters,
    Codec,
    MetadataParameters,
    Parameters,
    Track,
    TrackKind,
    VideoParameters,
)

MAX_MEDIA = 16
"""Media lines read of one description; further ones are passed over."""

_STATIC = {
    0: "PCMU/8000",
    3: "GSM/8000",
    8: "PCMA/8000",
    9: "G722/8000",
    10: "L16/44100/2",
    11: "L16/44100",
    14: "MPA/90000",
    26: "JPEG/90000",
    32: "MPV/90000",
    33: "MP2T/90000",
}
"""Payload types that need no rtpmap (RFC 3551 6)."""

_CODECS = {
    "video/H264": Codec.H264,
    "video/H265": Codec.H265,
    "video/HEVC": Codec.H265,
    "audio/PCMU": Codec.PCMU,
    "audio/PCMA": Codec.PCMA,
    "application/VND.ONVIF.METADATA": Codec.ONVIF_METADATA,
    "application/VND.ONVIF.METADATA+GZIP": Codec.ONVIF_METADATA,
    "application/VND.ONVIF.METADATA.GZIP": Codec.ONVIF_METADATA,
    "application/SMPTE336M": Codec.KLV,
}
_KINDS = {"video": TrackKind.VIDEO, "audio": TrackKind.AUDIO}
_FIRST_DYNAMIC = 96
_NO_ORIGIN = "- 0 0 IN IP4 0.0.0.0"
_NO_NAME = "-"

Attributes = tuple[tuple[str, str], ...]


class SdpError(SightlineError):
    """This is no session description."""


@dataclass(frozen=True, slots=True)
class Media:
    """One `m=` line and what belongs to it (RFC 8866 5.14)."""

    kind: str
    """`video`, `audio`, `application`, …"""
    formats: tuple[int, ...]
    """RTP payload types, the preferred first."""
    attributes: Attributes = ()
    port: int = 0
    protocol: str = "RTP/AVP"
    connection: str = ""
    """The value of its own `c=` line."""

    def attribute(self, name: str) -> str | None:
        """The value of the first `a=name:value`, empty for `a=name`; None: absent."""
        return _attribute(self.attributes, name)


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole description (RFC 8866 5). Lines that neither we nor cameras use are left out."""

    media: tuple[Media, ...] = ()
    attributes: Attributes = ()
    origin: str = _NO_ORIGIN
    name: str = _NO_NAME
    connection: str = ""
    ignored_lines: int = field(default=0, compare=False)
    """Lines passed over because they could not be read."""

    def attribute(self, name: str) -> str | None:
        """The value of the session's first `a=name:value`; None: absent."""
        return _attribute(self.attributes, name)

    @classmethod
    def parse(cls, data: bytes) -> SessionDescription:
        """Read the body of a DESCRIBE response.

        Raises:
            SdpError: it holds neither a version nor a media line.
        """
        values: dict[str, str] = {}
        attributes: list[tuple[str, str]] = []
        media: list[_MediaLines] = []
        ignored = 0
        for line in data.decode("utf-8", "replace").splitlines():
            letter, equals, value = line.strip().partition("=")
            value = value.strip()
            if equals != "=" or len(letter) != 1:
                ignored += bool(line.strip("\0 \t"))
            elif letter == "m":
                media.append(_MediaLines(value))
            elif letter == "a":
                name, _, text = value.partition(":")
                (media[-1].attributes if media else attributes).append((name.strip(), text.strip()))
            elif letter == "c" and media:
                media[-1].connection = value
            else:
                values.setdefault(letter, value)
        if "v" not in values and not media:
            raise SdpError("not a session description: neither a version nor a media line")
        parsed = [lines.parse() for lines in media]
        return cls(
            media=tuple(filter(None, parsed))[:MAX_MEDIA],
            attributes=tuple(attributes),
            origin=values.get("o", _NO_ORIGIN),
            name=values.get("s", _NO_NAME),
            connection=values.get("c", ""),
            ignored_lines=ignored + parsed.count(None),
        )

    def encode(self) -> bytes:
        """The body of a DESCRIBE response. Line breaks within values become spaces."""
        lines = ["v=0", f"o={self.origin}", f"s={self.name}"]
        if self.connection:
            lines.append(f"c={self.connection}")
        lines.append("t=0 0")
        lines += _attribute_lines(self.attributes)
        for media in self.media:
            formats = " ".join(map(str, media.formats))
            lines.append(f"m={media.kind} {media.port} {media.protocol} {formats}")
            if media.connection:
                lines.append(f"c={media.connection}")
            lines += _attribute_lines(media.attributes)
        return "".join(re.sub(r"[\r\n]+", " ", line) + "\r\n" for line in lines).encode()


@dataclass(slots=True)
class _MediaLines:
    """A media section while it is being read."""

    first: str
    attributes: list[tuple[str, str]] = field(default_factory=list)
    connection: str = ""

    def parse(self) -> Media | None:
        kind, *rest = self.first.split()
        formats = tuple(int(text) for text in rest[2:] if re.fullmatch(r"[0-9]{1,3}", text) and int(text) < 128)
        if len(rest) < 3 or not formats:
            return None
        port = rest[0].partition("/")[0]
        return Media(
            kind=kind.lower(),
            formats=formats,
            attributes=tuple(self.attributes),
            port=int(port) if re.fullmatch(r"[0-9]{1,5}", port) else 0,
            protocol=rest[1],
            connection=self.connection,
        )


@dataclass(frozen=True, slots=True)
class TrackDescription:
    """A Track, and what it takes to set it up and to read its packets."""

    track: Track
    control: str
    """The absolute URL to SETUP."""
    payload_type: int
    format: Mapping[str, str] = field(default_factory=dict)
    """The parameters of its `fmtp` line, names in lower case: how AAC's packets are laid out, for one."""


def tracks(description: SessionDescription, base: str) -> tuple[TrackDescription, ...]:
    """Every track that the camera sends, supported or not; a Track's id is its place in this tuple.

    `base`: what `base_url` gave. Media that the camera only receives (an audio backchannel) is left out.
    """
    sent = [media for media in description.media if media.attribute("sendonly") is None or media.kind == "video"]
    return tuple(_track(number, media, base) for number, media in enumerate(sent))


def base_url(requested: str, content_base: str = "", content_location: str = "") -> str:
    """What relative control URLs are relative to (RFC 2326 C.1.1): the first of these that is an RTSP URL."""
    for url in (content_base, content_location):
        if is_rtsp_url(url.strip()):
            return without_userinfo(url.strip())
    return without_userinfo(requested)


def aggregate_url(description: SessionDescription, base: str) -> str:
    """The URL that PLAY and TEARDOWN control all tracks by."""
    return control_url(description.attribute("control") or "*", base)


def control_url(control: str, base: str) -> str:
    """The absolute URL of an `a=control` (RFC 2326 C.1.1).

    A relative one is appended, as all clients do: what RFC 3986 says would lose the last segment of a base without a
    slash at its end, and cameras with a query in their base expect the track after it.
    """
    control = control.strip()
    if control in ("", "*"):
        return base
    if is_rtsp_url(control):
        return without_userinfo(control)
    slash = "" if base.endswith("/") or control[0] in "/?" else "/"
    return (base[:-1] if base.endswith("/") and control[0] == "/" else base) + slash + control


def is_rtsp_url(url: str) -> bool:
    """Whether this is an absolute RTSP URL."""
    return re.match(r"rtsp[su]?://[^/?\s]", url, re.IGNORECASE) is not None


def without_userinfo(url: str) -> str:
    """`url` without user name and password, which belong in the Authorization field alone."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else url


# ---- media line to Track


def _track(number: int, media: Media, base: str) -> TrackDescription:
    chosen, maps = media.formats[0], _by_payload_type(media, "rtpmap")
    for payload_type in media.formats:
        if _codec(media.kind, _encoding(payload_type, maps)[0]) is not Codec.UNSUPPORTED:
            chosen = payload_type
            break
    name, clock_rate, channels = _encoding(chosen, maps)
    parameters = _format_parameters(_by_payload_type(media, "fmtp").get(chosen, ""))
    codec = _codec(media.kind, name)
    if codec is Codec.AAC and not parameters.get("mode", "AAC-hbr").upper().startswith("AAC-"):
        codec = Codec.UNSUPPORTED
    kind = _KINDS.get(media.kind, TrackKind.METADATA)
    rate = clock_rate or (8000 if kind is TrackKind.AUDIO else 90000)
    values = _parameters(kind, codec, (name, rate, channels), parameters)
    track = Track(number, kind, codec, rate, values, name)
    return TrackDescription(track, control_url(media.attribute("control") or "*", base), chosen, parameters)


def _codec(kind: str, name: str) -> Codec:
    if kind == "audio" and name.upper() == "MPEG4-GENERIC":
        return Codec.AAC
    return _CODECS.get(f"{kind}/{name.upper()}", Codec.UNSUPPORTED)


def _encoding(payload_type: int, maps: Mapping[int, str]) -> tuple[str, int, int]:
    """Name, clock rate and channels; 0: not said."""
    name, *numbers = (part.strip() for part in maps.get(payload_type, _STATIC.get(payload_type, "")).split("/"))
    rate, channels = ([int(text) if re.fullmatch(r"[0-9]{1,6}", text) else 0 for text in numbers] + [0, 0])[:2]
    return name or f"payload type {payload_type}", rate, channels


def _parameters(kind: TrackKind, codec: Codec, encoding: tuple[str, int, int], given: Mapping[str, str]) -> Parameters:
    name, rate, channels = encoding
    if kind is TrackKind.METADATA:
        return MetadataParameters(name.lower())
    if codec is Codec.AAC:
        return _aac_parameters(rate, channels, given.get("config", ""))
    if kind is TrackKind.AUDIO:
        return AudioParameters(rate, channels or 1)
    try:
        if codec is Codec.H264:
            return h264.video_parameters(_nal_units(given.get("sprop-parameter-sets", "")))
        if codec is Codec.H265:
            names = ("sprop-vps", "sprop-sps", "sprop-pps")
            return h265.video_parameters([nal for name in names for nal in _nal_units(given.get(name, ""))])
    except BitstreamError:
        pass  # they come in-band too, or the stream itself will show that it cannot be decoded
    return VideoParameters()


def _aac_parameters(rate: int, channels: int, config: str) -> AudioParameters:
    """By the AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1), which knows better than the rtpmap, where there is one.

    Without a readable one it is made up from the rtpmap: AAC-LC at the clock rate.
    """
    try:
        data = bytes.fromhex(config)
        said = audio.parse_audio_config(data)
        return AudioParameters(said.sample_rate, said.channels or channels or 1, data)
    except (BitstreamError, ValueError):
        channels = channels if channels in audio.CHANNELS[1:8] else 1
        known = rate in audio.SAMPLE_RATES
        frequency = f"{audio.SAMPLE_RATES.index(rate):04b}" if known else f"1111{rate:024b}"
        bits = f"00010{frequency}{audio.CHANNELS.index(channels):04b}000"
        return AudioParameters(rate, channels, int(bits, 2).to_bytes(len(bits) // 8, "big"))


def _nal_units(text: str) -> list[bytes]:
    """NAL units in base 64, separated by commas; some cameras leave start codes or zeros around them."""
    units: list[bytes] = []
    for part in text.split(","):
        try:
            unit = base64.b64decode(part.strip().strip('"') + "===").rstrip(b"\0")
        except (binascii.Error, ValueError):
            continue
        units += h264.split_annex_b(unit) if unit.startswith((b"\0\0\1", b"\0\0\0\1")) else [unit] if unit else []
    return units


def _by_payload_type(media: Media, attribute: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for name, value in media.attributes:
        number, _, text = value.partition(" ")
        if name.lower() == attribute and re.fullmatch(r"[0-9]{1,3}", number):
            found.setdefault(int(number), text.strip())
    return found


def _format_parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name.strip():
            found.setdefault(name.strip().lower(), value.strip())
    return found


# ---- Track to media line


def describe(
    tracks: Sequence[Track],
    *,
    name: str,
    session_id: int,
    version: int = 1,
    ranges: Sequence[str] = ("npt=now-",),
    attributes: Mapping[int, tuple[tuple[str, str], ...]] | None = None,
) -> SessionDescription:
    """What our server answers to DESCRIBE. Each track's control is `trackID={id}`, its payload type `payload_type`.

    `session_id` and `version` tell this description from others of the same name (RFC 8866 5.2); `ranges` say what
    there is (RFC 2326 C.1.5), `attributes` what else of a track, by its id.

    Raises:
        ValueError: a track of a codec that is not sent on.
    """
    return SessionDescription(
        media=tuple(_media(track, (attributes or {}).get(track.id, ())) for track in tracks),
        attributes=(("control", "*"), *(("range", text) for text in ranges)),
        origin=f"- {session_id} {version} IN IP4 0.0.0.0",
        name=name or _NO_NAME,
        connection="IN IP4 0.0.0.0",
    )


def payload_type(track: Track) -> int:
    """The RTP payload type by which `describe` announces a track (RFC 3551 6)."""
    return {Codec.PCMU: 0, Codec.PCMA: 8}.get(track.codec, _FIRST_DYNAMIC + track.id)


def _media(track: Track, more: tuple[tuple[str, str], ...]) -> Media:
    parameters = track.parameters
    encoding, fmtp = track.codec.value, ""
    if track.codec is Codec.UNSUPPORTED:
        raise ValueError(f"track {track.id} ({track.name}) cannot be described: its codec is not supported")
    if isinstance(parameters, VideoParameters):
        fmtp = _h264_format(parameters) if track.codec is Codec.H264 else _h265_format(parameters)
    elif isinstance(parameters, MetadataParameters):
        # Documents are handed on decompressed.
        encoding = "SMPTE336M" if track.codec is Codec.KLV else "vnd.onvif.metadata"
    elif track.codec is Codec.AAC:
        encoding = "MPEG4-GENERIC"
        fmtp = (
            "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;"
            f"config={parameters.config.hex().upper()}"
        )
    number = payload_type(track)
    channels = ""
    if isinstance(parameters, AudioParameters) and (track.codec is Codec.AAC or parameters.channels > 1):
        channels = f"/{parameters.channels}"
    attributes = [("rtpmap", f"{number} {encoding}/{track.clock_rate}{channels}")]
    if fmtp:
        attributes.append(("fmtp", f"{number} {fmtp}"))
    attributes += [("control", f"trackID={track.id}"), ("recvonly", ""), *more]
    kind = "application" if track.kind is TrackKind.METADATA else track.kind.value
    return Media(kind, (number,), tuple(attributes))


def _h264_format(parameters: VideoParameters) -> str:
    if not parameters.complete:
        return "packetization-mode=1"
    sets = ",".join(_base64(nal) for nal in (parameters.sps, *parameters.pps))
    return f"packetization-mode=1;profile-level-id={parameters.sps[1:4].hex().upper()};sprop-parameter-sets={sets}"


def _h265_format(parameters: VideoParameters) -> str:
    if not parameters.complete:
        return ""
    pps = ",".join(map(_base64, parameters.pps))
    return f"sprop-vps={_base64(parameters.vps)};sprop-sps={_base64(parameters.sps)};sprop-pps={pps}"


def _base64(nal: bytes) -> str:
    return base64.b64encode(nal).decode()


def _attribute(attributes: Attributes, name: str) -> str | None:
    return next((value for key, value in attributes if key.lower() == name), None)


def _attribute_lines(attributes: Iterable[tuple[str, str]]) -> list[str]:
    return [f"a={name}:{value}" if value else f"a={name}" for name, value in attributes]
