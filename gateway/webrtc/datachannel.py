"""Messages to a viewer over data channels (RFC 8831): SCTP (RFC 9260) inside its DTLS association.

Here belong aiortc's RTCSctpTransport, used as a part, and the bounds that it lacks: what a viewer may send, and what
waits for one that does not read. This and `dtls` are the only modules that reach into aiortc's underscore names. What
the messages say is their sender's business; what viewers say is not listened to.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from aiortc import RTCDataChannel, RTCSctpTransport
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import Chunk, RTCSctpCapabilities

from gateway.base.clock import Clock
from gateway.base.metrics import BAD_INPUT

SCTP_PORT = 5000
"""Ours: a name within the DTLS association, not a port of the machine."""
MAX_MESSAGE = 1 << 16
"""Bytes of a message, in either direction."""
MAX_WAITING = 16
"""Messages for one channel that does not take them; then the oldest goes."""
MAX_CHANNELS = 8
MAX_HELD = 64 << 10
"""Bytes of messages that a viewer has begun and not ended."""
MAX_AHEAD = 1000
"""Chunks that came ahead of others."""
HEARD_BYTES_PER_SECOND = 8 << 10
"""Acknowledgements of ten messages a second are a tenth of that. Who sends more for long is cut off."""
HEARD_BURST = 64 << 10


class _Sctp(RTCSctpTransport):
    """Bounded in what it takes; who sends more, or nonsense, is cut off."""

    def __init__(self, transport: RTCDtlsTransport, port: int, clock: Clock) -> None:
        super().__init__(transport, port)
        self._clock = clock
        self._room = float(HEARD_BURST)
        self._heard = clock.monotonic()
        self._window = self._advertised_rwnd

    async def _handle_data(self, data: bytes) -> None:
        if not self._allows(len(data)):
            await self._refuse("data channel that sends too much")
            return
        try:
            await super()._handle_data(data)
        except ConnectionError:
            raise
        except Exception:
            # It asserts what a peer should do, and trips over some of what it should not.
            await self._refuse("SCTP that makes no sense")

    async def _send_chunk(self, chunk: Chunk) -> None:
        # aiortc sends from tasks and timers that nobody awaits. The association ends with the transport anyway.
        with contextlib.suppress(ConnectionError):
            await super()._send_chunk(chunk)

    def _allows(self, size: int) -> bool:
        now = self._clock.monotonic()
        self._room = min(self._room + (now - self._heard) * HEARD_BYTES_PER_SECOND, HEARD_BURST) - size
        self._heard = now
        held = self._window - self._advertised_rwnd
        return self._room >= 0 and held <= MAX_HELD and len(self._sack_misordered) <= MAX_AHEAD

    async def _refuse(self, what: str) -> None:
        BAD_INPUT.labels("", what).inc()
        await self.stop()


class DataChannels:
    """The data channels of one viewer, over a DTLS transport that is connected. Made for those who offered them.

    The viewer opens them; each message goes to every one that is open. `latest` goes first to each new one.
    """

    def __init__(self, transport: RTCDtlsTransport, clock: Clock) -> None:
        self.latest: str | None = None
        """What a channel is told as soon as it opens."""
        self.dropped = 0
        """Messages that were let go of because the viewer did not take them in time."""
        self._waiting: dict[RTCDataChannel, deque[str]] = {}
        self._sctp = _Sctp(transport, SCTP_PORT, clock)
        self._sctp.on("datachannel", self._opened)

    @property
    def channels(self) -> int:
        """How many are open."""
        return len(self._waiting)

    async def start(self, remote_port: int) -> None:
        """Begin the association; `remote_port` is the viewer's `a=sctp-port`.

        Raises:
            ConnectionError: the transport is closed already.
        """
        await self._sctp.start(RTCSctpCapabilities(maxMessageSize=MAX_MESSAGE), remote_port)

    def send(self, message: str) -> None:
        """Give `message` to every channel. Never waits."""
        self.latest = message
        for channel in list(self._waiting):
            self._offer(channel, message)

    async def close(self) -> None:
        """End the association, while its transport still sends. Idempotent."""
        await self._sctp.stop()
        self._waiting.clear()
        await asyncio.sleep(0)  # what aiortc has scheduled runs out

    # ---- inside

    def _opened(self, channel: RTCDataChannel) -> None:
        if len(self._waiting) >= MAX_CHANNELS:
            BAD_INPUT.labels("", "data channel beyond those allowed").inc()
            channel.close()
            return
        self._waiting[channel] = deque()
        channel.on("bufferedamountlow", lambda: self._drain(channel))
        channel.on("close", lambda: self._waiting.pop(channel, None))
        if self.latest is not None:
            self._offer(channel, self.latest)

    def _offer(self, channel: RTCDataChannel, message: str) -> None:
        waiting = self._waiting[channel]
        if len(waiting) >= MAX_WAITING:
            waiting.popleft()
            self.dropped += 1
        waiting.append(message)
        self._drain(channel)

    def _drain(self, channel: RTCDataChannel) -> None:
        """aiortc's own queue has no bound: it gets a message when it has none of this channel."""
        waiting = self._waiting.get(channel)
        if waiting and channel.bufferedAmount == 0 and channel.readyState == "open":
            channel.send(waiting.popleft())
