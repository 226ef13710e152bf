"""A camera made of recorded replies and faults, on port 0: the other side of the RTSP client's tests."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.rtsp.protocol import Connection, Headers, RemoteProtocolError, Request, Response, Role, interleaved_header

SDP = (
    b"v=0\r\ns=x\r\na=control:*\r\n"
    b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
    b"m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:trackID=1\r\n"
)

Reply = Response | bytes | None
"""None: say nothing. Bytes go out as they are, with the request's CSeq put in."""


def frame(channel: int, packet: bytes) -> bytes:
    return interleaved_header(channel, len(packet)) + packet


def describe(sdp: bytes = SDP, **fields: str) -> Response:
    return Response(200, Headers.of({"Content-Type": "application/sdp", **fields}), sdp)


@dataclass
class ScriptedCamera:
    """Answers each method with the next of its replies, the last one for ever; `media` follows PLAY."""

    replies: dict[str, list[Reply]] = field(default_factory=dict)
    media: bytes = b""
    check: Callable[[Request], Response | None] = lambda request: None
    """Asked first; its response goes before those of the script."""
    close_after: str = ""
    """The method after whose answer the connection is closed."""
    requests: list[Request] = field(default_factory=list)
    packets: list[tuple[int, bytes]] = field(default_factory=list)
    responses: list[bytes] = field(default_factory=list)
    port: int = 0
    writer: asyncio.StreamWriter | None = None
    seen: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever something came in; clear it before waiting."""

    def url(self, path: str = "/stream") -> str:
        return f"rtsp://127.0.0.1:{self.port}{path}"

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.seen.clear()
            await self.seen.wait()

    def answer(self, request: Request) -> Reply:
        if (checked := self.check(request)) is not None:
            return checked
        script = self.replies.get(request.method)
        if script is None:
            return self.default(request)
        return script.pop(0) if len(script) > 1 else script[0]

    def default(self, request: Request) -> Response:
        match request.method:
            case "OPTIONS":
                return Response(200, Headers.of({"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"}))
            case "DESCRIBE":
                return describe()
            case "SETUP":
                return Response(
                    200, Headers.of({"Session": "S1;timeout=20", "Transport": request.headers.get("Transport")})
                )
        return Response(200)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        connection = Connection(Role.SERVER)
        while data := await reader.read(65536):
            if data.startswith(b"RTSP/"):
                self.responses.append(data)
                self.seen.set()
                continue
            for event in connection.receive(data):
                if isinstance(event, tuple):
                    self.packets.append(event)
                elif isinstance(event, Request):
                    self.requests.append(event)
                    if not self.reply(writer, event):
                        return
            self.seen.set()

    def reply(self, writer: asyncio.StreamWriter, request: Request) -> bool:
        reply = self.answer(request)
        cseq = request.headers.get("CSeq")
        if isinstance(reply, Response):
            writer.write(
                Response(reply.status, reply.headers.replaced("CSeq", cseq), reply.body, reply.reason).encode()
            )
        elif reply is not None:
            writer.write(re.sub(rb"(?i)(cseq: *)\d+", rb"\g<1>" + cseq.encode(), reply))
        if request.method == "PLAY":
            writer.write(self.media)
        if request.method == self.close_after:
            writer.close()
            return False
        return True


@asynccontextmanager
async def running(camera: ScriptedCamera, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedCamera]:
    """`camera`, listening on a port of 127.0.0.1."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await camera.serve(reader, writer)
        except (ConnectionError, RemoteProtocolError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    camera.port = server.sockets[0].getsockname()[1]
    try:
        yield camera
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
