"""What `_send.c` does, in Python: the reference for its meaning, and the fallback where nothing was compiled.

A frame goes to many viewers in one Pass. Making the Pass numbers the frame's packets for every stream and copies what
sending them takes; `Pass.run` then reads nothing but that copy, the frame and the keys, so that it may run in another
thread while streams are moved, closed and asked for old packets; `Pass.settle` brings back what was learnt. All but
`run` belongs to one thread.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.webrtc.kernel.frame import MAX_OVERHEAD, Frame

DONE, MORE, FULL = range(3)
"""How far `Pass.run` came: to the end; as many packets as it was to send; until the socket took no more."""

HISTORY_FRAMES = 64
"""Frames of a stream whose packets can be sent again: two seconds of video."""

SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]

_HEADER = struct.Struct("!BBHII")
_VERSION, _EXTENSION, _MARKER = 0x80, 0x10, 0x80
_MAX_EXTENSION = MAX_OVERHEAD - _HEADER.size - 16
_UDP_SEGMENT = 103
_SIZE = struct.Struct("=H")
_TOO_MUCH = {errno.EAGAIN, errno.EWOULDBLOCK}
_NO_SEGMENTS = {errno.EIO, errno.EINVAL, errno.EMSGSIZE, errno.ENOPROTOOPT, errno.EOPNOTSUPP}
"""What a route answers that cannot cut datagrams: no checksums in hardware, IPsec, an MTU that is too small."""


class Sealer(Protocol):
    """What turns RTP into SRTP for one session."""

    def seal(self, header: bytes, payload: bytes, ssrc: int, index: int, /) -> bytes:
        """The SRTP packet; `index` is the sequence number extended by the roll-over count (RFC 3711 3.3.1)."""


class Cipher:
    """AES-GCM with the session key (16 or 32 bytes) and the session salt (12) of RFC 7714 8.1."""

    __slots__ = ("_encrypt", "_salt")

    def __init__(self, key: bytes, salt: bytes, /) -> None:
        if len(key) not in {16, 32} or len(salt) != 12:
            raise ValueError("the key has 16 or 32 bytes, the salt 12")
        self._encrypt = AESGCM(key).encrypt
        self._salt = int.from_bytes(salt, "big")

    def seal(self, header: bytes, payload: bytes, ssrc: int, index: int, /) -> bytes:
        """See `Sealer`."""
        nonce = self._salt ^ ssrc << 48 ^ index
        return header + self._encrypt(nonce.to_bytes(12, "big"), payload, header)


class Stream:
    """One RTP stream to one viewer: its numbers, where it goes, and what of it can be sent again.

    `extension` is the whole header extension that every packet bears (RFC 3550 5.3.1), or nothing; `offset` is added
    to all timestamps.
    """

    __slots__ = (
        "_extension", "_first_byte", "_history", "_offset", "_payload_type", "_route", "_sealer", "_ssrc",
        "next", "octets", "packets", "segmenting",
    )  # fmt: skip

    def __init__(
        self, sealer: Sealer, ssrc: int, payload_type: int, sequence: int, offset: int, extension: bytes, /
    ) -> None:
        if len(extension) % 4 or len(extension) > _MAX_EXTENSION or not 0 <= payload_type < 128:
            raise ValueError("the extension is in words, 64 bytes at most; a payload type has 7 bits")
        self.packets = 0
        self.octets = 0
        """Of payload. Both count what was numbered, as sender reports want it."""
        self.segmenting = True
        """Whether frames go out as one datagram that the system cuts."""
        self.next = sequence
        """The number of the next packet, extended by the roll-over count."""
        self._sealer = sealer
        self._ssrc = ssrc
        self._payload_type = payload_type
        self._first_byte = _VERSION | _EXTENSION if extension else _VERSION
        self._extension = extension
        self._offset = offset
        self._route: tuple[socket.socket, SocketAddress] | None = None
        self._history: deque[tuple[int, int, Frame]] = deque(maxlen=HISTORY_FRAMES)

    def aim(self, sock: socket.socket, address: SocketAddress, /) -> None:
        """Send from `sock` to `address`, as the socket gives addresses. A new route is tried with segments again."""
        socket.inet_pton(socket.AF_INET if len(address) == 2 else socket.AF_INET6, address[0])
        if (sock, address) != self._route:
            self._route = (sock, address)
            self.segmenting = True

    def find(self, sequence: int, /) -> tuple[int, bytes, bool] | None:
        """RTP timestamp, payload and marker of the newest packet of that number; None: not held any more."""
        found = self._find(sequence)
        if found is None:
            return None
        _, timestamp, frame, at = found
        return timestamp, frame.payloads[at], frame.marker and at == len(frame.payloads) - 1

    def again(self, sequence: int, /) -> bytes | None:
        """The newest packet of that number, byte for byte as it was sent: any other bytes would use a nonce twice."""
        found = self._find(sequence)
        return None if found is None else self._seal(*found)

    def seal(self, frame: Frame, ticks: int, /) -> list[bytes]:
        """Number a frame that takes another way than a Pass, and return its packets in their order."""
        first, timestamp = self._number(frame, ticks)
        return [self._seal(first, timestamp, frame, at) for at in range(len(frame.payloads))]

    def _find(self, sequence: int) -> tuple[int, int, Frame, int] | None:
        for first, timestamp, frame in reversed(self._history):
            at = (sequence - first) & 0xFFFF
            if at < len(frame.payloads):
                return first, timestamp, frame, at
        return None

    def _number(self, frame: Frame, ticks: int) -> tuple[int, int]:
        """Give the packets of `frame` their numbers: that of the first, and the timestamp of all."""
        first, timestamp = self.next, (ticks + self._offset) & 0xFFFFFFFF
        self._history.append((first, timestamp, frame))
        self.next = first + len(frame.payloads)
        self.packets += len(frame.payloads)
        self.octets += frame.size
        return first, timestamp

    def _seal(self, first: int, timestamp: int, frame: Frame, at: int) -> bytes:
        index, kind = first + at, self._payload_type
        if frame.marker and at == len(frame.payloads) - 1:
            kind |= _MARKER
        header = _HEADER.pack(self._first_byte, kind, index & 0xFFFF, timestamp, self._ssrc) + self._extension
        return self._sealer.seal(header, frame.payloads[at], self._ssrc, index)


class _Entry:
    """What a Pass knows of one stream. Its own: no stream changes it, and it changes no stream."""

    __slots__ = ("address", "at", "first", "missed", "place", "route", "segmenting", "send", "stream", "timestamp")

    def __init__(self, stream: Stream, place: int, frame: Frame, ticks: int) -> None:
        assert stream._route is not None
        self.stream = stream
        self.place = place
        self.route = stream._route
        self.send = stream._route[0].sendmsg
        self.address = stream._route[1]
        self.segmenting = stream.segmenting
        self.first, self.timestamp = stream._number(frame, ticks)
        self.at = 0
        """The packet that is sent next."""
        self.missed = False


class Pass:
    """One frame on its way to many streams, in their order; those that are not aimed yet are left out.

    `ticks` is the frame's timestamp, in 32 bits, before each stream's offset is added.
    """

    __slots__ = ("_entries", "_frame", "_now", "sent", "unreachable")

    def __init__(self, frame: Frame, ticks: int, streams: Sequence[Stream], /) -> None:
        self.sent = 0
        """Packets that the socket took."""
        self.unreachable = 0
        """Streams whose packets the system refused to route."""
        self._frame = frame
        self._now = 0
        self._entries = [
            _Entry(stream, place, frame, ticks) for place, stream in enumerate(streams) if stream._route is not None
        ]

    def run(self, limit: int, patient: bool, /) -> int:
        """Send on from where the last call stopped, until about `limit` packets more are sent: DONE, MORE or FULL.

        A `patient` pass stops where the socket is full. One that is not leaves out what does not fit, and its stream
        has missed the frame.
        """
        entries = self._entries
        stop = self.sent + limit
        while self._now < len(entries):
            if self.sent >= stop:
                return MORE
            entry = entries[self._now]
            try:
                self._send(entry)
            except OSError as error:
                if error.errno not in _TOO_MUCH:
                    # No route, perhaps while the viewer's network changes: it will say where it is, or fall silent.
                    self.unreachable += 1
                elif patient:
                    return FULL
                else:
                    entry.missed = True
            self._now += 1
        return DONE

    def settle(self) -> list[int]:
        """Tell the streams what was learnt of their routes; the places of those who did not get the whole frame."""
        for entry in self._entries:
            if not entry.segmenting and entry.stream._route == entry.route:
                entry.stream.segmenting = False
        return [entry.place for entry in self._entries if entry.missed]

    def _send(self, entry: _Entry) -> None:
        """Raises OSError; `entry.at` says how far it came."""
        frame, stream = self._frame, entry.stream
        for end in frame.runs:
            if end <= entry.at:
                continue
            packets = [stream._seal(entry.first, entry.timestamp, frame, at) for at in range(entry.at, end)]
            if entry.segmenting and len(packets) > 1:
                ancillary: list[tuple[int, int, Any]] = [
                    (socket.IPPROTO_UDP, _UDP_SEGMENT, _SIZE.pack(len(packets[0])))
                ]
                try:
                    entry.send(packets, ancillary, socket.MSG_DONTWAIT, entry.address)
                    self.sent += len(packets)
                    entry.at = end
                    continue
                except OSError as error:
                    if error.errno not in _NO_SEGMENTS:
                        raise
                    entry.segmenting = False
            for packet in packets:
                entry.send([packet], (), socket.MSG_DONTWAIT, entry.address)
                self.sent += 1
                entry.at += 1
