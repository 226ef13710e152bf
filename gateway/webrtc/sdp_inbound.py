"""Offer and answer of somebody who speaks (RFC 9725): one stream of sound that the gateway receives.

Here belong choosing what of an offer is taken, and the answer. No I/O. How an offer is read is in `sdp`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.base.errors import BadRequestError
from gateway.media.model import Codec
from gateway.webrtc.codecs import Format, describe_offered
from gateway.webrtc.ice import Credentials
from gateway.webrtc.sdp import (
    LocalTransport,
    Media,
    NoCodecError,
    Offer,
    answer_head,
    candidates,
    check_transport,
    refusal,
    transport,
)

LAWS: Final = (Codec.PCMU, Codec.PCMA)
"""What is taken: every browser has both (RFC 7874 3), and cameras play them without being transcoded."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """The stream that both sides can have."""

    index: int
    """Which m-line of the offer."""
    formats: tuple[tuple[Codec, Format], ...]
    """The laws of G.711 in it, as the speaker prefers them; one of them is answered."""
    fingerprints: tuple[tuple[str, str], ...]
    credentials: Credentials

    @property
    def laws(self) -> tuple[Codec, ...]:
        """Those that the speaker can send."""
        return tuple(codec for codec, _ in self.formats)

    def format(self, law: Codec) -> tuple[Codec, Format]:
        """The format of `law`, or the one that the speaker prefers."""
        return next((pair for pair in self.formats if pair[0] is law), self.formats[0])


def negotiate_inbound(offer: Offer) -> Inbound:
    """The first sound of the offer that is sent as G.711.

    Raises:
        NoCodecError: there is none.
        BadRequestError: it cannot be answered.
    """
    spoken = [(index, media) for index, media in enumerate(offer.media) if _speaks(media)]
    if not spoken:
        raise BadRequestError("the offer sends no sound: it needs an audio m= line with a=sendonly")
    for index, media in spoken:
        found = [(law, format_) for format_ in media.formats for law in LAWS if _is(format_, law)]
        if found:
            return Inbound(index, tuple(found), media.fingerprints, check_transport(media))
    names = describe_offered(format_ for _, media in spoken for format_ in media.formats)
    raise NoCodecError(f"no codec fits: cameras play PCMU and PCMA, the offer has {names}")


def build_inbound_answer(
    offer: Offer, inbound: Inbound, chosen: Format, local: LocalTransport, *, session_id: int
) -> str:
    """The answer: every m-line of the offer in its order, all but one refused (RFC 3264 6)."""
    lines = answer_head(offer, [offer.media[inbound.index].mid], session_id)
    for index, media in enumerate(offer.media):
        lines += _answered(media, chosen, local) if index == inbound.index else refusal(media)
    return "\r\n".join(lines) + "\r\n"


def _answered(media: Media, chosen: Format, local: LocalTransport) -> Sequence[str]:
    number = chosen.payload_type
    lines = [f"m=audio 9 {media.protocol} {number}", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0"]
    if media.mid is not None:
        lines.append(f"a=mid:{media.mid}")
    return [
        *lines,
        "a=recvonly",
        "a=rtcp-mux",
        *transport(local),
        f"a=rtpmap:{number} {chosen.name}/{chosen.clock_rate}",
        "a=ptime:20",
        *candidates(local),
    ]


def _speaks(media: Media) -> bool:
    return media.kind == "audio" and media.sends and not media.refused


def _is(format_: Format, law: Codec) -> bool:
    return (format_.name, format_.clock_rate, format_.channels) == (law.value.upper(), 8000, 1)
