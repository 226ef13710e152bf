"""A small RTSP client for tests: sends what it is told to, and keeps all that comes."""

from __future__ import annotations

import asyncio
import base64
import secrets
import ssl
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
    async def connect(
        cls, port: int, path: str = "cam", login: str = ":", tls: ssl.SSLContext | None = None
    ) -> RtspReader:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16, ssl=tls)
        return cls(reader, writer, f"rtsp://127.0.0.1:{port}/{path}", login)

    @classmethod
    async def tunnel(
        cls, port: int, path: str = "cam", login: str = ":", tls: ssl.SSLContext | None = None
    ) -> TunnelledReader:
        """Through HTTP: a GET that answers come on, and a POST for requests."""
        cookie = secrets.token_hex(8)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16, ssl=tls)
        writer.write(half("GET", path, cookie))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200 "), head
        made = TunnelledReader(reader, writer, f"rtsp://127.0.0.1:{port}/{path}", login)
        made.cookie, made.tls = cookie, tls
        await made.post()
        return made

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
        self.write(Request(method, url, Headers.of(headers)).encode())
        while len(self.responses) == before:
            assert await self.read(), f"the connection ended before {method} was answered"
        response = self.responses[before]
        assert response.headers.get("CSeq") == str(self.cseq)
        if session := response.headers.get("Session"):
            self.session = session.partition(";")[0]
        return response

    def write(self, data: bytes) -> None:
        self.writer.write(data)

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


class TunnelledReader(RtspReader):
    """Through HTTP. Each request is coded by itself, as QuickTime does."""

    cookie = ""
    tls: ssl.SSLContext | None = None
    poster: asyncio.StreamWriter | None = None

    async def post(self) -> None:
        """Open the connection that requests go on; another one, if there is one already."""
        await self._end_post()
        _, self.poster = await asyncio.open_connection(
            "127.0.0.1", self.writer.get_extra_info("peername")[1], ssl=self.tls
        )
        self.poster.write(half("POST", "cam", self.cookie))

    def write(self, data: bytes) -> None:
        assert self.poster is not None
        self.poster.write(base64.b64encode(data))

    async def close(self) -> None:
        await self._end_post()
        await super().close()

    async def _end_post(self) -> None:
        if self.poster is not None:
            self.poster.close()
            try:
                await self.poster.wait_closed()
            except ConnectionError:
                return


def half(method: str, path: str, cookie: str) -> bytes:
    """The head of one of the two requests of a tunnel."""
    more = "Content-Type: application/x-rtsp-tunnelled\r\nContent-Length: 32767\r\n" if method == "POST" else ""
    accept = "Accept: application/x-rtsp-tunnelled\r\n" if method == "GET" else ""
    return f"{method} /{path} HTTP/1.0\r\nx-sessioncookie: {cookie}\r\n{accept}{more}\r\n".encode()
