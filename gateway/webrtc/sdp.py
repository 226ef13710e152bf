"""Offer and answer of a viewer (RFC 8829, RFC 8866, RFC 8843) for media that only the gateway sends.

Here belong reading an offer, choosing what of it fits the camera, and writing the answer. No I/O. The SDP of RTSP is
in `gateway.rtsp.sdp`: it shares the line syntax with this and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.base.errors import BadRequestError, SightlineError
from gateway.media.model import Codec, Track, TrackKind, VideoParameters
from gateway.webrtc.ice import Credentials

MAX_OFFER = 256 << 10
"""Characters. Chromium's offer for one picture and one sound has about 7000."""
MAX_MEDIA = 64
CNAME = "sightline"
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

_FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb")
"""What we answer, where the offer has it. Not transport-cc: it wants a number of each viewer's own in every packet, and
twenty reports a second from each."""

_H264_SUBSTITUTES: dict[int, tuple[int, ...]] = {
    # A camera's profile_idc (ITU-T H.264 A.2), and the decoders to send it to, best first. The last ones promise too
    # little; those that browsers have decode more than they promise.
    66: (66, 77, 100, 244),
    77: (77, 100, 244, 66),
    100: (100, 244, 77, 66),
    244: (244, 100, 77, 66),
}
_ANY_PROFILE = (100, 244, 77, 66)
_DEFAULT_PROFILE = "42e01f"
"""What a receiver that names no profile is taken to have; RFC 6184 8.1 infers baseline."""


class NoCodecError(SightlineError):
    """The viewer plays none of what the camera sends. Answered with 422."""


@dataclass(frozen=True, slots=True)
class Format:
    """One payload type of an m-line. Names are upper case, parameters as they were written."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int
    parameters: dict[str, str]
    feedback: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Media:
    """One m-line of an offer, with the transport that it, or the session, names."""

    kind: str
    protocol: str
    format_list: str
    """The rest of the m-line, for a refusal to repeat."""
    mid: str | None
    formats: tuple[Format, ...]
    receives: bool
    """The viewer wants to get media by it."""
    refused: bool
    """Offered with port 0 and not `bundle-only`."""
    rtcp_mux: bool
    setup: str
    fingerprints: tuple[tuple[str, str], ...]
    credentials: Credentials | None
    extensions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a viewer would take."""

    media: tuple[Media, ...]
    bundle: tuple[str, ...]
    mixed_extensions: bool


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream that both sides can have."""

    index: int
    """Which m-line of the offer."""
    track: Track
    format: Format
    playout_delay: int | None = None
    """The id of the playout-delay header extension, when it is to be sent."""
    rtx: int | None = None
    """The payload type of retransmissions (RFC 4588), when the offer has one for this format."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What will be sent, and to whom: the viewer's certificate has one of these fingerprints."""

    video: Stream
    audio: Stream | None
    fingerprints: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """Our side of the one transport: what the answer says about ICE and DTLS."""

    credentials: Credentials
    fingerprint: str
    candidates: tuple[str, ...]


def parse_offer(text: str) -> Offer:
    """Read an offer. Unknown lines are passed over.

    Raises:
        BadRequestError: this is no SDP, or lacks what WebRTC cannot do without.
    """
    if len(text) > MAX_OFFER:
        raise BadRequestError(f"the offer has {len(text)} characters, more than {MAX_OFFER}")
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    if not lines or lines[0] != "v=0":
        raise BadRequestError("the body is no SDP offer: it does not begin with v=0")
    starts = [at for at, line in enumerate(lines) if line.startswith("m=")]
    if not starts:
        raise BadRequestError("the offer has no media (no m= line)")
    if len(starts) > MAX_MEDIA:
        raise BadRequestError(f"the offer has {len(starts)} m= lines, more than {MAX_MEDIA}")
    session = _attributes(lines[: starts[0]])
    ends = [*starts[1:], len(lines)]
    media = tuple(_parse_media(lines[start:end], session) for start, end in zip(starts, ends, strict=True))
    groups = (value.split() for name, value in session if name == "group")
    bundle = next((tuple(mids) for semantics, *mids in (g for g in groups if g) if semantics == "BUNDLE"), ())
    return Offer(media, bundle, any(name == "extmap-allow-mixed" for name, _ in session))


def negotiate(offer: Offer, tracks: tuple[Track, ...]) -> Agreement:
    """Choose what of the camera's tracks goes to which m-line.

    Raises:
        NoCodecError: no video of the offer fits the camera's; names what it sends.
        BadRequestError: the one that would fit cannot be answered.
    """
    track = next((track for track in tracks if track.kind is TrackKind.VIDEO), None)
    if track is None:
        raise NoCodecError("no codec fits: the camera sends no video")
    video = _choose_video(offer, track)
    media = offer.media[video.index]
    if not media.rtcp_mux:
        raise BadRequestError("the offer's video has no a=rtcp-mux, which WebRTC demands")
    if media.setup not in ("actpass", "active"):
        raise BadRequestError(f"the offer says a=setup:{media.setup}: the gateway is the DTLS server, offer actpass")
    if not media.fingerprints:
        raise BadRequestError("the offer has no a=fingerprint that a certificate could be checked against")
    if media.credentials is None:
        raise BadRequestError("the offer has no a=ice-ufrag and a=ice-pwd")
    audio = _choose_audio(offer, tracks, media)
    extension = media.extensions.get(PLAYOUT_DELAY)
    if audio is None and extension is not None and 1 <= extension <= 14:
        # No delay for video alone: with sound the browser would give up keeping it in step with the lips.
        video = replace(video, playout_delay=extension)
    return Agreement(video, audio, media.fingerprints)


def build_answer(
    offer: Offer,
    agreement: Agreement,
    local: LocalTransport,
    *,
    session_id: int,
    ssrcs: dict[int, int],
    rtx_ssrc: int | None = None,
) -> str:
    """The answer: every m-line of the offer in its order, refused where nothing is sent (RFC 3264 6).

    `ssrcs` gives the SSRC of each answered m-line by its index, `rtx_ssrc` that of the video's retransmissions, which
    are answered only then.
    """
    answered = {stream.index: stream for stream in (agreement.video, agreement.audio) if stream is not None}
    mids = [offer.media[index].mid for index in sorted(answered)]
    lines = ["v=0", f"o=- {session_id} 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite"]
    if offer.bundle:
        lines.append("a=group:BUNDLE " + " ".join(mid for mid in mids if mid in offer.bundle))
    if offer.mixed_extensions:
        lines.append("a=extmap-allow-mixed")
    lines.append(f"a=msid-semantic: WMS {CNAME}")
    for index, media in enumerate(offer.media):
        stream = answered.get(index)
        if stream is None:
            lines += _refusal(media)
        else:
            lines += _answered_media(
                media, stream, local, ssrcs[index], rtx_ssrc if stream is agreement.video else None
            )
    return "\r\n".join(lines) + "\r\n"


# ---- reading


def _attributes(lines: list[str]) -> list[tuple[str, str]]:
    pairs = (line[2:].partition(":") for line in lines if line.startswith("a="))
    return [(name.lower(), value.strip()) for name, _, value in pairs]


def _parse_media(lines: list[str], session: list[tuple[str, str]]) -> Media:
    parts = lines[0][2:].split(maxsplit=3)
    if len(parts) < 4 or not parts[1].partition("/")[0].isdecimal():
        raise BadRequestError(f"the offer has an m= line that is none: {lines[0][:80]}")
    kind, port, protocol, format_list = parts
    own = _attributes(lines[1:])
    names = {name for name, _ in own}

    def last(name: str) -> str | None:
        return next((value for key, value in reversed([*session, *own]) if key == name), None)

    ufrag, password = last("ice-ufrag"), last("ice-pwd")
    fingerprints = [value for key, value in own if key == "fingerprint"]
    fingerprints = fingerprints or [value for key, value in session if key == "fingerprint"]
    directions = {"sendrecv", "sendonly", "recvonly", "inactive"}
    direction = next((n for n, _ in own if n in directions), next((n for n, _ in session if n in directions), ""))
    return Media(
        kind=kind.lower(),
        protocol=protocol,
        format_list=format_list,
        mid=last("mid"),
        formats=_formats(format_list, own) if "RTP/" in protocol.upper() else (),
        receives=direction in ("", "sendrecv", "recvonly"),
        refused=port == "0" and "bundle-only" not in names,
        rtcp_mux="rtcp-mux" in names,
        setup=(last("setup") or "actpass").lower(),
        fingerprints=tuple(pair for pair in map(_fingerprint, fingerprints) if pair is not None),
        credentials=Credentials(ufrag, password) if ufrag and password else None,
        extensions=_extensions([*session, *own]),
    )


def _fingerprint(value: str) -> tuple[str, str] | None:
    algorithm, _, digest = value.partition(" ")
    return (algorithm.lower(), digest.strip()) if digest.strip() else None


def _formats(format_list: str, attributes: list[tuple[str, str]]) -> tuple[Format, ...]:
    maps = {0: ("PCMU", 8000, 1), 8: ("PCMA", 8000, 1)}  # static payload types (RFC 3551 6)
    parameters: dict[int, dict[str, str]] = {}
    feedback: dict[str, list[str]] = {}
    for name, value in attributes:
        head, _, rest = value.partition(" ")
        if name == "rtcp-fb":
            feedback.setdefault(head, []).append(" ".join(rest.lower().split()))
        elif name == "rtpmap" and (number := _number(head, 127)) is not None:
            encoding, _, rates = rest.strip().partition("/")
            rate, _, channels = rates.partition("/")
            maps[number] = (encoding.upper(), _number(rate, 1 << 24) or 0, _number(channels, 255) or 1)
        elif name == "fmtp" and (number := _number(head, 127)) is not None:
            pairs = (pair.partition("=") for pair in rest.split(";"))
            parameters.setdefault(number, {}).update({k.strip().lower(): v.strip() for k, _, v in pairs if k.strip()})
    return tuple(
        Format(number, *maps[number], parameters.get(number, {}), (*feedback.get(text, ()), *feedback.get("*", ())))
        for text in format_list.split()
        if (number := _number(text, 127)) is not None and number in maps
    )


def _extensions(attributes: list[tuple[str, str]]) -> dict[str, int]:
    extensions = {}
    for name, value in attributes:
        head, _, rest = value.partition(" ")
        number = _number(head.partition("/")[0], 255)
        if name == "extmap" and number is not None and rest.strip():
            extensions[rest.split()[0]] = number
    return extensions


def _number(text: str, highest: int) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        return None
    number = int(text)
    return number if number <= highest else None


# ---- choosing


def _usable(media: Media, kind: str) -> bool:
    return media.kind == kind and media.receives and not media.refused


def _choose_video(offer: Offer, track: Track) -> Stream:
    offered = [(index, media) for index, media in enumerate(offer.media) if _usable(media, "video")]
    if not offered:
        raise NoCodecError(f"no codec fits: the offer wants to receive no video, the camera sends {_describe(track)}")
    if track.codec is Codec.H264:
        for index, media in offered:
            if (chosen := _choose_h264(media.formats, track)) is not None:
                return Stream(index, track, chosen, rtx=_retransmissions(media.formats, chosen))
    names = sorted({_format_name(f) for _, media in offered for f in media.formats if f.name not in _NO_CODECS})
    raise NoCodecError(
        f"no codec fits: the camera sends {_describe(track)}, the offer has {', '.join(names) or 'none'}"
    )


_NO_CODECS = {"RTX", "RED", "ULPFEC", "FLEXFEC-03"}


def _retransmissions(formats: tuple[Format, ...], of: Format) -> int | None:
    """The payload type that is associated with that of `of` (RFC 4588 8.6)."""
    apt = str(of.payload_type)
    found = (f for f in formats if f.name == "RTX" and f.parameters.get("apt") == apt and "nack" in of.feedback)
    return next((f.payload_type for f in found), None)


def _choose_h264(formats: tuple[Format, ...], track: Track) -> Format | None:
    """The payload type whose decoder suits the camera's profile best; only packetization mode 1 can take fragments.

    An offer that names no mode means mode 0 by the letter (RFC 6184 8.1), yet those who write none take fragments;
    it is the last choice.
    """
    assert isinstance(track.parameters, VideoParameters)
    sps = track.parameters.sps
    wanted = _H264_SUBSTITUTES.get(sps[1], _ANY_PROFILE) if len(sps) > 3 else _ANY_PROFILE

    def rank(chosen: Format) -> tuple[bool, int]:
        profile = _number_16(chosen.parameters.get("profile-level-id", _DEFAULT_PROFILE)[:2])
        return (
            "packetization-mode" not in chosen.parameters,
            wanted.index(profile) if profile in wanted else len(wanted),
        )

    usable = [f for f in formats if f.name == "H264" and f.parameters.get("packetization-mode", "1") == "1"]
    return min(usable, key=rank, default=None)


def _number_16(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return -1


def _choose_audio(offer: Offer, tracks: tuple[Track, ...], video: Media) -> Stream | None:
    """G.711 as the camera sends it, on the transport that the video has; everything else is refused."""
    for index, media in enumerate(offer.media):
        if not _usable(media, "audio") or media.mid not in offer.bundle or video.mid not in offer.bundle:
            continue
        for track in tracks:
            for chosen in media.formats:
                if track.codec in (Codec.PCMU, Codec.PCMA) and (chosen.name, chosen.clock_rate) == (
                    track.codec.value,
                    track.clock_rate,
                ):
                    return Stream(index, track, chosen)
    return None


def _describe(track: Track) -> str:
    parameters = track.parameters
    if track.codec is Codec.UNSUPPORTED:
        return track.name or "a codec that the gateway does not know"
    if track.codec is Codec.H264 and isinstance(parameters, VideoParameters) and len(parameters.sps) > 3:
        return f"H264 (profile-level-id {parameters.sps[1:4].hex()}, packetization-mode 1)"
    return track.codec.value


def _format_name(offered: Format) -> str:
    mode = offered.parameters.get("packetization-mode")
    return f"H264 (packetization-mode {mode})" if offered.name == "H264" and mode is not None else offered.name


# ---- writing


def _refusal(media: Media) -> list[str]:
    lines = [f"m={media.kind} 0 {media.protocol} {media.format_list}", "c=IN IP4 0.0.0.0"]
    if media.mid is not None:
        lines.append(f"a=mid:{media.mid}")
    return [*lines, "a=inactive"]


def _answered_media(media: Media, stream: Stream, local: LocalTransport, ssrc: int, rtx_ssrc: int | None) -> list[str]:
    chosen = stream.format
    payload_type = chosen.payload_type
    rtx = None if rtx_ssrc is None else stream.rtx
    formats = f"{payload_type}" if rtx is None else f"{payload_type} {rtx}"
    lines = [f"m={media.kind} 9 {media.protocol} {formats}", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0"]
    if media.mid is not None:
        lines.append(f"a=mid:{media.mid}")
    lines += [
        "a=sendonly",
        f"a=msid:{CNAME} {media.kind}",
        "a=rtcp-mux",
        f"a=ice-ufrag:{local.credentials.ufrag}",
        f"a=ice-pwd:{local.credentials.password}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        "a=setup:passive",
        f"a=rtpmap:{payload_type} {chosen.name}/{chosen.clock_rate}",
    ]
    if chosen.name == "H264":
        profile = chosen.parameters.get("profile-level-id", _DEFAULT_PROFILE)
        lines.append(f"a=fmtp:{payload_type} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}")
        lines += [f"a=rtcp-fb:{payload_type} {kind}" for kind in _FEEDBACK if kind in chosen.feedback]
    if rtx is not None:
        lines += [f"a=rtpmap:{rtx} rtx/{chosen.clock_rate}", f"a=fmtp:{rtx} apt={payload_type}"]
    if stream.playout_delay is not None:
        lines.append(f"a=extmap:{stream.playout_delay} {PLAYOUT_DELAY}")
    if rtx is not None:
        lines.append(f"a=ssrc-group:FID {ssrc} {rtx_ssrc}")
    lines.append(f"a=ssrc:{ssrc} cname:{CNAME}")
    if rtx is not None:
        lines.append(f"a=ssrc:{rtx_ssrc} cname:{CNAME}")
    lines += [f"a=candidate:{candidate}" for candidate in local.candidates]
    return [*lines, "a=end-of-candidates"]
