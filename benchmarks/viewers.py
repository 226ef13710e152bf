"""A process that is the viewers: real WHEP sessions (ICE, DTLS, SRTP) that decrypt and count packets, no more.

It reads one line of JSON, {"url", "headers", "count"}, opens that many sessions and answers with a line; each further
line is answered with what has come so far. It ends them all when its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from dataclasses import dataclass, field
from urllib.parse import urljoin

import aiohttp
import uvloop
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

AT_ONCE = 5
CONNECT_SECONDS = 20.0
CLOSE_SECONDS = 5.0


@dataclass
class Tally:
    """Of all sessions together."""

    packets: int = 0
    bytes: int = 0
    lost: int = 0
    """Numbers that are missing, by the packets after them."""


@dataclass
class Session:
    """One viewer."""

    tally: Tally
    pc: RTCPeerConnection = field(default_factory=lambda: RTCPeerConnection(RTCConfiguration(iceServers=[])))
    resource: str | None = None
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    sequence: int | None = None

    async def open(self, http: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
        """Returns when the first packet may come."""
        dtls = self.pc.addTransceiver("video", direction="recvonly").receiver.transport
        # In place of what aiortc does with a decrypted packet: the jitter buffer and the decoder are not measured.
        dtls._handle_rtp_data = self._count
        self.pc.on("connectionstatechange", self._state_changed)
        await self.pc.setLocalDescription(await self.pc.createOffer())
        headers = {"Content-Type": "application/sdp", **headers}
        async with http.post(url, data=self.pc.localDescription.sdp, headers=headers) as response:
            answer = await response.text()
            if response.status != 201:
                raise RuntimeError(f"WHEP answers {response.status}: {answer[:200]}")
            if "Location" in response.headers:
                self.resource = urljoin(url, response.headers["Location"])
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(CONNECT_SECONDS):
            await self.connected.wait()

    async def close(self, http: aiohttp.ClientSession, headers: dict[str, str]) -> None:
        if self.resource is not None:
            async with http.delete(self.resource, headers=headers):
                pass
        await self.pc.close()

    def _state_changed(self) -> None:
        if self.pc.connectionState == "connected":
            self.connected.set()

    async def _count(self, data: bytes, arrival_time_ms: int) -> None:
        self.tally.packets += 1
        self.tally.bytes += len(data)
        sequence = int.from_bytes(data[2:4], "big")
        if self.sequence is not None:
            missing = (sequence - self.sequence - 1) & 0xFFFF
            if missing >= 1 << 15:
                return  # late: it was counted as missing, and stays so
            self.tally.lost += missing
        self.sequence = sequence


async def main() -> None:
    loop = asyncio.get_running_loop()
    order = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    tally = Tally()
    sessions = [Session(tally) for _ in range(order["count"])]
    async with aiohttp.ClientSession() as http:
        try:
            for first in range(0, len(sessions), AT_ONCE):
                group = sessions[first : first + AT_ONCE]
                await asyncio.gather(*(session.open(http, order["url"], order["headers"]) for session in group))
            print(json.dumps({"connected": len(sessions)}), flush=True)
            while await loop.run_in_executor(None, sys.stdin.readline):
                print(json.dumps({"packets": tally.packets, "bytes": tally.bytes, "lost": tally.lost}), flush=True)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await asyncio.gather(
                        *(session.close(http, order["headers"]) for session in sessions), return_exceptions=True
                    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    uvloop.run(main())
