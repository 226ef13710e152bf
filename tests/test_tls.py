"""TLS: certificates that are replaced while connections stay, and what browsers are told then."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.base.clock import ManualClock
from gateway.base.errors import SettingsError
from gateway.base.tls import LOOK_SECONDS, Certificate
from tests.certificates import certificate
from tests.running import PASSWORD, running


@contextlib.asynccontextmanager
async def echoing(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A server that says everything again; its port."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """A connection, and the certificate that it was given."""
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=anything)
    given = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return reader, writer, given


async def still_there(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"hello\n")
    return await reader.readline() == b"hello\n"


async def test_a_new_certificate_is_for_new_connections_and_drops_none(tmp_path):
    clock, files = ManualClock(), certificate(tmp_path)
    of_server = Certificate(*files)
    watch = asyncio.create_task(of_server.watch(clock))
    async with echoing(of_server.context) as port:
        reader, writer, first = await connect(port)
        certificate(tmp_path)
        while not clock.sleepers:
            await asyncio.sleep(0)
        clock.advance(LOOK_SECONDS)
        await asyncio.sleep(0)
        *other, second = await connect(port)
        assert second != first
        assert await still_there(reader, writer)
        assert await still_there(*other)
        for one in (writer, other[1]):
            one.close()
    watch.cancel()


async def test_files_that_do_not_hold_change_nothing(tmp_path, caplog):
    files = certificate(tmp_path)
    of_server = Certificate(*files)
    async with echoing(of_server.context) as port:
        *_, writer, first = await connect(port)
        writer.close()
        key = files[1].read_bytes()
        for spoil in (
            lambda: files[1].write_text("no key"),
            files[1].unlink,
            lambda: files[0].write_text(""),
        ):
            spoil()
            of_server.look()
            *_, writer, given = await connect(port)
            writer.close()
            assert given == first
        assert caplog.text.count("stays the one it was") == 3
        of_server.look()
        assert caplog.text.count("stays the one it was") == 3, "said once each"
        files[1].write_bytes(key)
        certificate(tmp_path)
        of_server.look()
        *_, writer, given = await connect(port)
        writer.close()
        assert given != first


def test_a_start_without_a_certificate_that_holds_says_which_file(tmp_path):
    files = certificate(tmp_path)
    with pytest.raises(SettingsError, match=r"there is no file .*nothing.pem"):
        Certificate(tmp_path / "nothing.pem", files[1])
    with pytest.raises(SettingsError, match="no PEM files of a certificate"):
        Certificate(files[1], files[0])
    (tmp_path / "other").mkdir()
    other = certificate(tmp_path / "other")
    with pytest.raises(SettingsError, match="MISMATCH"):
        Certificate(files[0], other[1])


async def test_a_gateway_with_a_certificate_says_so_to_browsers(tmp_path):
    files = certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(files[0]))
    http = {"listen": "127.0.0.1:0", "tls_certificate": files[0], "tls_key": files[1]}
    async with running(tmp_path / "data", http=http) as gateway:
        assert gateway.url.startswith("https://127.0.0.1:")
        connector = aiohttp.TCPConnector(ssl=trusting)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(gateway.url, connector=connector, cookie_jar=jar) as client:
            log_in = {"username": "dispatcher", "password": PASSWORD}
            async with client.post("/api/session", json=log_in, headers={"Origin": gateway.url}) as answer:
                assert answer.status == 200
                assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
                for cookie in answer.cookies.values():
                    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Strict")
            async with client.ws_connect("/api/events", origin=gateway.url) as events:
                assert (await events.receive_json())["type"] == "state"
