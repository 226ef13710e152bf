"""The one port: whose datagram it is, by UDP and by TCP, and what strangers can do to it (nothing)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from aioice import stun

from gateway.base.clock import ManualClock
from gateway.base.metrics import REGISTRY
from gateway.base.settings import Address, public_address
from gateway.webrtc import tcp
from gateway.webrtc.ice import Credentials
from gateway.webrtc.port import MAX_STRANGERS, STRANGER_SECONDS, Port, Route, open_port
from gateway.webrtc.tcp import Deframer, TcpRoute, framed
from tests.webrtc_samples import binding

SECONDS = 5.0


class RecordingPeer:
    def __init__(self) -> None:
        self.credentials = Credentials.make()
        self.bindings: list[tuple[Route, bool]] = []
        self.dtls: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.rtp: list[bytes] = []

    def bound(self, source: Route, *, nominated: bool) -> None:
        self.bindings.append((source, nominated))

    def dtls_received(self, datagram: bytes) -> None:
        self.dtls.append(datagram)

    def rtcp_received(self, datagram: bytes) -> None:
        self.rtcp.append(datagram)

    def rtp_received(self, datagram: bytes) -> None:
        self.rtp.append(datagram)


class Knocker:
    """A UDP socket that talks to the port."""

    def __init__(self, port: Port, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((host, 0))
        self.socket.connect((host, port.address.port))

    async def ask(self, datagram: bytes) -> bytes:
        self.socket.send(datagram)
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 2048), SECONDS)


class TcpKnocker:
    """A TCP connection to the port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.frames = Deframer()

    async def ask(self, datagram: bytes) -> bytes:
        self.writer.write(framed(datagram))
        async with asyncio.timeout(SECONDS):
            while not (found := self.frames.push(await self.reader.read(4096))):
                assert not self.reader.at_eof()
        return found[0]

    async def closed(self) -> None:
        """Returns when the port has hung up."""
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(SECONDS):
                while await self.reader.read(4096):
                    pass


@contextlib.asynccontextmanager
async def listening(clock: ManualClock, host: str = "127.0.0.1") -> AsyncIterator[Port]:
    port = await open_port(Address(host, 0), clock)
    try:
        yield port
    finally:
        port.close()
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def by_tcp(port: Port, host: str = "127.0.0.1") -> AsyncIterator[TcpKnocker]:
    knocker = TcpKnocker(*await asyncio.open_connection(host, port.address.port))
    try:
        yield knocker
    finally:
        knocker.writer.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def port(clock: ManualClock):
    async with listening(clock) as port:
        yield port


@pytest.fixture
def knocker(port: Port):
    knocker = Knocker(port)
    yield knocker
    knocker.socket.close()


@pytest.fixture
def peer(port: Port):
    peer = RecordingPeer()
    port.add(peer)
    return peer


async def until(condition) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


# ---- by UDP


async def test_datagrams_reach_the_peer_only_after_it_proved_itself(
    port: Port, knocker: Knocker, peer: RecordingPeer
) -> None:
    knocker.socket.send(b"\x16early dtls")
    await knocker.ask(binding(peer.credentials))
    assert peer.dtls == []
    assert port.refused["datagram of a stranger"] == 1
    knocker.socket.send(b"\x16dtls")
    knocker.socket.send(b"\x80\xc9rtcp")
    knocker.socket.send(b"\x80\x60rtp")
    knocker.socket.send(b"\x70turn")
    await knocker.ask(binding(peer.credentials, nominate=True))
    assert peer.dtls == [b"\x16dtls"]
    assert peer.rtcp == [b"\x80\xc9rtcp"]
    assert peer.rtp == [b"\x80\x60rtp"]
    assert port.refused["datagram of no known kind"] == 1
    source = knocker.socket.getsockname()
    assert peer.bindings == [(source, False), (source, True)]


async def test_a_peer_that_believes_we_control_is_told_of_the_conflict(
    port: Port, knocker: Knocker, peer: RecordingPeer
) -> None:
    answer = stun.parse_message(await knocker.ask(binding(peer.credentials, controlled=True)))
    assert answer.error_code == 487
    assert peer.bindings == []
    assert port.routes == 0


async def test_ten_thousand_bad_requests_are_counted_and_change_nothing(
    port: Port, knocker: Knocker, peer: RecordingPeer
) -> None:
    wrong = binding(peer.credentials, password="wrong")
    nobody = binding(Credentials("nobody", "x"))
    for _ in range(100):
        for _ in range(50):
            knocker.socket.send(wrong)
            knocker.socket.send(nobody)
        await knocker.ask(binding(peer.credentials))
    assert port.refused["STUN with bad credentials"] == 5000
    assert port.refused["STUN for no session"] == 5000
    assert len(peer.bindings) == 100
    assert port.routes == 1


async def test_an_address_belongs_to_who_proved_itself_last(port: Port, knocker: Knocker, peer: RecordingPeer) -> None:
    second = RecordingPeer()
    port.add(second)
    await knocker.ask(binding(peer.credentials))
    await knocker.ask(binding(second.credentials))
    port.remove(peer)
    knocker.socket.send(b"\x16for the second")
    await knocker.ask(binding(second.credentials))
    assert (peer.dtls, second.dtls) == ([], [b"\x16for the second"])
    port.remove(second)
    port.remove(second)
    assert (port.peers, port.routes) == (0, 0)


async def test_a_full_socket_is_waited_for_at_most_as_long_as_was_said(port: Port) -> None:
    assert await port.room(1.0)


# ---- ICE restart


async def test_old_credentials_hold_until_the_new_ones_are_used(
    port: Port, knocker: Knocker, peer: RecordingPeer
) -> None:
    old = peer.credentials
    await knocker.ask(binding(old))
    peer.credentials = never_used = Credentials.make()
    port.renew(peer)
    peer.credentials = new = Credentials.make()
    port.renew(peer)
    await knocker.ask(binding(old))
    assert port.refused.total() == 0
    knocker.socket.send(binding(never_used))
    await knocker.ask(binding(new))
    assert port.refused == {"STUN for no session": 1}
    knocker.socket.send(binding(old))
    await knocker.ask(binding(new))
    assert port.refused == {"STUN for no session": 2}
    port.remove(peer)
    assert port._sessions == {}


# ---- addresses


async def test_listening_everywhere_offers_the_machines_addresses_and_the_public_ones() -> None:
    public = [public_address("203.0.113.5"), public_address("[2001:db8::5]:9000")]
    port = await open_port(Address("0.0.0.0", 0), ManualClock(), public)
    try:
        udp = [candidate for candidate in port.candidates() if " udp " in candidate]
        assert udp[-2].endswith(f" 203.0.113.5 {port.address.port} typ host")
        assert udp[-1].endswith(" 2001:db8::5 9000 typ host")
        assert len(udp) >= 3
        assert not any(" 0.0.0.0 " in candidate for candidate in udp)
        assert not any(":" in candidate for candidate in udp[:-1]), "who listens on IPv4 is not reached by IPv6"
    finally:
        port.close()


async def test_listening_on_loopback_offers_loopback_by_udp_and_tcp(port: Port) -> None:
    udp, stream = port.candidates()
    assert udp.endswith(f" 127.0.0.1 {port.address.port} typ host")
    assert " udp " in udp
    assert stream.endswith(f" 127.0.0.1 {port.address.port} typ host tcptype passive")
    assert " tcp " in stream


async def test_both_families_share_the_port_and_each_sees_its_own_address(clock: ManualClock) -> None:
    try:
        probe = await open_port(Address("::", 0), clock)
    except OSError:
        pytest.skip("this machine has no IPv6")
    probe.close()
    async with listening(clock, "::") as port:
        peer = RecordingPeer()
        port.add(peer)
        for host in ("127.0.0.1", "::1"):
            knocker = Knocker(port, host)
            try:
                mine = knocker.socket.getsockname()[:2]
                answer = stun.parse_message(await knocker.ask(binding(peer.credentials)))
                assert answer.attributes["XOR-MAPPED-ADDRESS"] == mine
                source = peer.bindings[-1][0]
                port.send(b"back", source)
                assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(knocker.socket, 9), 5) == b"back"
            finally:
                knocker.socket.close()
            async with by_tcp(port, host) as stream:
                answer = stun.parse_message(await stream.ask(binding(peer.credentials)))
                assert answer.attributes["XOR-MAPPED-ADDRESS"] == stream.writer.get_extra_info("sockname")[:2]


# ---- by TCP


async def test_a_peer_is_reached_by_tcp(port: Port, peer: RecordingPeer) -> None:
    async with by_tcp(port) as knocker:
        answer = stun.parse_message(await knocker.ask(binding(peer.credentials, nominate=True)))
        assert answer.attributes["XOR-MAPPED-ADDRESS"] == knocker.writer.get_extra_info("sockname")
        ((route, nominated),) = peer.bindings
        assert isinstance(route, TcpRoute)
        port.expire()
        assert REGISTRY.get_sample_value("sightline_viewer_routes", {"transport": "tcp"}) == 1
        assert nominated
        knocker.writer.write(framed(b"\x16dtls")[:3])
        knocker.writer.write(framed(b"\x16dtls")[3:] + framed(b"\x80\xc9rtcp"))
        await until(lambda: peer.rtcp)
        assert (peer.dtls, peer.rtcp) == ([b"\x16dtls"], [b"\x80\xc9rtcp"])
        port.send(b"media", route)
        assert await knocker.reader.readexactly(7) == framed(b"media")
        port.remove(peer)
        await knocker.closed()
    assert port.routes == 0
    assert not route.send(b"too late")


async def test_a_connection_that_ends_is_forgotten(port: Port, peer: RecordingPeer) -> None:
    async with by_tcp(port) as knocker:
        await knocker.ask(binding(peer.credentials))
        assert port.routes == 1
    await until(lambda: port.routes == 0)
    port.remove(peer)


async def test_who_does_not_read_is_passed_over_and_costs_a_bounded_amount(port: Port, peer: RecordingPeer) -> None:
    async with by_tcp(port) as knocker:
        await knocker.ask(binding(peer.credentials))
        knocker.writer.transport.pause_reading()
        ((route, _),) = peer.bindings
        assert isinstance(route, TcpRoute)
        packet = bytes(1200)
        for _ in range(20_000):
            route.send(packet)
            if route.passed_over > 100:
                break
            await asyncio.sleep(0)
        assert route.passed_over > 100
        assert route._transport is not None
        assert route._transport.get_write_buffer_size() <= tcp.MAX_WAITING + 2000
        knocker.writer.transport.resume_reading()
        await until(lambda: route.send(b"\xffmore"))


async def test_garbage_by_tcp_is_counted_and_hung_up_on(port: Port) -> None:
    async with by_tcp(port) as knocker:
        knocker.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await knocker.closed()
    assert port.refused == {"TCP stream that is not framed": 1}
    assert port.routes == 0


async def test_connections_that_prove_nothing_are_closed(port: Port, clock: ManualClock, peer: RecordingPeer) -> None:
    async with by_tcp(port) as proven, by_tcp(port) as silent, by_tcp(port) as guessing:
        await proven.ask(binding(peer.credentials))
        guessing.writer.write(framed(binding(peer.credentials, password="guess")))
        await until(lambda: port.refused["STUN with bad credentials"] and port.routes == 3)
        clock.advance(STRANGER_SECONDS)
        port.expire()
        await silent.closed()
        await guessing.closed()
        await proven.ask(binding(peer.credentials))
    assert port.refused["TCP connection that proved nothing"] == 2


async def test_strangers_make_room_for_later_ones(port: Port, peer: RecordingPeer) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(MAX_STRANGERS):
            await stack.enter_async_context(by_tcp(port))
        await until(lambda: port.routes == MAX_STRANGERS)
        last = await stack.enter_async_context(by_tcp(port))
        await last.ask(binding(peer.credentials))
        assert port.refused == {"TCP connection too many": 1}
    await until(lambda: port.routes == 0)
