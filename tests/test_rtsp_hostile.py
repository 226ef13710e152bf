"""Clients of the RTSP server that guess, replay, flood or hold on: bounded, counted, and nobody else notices."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.base.clock import SystemClock
from gateway.rtsp import server as server_module
from gateway.rtsp.server import MAX_SESSIONS_OF_A_CLIENT
from tests.certificates import certificate
from tests.rtsp_reader import RtspReader
from tests.rtsp_stage import Stage, frame_numbers, until

LOGIN = "op:secret"


class Guard:
    """Refuses a name after three failures."""

    def __init__(self) -> None:
        self.failures: dict[str, int] = {}
        self.successes: list[tuple[str, str]] = []

    def refusal(self, address: str, name: str) -> float | None:
        return 7.2 if self.failures.get(name, 0) >= 3 else None

    def failed(self, address: str, name: str) -> None:
        self.failures[name] = self.failures.get(name, 0) + 1

    def succeeded(self, address: str, name: str) -> None:
        self.successes.append((address, name))


@pytest.fixture
def guard() -> Guard:
    return Guard()


@pytest.fixture
async def stage(guard: Guard) -> AsyncIterator[Stage]:
    stage = Stage(SystemClock(), {"op": "secret", "other": "hush"}, guard)
    stage.port = await stage.server.listen("127.0.0.1")
    stage.publish(key=True, size=10)
    yield stage
    await stage.server.close()
    await stage.mount.close()


async def playing(stage: Stage) -> RtspReader:
    """A reader that does nothing wrong."""
    reader = await RtspReader.connect(stage.port, login=LOGIN)
    await reader.set_up(0)
    assert (await reader.call("PLAY")).status == 200
    return reader


async def still_plays(stage: Stage, reader: RtspReader) -> None:
    stage.publish(size=10)
    while frame_numbers(reader.packets[0])[-1:] != [stage.frames - 1]:
        assert await reader.read()


async def test_an_answer_overheard_is_of_no_use(stage: Stage) -> None:
    honest = await playing(stage)
    overheard = honest.authentication.authorization("DESCRIBE", honest.url)
    assert overheard is not None
    thief = await RtspReader.connect(stage.port)
    assert (await thief._send("DESCRIBE", thief.url, {"Authorization": overheard})).status == 401
    assert stage.server.counters.stale_nonces == 1
    # On the connection that it belongs to it counts once: `nc` must count up.
    assert (await thief_on(honest, overheard)).status == 200
    assert (await thief_on(honest, overheard)).status == 401
    assert stage.server.counters.stale_nonces == 2
    assert stage.server.counters.unauthorized == 0
    await still_plays(stage, honest)
    await thief.close()
    await honest.close()


async def thief_on(reader: RtspReader, authorization: str):
    """Send an Authorization of one's own on that connection."""
    honest, reader.authentication = reader.authentication, RtspReader(*streams(reader), reader.url, ":").authentication
    try:
        return await reader._send("DESCRIBE", reader.url, {"Authorization": authorization})
    finally:
        reader.authentication = honest


def streams(reader: RtspReader) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return reader.reader, reader.writer


async def test_who_has_logged_in_guesses_at_others_no_faster(stage: Stage, guard: Guard) -> None:
    insider = await playing(stage)
    statuses = []
    for guess in ("a", "b", "c", "hush"):
        insider.authentication = RtspReader(*streams(insider), insider.url, f"other:{guess}").authentication
        statuses.append((await insider.call("DESCRIBE")).status)
    assert statuses == [401, 401, 401, 503]
    assert guard.failures == {"other": 4}
    await insider.close()


async def test_guessing_is_slowed_and_counted_and_no_other_account_waits(stage: Stage, guard: Guard) -> None:
    honest = await playing(stage)
    for guess in ("a", "b", "c"):
        intruder = await RtspReader.connect(stage.port, login=f"other:{guess}")
        assert (await intruder.call("DESCRIBE")).status == 401
        await intruder.close()
    late = await RtspReader.connect(stage.port, login="other:hush")
    answer = await late.call("DESCRIBE")
    assert (answer.status, answer.headers.get("Retry-After")) == (503, "8")
    assert (stage.server.counters.unauthorized, stage.server.counters.throttled) == (3, 1)
    assert guard.failures == {"other": 4}
    await still_plays(stage, honest)
    third = await playing(stage)
    assert guard.successes == [("127.0.0.1", "op")] * 2, "once for each connection"
    for reader in (late, third, honest):
        await reader.close()


async def test_a_password_in_clear_text_counts_over_tls_alone(stage: Stage, tmp_path: Path) -> None:
    files = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    secure = await stage.server.listen("127.0.0.1", tls=context)
    basic = {"Authorization": f"Basic {base64.b64encode(LOGIN.encode()).decode()}"}
    for port, tls, status in ((stage.port, None, 401), (secure, ssl.create_default_context(cafile=files[0]), 200)):
        reader = await RtspReader.connect(port, tls=tls)
        assert (await reader._send("DESCRIBE", reader.url, basic)).status == status
        if tls is not None:  # media in clear text beside an encrypted connection would not be what was asked for
            by_udp = {"Transport": "RTP/AVP;unicast;client_port=5000-5001", **basic}
            assert (await reader._send("SETUP", reader.url + "/trackID=0", by_udp)).status == 461
        await reader.close()


async def test_strangers_cannot_take_every_place(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_STRANGERS", 5)
    honest = await playing(stage)
    strangers = [await RtspReader.connect(stage.port) for _ in range(8)]
    await until(lambda: stage.server.counters.rejected_connections == 3)
    await until(lambda: stage.server.connections == 6)
    newcomer = await playing(stage)
    await still_plays(stage, honest)
    await still_plays(stage, newcomer)
    for reader in (*strangers, honest, newcomer):
        await reader.close()


async def test_one_client_gets_so_many_sessions_and_no_more(stage: Stage) -> None:
    honest = await playing(stage)
    greedy = await RtspReader.connect(stage.port, login=LOGIN)
    statuses = []
    for _ in range(MAX_SESSIONS_OF_A_CLIENT + 5):
        greedy.session = ""
        transport = "RTP/AVP/TCP;unicast"
        statuses.append((await greedy.call("SETUP", greedy.url + "/trackID=0", Transport=transport)).status)
    assert statuses == [200] * MAX_SESSIONS_OF_A_CLIENT + [453] * 5
    assert stage.server.counters.rejected_sessions == 5
    await still_plays(stage, honest)
    await greedy.close()
    await until(lambda: len(stage.server.sessions) == 1)
    await honest.close()


@pytest.mark.parametrize("method", ["PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SETUP"])
async def test_the_session_of_another_account_is_none(stage: Stage, method: str) -> None:
    honest = await playing(stage)
    other = await RtspReader.connect(stage.port, login="other:hush")
    other.session = honest.session
    answer = await other.call(method, other.url + "/trackID=1", Transport="RTP/AVP/TCP;unicast")
    assert answer.status == 454
    await still_plays(stage, honest)
    for reader in (other, honest):
        await reader.close()


async def test_connections_leave_descriptors_for_recording(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = await playing(stage)
    monkeypatch.setattr(server_module, "limit", lambda: 8)
    second = await playing(stage)
    refused, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    assert (await refused.read()).startswith(b"RTSP/1.0 503 ")
    assert stage.server.counters.rejected_connections == 1
    await still_plays(stage, honest)
    writer.close()
    for reader in (second, honest):
        await reader.close()
