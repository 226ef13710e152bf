"""The audio backchannel: sound that a client sends to a camera's loudspeaker (ONVIF Streaming Specification 5.3).

Here belong the option that asks for it and the media lines that describe it, for both roles. No I/O. Who opens a
session for it is `client`'s, what a server does with the sound `hearing`'s.

Directions are named as the client sees them: `a=sendonly` is what the client sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gateway.base.errors import CameraError, Fault
from gateway.media.model import AudioParameters, Codec, Track, TrackKind
from gateway.rtsp.sdp import Media, SessionDescription, TrackDescription, control_url

OPTION: Final = "www.onvif.org/ver20/backchannel"
"""What DESCRIBE, SETUP and PLAY carry in Require; whoever does not know it answers 551."""
PAYLOAD_TYPES: Final = {Codec.PCMU: 0, Codec.PCMA: 8}
"""Of the codecs that are sent (RFC 3551 6)."""
CLOCK_RATE: Final = 8000


class NoBackchannelError(CameraError):
    """The camera takes no sound, or none that the gateway can send."""

    def __init__(self, reason: str, *, where: str = "") -> None:
        super().__init__(Fault.REFUSED, reason, where=where)


def back_tracks(description: SessionDescription, base: str) -> tuple[TrackDescription, ...]:
    """What the camera can be sent: one description for each law of G.711 and each backchannel, the preferred first.

    Those of one backchannel have the same control URL: only one of them is set up. `base` as in `sdp.tracks`.
    """
    found: list[TrackDescription] = []
    for media in description.media:
        if media.kind != "audio" or media.attribute("sendonly") is None:
            continue
        control = control_url(media.attribute("control") or "*", base)
        for payload_type in media.formats:
            if (law := _law(media, payload_type)) is None:
                continue
            parameters = AudioParameters(CLOCK_RATE)
            track = Track(len(found), TrackKind.AUDIO, law, CLOCK_RATE, parameters, law.value.upper())
            found.append(TrackDescription(track, control, payload_type))
    return tuple(found)


def choose_law(offered: Sequence[TrackDescription], laws: Sequence[Codec]) -> TrackDescription:
    """Of what the camera takes, the first of `laws`; else whatever it takes first, for which sound is converted.

    Raises:
        NoBackchannelError: it takes none.
    """
    if not offered:
        raise NoBackchannelError("The camera takes no sound that can be sent to it: it has no G.711 backchannel.")
    fitting = (described for law in laws for described in offered if described.track.codec is law)
    chosen = next(fitting, offered[0])
    return replace(chosen, track=replace(chosen.track, id=0))


def back_media(track_id: int, codecs: Sequence[Codec]) -> Media:
    """The media line by which a server describes its backchannel."""
    numbers = tuple(PAYLOAD_TYPES[codec] for codec in codecs)
    maps = (("rtpmap", f"{PAYLOAD_TYPES[codec]} {codec.value.upper()}/{CLOCK_RATE}") for codec in codecs)
    return Media("audio", numbers, (*maps, ("control", f"trackID={track_id}"), ("sendonly", "")))


def _law(media: Media, payload_type: int) -> Codec | None:
    """The law of a payload type, by its rtpmap or, without one, by the static assignment."""
    said = next(
        (
            value.partition(" ")[2].strip()
            for name, value in media.attributes
            if name.lower() == "rtpmap" and value.partition(" ")[0] == str(payload_type)
        ),
        {0: "PCMU/8000", 8: "PCMA/8000"}.get(payload_type, ""),
    )
    name, rate, channels = (*said.upper().split("/"), "", "", "")[:3]
    if rate.strip() not in ("", str(CLOCK_RATE)) or channels.strip() not in ("", "1"):
        return None
    return {"PCMU": Codec.PCMU, "PCMA": Codec.PCMA}.get(name.strip())
