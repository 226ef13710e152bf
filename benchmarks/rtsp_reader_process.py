"""A process that is the NVRs: RTSP readers over TCP that count packets, as many as asked for.

It reads one line of JSON, {"url", "user", "password", "count"}, opens that many one after the other, and answers with
a line when all play; each further line is answered with what has come so far. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from urllib.parse import urlsplit

import uvloop

from gateway.rtsp.auth import ClientAuthentication
from gateway.rtsp.protocol import Connection, Headers, Request, Response, Role

BETWEEN_SECONDS = 0.02
BUFFER = 1 << 18
_STAP_A, _FU_A, _IDR, _SPS = 24, 28, 5, 7
_PAYLOAD = 16
"""Where it begins in a frame: after the interleaved header and RTP's."""


class Reader(asyncio.BufferedProtocol):
    """Talks until it plays, then counts."""

    def __init__(self, user: str, password: str) -> None:
        self.packets = self.bytes = self.lost = 0
        self.pictures = 0
        """That have ended."""
        self.keyframe_at: float | None = None
        self.ended = False
        self._authentication = ClientAuthentication(user, password, allow_basic=False)
        self._parser = Connection(Role.CLIENT)
        self._answer: asyncio.Future[Response] | None = None
        self._buffer = bytearray(BUFFER)
        self._filled = 0
        self._playing = False
        self._sequence: int | None = None
        self._transport: asyncio.Transport

    async def open(self, url: str, **play: str) -> None:
        """DESCRIBE, SETUP of the video, PLAY with these fields."""
        parts = urlsplit(url)
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_connection(lambda: self, parts.hostname, parts.port)
        described = await self._ask("DESCRIBE", url, Accept="application/sdp")
        base = described.headers.get("Content-Base", url).rstrip("/")
        video = described.body.decode().partition("m=video")[2].partition("\r\nm=")[0]
        control = video.partition("a=control:")[2].partition("\r\n")[0]
        track = control if control.startswith("rtsp://") else f"{base}/{control}"
        answer = await self._ask("SETUP", track, Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        session = answer.headers.get("Session").partition(";")[0]
        self.began = began
        await self._ask("PLAY", base, Session=session, **play or {"Range": "npt=0-"})

    def close(self) -> None:
        """Read no more."""
        self._transport.close()

    async def _ask(self, method: str, url: str, **fields: str) -> Response:
        for _ in range(2):
            self._answer = asyncio.get_running_loop().create_future()
            said = dict(fields, CSeq="1")
            if (authorization := self._authentication.authorization(method, url)) is not None:
                said["Authorization"] = authorization
            self._transport.write(Request(method, url, Headers.of(said)).encode())
            answer = await self._answer
            if answer.status != 401:
                break
            self._authentication.challenged(answer.headers.all("WWW-Authenticate"))
        if answer.status != 200:
            raise RuntimeError(f"{method}: {answer.status} {answer.reason}")
        self._playing = method == "PLAY"
        return answer

    # ---- asyncio's side

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        if not self._playing and not self._talk():
            return
        self._count()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True

    def eof_received(self) -> None:
        self.ended = True

    def _talk(self) -> bool:
        """Take an answer; whether packets follow it."""
        data = bytes(self._buffer[: self._filled])
        end = data.find(b"\r\n\r\n")
        if data[:1] == b"$" or end < 0:
            return False
        head = data[:end].decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0] or 0)
        stop = end + 4 + length
        if len(data) < stop:
            return False
        (response,) = (event for event in self._parser.receive(data[:stop]) if isinstance(event, Response))
        self._buffer[: len(data) - stop] = data[stop:]
        self._filled = len(data) - stop
        assert self._answer is not None
        self._answer.set_result(response)
        self._playing = response.headers.get("RTP-Info") != "" or response.headers.get("Range") != ""
        return self._playing and self._filled > 0

    def _count(self) -> None:
        buffer, at, filled = self._buffer, 0, self._filled
        while filled - at >= 4:
            end = at + 4 + (buffer[at + 2] << 8 | buffer[at + 3])
            if end > filled:
                break
            if not buffer[at + 1]:
                self.packets += 1
                self.pictures += buffer[at + 5] >> 7
                self.bytes += end - at - 4
                sequence = buffer[at + 6] << 8 | buffer[at + 7]
                if self._sequence is not None:
                    self.lost += (sequence - self._sequence - 1) & 0xFFFF
                self._sequence = sequence
                if self.keyframe_at is None and _is_keyframe(buffer[at + _PAYLOAD], buffer[at + _PAYLOAD + 1 : end]):
                    self.keyframe_at = time.monotonic()
            at = end
        if at:
            buffer[: filled - at] = buffer[at:filled]
            self._filled = filled - at


def _is_keyframe(first: int, rest: bytearray) -> bool:
    """Whether an H.264 payload begins a keyframe: an IDR slice, or the parameter sets before one."""
    kind = first & 31
    if kind == _FU_A:
        return rest[0] & 31 == _IDR
    return kind in {_IDR, _SPS} or (kind == _STAP_A and rest[2] & 31 == _SPS)


async def main() -> None:
    loop = asyncio.get_running_loop()
    order = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    readers = [Reader(order["user"], order["password"]) for _ in range(order["count"])]
    opening = []
    for reader in readers:
        opening.append(asyncio.create_task(reader.open(order["url"])))
        await asyncio.sleep(BETWEEN_SECONDS)
    failures = [str(error) for error in await asyncio.gather(*opening, return_exceptions=True) if error is not None]
    print(json.dumps({"failures": failures}), flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        told = {
            "packets": sum(reader.packets for reader in readers),
            "bytes": sum(reader.bytes for reader in readers),
            "lost": sum(reader.lost for reader in readers),
            "playing": sum(not reader.ended and reader.packets > 0 for reader in readers),
            "keyframe_ms": [1e3 * (r.keyframe_at - r.began) for r in readers if r.keyframe_at is not None],
            "cpu": time.process_time(),
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    # Readers elsewhere would not interrupt who sends to them at each packet, and do not here.
    if os.sched_getscheduler(0) == os.SCHED_OTHER:  # not if the whole benchmark was put before all else
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    uvloop.run(main())
