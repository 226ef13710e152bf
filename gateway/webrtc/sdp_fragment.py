"""SDP fragments (RFC 8840 9): what a viewer and we tell each other of ICE after offer and answer.

Here belong reading what comes with a WHEP PATCH and writing the answer to an ICE restart. No I/O. Candidates are
counted and passed over: a lite agent waits to be asked, and answers where the request came from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.base.errors import BadRequestError
from gateway.webrtc.ice import Credentials
from gateway.webrtc.sdp import ICE_OPTIONS, Agreement, LocalTransport, Offer

MAX_FRAGMENT = 32 << 10
"""Characters. A viewer with ten interfaces sends about 3000."""

_LINE = re.compile(r"[a-z]=\S.*")
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a viewer says."""

    credentials: Credentials | None
    """The viewer's own; others than before mean an ICE restart."""
    candidates: int


@dataclass(frozen=True, slots=True)
class TaggedMedia:
    """The m-line that stands for the transport in a fragment: the first that was answered (RFC 9143 7.2)."""

    m_line: str
    mid: str | None
    bundle: tuple[str, ...]
    """The mids that share the transport."""


def parse_fragment(text: str) -> Fragment:
    """Read a fragment. Attributes that have nothing to do with ICE are passed over.

    Raises:
        BadRequestError: this is no fragment, or its credentials are none (RFC 8839 5.4).
    """
    if len(text) > MAX_FRAGMENT:
        raise BadRequestError(f"the SDP fragment has {len(text)} characters, more than {MAX_FRAGMENT}")
    lines = [line for line in (line.strip() for line in text.splitlines()) if line]
    wrong = next((line for line in lines if not _LINE.fullmatch(line)), None)
    if wrong is not None:
        raise BadRequestError(f"the SDP fragment has a line that is none: {wrong[:80]}")
    attributes = [(name, value) for line in lines if line[0] == "a" for name, _, value in [line[2:].partition(":")]]
    names = {name for name, _ in attributes}
    if not names & {"ice-ufrag", "candidate", "end-of-candidates"}:
        raise BadRequestError(
            "the SDP fragment says nothing of ICE: no a=candidate, a=ice-ufrag or a=end-of-candidates"
        )
    ufrag, password = (
        next((value for name, value in attributes if name == wanted), None) for wanted in ("ice-ufrag", "ice-pwd")
    )
    candidates = sum(name == "candidate" for name, _ in attributes)
    if ufrag is None and password is None:
        return Fragment(None, candidates)
    if ufrag is None or password is None or not _UFRAG.fullmatch(ufrag) or not _PASSWORD.fullmatch(password):
        raise BadRequestError(
            "the SDP fragment needs an a=ice-ufrag of at least 4 and an a=ice-pwd of at least 22 letters"
        )
    return Fragment(Credentials(ufrag, password), candidates)


def tagged_media(offer: Offer, agreement: Agreement) -> TaggedMedia:
    """Which m-line of the answer speaks for its transport."""
    answered = (agreement.video, agreement.audio, agreement.data)
    media = [offer.media[index] for index in sorted(part.index for part in answered if part is not None)]
    first = media[0]
    return TaggedMedia(
        f"m={first.kind} 9 {first.protocol} {first.format_list.split()[0]}",
        first.mid,
        tuple(one.mid for one in media if one.mid is not None and one.mid in offer.bundle),
    )


def build_fragment(media: TaggedMedia, local: LocalTransport) -> str:
    """What answers an ICE restart: the new credentials, and every candidate (draft-ietf-wish-whep 4.4.3)."""
    lines = ["a=ice-lite", f"a=ice-options:{ICE_OPTIONS}"]
    if media.bundle:
        lines.append("a=group:BUNDLE " + " ".join(media.bundle))
    lines.append(media.m_line)
    if media.mid is not None:
        lines.append(f"a=mid:{media.mid}")
    lines += [f"a=ice-ufrag:{local.credentials.ufrag}", f"a=ice-pwd:{local.credentials.password}"]
    lines += [f"a=candidate:{candidate}" for candidate in local.candidates]
    return "\r\n".join([*lines, "a=end-of-candidates"]) + "\r\n"
