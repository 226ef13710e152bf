"""What stands between the RTSP server and what it serves: a presentation, and who receives its packets.

Here belong the nouns both sides speak of. A live camera is one Presentation (`mount`); whatever else has tracks and can
be played would be another. How a client is reached is `delivery`; what methods answer is `server_connection`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.media.model import AccessUnit, Codec, Track, TrackKind
from gateway.rtsp.fan import Fan
from gateway.rtsp.protocol import Headers, Response

_DOLLAR = 0x24
_FRAME = struct.Struct("!BBH")
"""What precedes a packet within the RTSP connection (RFC 2326 10.12)."""


class RefusalError(Exception):
    """Answer with this status and these fields instead."""

    def __init__(self, status: int, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.response = Response(status, Headers.of(fields or {}))


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks."""

    user: str
    """As proved; empty where nobody has to log in."""
    address: str
    agent: str = ""
    """What its program calls itself (User-Agent), as it says."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a track begins for one receiver: the numbers of RTP-Info (RFC 2326 12.33)."""

    sequence: int
    timestamp: int | None
    """None: not known before its first packet."""


@dataclass(frozen=True, slots=True)
class Back:
    """What a presentation takes from a client that requires the backchannel: G.711 (`backchannel.OPTION`)."""

    track_id: int
    """None of the tracks that are sent."""
    codecs: tuple[Codec, ...]
    take: Callable[[list[bytes]], None]
    """Called with RTP packets, or what a client takes for such."""


@dataclass(frozen=True, slots=True)
class Description:
    """What DESCRIBE says of a presentation beside its tracks."""

    ranges: tuple[str, ...] = ("npt=now-",)
    """The session's attributes of the name `range` (RFC 2326 C.1.5), the one that says more first."""
    attributes: Mapping[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """More attributes of tracks, name and value, by the track's id."""
    back: Back | None = None
    """None: there is no backchannel."""


LIVE = Description()
"""What comes from now on, and nothing else."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Playing:
    """What PLAY came to."""

    starts: Mapping[int, Start]
    """By track."""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Range": "npt=now-"})
    """Of the answer: at least its Range (RFC 2326 12.29)."""
    begin: Callable[[], None] = _nothing
    """Called right after the answer was written, in the same step of the loop."""


class Burst:
    """The RTP packets of one access unit. Shared: nobody changes it."""

    __slots__ = ("_framed", "is_keyframe", "is_video", "packets", "sequence", "size", "timestamp", "track_id", "utc_ns")

    def __init__(self, unit: AccessUnit, packets: tuple[bytes, ...]) -> None:
        self.track_id = unit.track.id
        self.is_video = unit.track.kind is TrackKind.VIDEO
        self.is_keyframe = unit.is_keyframe
        self.utc_ns = unit.utc_ns
        self.packets = packets
        self.size = sum(map(len, packets))
        self.sequence = int.from_bytes(packets[0][2:4], "big")
        self.timestamp = int.from_bytes(packets[0][4:8], "big")
        self._framed: dict[int, bytes] = {}

    def interleaved(self, channel: int) -> bytes:
        """The packets as frames of `channel` (RFC 2326 10.12). Made once for each channel in use."""
        framed = self._framed.get(channel)
        if framed is None:
            head = _FRAME.pack
            parts: list[bytes] = []
            for packet in self.packets:
                parts += (head(_DOLLAR, channel, len(packet)), packet)
            framed = self._framed[channel] = b"".join(parts)
        return framed


class Receiver(Protocol):
    """Who is attached. Its calls return at once and never raise."""

    @property
    def waiting(self) -> int:
        """Bytes that it has not taken yet. When they are too many, what is delivered is passed over."""

    def deliver(self, burst: Burst) -> None:
        """The next packets of a track."""

    def follow(self, fan: Fan) -> None:
        """Whoever has the next packets for it has them for others, too: it may join `fan` while it keeps up."""

    def report(self, track_id: int, packet: bytes) -> None:
        """An RTCP packet of a track."""

    def end(self, why: str) -> None:
        """Nothing follows. `why` is a clause, for the log and the audit."""


class Presentation(Protocol):
    """What the server serves under one path to one session."""

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What it carries now; empty while it carries nothing."""

    @property
    def description(self) -> Description:
        """What else is said of it."""

    @property
    def options(self) -> frozenset[str]:
        """The option tags that a client may require (RFC 2326 12.32)."""

    def ssrc(self, track_id: int) -> int:
        """Of that track's packets."""

    async def play(self, receiver: Receiver, asked: Headers, client: Client) -> Playing:
        """Begin, or go on from elsewhere: `asked` are the header fields of PLAY (Range, Scale, Rate-Control, Frames).

        Raises:
            RefusalError: not like that.
            RefusedError: this client may not.
        """

    def detach(self, receiver: Receiver, why: str) -> None:
        """End, as `why` says in a clause. Idempotent, and also for who never began."""
