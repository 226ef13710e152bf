"""The server's side of DTLS against aiortc's client, in memory: how it ends while hands are being shaken."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceTransport

from gateway.webrtc.dtls import Certificate, Dtls

ALGORITHM = "sha-256"


class Way:
    """What aiortc's client takes for its ICE transport. `cancel_at`: who is cancelled with which datagram."""

    role, state = "controlling", "completed"

    def __init__(self, server: Dtls, to_client: asyncio.Queue[bytes]) -> None:
        self._server = server
        self._to_client = to_client
        self.sent = 0
        self.cancel_at: tuple[int, asyncio.Task[object]] | None = None

    async def _send(self, data: bytes) -> None:
        self._server.receive(data)
        self.sent += 1
        if self.cancel_at is not None and self.cancel_at[0] == self.sent:
            await asyncio.sleep(0)  # the datagram is taken out of its queue, and whoever waits for it does not run yet
            self.cancel_at[1].cancel()

    async def _recv(self) -> bytes:
        return await self._to_client.get()


async def shake(cancel_at: int | None) -> tuple[asyncio.Task[object], int]:
    """Shake hands, cancelling the server's side as a datagram of that number comes; its task, and how many came."""
    ours, theirs = Certificate(), RTCCertificate.generateCertificate()
    fingerprint = next(f.value for f in theirs.getFingerprints() if f.algorithm == ALGORITHM)
    to_client: asyncio.Queue[bytes] = asyncio.Queue()
    server = Dtls(ours, ((ALGORITHM, fingerprint),), to_client.put_nowait)
    way = Way(server, to_client)
    client = RTCDtlsTransport(cast("RTCIceTransport", way), [theirs])
    client._set_role("client")
    task: asyncio.Task[object] = asyncio.create_task(server.handshake())
    if cancel_at is not None:
        way.cancel_at = cancel_at, task
    known = RTCDtlsFingerprint(ALGORITHM, ours.fingerprint)
    calling = asyncio.create_task(client.start(RTCDtlsParameters([known])))
    try:
        await asyncio.wait([task], timeout=5)
        assert task.done(), "it goes on as if nobody had ended it"
        return task, way.sent
    finally:
        task.cancel()
        calling.cancel()
        await asyncio.gather(task, calling, return_exceptions=True)
        await server.close()
        await client.stop()


async def test_hands_are_shaken() -> None:
    task, sent = await shake(None)
    assert task.exception() is None
    assert sent >= 2


@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_who_is_ended_as_a_datagram_comes_is_ended(number: int) -> None:
    """A log-in that ends in that moment would else be watched with for as long as the viewer stays."""
    task, sent = await shake(number)
    assert sent < number or task.cancelled()
