"""STUN and ICE-lite: who is found, who is believed, what they are told. aioice reads and writes the other side."""

from __future__ import annotations

import pytest
from aioice import stun as theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.webrtc import ice, stun
from gateway.webrtc.ice import Credentials
from tests.webrtc_samples import binding

OURS = Credentials("ourufrag", "our-password-our-password")


def believed(datagram: bytes, credentials: Credentials = OURS) -> stun.BindingRequest | None:
    request = stun.read_request(datagram)
    if request is None or request.ufrag != credentials.ufrag:
        return None
    return request if stun.authenticate(datagram, request, credentials.password) else None


def test_request_finds_its_session_and_is_believed() -> None:
    datagram = binding(OURS, nominate=True)
    assert stun.is_stun(datagram)
    request = believed(datagram)
    assert request is not None
    assert request.use_candidate
    assert not request.controlled


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("2001:db8::9", "2001:db8::9"),
        ("fe80::1%lo", "fe80::1"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("::ffff:0:0:0", "::ffff:0:0:0"),
    ],
)
def test_response_tells_the_peer_its_address_and_is_signed(host: str, shown: str) -> None:
    request = believed(binding(OURS))
    assert request is not None
    response = theirs.parse_message(stun.success(request, ice.plain_host(host), 40000, OURS.password))
    assert response.message_class is theirs.Class.RESPONSE
    assert response.transaction_id == request.transaction_id
    assert response.attributes["XOR-MAPPED-ADDRESS"] == (shown, 40000)
    assert response.check_message_integrity(OURS.password.encode())
    assert "FINGERPRINT" in response.attributes


def test_an_error_response_is_signed() -> None:
    request = believed(binding(OURS, controlled=True))
    assert request is not None
    assert request.controlled
    response = theirs.parse_message(stun.error(request, 487, "Role Conflict", OURS.password))
    assert (response.message_class, response.error_code) == (theirs.Class.ERROR, 487)
    assert response.check_message_integrity(OURS.password.encode())


def test_wrong_password_is_not_believed() -> None:
    assert believed(binding(OURS, password="guessed")) is None


def test_every_changed_byte_is_noticed() -> None:
    datagram = binding(OURS, nominate=True)
    for at in range(len(datagram)):
        changed = bytearray(datagram)
        changed[at] ^= 0x01
        assert believed(bytes(changed)) is None, at


def test_what_stands_behind_the_signature_does_not_count() -> None:
    message = theirs.Message(theirs.Method.BINDING, theirs.Class.REQUEST, attributes={"USERNAME": "ourufrag:theirs"})
    message.add_message_integrity(OURS.password.encode())
    message.attributes["USE-CANDIDATE"] = None
    message.add_fingerprint()
    request = believed(bytes(message))
    assert request is not None
    assert not request.use_candidate


@pytest.mark.parametrize("missing", ["USERNAME", "MESSAGE-INTEGRITY", "FINGERPRINT"])
def test_a_request_that_lacks_something_is_none(missing: str) -> None:
    message = theirs.Message(theirs.Method.BINDING, theirs.Class.REQUEST, attributes={"USERNAME": "ourufrag:theirs"})
    message.add_message_integrity(OURS.password.encode())
    del message.attributes[missing]
    if missing != "FINGERPRINT":
        message.add_fingerprint()
    assert stun.read_request(bytes(message)) is None


@settings(max_examples=100)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\x00\x01\x00\x00\x21\x12\xa4\x42", b"\x01\x01"]))
def test_garbage_is_nobodys(noise: bytes, start: bytes) -> None:
    datagram = start + noise
    stun.is_stun(datagram)
    assert believed(datagram) is None


@settings(max_examples=100)
@given(st.data())
def test_a_request_with_a_piece_changed_is_nobodys_or_itself(data: st.DataObject) -> None:
    datagram = binding(OURS)
    at = data.draw(st.integers(0, len(datagram)))
    end = data.draw(st.integers(at, len(datagram)))
    changed = datagram[:at] + data.draw(st.binary(max_size=60)) + datagram[end:]
    assert (believed(changed) is None) == (changed != datagram)


def test_candidates_name_one_port_and_descend() -> None:
    lines = ice.host_candidates([("10.0.0.1", 8189), ("2001:db8::1", 8189), ("203.0.113.5", 9000)])
    parts = [line.split() for line in lines]
    assert [(part[2], part[4], part[5]) for part in parts] == [
        (transport, host, port)
        for transport in ("udp", "tcp")
        for host, port in (("10.0.0.1", "8189"), ("2001:db8::1", "8189"), ("203.0.113.5", "9000"))
    ]
    priorities = [int(part[3]) for part in parts]
    assert priorities == sorted(set(priorities), reverse=True)
    assert priorities[0] == 2130706431, "the highest that a host candidate has (RFC 8445 5.1.2.1)"
    assert len({part[0] for part in parts}) == len(parts), "no two share a foundation"
    assert all(line.endswith(" typ host tcptype passive") for line in lines[3:])
