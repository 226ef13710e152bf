"""ICE-lite: who is found, who is believed, what they are told; and the port that it runs on."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aioice import stun
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.clock import ManualClock
from gateway.base.settings import Address
from gateway.webrtc import ice
from gateway.webrtc.ice import Credentials
from gateway.webrtc.port import Port, open_port

OURS = Credentials("ourufrag", "our-password-our-password")
PEER = ("192.0.2.9", 40000)


def binding(
    credentials: Credentials = OURS, *, password: str | None = None, controlled: bool = False, nominate: bool = False
) -> bytes:
    attributes: dict[str, object] = {"USERNAME": f"{credentials.ufrag}:theirs", "PRIORITY": 1}
    attributes["ICE-CONTROLLED" if controlled else "ICE-CONTROLLING"] = 7
    if nominate:
        attributes["USE-CANDIDATE"] = None
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, attributes=attributes)
    message.add_message_integrity((password or credentials.password).encode())
    return bytes(message)


def test_request_finds_its_session_and_is_believed() -> None:
    request = binding(nominate=True)
    assert ice.is_stun(request)
    assert ice.addressed_ufrag(request) == "ourufrag"
    read = ice.authenticate(request, OURS)
    assert read is not None
    assert read.use_candidate
    assert not read.controlled


def test_response_tells_the_peer_its_address_and_is_signed() -> None:
    request = ice.authenticate(binding(), OURS)
    assert request is not None
    response = stun.parse_message(ice.answer(request, PEER, OURS))
    assert response.message_class is stun.Class.RESPONSE
    assert response.transaction_id == request.transaction_id
    assert response.attributes["XOR-MAPPED-ADDRESS"] == PEER
    assert response.check_message_integrity(OURS.password.encode())
    assert "FINGERPRINT" in response.attributes


def test_a_peer_that_believes_we_control_is_told_of_the_conflict() -> None:
    request = ice.authenticate(binding(controlled=True), OURS)
    assert request is not None
    assert stun.parse_message(ice.answer(request, PEER, OURS)).error_code == 487


def test_wrong_password_is_not_believed() -> None:
    assert ice.authenticate(binding(password="guessed"), OURS) is None


def test_every_changed_byte_is_noticed() -> None:
    request = binding(nominate=True)
    # All but the type and length of FINGERPRINT, which nothing but FINGERPRINT itself is about.
    for at in (*range(len(request) - 8), *range(len(request) - 4, len(request))):
        changed = bytearray(request)
        changed[at] ^= 0x01
        assert ice.authenticate(bytes(changed), OURS) is None, at


def test_request_without_fingerprint_is_not_believed() -> None:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, attributes={"USERNAME": "ourufrag:theirs"})
    message.add_message_integrity(OURS.password.encode())
    del message.attributes["FINGERPRINT"]
    assert ice.authenticate(bytes(message), OURS) is None


@settings(max_examples=100)
@given(st.binary(max_size=200), st.booleans())
def test_garbage_is_nobodys(noise: bytes, as_stun: bool) -> None:
    datagram = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + noise if as_stun else noise
    ice.is_stun(datagram)
    ice.addressed_ufrag(datagram)
    assert ice.authenticate(datagram, OURS) is None


def test_candidates_name_one_port_and_descend() -> None:
    lines = ice.host_candidates([("10.0.0.1", 8189), ("2001:db8::1", 8189)])
    assert lines[0].startswith("1 1 udp ")
    assert lines[0].endswith(" 10.0.0.1 8189 typ host")
    assert lines[1].endswith(" 2001:db8::1 8189 typ host")
    assert int(lines[0].split()[3]) > int(lines[1].split()[3])


class RecordingPeer:
    def __init__(self) -> None:
        self.credentials = Credentials.make()
        self.bindings: list[tuple[object, bool]] = []
        self.dtls: list[bytes] = []
        self.rtcp: list[bytes] = []

    def bound(self, source: object, *, nominated: bool) -> None:
        self.bindings.append((source, nominated))

    def dtls_received(self, datagram: bytes) -> None:
        self.dtls.append(datagram)

    def rtcp_received(self, datagram: bytes) -> None:
        self.rtcp.append(datagram)


class Knocker:
    """A socket that talks to the port."""

    def __init__(self, port: Port) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(("127.0.0.1", port.address.port))

    async def ask(self, datagram: bytes) -> bytes:
        self.socket.send(datagram)
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 2048), 20)


@pytest.fixture
async def port():
    port = await open_port(Address("127.0.0.1", 0), ManualClock())
    yield port
    port.close()


@pytest.fixture
def knocker(port: Port):
    knocker = Knocker(port)
    yield knocker
    knocker.socket.close()


async def test_datagrams_reach_the_peer_only_after_it_proved_itself(port: Port, knocker: Knocker) -> None:
    peer = RecordingPeer()
    port.add(peer)
    knocker.socket.send(b"\x16early dtls")
    await knocker.ask(binding(peer.credentials))
    assert peer.dtls == []
    assert port.refused["datagram of a stranger"] == 1
    knocker.socket.send(b"\x16dtls")
    knocker.socket.send(b"\x80\xc9rtcp")
    knocker.socket.send(b"\x80\x60rtp")
    await knocker.ask(binding(peer.credentials, nominate=True))
    assert peer.dtls == [b"\x16dtls"]
    assert peer.rtcp == [b"\x80\xc9rtcp"]
    assert port.refused["datagram of no known kind"] == 1
    source = knocker.socket.getsockname()
    assert peer.bindings == [(source, False), (source, True)]


async def test_ten_thousand_bad_requests_are_counted_and_change_nothing(port: Port, knocker: Knocker) -> None:
    peer = RecordingPeer()
    port.add(peer)
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


async def test_an_address_belongs_to_who_proved_itself_last(port: Port, knocker: Knocker) -> None:
    first, second = RecordingPeer(), RecordingPeer()
    port.add(first)
    port.add(second)
    await knocker.ask(binding(first.credentials))
    await knocker.ask(binding(second.credentials))
    port.remove(first)
    knocker.socket.send(b"\x16for the second")
    await knocker.ask(binding(second.credentials))
    assert (first.dtls, second.dtls) == ([], [b"\x16for the second"])
    port.remove(second)
    port.remove(second)
    assert port.peers == 0


async def test_listening_everywhere_offers_the_machines_addresses_and_the_public_ones() -> None:
    port = await open_port(Address("0.0.0.0", 0), ManualClock(), ["203.0.113.5"])
    try:
        candidates = port.candidates()
        assert candidates[-1].endswith(f" 203.0.113.5 {port.address.port} typ host")
        assert len(candidates) >= 2
        assert not any(" 0.0.0.0 " in candidate for candidate in candidates)
    finally:
        port.close()


async def test_listening_on_loopback_offers_loopback(port: Port) -> None:
    (candidate,) = port.candidates()
    assert candidate.endswith(f" 127.0.0.1 {port.address.port} typ host")


async def test_a_full_socket_is_waited_for_at_most_as_long_as_was_said(port: Port) -> None:
    assert await port.room(1.0)
