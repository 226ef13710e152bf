"""Serves a Device, or recorded answers of a camera, over HTTP for the tests of the ONVIF client."""

from __future__ import annotations

import json
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from lxml import etree

from onvif_protocol.device import Device, Request
from onvif_protocol.soap import NS, Fault, build_fault, parse_envelope

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ACTION_NOT_SUPPORTED = build_fault(Fault("Receiver", "not supported", ("ter:ActionNotSupported",)))


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """`http://127.0.0.1:PORT` of a server that hands every request to `handler`."""
    server = web.Server(handler, access_log=None)
    runner = web.ServerRunner(server)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def device_handler(device: Device) -> Handler:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        answer = await device.handle(
            Request(
                target=request.raw_path,
                body=await request.read(),
                host=request.host,
                authorization=request.headers.get("Authorization", ""),
                method=request.method,
                peer=request.remote or "",
            )
        )
        response = web.Response(status=answer.status, body=answer.body)
        for name, value in answer.headers:
            response.headers.add(name, value)
        return response

    return handle


class RecordedCamera:
    """Answers as a real camera did: the first recorded response to each operation of each service."""

    def __init__(self, recording: Path) -> None:
        self.calls: list[str] = []
        """`Service.Operation`, in the order they came."""
        self.answers: dict[str, tuple[int, bytes]] = {}
        with tarfile.open(recording) as archive:
            for member in archive:
                if "capture_" not in member.name or not member.name.endswith(".json"):
                    continue
                file = archive.extractfile(member)
                assert file is not None
                exchange = json.load(file)
                operation = f"{exchange['service_type']}.{exchange['operation_name']}"
                self.answers.setdefault(operation, (exchange["status_code"], exchange["response_body"].encode()))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        name = etree.QName(parse_envelope(await request.read()).name)
        assert name.namespace is not None
        generation, service = name.namespace.split("/")[3:5]
        operation = f"{service.capitalize()}{'2' if generation == 'ver20' else ''}.{name.localname}"
        self.calls.append(operation)
        status, body = self.answers.get(operation, (500, ACTION_NOT_SUPPORTED))
        return web.Response(status=status, body=body, content_type="application/soap+xml")


class ScriptedCamera:
    """Answers each operation (`trt:GetProfiles`) with XML (`{origin}` is its own address) or a Fault."""

    def __init__(self, script: dict[str, str | Fault]) -> None:
        self.script = script
        self.requests: list[tuple[str, bytes]] = []

    @property
    def calls(self) -> list[str]:
        return [name for name, _ in self.requests]

    def last(self, operation: str) -> str:
        """The last request to `operation`, as text."""
        return next(body for name, body in reversed(self.requests) if name == operation).decode()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        name = etree.QName(parse_envelope(body).name)
        prefix = next(prefix for prefix, uri in NS.items() if uri == name.namespace)
        operation = f"{prefix}:{name.localname}"
        self.requests.append((operation, body))
        said = self.script.get(operation, Fault("Receiver", "not supported", ("ter:ActionNotSupported",)))
        if isinstance(said, Fault):
            return web.Response(status=said.http_status, body=build_fault(said), content_type="application/soap+xml")
        declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())
        text = said.replace("{origin}", f"http://{request.host}")
        envelope = f"<s:Envelope {declared}><s:Body>{text}</s:Body></s:Envelope>"
        return web.Response(text=envelope, content_type="application/soap+xml")
