"""The RTSP server over real sockets on the loopback, fed by a hub."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.base.clock import ManualClock, SystemClock
from gateway.media.h264_rtp import H264Depacketizer
from gateway.media.model import (
    AccessUnit,
    AudioParameters,
    Codec,
    Gap,
    GapReason,
    TimeSource,
    Track,
    TrackKind,
    VideoParameters,
)
from gateway.media.rtcp import Bye, SenderReport, SourceDescription, ntp_to_utc_ns, parse_rtcp
from gateway.media.rtp import parse_rtp
from gateway.media.timeline import Timeline
from gateway.rtsp import delivery
from gateway.rtsp.presentation import Burst
from gateway.rtsp.sdp import SessionDescription
from gateway.rtsp.server import SWEEP_SECONDS
from gateway.rtsp.server_connection import MAX_WAITING_REQUESTS, METHODS
from tests.rtsp_reader import RtspReader
from tests.rtsp_stage import AUDIO, METADATA, PPS, SPS, T0, VIDEO, Stage, frame_numbers, until, until_frames


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage(SystemClock())
    stage.port = await stage.server.listen("127.0.0.1")
    yield stage
    await stage.server.close()
    await stage.mount.close()


def fields_of(rtp_info: str) -> list[tuple[str, int, int]]:
    found = re.findall(r"url=([^;]+);seq=(\d+)(?:;rtptime=(\d+))?", rtp_info)
    return [(url, int(sequence), int(time or -1)) for url, sequence, time in found]


async def test_describes_what_the_camera_carries(stage: Stage) -> None:
    reader = await RtspReader.connect(stage.port)
    options = await reader.call("OPTIONS", "*")
    assert options.headers.get("Public").split(", ") == list(METHODS)
    answer = await reader.call("DESCRIBE", Accept="application/sdp")
    assert answer.status == 200
    assert answer.headers.get("Content-Base") == reader.url + "/"
    media = SessionDescription.parse(answer.body).media
    assert [m.attribute("control") for m in media] == ["trackID=0", "trackID=1", "trackID=2"]
    assert [m.attribute("rtpmap") for m in media] == ["96 H264/90000", "0 PCMU/8000", "98 vnd.onvif.metadata/90000"]
    await reader.close()


async def test_starts_at_the_keyframe_that_the_ring_holds(stage: Stage) -> None:
    stage.publish(key=True)
    stage.publish()
    start = stage.publish(key=True)
    stage.publish()
    sound = stage.publish(track=AUDIO, size=320)
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0, 1)
    answer = await reader.call("PLAY", reader.url + "/")
    assert answer.status == 200
    stage.publish()
    packets = await reader.wait_for(0, 8)
    assert frame_numbers(packets) == [2, 3, 5]
    assert packets[0][12:] == b"\x78" + b"".join(len(n).to_bytes(2, "big") + n for n in (SPS, PPS))
    first, heard = parse_rtp(packets[0]), parse_rtp((await reader.wait_for(2, 1))[0])
    assert fields_of(answer.headers.get("RTP-Info")) == [
        (f"{reader.url}/trackID=0", first.sequence, first.timestamp),
        (f"{reader.url}/trackID=1", heard.sequence, heard.timestamp),
    ]
    assert heard.payload == sound.nals[0]
    # The sender report comes first and says when the first picture was taken.
    report, name = parse_rtcp((await reader.wait_for(1, 1))[0])
    assert isinstance(report, SenderReport)
    assert isinstance(name, SourceDescription)
    assert report.rtp_timestamp == first.timestamp
    assert ntp_to_utc_ns(report.ntp) == start.utc_ns
    await reader.close()


async def test_every_client_gets_the_same_bytes(stage: Stage) -> None:
    stage.publish(key=True)
    readers = [await RtspReader.connect(stage.port) for _ in range(3)]
    await readers[0].set_up(0, 2)
    await readers[1].set_up(0, 2)
    await readers[2].set_up(2, 0)
    for reader in readers:
        assert (await reader.call("PLAY")).status == 200
    for _ in range(5):
        stage.publish(size=10_000)
        stage.publish(track=METADATA, size=4000)
    count = 4 + 5 * 8
    first, second, third = [await r.wait_for(2 * (r is readers[2]), count) for r in readers]
    assert first == second == third
    assert (await readers[0].wait_for(2, 15)) == (await readers[2].wait_for(0, 15))
    sequences = [parse_rtp(packet).sequence for packet in first]
    assert [(s - sequences[0]) & 0xFFFF for s in sequences] == list(range(count))
    for reader in readers:
        await reader.close()
    await until(lambda: stage.mount.receivers == 0 and not stage.hub.readers)


async def test_what_is_sent_can_be_put_together_again(stage: Stage) -> None:
    sent = [stage.publish(key=True, size=5000), *(stage.publish(size=size) for size in (1, 1399, 1400, 20_000))]
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0)
    await reader.call("PLAY")
    await until_frames(reader, 5)
    depacketizer = H264Depacketizer(VIDEO, Timeline(90_000))
    units = []
    for packet in reader.packets[0]:
        depacketizer.push(parse_rtp(packet), T0)
        while (unit := depacketizer.pull()) is not None:
            units.append(unit)
    depacketizer.flush()
    while (unit := depacketizer.pull()) is not None:
        units.append(unit)
    assert [unit.nals[-1] for unit in units if isinstance(unit, AccessUnit)] == [unit.nals[-1] for unit in sent]
    await reader.close()


async def test_media_by_udp(stage: Stage) -> None:
    stage.publish(key=True, size=100_000)
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
        s.setblocking(False)
    ports = "-".join(str(s.getsockname()[1]) for s in sockets)
    reader = await RtspReader.connect(stage.port)
    await reader.call("DESCRIBE")
    answer = await reader.call("SETUP", reader.url + "/trackID=0", Transport=f"RTP/AVP;unicast;client_port={ports}")
    transport = answer.headers.get("Transport")
    assert f"client_port={ports}" in transport
    assert "destination" not in transport
    match = re.search(r"server_port=(\d+)-(\d+)", transport)
    assert match is not None
    assert int(match[1]) % 2 == 0
    assert int(match[2]) == int(match[1]) + 1
    assert (await reader.call("PLAY")).status == 200
    loop = asyncio.get_running_loop()
    packets = [await loop.sock_recv(sockets[0], 2000) for _ in range(73)]
    assert frame_numbers(packets) == [0]
    assert parse_rtp(packets[-1]).marker
    assert isinstance(parse_rtcp(await loop.sock_recv(sockets[1], 2000))[0], SenderReport)
    # The session outlives its connection: players close it and go on by UDP.
    await reader.close()
    await until(lambda: stage.server.counters.connections == 1 and not stage.server.connections)
    stage.publish(size=10)
    assert frame_numbers([await loop.sock_recv(sockets[0], 2000)]) == [1]
    for s in sockets:
        s.close()


async def test_datagrams_go_nowhere_but_to_the_asker(stage: Stage) -> None:
    reader = await RtspReader.connect(stage.port)
    transport = "RTP/AVP;unicast;client_port=5000-5001;destination=192.0.2.1"
    answer = await reader.call("SETUP", reader.url + "/trackID=0", Transport=transport)
    assert answer.status == 200
    (session,) = stage.server.sessions.values()
    assert isinstance(session.outlet, delivery.DatagramOutlet)
    assert session.outlet._host == "127.0.0.1"
    await reader.close()


async def test_pause_and_play_again(stage: Stage) -> None:
    stage.publish(key=True)
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0)
    await reader.call("PLAY")
    await until_frames(reader, 1)
    assert (await reader.call("PAUSE")).status == 200
    stage.publish()
    assert (await reader.call("GET_PARAMETER")).status == 200
    assert frame_numbers(reader.packets[0]) == [0]
    assert (await reader.call("PLAY")).status == 200
    await until_frames(reader, 3)
    assert frame_numbers(reader.packets[0]) == [0, 0, 1]
    assert (await reader.call("TEARDOWN")).status == 200
    assert not stage.server.sessions
    assert (await reader.call("PLAY")).status == 454
    await reader.close()


async def test_a_reader_without_keyframe_waits_for_one(stage: Stage) -> None:
    stage.publish()
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0, 1)
    answer = await reader.call("PLAY")
    assert [time for _, _, time in fields_of(answer.headers.get("RTP-Info"))] == [-1, -1]
    stage.publish()
    stage.publish(track=AUDIO, size=320)
    stage.publish(key=True)
    await reader.wait_for(2, 1)
    await until_frames(reader, 1)
    assert frame_numbers(reader.packets[0]) == [3]
    await reader.close()


async def test_loss_shows_as_a_hole_in_the_numbers(stage: Stage) -> None:
    stage.publish(key=True, size=10)
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0)
    await reader.call("PLAY")
    stage.hub.publish(Gap(T0, None, GapReason.LOSS, track_id=0, packets=7))
    stage.publish(size=10)
    packets = [parse_rtp(packet) for packet in await reader.wait_for(0, 2)]
    assert (packets[1].sequence - packets[0].sequence) & 0xFFFF == 8
    await reader.close()


async def test_timestamps_go_on_when_the_camera_begins_anew(stage: Stage) -> None:
    stage.publish(key=True, size=10)
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0)
    await reader.call("PLAY")
    stage.publish(key=True, size=10, pts_jump=-5_000_000)
    packets = [parse_rtp(packet) for packet in await reader.wait_for(0, 2)]
    assert (packets[1].timestamp - packets[0].timestamp) & 0xFFFFFFFF == 90_000 // 25
    await reader.close()


async def test_a_slow_reader_is_moved_on_at_a_keyframe_and_disturbs_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MAX_WAITING_BYTES", 300_000)
    monkeypatch.setattr(delivery, "RESUME_BYTES", 50_000)
    stage.publish(key=True)
    slow, quick = [await RtspReader.connect(stage.port) for _ in range(2)]
    slow.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    for reader in (slow, quick):
        await reader.set_up(0)
        await reader.call("PLAY")
    (session,) = [s for s in stage.server.sessions.values() if s.id == slow.session]
    while not stage.server.counters.moved:
        stage.publish(size=50_000)
        await until_frames(quick, stage.frames)
        assert session.outlet.waiting < 300_000 + 2 * 60_000
        assert stage.frames < 2000
    passed_over = stage.frames - 1
    stage.publish(size=100)
    await until_frames(quick, stage.frames)
    while session.outlet.waiting or frame_numbers(slow.packets[0])[-1] < passed_over - 1:
        assert await slow.read()
    stage.publish(size=100)
    key = stage.frames
    stage.publish(key=True)
    stage.publish()
    await until_frames(quick, stage.frames)
    while frame_numbers(slow.packets[0])[-1] != key + 1:
        assert await slow.read()
    assert frame_numbers(slow.packets[0]) == [*range(passed_over), key, key + 1]
    assert frame_numbers(quick.packets[0]) == list(range(stage.frames))
    for reader in (slow, quick):
        await reader.close()


async def test_a_reader_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MAX_WAITING_BYTES", 100_000)
    clock = ManualClock()
    stage = Stage(clock)
    stage.port = await stage.server.listen("127.0.0.1")
    stage.publish(key=True)
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0)
    await reader.call("PLAY")
    while not stage.server.counters.moved:
        stage.publish(size=500_000)
        await asyncio.sleep(0)
    for _ in range(4):
        clock.advance(delivery.STUCK_SECONDS / 2)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert stage.server.counters.ended == 1
    assert not stage.server.sessions
    await reader.close()
    await stage.server.close()
    await stage.mount.close()


async def test_regular_sender_reports() -> None:
    clock = ManualClock()
    stage = Stage(clock)
    stage.port = await stage.server.listen("127.0.0.1")
    stage.publish(key=True, size=10)
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0)
    await reader.call("PLAY")
    for _ in range(4):
        clock.advance(3)
        unit = stage.publish(size=10)
        await until_frames(reader, stage.frames)
    reports = [parse_rtcp(packet)[0] for packet in reader.packets[1]]
    assert len(reports) == 3
    last = reports[-1]
    assert isinstance(last, SenderReport)
    assert ntp_to_utc_ns(last.ntp) == unit.utc_ns
    assert last.rtp_timestamp == parse_rtp(reader.packets[0][-1]).timestamp
    assert last.packets == len(reader.packets[0])
    assert last.octets == sum(len(packet) - 12 for packet in reader.packets[0])
    await reader.close()
    await stage.server.close()
    await stage.mount.close()


async def test_sessions_and_connections_time_out() -> None:
    clock = ManualClock()
    stage = Stage(clock)
    stage.port = await stage.server.listen("127.0.0.1")
    stage.publish(key=True, size=10)
    playing, by_udp, idle = [await RtspReader.connect(stage.port) for _ in range(3)]
    await playing.set_up(0)
    await playing.call("PLAY")
    await by_udp.call("SETUP", by_udp.url + "/trackID=0", Transport="RTP/AVP;unicast;client_port=5000-5001")
    await by_udp.call("PLAY")
    await idle.call("OPTIONS")

    async def pass_time(seconds: float) -> None:
        for _ in range(round(seconds / SWEEP_SECONDS)):
            clock.advance(SWEEP_SECONDS)
            for _ in range(3):
                await asyncio.sleep(0)

    await pass_time(40)
    assert (await by_udp.call("GET_PARAMETER")).status == 200
    await pass_time(40)
    assert not await idle.read()
    assert len(stage.server.sessions) == 2
    await pass_time(40)
    assert [s.id for s in stage.server.sessions.values()] == [playing.session]
    stage.publish(size=10)
    await until_frames(playing, 2)
    for reader in (playing, by_udp, idle):
        await reader.close()
    await stage.server.close()
    await stage.mount.close()


async def test_digest() -> None:
    stage = Stage(SystemClock(), {"op": "secret"})
    stage.port = await stage.server.listen("127.0.0.1")
    reader = await RtspReader.connect(stage.port, login="op:secret")
    refused = await reader._send("DESCRIBE", reader.url, {})
    assert refused.status == 401
    algorithms = re.findall(r"algorithm=([\w-]+)", " ".join(refused.headers.all("WWW-Authenticate")))
    assert algorithms == ["SHA-256", "MD5"]
    assert (await reader.call("DESCRIBE")).status == 200
    assert (await reader.call("SETUP", reader.url + "/trackID=0", Transport="RTP/AVP/TCP")).status == 200
    intruder = await RtspReader.connect(stage.port, login="op:wrong")
    assert (await intruder.call("DESCRIBE")).status == 401
    assert (await intruder.call("PLAY", Session=reader.session)).status == 401
    assert stage.server.counters.unauthorized == 2
    for r in (reader, intruder):
        await r.close()
    await stage.server.close()
    await stage.mount.close()


@pytest.mark.parametrize(
    ("method", "path", "fields", "status"),
    [
        ("DESCRIBE", "elsewhere", {}, 404),
        ("DESCRIBE", "cam", {"Accept": "text/html"}, 406),
        ("DESCRIBE", "cam", {"Require": "onvif-replay"}, 551),
        ("RECORD", "cam", {}, 501),
        ("SETUP", "cam/trackID=0", {}, 461),
        ("SETUP", "cam/trackID=0", {"Transport": "RTP/AVP;multicast"}, 461),
        ("SETUP", "cam/trackID=0", {"Transport": "RTP/AVP/TCP;unicast;mode=record"}, 461),
        ("SETUP", "cam/trackID=9", {"Transport": "RTP/AVP/TCP"}, 404),
        ("SETUP", "cam", {"Transport": "RTP/AVP/TCP"}, 459),
        ("SETUP", "cam/trackID=0", {"Transport": "RTP/AVP/TCP", "Session": "0123"}, 454),
        ("PLAY", "cam", {}, 454),
        ("TEARDOWN", "cam", {"Session": "0123"}, 454),
    ],
)
async def test_refusals(stage: Stage, method: str, path: str, fields: dict[str, str], status: int) -> None:
    reader = await RtspReader.connect(stage.port)
    assert (await reader.call(method, f"rtsp://127.0.0.1:{stage.port}/{path}", **fields)).status == status
    assert (await reader.call("OPTIONS")).status == 200, "the connection goes on"
    await reader.close()


async def test_refusals_within_a_session(stage: Stage) -> None:
    stage.publish(key=True, size=10)
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0)
    transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
    assert (await reader.call("SETUP", reader.url + "/trackID=0", Transport=transport)).status == 455
    by_udp = "RTP/AVP;unicast;client_port=5000-5001"
    assert (await reader.call("SETUP", reader.url + "/trackID=1", Transport=by_udp)).status == 461
    answer = await reader.call("SETUP", reader.url + "/trackID=1", Transport=transport)
    assert "interleaved=2-3" in answer.headers.get("Transport"), "channels in use are not given twice"
    assert (await reader.call("PLAY", Range="clock=20260101T000000Z-")).status == 457
    assert (await reader.call("PLAY", Range="npt=0.000-")).status == 200
    assert (await reader.call("SETUP", reader.url + "/trackID=2", Transport=transport)).status == 455
    await reader.close()


@pytest.mark.parametrize(
    "data",
    [
        b"PUT / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
        b"DESCRIBE rtsp://x/cam RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999999\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nX: " + b"a" * 20_000,
    ],
    ids=["HTTP", "TLS", "a body too long", "a header too long"],
)
async def test_what_is_not_rtsp_ends_its_connection(stage: Stage, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(data)
    answer = await reader.read()
    assert answer.startswith(b"RTSP/1.0 400 ")
    assert stage.server.counters.bad_requests == 1
    writer.close()
    await writer.wait_closed()


async def test_requests_without_cseq_or_of_another_version(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(b"OPTIONS * RTSP/1.0\r\n\r\nOPTIONS * RTSP/2.0\r\nCSeq: 2\r\n\r\n")
    first = await reader.readuntil(b"\r\n\r\n")
    second = await reader.readuntil(b"\r\n\r\n")
    assert first.startswith(b"RTSP/1.0 400 ")
    assert second.startswith(b"RTSP/1.0 505 ")
    writer.close()
    await writer.wait_closed()


async def test_a_flood_of_requests_ends_its_connection(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" * (MAX_WAITING_REQUESTS + 1))
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1 << 20)
    assert stage.server.counters.bad_requests == 1
    writer.close()


async def test_readers_are_told_when_the_camera_is_gone(stage: Stage) -> None:
    stage.publish(key=True, size=10)
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0)
    await reader.call("PLAY")
    await until_frames(reader, 1)
    stage.hub.close()
    async with asyncio.timeout(20):
        while await reader.read():
            pass
    assert any(isinstance(packet, Bye) for packet in parse_rtcp(reader.packets[1][-1]))
    await reader.close()


async def test_readers_must_ask_again_when_the_codec_changes(stage: Stage) -> None:
    stage.publish(key=True, size=10)
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0)
    await reader.call("PLAY")
    await until_frames(reader, 1)
    stage.publish(track=Track(0, TrackKind.VIDEO, Codec.H265, 90_000, VideoParameters()))
    async with asyncio.timeout(20):
        while await reader.read():
            pass
    assert not stage.server.sessions
    await reader.close()


async def test_new_parameter_sets_end_nobody_and_another_sound_does(stage: Stage) -> None:
    stage.publish(key=True, size=10)
    reader = await RtspReader.connect(stage.port)
    await reader.set_up(0, 1)
    await reader.call("PLAY")
    stage.publish(track=AUDIO, size=160)
    larger = VideoParameters(SPS + b"\x01", (PPS,), b"", 1280, 720)
    stage.publish(track=replace(VIDEO, parameters=larger), key=True, size=10)
    stage.publish(size=10)
    await until_frames(reader, 3)
    stage.publish(track=replace(AUDIO, parameters=AudioParameters(16_000)), size=160)
    async with asyncio.timeout(20):
        while await reader.read():
            pass
    assert not stage.server.sessions
    await reader.close()


async def test_a_camera_without_stream_is_unavailable(stage: Stage) -> None:
    stage.hub.open(())
    reader = await RtspReader.connect(stage.port)
    answer = await reader.call("DESCRIBE")
    assert (answer.status, answer.headers.get("Retry-After")) == (503, "2")
    await reader.close()


def test_interleaved_frames_are_made_once() -> None:
    unit = AccessUnit(VIDEO, 0, 0, T0, TimeSource.RTCP, T0, (b"\x41abc",), False, 4)
    burst = Burst(unit, (struct.pack("!BBHII", 0x80, 96, 7, 9, 1) + b"\x41abc",))
    framed = burst.interleaved(4)
    assert framed == b"$\x04\x00\x10" + burst.packets[0]
    assert burst.interleaved(4) is framed
    assert (burst.sequence, burst.timestamp) == (7, 9)
