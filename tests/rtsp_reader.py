"""A small RTSP client for tests: sends what it is told to, and keeps all that comes."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from gateway.rtsp.auth import ClientAuthentication
from gateway.rtsp.protocol import Connection, Headers, Request, Response, Role


class RtspReader:
    """One connection. `packets[channel]` collects interleaved packets in the order they came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str, login: str) -> None:
        self.reader, self.writer, self.url = reader, writer, url
        user, _, password = login.partition(":")
        self.authentication = ClientAuthentication(user, password, allow_basic=False)
        self.parser = Connection(Role.CLIENT)
        self.packets: dict[int, list[bytes]] = defaultdict(list)
        self.responses: list[Response] = []
        self.session = ""
        self.cseq = 0

    @classmethod
    async def connect(cls, port: int, path: str = "cam", login: str = ":") -> RtspReader:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
        return cls(reader, writer, f"rtsp://127.0.0.1:{port}/{path}", login)

    async def read(self) -> bool:
        """Take what comes next; False at the end of the connection."""
        data = await self.reader.read(1 << 16)
        for event in self.parser.receive(data):
            if isinstance(event, Response):
                self.responses.append(event)
            elif isinstance(event, tuple):
                self.packets[event[0]].append(event[1])
        return bool(data)

    async def call(self, method: str, url: str = "", **fields: str) -> Response:
        response = await self._send(method, url or self.url, fields)
        if response.status == 401 and self.authentication.authorization("OPTIONS", "*") is None:
            self.authentication.challenged(response.headers.all("WWW-Authenticate"))
            response = await self._send(method, url or self.url, fields)
        return response

    async def _send(self, method: str, url: str, fields: dict[str, str]) -> Response:
        self.cseq += 1
        headers = {"CSeq": str(self.cseq), **fields}
        if self.session:
            headers.setdefault("Session", self.session)
        if (authorization := self.authentication.authorization(method, url)) is not None:
            headers["Authorization"] = authorization
        before = len(self.responses)
        self.writer.write(Request(method, url, Headers.of(headers)).encode())
        while len(self.responses) == before:
            assert await self.read(), f"the connection ended before {method} was answered"
        response = self.responses[before]
        assert response.headers.get("CSeq") == str(self.cseq)
        if session := response.headers.get("Session"):
            self.session = session.partition(";")[0]
        return response

    async def set_up(self, *tracks: int) -> list[Response]:
        """DESCRIBE, then SETUP of `tracks`, interleaved."""
        responses = [await self.call("DESCRIBE", Accept="application/sdp")]
        for i, track in enumerate(tracks):
            transport = f"RTP/AVP/TCP;unicast;interleaved={2 * i}-{2 * i + 1}"
            responses.append(await self.call("SETUP", f"{self.url}/trackID={track}", Transport=transport))
        return responses

    async def wait_for(self, channel: int, count: int) -> list[bytes]:
        """The first `count` packets of `channel`."""
        while len(self.packets[channel]) < count:
            assert await self.read(), f"the connection ended after {len(self.packets[channel])} packets"
        return self.packets[channel][:count]

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return
