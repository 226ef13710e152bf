"""RTSP through HTTP: how the two connections find each other, and what becomes of those that do not."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.base.clock import ManualClock, SystemClock
from gateway.rtsp.server import STRANGER_SECONDS, SWEEP_SECONDS
from gateway.rtsp.tunnel import MAX_HEAD, Decoder, TunnelError, could_begin, parse_half
from tests.certificates import certificate
from tests.rtsp_reader import RtspReader, half
from tests.rtsp_stage import Stage, frame_numbers, until


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage(SystemClock(), {"op": "secret"})
    stage.port = await stage.server.listen("127.0.0.1")
    yield stage
    await stage.server.close()
    await stage.mount.close()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages=st.lists(st.binary(max_size=12), max_size=4), cut=st.integers(1, 7))
def test_base_64_comes_in_any_portions_each_message_coded_by_itself(messages: list[bytes], cut: int) -> None:
    coded = b"\r\n".join(base64.b64encode(message) for message in messages)
    decoder = Decoder()
    assert b"".join(decoder.decode(coded[i : i + cut]) for i in range(0, len(coded), cut)) == b"".join(messages)


@pytest.mark.parametrize("text", [b"DESCRIBE rtsp://x RTSP/1.0", b"====", b"QQ===AAA", b"\xff\xff\xff\xff"])
def test_what_is_not_base_64_is_refused(text: bytes) -> None:
    with pytest.raises(TunnelError):
        Decoder().decode(text)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=100))
def test_a_head_may_hold_anything(data: bytes) -> None:
    for begin in (b"GET /", b"POST / HTTP/1.0\r\n", b""):
        try:
            parse_half(begin + data)
        except TunnelError:
            continue


def test_heads() -> None:
    head = half("POST", "cam", "abc") + b"T1BU"
    assert all(could_begin(head[:n]) and parse_half(head[:n]) is None for n in range(1, len(head) - 4))
    found = parse_half(head)
    assert found is not None
    assert (found.sends, found.cookie, found.rest) == (True, "abc", b"T1BU")
    assert not could_begin(b"GET_PARAMETER ")
    assert not could_begin(b"PLAY ")
    with pytest.raises(TunnelError, match="too long"):
        parse_half(b"GET / HTTP/1.0\r\nX: " + bytes(MAX_HEAD))


async def test_a_tunnelled_reader_gets_what_others_get(stage: Stage) -> None:
    stage.publish(key=True)
    nvr = await RtspReader.tunnel(stage.port, login="op:secret")
    assert [answer.status for answer in await nvr.set_up(0)] == [200, 200]
    assert (await nvr.call("PLAY")).status == 200
    stage.publish()
    assert frame_numbers(await nvr.wait_for(0, 7)) == [0, 1]
    # Clients open another POST when the first has carried as much as it announced.
    await nvr.post()
    assert (await nvr.call("GET_PARAMETER")).status == 200
    by_udp = "RTP/AVP;unicast;client_port=5000-5001"
    nvr.session = ""
    assert (await nvr.call("SETUP", nvr.url + "/trackID=1", Transport=by_udp)).status == 461
    await nvr.close()
    await until(lambda: not stage.server.connections)
    assert not stage.server.sessions
    assert not stage.server.tunnels


async def test_a_tunnel_through_https(stage: Stage, tmp_path: Path) -> None:
    files = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    port = await stage.server.listen("127.0.0.1", tls=context)
    stage.publish(key=True)
    nvr = await RtspReader.tunnel(port, login="op:secret", tls=ssl.create_default_context(cafile=files[0]))
    refused = await nvr._send("DESCRIBE", nvr.url, {})
    schemes = [field.partition(" ")[0] for field in refused.headers.all("WWW-Authenticate")]
    assert schemes == ["Digest", "Digest", "Basic"], "Basic, as nobody can read along"
    assert [answer.status for answer in await nvr.set_up(0)] == [200, 200]
    await nvr.call("PLAY")
    assert frame_numbers(await nvr.wait_for(0, 4)) == [0]
    await nvr.close()


async def refusal(stage: Stage, *requests: bytes) -> bytes:
    """What the last of these gets, each on a connection of its own."""
    writers = []
    for request in requests:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(request)
        answer = await reader.read(200)
        writers.append(writer)
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    ("requests", "status"),
    [
        ((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",), b"400"),
        ((b"GET / HTTP/2.0\r\nx-sessioncookie: a\r\n\r\n",), b"400"),
        ((half("POST", "cam", "nobody's"),), b"404"),
        ((half("GET", "cam", "mine"), half("GET", "cam", "mine")), b"409"),
        ((half("GET", "cam", "c" * 200),), b"400"),
    ],
)
async def test_what_is_no_half_of_a_tunnel_is_told_so(stage: Stage, requests: tuple[bytes, ...], status: bytes) -> None:
    answer = await refusal(stage, *requests)
    assert answer.split()[1] == status
    assert stage.server.counters.bad_tunnels == 1


async def test_a_post_that_brings_something_else_ends_the_tunnel(stage: Stage) -> None:
    nvr = await RtspReader.tunnel(stage.port)
    assert nvr.poster is not None
    nvr.poster.write(b"OPTIONS * RTSP/1.0\r\n\r\n")
    async with asyncio.timeout(20):
        while await nvr.read():
            pass
    assert stage.server.counters.bad_tunnels == 1
    await nvr.close()


async def test_a_tunnel_that_is_half_open_ends_soon() -> None:
    clock = ManualClock()
    stage = Stage(clock, {"op": "secret"})
    stage.port = await stage.server.listen("127.0.0.1")
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(half("GET", "cam", "abc"))
    await reader.readuntil(b"\r\n\r\n")
    for _ in range(round(STRANGER_SECONDS / SWEEP_SECONDS) + 2):
        clock.advance(SWEEP_SECONDS)
        for _ in range(3):
            await asyncio.sleep(0)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await reader.readexactly(1)
    assert not stage.server.tunnels
    writer.close()
    await stage.server.close()
    await stage.mount.close()
