"""Which payload type of an offer suits a track, and what the answer says about it.

Here belong the format parameters of each codec: H.264 (RFC 6184 8), H.265 (RFC 7798 7), Opus (RFC 7587 6), G.711
(RFC 3551). How offers and answers are written otherwise is in `sdp`. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.media import h265
from gateway.media.bits import BitstreamError
from gateway.media.model import Codec, Track, VideoParameters

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
_CONSTRAINED = 0x40
"""`constraint_set1_flag`: with profile 66, constrained baseline (ITU-T H.264 A.2.1.1)."""
_NO_CODECS = {"RTX", "RED", "ULPFEC", "FLEXFEC-03"}


@dataclass(frozen=True, slots=True)
class Format:
    """One payload type of an m-line. Names are upper case, parameters as they were written."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int
    parameters: dict[str, str]
    feedback: tuple[str, ...]


def choose(formats: tuple[Format, ...], track: Track) -> Format | None:
    """The payload type to send `track` with; None: the receiver cannot play it."""
    if track.codec is Codec.H264:
        return _choose_h264(formats, track)
    if track.codec is Codec.H265:
        return next((f for f in formats if f.name == "H265" and _decodes_h265(f, track)), None)
    if track.codec in (Codec.PCMU, Codec.PCMA, Codec.OPUS):
        wanted = track.codec.value.upper(), track.clock_rate
        return next((f for f in formats if (f.name, f.clock_rate) == wanted), None)
    return None


def retransmissions(formats: tuple[Format, ...], of: Format) -> int | None:
    """The payload type that is associated with that of `of` (RFC 4588 8.6)."""
    apt = str(of.payload_type)
    found = (f for f in formats if f.name == "RTX" and f.parameters.get("apt") == apt and "nack" in of.feedback)
    return next((f.payload_type for f in found), None)


def answer_lines(chosen: Format, feedback: Iterable[str]) -> list[str]:
    """What an answer says of the payload type it chose; of `feedback` what the offer has, too."""
    number, name = chosen.payload_type, chosen.name
    if name == "OPUS":
        return [f"a=rtpmap:{number} opus/48000/2", f"a=fmtp:{number} sprop-stereo=0;useinbandfec=0"]
    lines = [f"a=rtpmap:{number} {name}/{chosen.clock_rate}"]
    if name == "H264":
        profile = chosen.parameters.get("profile-level-id", _DEFAULT_PROFILE)
        lines.append(f"a=fmtp:{number} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}")
    elif name == "H265" and chosen.parameters:
        lines.append(f"a=fmtp:{number} " + ";".join(f"{key}={value}" for key, value in chosen.parameters.items()))
    if name in ("H264", "H265"):
        lines += [f"a=rtcp-fb:{number} {kind}" for kind in feedback if kind in chosen.feedback]
    return lines


def describe(track: Track) -> str:
    """What a camera sends, for those who cannot play it."""
    parameters = track.parameters
    if track.codec is Codec.UNSUPPORTED:
        return track.name or "a codec that the gateway does not know"
    if track.codec is Codec.H264 and isinstance(parameters, VideoParameters) and len(parameters.sps) > 3:
        return f"H264 (profile-level-id {parameters.sps[1:4].hex()}, packetization-mode 1)"
    return track.codec.value


def describe_offered(formats: Iterable[Format]) -> str:
    """The codecs among `formats`."""
    return ", ".join(sorted({_name(f) for f in formats if f.name not in _NO_CODECS})) or "none"


def _name(offered: Format) -> str:
    mode = offered.parameters.get("packetization-mode")
    return f"H264 (packetization-mode {mode})" if offered.name == "H264" and mode is not None else offered.name


def _choose_h264(formats: tuple[Format, ...], track: Track) -> Format | None:
    """The payload type whose decoder suits the camera's profile best; only packetization mode 1 can take fragments.

    An offer that names no mode means mode 0 by the letter (RFC 6184 8.1), yet those who write none take fragments;
    it is the last choice.
    """
    assert isinstance(track.parameters, VideoParameters)
    sps = track.parameters.sps
    wanted = _H264_SUBSTITUTES.get(sps[1], _ANY_PROFILE) if len(sps) > 3 else _ANY_PROFILE
    constrained = len(sps) > 3 and bool(sps[2] & _CONSTRAINED)

    def rank(chosen: Format) -> tuple[bool, int, bool]:
        named = chosen.parameters.get("profile-level-id", _DEFAULT_PROFILE)
        profile, flags = _number_16(named[:2]), _number_16(named[2:4])
        return (
            "packetization-mode" not in chosen.parameters,
            wanted.index(profile) if profile in wanted else len(wanted),
            bool(flags & _CONSTRAINED) != constrained,
        )

    usable = [f for f in formats if f.name == "H264" and f.parameters.get("packetization-mode", "1") == "1"]
    return min(usable, key=rank, default=None)


def _decodes_h265(offered: Format, track: Track) -> bool:
    """Whether profile, tier and level suffice, by the offer's parameters and their defaults (RFC 7798 7.1)."""
    assert isinstance(track.parameters, VideoParameters)
    try:
        sent = h265.parse_sps(track.parameters.sps)
    except BitstreamError:
        return False
    profile, tier, level = (
        _number(offered.parameters.get(name, default))
        for name, default in (("profile-id", "1"), ("tier-flag", "0"), ("level-id", "93"))
    )
    same_profile = sent.profile_idc == profile or (sent.profile_idc == 1 and profile == 2)  # Main 10 decodes Main
    single = offered.parameters.get("tx-mode", "SRST").upper() == "SRST"
    return same_profile and single and (sent.tier, sent.level_idc) <= (tier, level)


def _number_16(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return -1


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1
