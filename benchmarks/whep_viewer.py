"""One viewer, so light that one process holds a thousand: the plain WHEP exchange, ICE, DTLS, and counting.

It is a real one to whoever serves it: each has a socket, an ICE agent that asks for consent, and a DTLS association.
What comes is counted by the clear header of each RTP packet (RFC 3550 5.1) and not decrypted, and nothing is reported
or asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
import struct
from dataclasses import dataclass
from urllib.parse import urljoin

import aiohttp
from aioice import stun
from aioice.ice import get_host_addresses
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

CONNECT_SECONDS = 10.0
CHECK_SECONDS = 0.2
"""Between two connectivity checks, until one is answered."""
CONSENT_SECONDS = 4.0
"""Between two checks from then on (RFC 7675 5.1)."""
RECEIVE_BUFFER = 1 << 20
UDP_GRO = 104
READS_PER_WAKE = 8
_BUFFER = memoryview(bytearray(4096))
"""Whole datagrams but for media, of which the beginning is enough: MSG_TRUNC tells how long it is."""

_SHORTEST = 12
"""An RTP header. Nothing that is for a viewer is shorter."""

_OFFER = """v=0
o=- {session} 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=video {port} UDP/TLS/RTP/SAVPF 102
c=IN IP4 {host}
a=candidate:1 1 udp 2130706431 {host} {port} typ host
a=end-of-candidates
a=ice-ufrag:{ufrag}
a=ice-pwd:{password}
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:102 H264/90000
a=rtcp-fb:102 nack
a=rtcp-fb:102 nack pli
a=rtcp-fb:102 goog-remb
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
"""


OVERHEAD = 12 + 16 + 2
"""Bytes that a packet has beside the picture: RTP header, SRTP tag, the two bytes of a fragment (RFC 6184 5.8)."""


@dataclass
class Tally:
    """Of all viewers together."""

    packets: int = 0
    bytes: int = 0
    lost: int = 0
    """Numbers that are missing, by the packets after them."""


class _Link:
    """What RTCDtlsTransport asks of an ICE transport."""

    role = "controlling"
    state = "completed"

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()

    async def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._sock.send(data)

    async def _recv(self) -> bytes:
        return await self.incoming.get()


class Viewer:
    """`gro`: take what the kernel has not cut yet as one datagram (UDP_GRO)."""

    def __init__(self, tally: Tally, certificate: RTCCertificate, *, gro: bool) -> None:
        self.packets = 0
        self._reads = 1 if gro else READS_PER_WAKE
        self.resource: str | None = None
        self._tally = tally
        self._certificate = certificate
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if gro:
            self._sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        self._sock.bind(("0.0.0.0", 0))
        self._link = _Link(self._sock)
        self._dtls: RTCDtlsTransport | None = None
        self._ufrag, self._password = secrets.token_hex(4), secrets.token_hex(16)
        self._theirs = ("", "")
        self._answered = asyncio.Event()
        self._consent: asyncio.Task[None] | None = None
        self._next: int | None = None

    async def open(self, http: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
        """Returns when the first packet may come.

        Raises:
            RuntimeError: the server refuses, or does not connect in time.
        """
        async with http.post(
            url, data=self._offer(), headers={"Content-Type": "application/sdp"} | headers
        ) as response:
            answer = await response.text()
            if response.status != 201:
                raise RuntimeError(f"WHEP answers {response.status}: {answer[:200]}")
            if "Location" in response.headers:
                self.resource = urljoin(url, response.headers["Location"])
        said = dict(re.findall(r"^a=(ice-ufrag|ice-pwd|setup|fingerprint:sha-256)[: ](\S+)", answer, re.MULTILINE))
        self._theirs = said["ice-ufrag"], said["ice-pwd"]
        candidate = re.search(
            r"^a=candidate:\S+ 1 udp \d+ (\d+\.\S+) (\d+) typ host", answer, re.MULTILINE | re.IGNORECASE
        )
        if candidate is None:
            raise RuntimeError(f"no host candidate by UDP and IPv4 in the answer: {answer}")
        self._sock.connect((candidate[1], int(candidate[2])))
        asyncio.get_running_loop().add_reader(self._sock.fileno(), self._readable)
        self._consent = asyncio.create_task(self._check())
        dtls = self._dtls = RTCDtlsTransport(self._link, [self._certificate])  # type: ignore[arg-type]
        dtls._set_role("server" if said["setup"] == "active" else "client")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._answered.wait()
                await dtls.start(RTCDtlsParameters([RTCDtlsFingerprint("sha-256", said["fingerprint:sha-256"])]))
        except TimeoutError:
            how_far = f"DTLS {dtls.state}" if self._answered.is_set() else "no check was answered"
            raise RuntimeError(f"no connection within {CONNECT_SECONDS:.0f} s: {how_far}") from None
        if dtls.state != "connected":
            raise RuntimeError("the DTLS handshake failed")

    async def close(self, http: aiohttp.ClientSession, headers: dict[str, str]) -> None:
        if self.resource is not None:
            async with http.delete(self.resource, headers=headers):
                pass
        if self._consent is not None:
            self._consent.cancel()
        if self._dtls is not None:
            await self._dtls.stop()
        asyncio.get_running_loop().remove_reader(self._sock.fileno())
        self._sock.close()

    def _offer(self) -> str:
        fingerprint = next(f.value for f in self._certificate.getFingerprints() if f.algorithm == "sha-256")
        host = next(iter(get_host_addresses(use_ipv4=True, use_ipv6=False)), "127.0.0.1")
        return _OFFER.replace("\n", "\r\n").format(
            session=secrets.randbits(62),
            host=host,
            port=self._sock.getsockname()[1],
            ufrag=self._ufrag,
            password=self._password,
            fingerprint=fingerprint,
        )

    async def _check(self) -> None:
        """Nominate the only pair there is, and go on asking whether the other side still agrees."""
        while True:
            request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
            request.attributes["USERNAME"] = f"{self._theirs[0]}:{self._ufrag}"
            request.attributes["PRIORITY"] = 1845501695
            request.attributes["ICE-CONTROLLING"] = 1
            request.attributes["USE-CANDIDATE"] = None
            request.add_message_integrity(self._theirs[1].encode())
            request.add_fingerprint()
            with contextlib.suppress(OSError):  # the other side's port may be closed by now
                self._sock.send(bytes(request))
            await asyncio.sleep(CONSENT_SECONDS if self._answered.is_set() else CHECK_SECONDS)

    def _readable(self) -> None:
        for _ in range(self._reads):
            try:
                size, ancillary, _, _ = self._sock.recvmsg_into((_BUFFER,), 64, socket.MSG_TRUNC)
            except OSError:  # nothing more, or the other side's port is closed
                return
            if size < _SHORTEST:
                continue
            first, second = _BUFFER[0], _BUFFER[1]
            if 128 <= first <= 191 and not 192 <= second <= 223:
                segment = size
                for level, kind, value in ancillary:
                    if (level, kind) == (socket.IPPROTO_UDP, UDP_GRO):
                        (segment,) = struct.unpack_from("=H", value)
                self._count(_BUFFER[2] << 8 | _BUFFER[3], -(-size // segment), size)
            elif first < 2:
                self._stun(bytes(_BUFFER[:size]))
            elif 20 <= first <= 63:
                self._link.incoming.put_nowait(bytes(_BUFFER[:size]))

    def _count(self, sequence: int, packets: int, octets: int) -> None:
        """RTP packets that were sent in one call and arrived as one: the first has the number `sequence`."""
        tally = self._tally
        self.packets += packets
        tally.packets += packets
        tally.bytes += octets
        if self._next is not None:
            missing = (sequence - self._next) & 0xFFFF
            if missing >= 1 << 15:
                return  # late: it was counted as missing, and stays so
            tally.lost += missing
        self._next = (sequence + packets) & 0xFFFF

    def _stun(self, data: bytes) -> None:
        try:
            message = stun.parse_message(data)
        except ValueError:
            return
        if message.message_class is stun.Class.RESPONSE:
            self._answered.set()
        elif message.message_class is stun.Class.REQUEST:
            answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, message.transaction_id)
            answer.attributes["XOR-MAPPED-ADDRESS"] = self._sock.getpeername()
            answer.add_message_integrity(self._password.encode())
            answer.add_fingerprint()
            self._sock.send(bytes(answer))
