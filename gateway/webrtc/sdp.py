"""Offer and answer of a viewer (RFC 8829, RFC 8866, RFC 8843) for media that only the gateway sends.

Here belong reading an offer, choosing what of it fits the camera, and writing the answer. No I/O. Which payload type
suits a track is for `codecs` to say. The SDP of RTSP is in `gateway.rtsp.sdp`: it shares the line syntax and no more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.base.errors import BadRequestError, SightlineError
from gateway.media.model import Track, TrackKind
from gateway.webrtc import codecs
from gateway.webrtc.codecs import Format
from gateway.webrtc.datachannel import MAX_MESSAGE, SCTP_PORT
from gateway.webrtc.ice import Credentials

MAX_OFFER = 256 << 10
"""Characters. Chromium's offer for one picture and one sound has about 7000."""
MAX_MEDIA = 64
CNAME = "sightline"
ICE_OPTIONS = "trickle ice2"
"""Candidates may follow (RFC 8840), nomination is RFC 8445's."""
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

_FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb")
"""What we answer, where the offer has it. Not transport-cc: it wants a number of each viewer's own in every packet, and
twenty reports a second from each."""


class NoCodecError(SightlineError):
    """The viewer plays none of what the camera sends. Answered with 422."""


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
    sends: bool
    """The other side would send media by it."""
    refused: bool
    """Offered with port 0 and not `bundle-only`."""
    rtcp_mux: bool
    setup: str
    fingerprints: tuple[tuple[str, str], ...]
    credentials: Credentials | None
    extensions: dict[str, int]
    sctp_port: int | None
    """Of data channels (RFC 8841 5)."""


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
class DataMedia:
    """The m-line for data channels, on the transport of the video."""

    index: int
    sctp_port: int
    """The viewer's."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What will be sent, and to whom: the viewer's certificate has one of these fingerprints."""

    video: Stream
    audio: Stream | None
    data: DataMedia | None
    fingerprints: tuple[tuple[str, str], ...]
    credentials: Credentials
    """The viewer's."""


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
    """Choose what goes to which m-line: of the video in `tracks` the first that fits, of the audio likewise.

    Raises:
        NoCodecError: no video of the offer fits; names what the camera sends, which is the first.
        BadRequestError: the one that would fit cannot be answered.
    """
    video = _choose_video(offer, [track for track in tracks if track.kind is TrackKind.VIDEO])
    media = offer.media[video.index]
    credentials = check_transport(media)
    audio = _choose_audio(offer, tracks, media)
    extension = media.extensions.get(PLAYOUT_DELAY)
    if audio is None and extension is not None and 1 <= extension <= 14:
        # No delay for video alone: with sound the browser would give up keeping it in step with the lips.
        video = replace(video, playout_delay=extension)
    return Agreement(video, audio, _choose_data(offer, media), media.fingerprints, credentials)


def check_transport(media: Media) -> Credentials:
    """The ICE credentials of an m-line that can be answered.

    Raises:
        BadRequestError: it lacks what WebRTC demands.
    """
    if not media.rtcp_mux:
        raise BadRequestError(f"the offer's {media.kind} has no a=rtcp-mux, which WebRTC demands")
    if media.setup not in ("actpass", "active"):
        raise BadRequestError(f"the offer says a=setup:{media.setup}: the gateway is the DTLS server, offer actpass")
    if not media.fingerprints:
        raise BadRequestError("the offer has no a=fingerprint that a certificate could be checked against")
    if media.credentials is None:
        raise BadRequestError("the offer has no a=ice-ufrag and a=ice-pwd")
    return media.credentials


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
    data = agreement.data
    indexes = sorted([*answered, *([data.index] if data is not None else [])])
    mids = [offer.media[index].mid for index in indexes]
    lines = answer_head(offer, mids, session_id)
    lines.append(f"a=msid-semantic: WMS {CNAME}")
    for index, media in enumerate(offer.media):
        stream = answered.get(index)
        if data is not None and index == data.index:
            lines += _answered_data(media, local)
        elif stream is None:
            lines += refusal(media)
        else:
            lines += _answered_media(
                media, stream, local, ssrcs[index], rtx_ssrc if stream is agreement.video else None
            )
    return "\r\n".join(lines) + "\r\n"


def answer_head(offer: Offer, mids: list[str | None], session_id: int) -> list[str]:
    """What an answer begins with; `mids` are those of the m-lines that are not refused."""
    lines = [
        "v=0",
        f"o=- {session_id} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        f"a=ice-options:{ICE_OPTIONS}",
    ]
    if offer.bundle:
        lines.append("a=group:BUNDLE " + " ".join(mid for mid in mids if mid in offer.bundle))
    if offer.mixed_extensions:
        lines.append("a=extmap-allow-mixed")
    return lines


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
        sends=direction in ("", "sendrecv", "sendonly"),
        refused=port == "0" and "bundle-only" not in names,
        rtcp_mux="rtcp-mux" in names,
        setup=(last("setup") or "actpass").lower(),
        fingerprints=tuple(pair for pair in map(_fingerprint, fingerprints) if pair is not None),
        credentials=Credentials(ufrag, password) if ufrag and password else None,
        extensions=_extensions([*session, *own]),
        sctp_port=_number(last("sctp-port") or "", 65535),
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


def _choose_video(offer: Offer, tracks: list[Track]) -> Stream:
    if not tracks:
        raise NoCodecError("no codec fits: the camera sends no video")
    offered = [(index, media) for index, media in enumerate(offer.media) if _usable(media, "video")]
    sent = codecs.describe(tracks[0])
    if not offered:
        raise NoCodecError(f"no codec fits: the offer wants to receive no video, the camera sends {sent}")
    for track in tracks:
        for index, media in offered:
            if (chosen := codecs.choose(media.formats, track)) is not None:
                return Stream(index, track, chosen, rtx=codecs.retransmissions(media.formats, chosen))
    names = codecs.describe_offered(f for _, media in offered for f in media.formats)
    raise NoCodecError(f"no codec fits: the camera sends {sent}, the offer has {names}")


def _choose_audio(offer: Offer, tracks: tuple[Track, ...], video: Media) -> Stream | None:
    """Sound goes on the transport that the video has, or not at all."""
    for track in tracks:
        for index, media in enumerate(offer.media):
            if not _usable(media, "audio") or media.mid not in offer.bundle or video.mid not in offer.bundle:
                continue
            if track.kind is TrackKind.AUDIO and (chosen := codecs.choose(media.formats, track)) is not None:
                return Stream(index, track, chosen)
    return None


def _choose_data(offer: Offer, video: Media) -> DataMedia | None:
    for index, media in enumerate(offer.media):
        if media.kind != "application" or media.refused or media.format_list != "webrtc-datachannel":
            continue
        if media.sctp_port and media.mid in offer.bundle and video.mid in offer.bundle:
            return DataMedia(index, media.sctp_port)
    return None


# ---- writing


def refusal(media: Media) -> list[str]:
    """The m-line of an answer that takes nothing (RFC 3264 6)."""
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
        *transport(local),
        *codecs.answer_lines(chosen, _FEEDBACK),
    ]
    if rtx is not None:
        lines += [f"a=rtpmap:{rtx} rtx/{chosen.clock_rate}", f"a=fmtp:{rtx} apt={payload_type}"]
    if stream.playout_delay is not None:
        lines.append(f"a=extmap:{stream.playout_delay} {PLAYOUT_DELAY}")
    if rtx is not None:
        lines.append(f"a=ssrc-group:FID {ssrc} {rtx_ssrc}")
    lines.append(f"a=ssrc:{ssrc} cname:{CNAME}")
    if rtx is not None:
        lines.append(f"a=ssrc:{rtx_ssrc} cname:{CNAME}")
    return [*lines, *candidates(local)]


def _answered_data(media: Media, local: LocalTransport) -> list[str]:
    """RFC 8841 5; the transport and its candidates are the video's."""
    return [
        f"m=application 9 {media.protocol} {media.format_list}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{media.mid}",
        *transport(local),
        f"a=sctp-port:{SCTP_PORT}",
        f"a=max-message-size:{MAX_MESSAGE}",
        *candidates(local),
    ]


def candidates(local: LocalTransport) -> list[str]:
    """All of ours; there are no others to come."""
    return [*(f"a=candidate:{candidate}" for candidate in local.candidates), "a=end-of-candidates"]


def transport(local: LocalTransport) -> list[str]:
    """ICE and DTLS of an m-line of ours."""
    return [
        f"a=ice-ufrag:{local.credentials.ufrag}",
        f"a=ice-pwd:{local.credentials.password}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        "a=setup:passive",
    ]
