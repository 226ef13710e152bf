"""Somebody who talks and is not ours: aiortc, with a tone for a voice."""

from __future__ import annotations

import asyncio
import math
from fractions import Fraction

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame

RATE = 8000
FRAME = 160


class Tone(MediaStreamTrack):
    """A sine, 20 ms at a time."""

    kind = "audio"

    def __init__(self, frequency: float = 440.0) -> None:
        super().__init__()
        self._frequency = frequency
        self._frames = 0
        self._began: float | None = None

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        if self._began is None:
            self._began = loop.time()
        await asyncio.sleep(max(0.0, self._began + self._frames * FRAME / RATE - loop.time()))
        at = np.arange(FRAME) + self._frames * FRAME
        samples = (8000 * np.sin(2 * math.pi * self._frequency * at / RATE)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._frames * FRAME, Fraction(1, RATE)
        self._frames += 1
        return frame


class Speaker:
    """One connection that sends a tone. Close it in the end."""

    def __init__(self, frequency: float = 440.0) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTransceiver(Tone(frequency), direction="sendonly")

    async def offer(self) -> str:
        """Its SDP."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Connect to who answered."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def close(self) -> None:
        """Be gone."""
        await self.connection.close()
