"""The compiled kernel and its twin: the same bytes, whatever happens on the way."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.webrtc.kernel import COMPILED, DONE, FULL, HISTORY_FRAMES, MORE, Frame, fastest, twin
from gateway.webrtc.kernel.frame import MAX_RUN_BYTES, MAX_SEGMENTS

KERNELS = [
    pytest.param(twin, id="twin"),
    pytest.param(fastest, id="compiled", marks=pytest.mark.skipif(not COMPILED, reason="nothing is compiled")),
]
every_kernel = pytest.mark.parametrize("kernel", KERNELS)
KEY, SALT = bytes(range(16)), b"Quid pro quo"
SO_NO_CHECK = 11


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        yield sock


@pytest.fixture
def reader() -> Iterator[socket.socket]:
    with bound() as sock:
        yield sock


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(5)
    return sock


def narrow() -> tuple[socket.socket, socket.socket]:
    """A socket that is soon full, and the one that makes room again: both ends keep whole datagrams, none is lost."""
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the least there is
    receiver.settimeout(5)
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 0, fileno=sender.detach()), receiver


def stream(kernel: ModuleType, *, key: bytes = KEY, ssrc: int = 42, sequence: int = 65_530, extension: bytes = b""):
    return kernel.Stream(kernel.Cipher(key, SALT), ssrc, 96, sequence, 0xFFFF_FF00, extension)


def receive(reader: socket.socket, count: int) -> list[bytes]:
    return [reader.recv(1 << 16) for _ in range(count)]


def silent(reader: socket.socket) -> bool:
    reader.setblocking(False)
    try:
        reader.recv(1)
    except BlockingIOError:
        return True
    return False


# ---- the bytes

PLAIN = bytes.fromhex("47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573")


@every_kernel
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (  # RFC 7714 16.1.1
            bytes(range(16)),
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
        ),
        (  # RFC 7714 16.2.1
            bytes(range(32)),
            "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ],
    ids=["128", "256"],
)
def test_packets_are_those_of_the_standard(kernel: ModuleType, key: bytes, expected: str) -> None:
    made = kernel.Stream(kernel.Cipher(key, SALT), 0x5501A0B2, 0x40, 0xF17B, 0, b"")
    assert made.seal(Frame.of([PLAIN], marker=False), 0x8041F8D3) == [
        bytes.fromhex("8040f17b8041f8d35501a0b2" + expected)
    ]


sizes = st.one_of(
    st.lists(st.integers(1, 1300), min_size=1, max_size=12),
    st.builds(
        lambda size, count, last: [size] * count + [last],
        st.integers(1, 1200),
        st.integers(1, 70),
        st.integers(1, 1200),
    ),
)


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
@settings(max_examples=60, deadline=None)
@given(
    frames=st.lists(st.tuples(sizes, st.booleans()), min_size=1, max_size=3),
    key=st.sampled_from([bytes(range(16)), bytes(range(32))]),
    ssrc=st.integers(0, 0xFFFFFFFF),
    sequence=st.sampled_from([0, 1, 0x7FFF, 65_500, 65_535]),
    ticks=st.integers(0, 0xFFFFFFFF),
    extension=st.sampled_from([b"", b"\xbe\xde\0\1\x52\0\0\0"]),
)
def test_both_send_the_same(
    frames: list[tuple[list[int], bool]], key: bytes, ssrc: int, sequence: int, ticks: int, extension: bytes
) -> None:
    sent: list[list[bytes]] = []
    cut = [Frame.of([bytes([i % 256]) * size for i, size in enumerate(sizes)], marker=m) for sizes, m in frames]
    for kernel in (twin, fastest):
        made = stream(kernel, key=key, ssrc=ssrc, sequence=sequence, extension=extension)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, bound() as reader:
            made.aim(udp, reader.getsockname())
            datagrams = []
            for frame in cut:
                passed = kernel.Pass(frame, ticks, [made])
                assert passed.run(1000, True) == DONE
                assert (passed.sent, passed.unreachable, passed.settle()) == (len(frame.payloads), 0, [])
                datagrams += receive(reader, len(frame.payloads))
        assert (made.packets, made.octets) == (len(datagrams), sum(frame.size for frame in cut))
        assert made.next == sequence + made.packets
        assert made.segmenting
        first = {int.from_bytes(datagram[2:4], "big"): datagram for datagram in datagrams}
        assert {number: made.again(number) for number in first} == first
        datagrams += made.seal(cut[0], ticks)
        sent.append(datagrams)
    assert sent[0] == sent[1]


@given(st.lists(st.integers(1, 1400), min_size=1, max_size=200))
def test_runs_are_what_the_system_can_cut(sizes: list[int]) -> None:
    frame = Frame.of(bytes(size) for size in sizes)
    assert frame.runs[-1] == len(sizes)
    start = 0
    for end in frame.runs:
        run = sizes[start:end]
        assert 0 < len(run) <= MAX_SEGMENTS
        assert sum(run) < MAX_RUN_BYTES
        assert set(run[:-1]) <= {run[0]}
        assert run[-1] <= run[0]
        start = end


@every_kernel
def test_nonsense_is_refused(kernel: ModuleType, udp: socket.socket) -> None:
    cipher = kernel.Cipher(KEY, SALT)
    for key, salt in ((b"short", SALT), (KEY, b"short")):
        with pytest.raises(ValueError, match="16 or 32"):
            kernel.Cipher(key, salt)
    for payload_type, extension in ((128, b""), (96, b"odd"), (96, bytes(68))):
        with pytest.raises(ValueError, match="payload type"):
            kernel.Stream(cipher, 1, payload_type, 0, 0, extension)
    with pytest.raises(OSError, match="IP address"):
        stream(kernel).aim(udp, ("camera.example", 9))
    with pytest.raises(ValueError, match="does not fit"):
        Frame.of([bytes(65_500)])
    assert stream(kernel).seal(Frame.of([]), 1) == []


# ---- sent again


@every_kernel
def test_old_packets_are_held_for_a_while(kernel: ModuleType) -> None:
    made = stream(kernel)
    sent = []
    for index in range(HISTORY_FRAMES + 6):
        sent += made.seal(Frame.of([bytes([index, part]) * 40 for part in range(3)]), 3000 * index)
    held = sent[-3 * HISTORY_FRAMES :]
    for packet in held:
        assert made.again(int.from_bytes(packet[2:4], "big")) == packet
    for packet in sent[: -len(held)]:
        assert made.again(int.from_bytes(packet[2:4], "big")) is None
        assert made.find(int.from_bytes(packet[2:4], "big")) is None
    timestamp = (3000 * (HISTORY_FRAMES + 5) + 0xFFFF_FF00) & 0xFFFFFFFF
    last = int.from_bytes(sent[-1][2:4], "big")
    assert made.find(last) == (timestamp, bytes([HISTORY_FRAMES + 5, 2]) * 40, True)
    assert made.find(last - 1) == (timestamp, bytes([HISTORY_FRAMES + 5, 1]) * 40, False)


# ---- sockets that do not do as they are told


@every_kernel
def test_a_route_that_cannot_cut_gets_single_packets(
    kernel: ModuleType, udp: socket.socket, reader: socket.socket
) -> None:
    udp.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)  # segments need checksums: EINVAL
    made, frame = stream(kernel), Frame.of([bytes(1000)] * 9 + [bytes(10)])
    made.aim(udp, reader.getsockname())
    reference = stream(twin)
    for _ in range(2):
        passed = kernel.Pass(frame, 1, [made])
        assert passed.run(1000, True) == DONE
        assert receive(reader, 10) == reference.seal(frame, 1)
        assert passed.settle() == []
        assert not made.segmenting
    made.aim(udp, reader.getsockname())
    assert not made.segmenting, "the route is the same"
    passed = kernel.Pass(frame, 1, [made])
    passed.run(1000, True)
    made.aim(udp, ("127.0.0.1", 9))
    passed.settle()
    assert made.segmenting, "what was learnt is of another route"


@every_kernel
def test_a_full_socket_is_left_and_returned_to(kernel: ModuleType) -> None:
    sender, receiver = narrow()
    with sender, receiver:
        streams = [stream(kernel, ssrc=ssrc) for ssrc in range(20)]
        for made in streams:
            made.aim(sender, ("127.0.0.1", 9))
        frame = Frame.of([bytes(20), bytes(1100), bytes(1100), bytes(900), bytes(30)])
        passed = kernel.Pass(frame, 1, streams)
        got, stops = [], 0
        while (outcome := passed.run(1000, True)) != DONE:
            assert outcome == FULL
            stops += 1
            got.append(receiver.recv(1 << 16))
        receiver.setblocking(False)
        while True:
            try:
                got.append(receiver.recv(1 << 16))
            except BlockingIOError:
                break
        assert stops > 5
        # Here nothing is cut: each run comes whole.
        expected = [stream(twin, ssrc=ssrc).seal(frame, 1) for ssrc in range(20)]
        assert got == [run for p in expected for run in (p[0], b"".join(p[1:4]), p[4])]
        assert passed.settle() == []


@every_kernel
def test_who_cannot_wait_misses_what_does_not_fit(kernel: ModuleType) -> None:
    sender, receiver = narrow()
    with sender, receiver, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, bound() as reader:
        streams = [stream(kernel, ssrc=ssrc) for ssrc in range(20)]
        for made in streams[:-1]:
            made.aim(sender, ("127.0.0.1", 9))
        streams[-1].aim(udp, reader.getsockname())
        passed = kernel.Pass(Frame.of([bytes(1100)]), 1, streams)
        assert passed.run(1000, False) == DONE
        missed = passed.settle()
        assert missed == list(range(passed.sent - 1, 19))
        assert 0 < len(missed) < 19
        assert reader.recv(2000) == stream(twin, ssrc=19).seal(Frame.of([bytes(1100)]), 1)[0]
        again = streams[18].again(65_530)
        assert again == stream(twin, ssrc=18).seal(Frame.of([bytes(1100)]), 1)[0], "what was missed can be asked for"


@every_kernel
def test_nobody_suffers_from_one_that_cannot_be_reached(
    kernel: ModuleType, udp: socket.socket, reader: socket.socket
) -> None:
    lost, homeless, made = stream(kernel), stream(kernel), stream(kernel)
    lost.aim(udp, ("255.255.255.255", 9))  # what only a socket that asked for it may
    made.aim(udp, reader.getsockname())
    frame = Frame.of([b"one", b"two"])
    passed = kernel.Pass(frame, 1, [lost, homeless, made])
    assert passed.run(1000, True) == DONE
    assert (passed.sent, passed.unreachable, passed.settle()) == (2, 1, [])
    assert receive(reader, 2) == stream(twin).seal(frame, 1)
    assert homeless.packets == 0, "what goes nowhere has no number"


# ---- while others work


@every_kernel
def test_a_pass_goes_in_slices(kernel: ModuleType, udp: socket.socket, reader: socket.socket) -> None:
    streams = [stream(kernel, ssrc=ssrc) for ssrc in range(5)]
    for made in streams:
        made.aim(udp, reader.getsockname())
    passed = kernel.Pass(Frame.of([b"one", b"two"]), 1, streams)
    sent = []
    while passed.run(3, True) == MORE:
        sent.append(passed.sent)
    assert (sent, passed.sent) == ([4, 8], 10)


@every_kernel
def test_a_viewer_may_leave_or_move_in_the_middle(
    kernel: ModuleType, udp: socket.socket, reader: socket.socket
) -> None:
    streams = [stream(kernel, ssrc=ssrc) for ssrc in range(3)]
    for made in streams:
        made.aim(udp, reader.getsockname())
    frame = Frame.of([bytes(500), bytes(500)])
    passed = kernel.Pass(frame, 1, streams)
    assert passed.run(1, True) == MORE
    streams[1].aim(udp, ("127.0.0.1", 9))
    streams[2].seal(frame, 2)
    del made, streams
    gc.collect()
    assert passed.run(1000, True) == DONE
    assert receive(reader, 6) == [p for ssrc in range(3) for p in stream(twin, ssrc=ssrc).seal(frame, 1)]
    assert passed.settle() == []


@every_kernel
def test_packets_are_asked_for_while_a_thread_sends(
    kernel: ModuleType, udp: socket.socket, reader: socket.socket
) -> None:
    made, reference = stream(kernel), stream(twin)
    made.aim(udp, reader.getsockname())
    frame = Frame.of([bytes(1000)] * 10)
    passes = [kernel.Pass(frame, index, [made]) for index in range(HISTORY_FRAMES)]
    expected = [packet for index in range(HISTORY_FRAMES) for packet in reference.seal(frame, index)]
    got: list[bytes] = []

    def send() -> None:
        for passed in passes:
            assert passed.run(1000, True) == DONE
            got.extend(receive(reader, 10))

    thread = threading.Thread(target=send)
    thread.start()
    asked = 0
    while thread.is_alive() or asked < 100:
        packet = expected[asked * 7 % len(expected)]
        assert made.again(int.from_bytes(packet[2:4], "big")) == packet
        asked += 1
    thread.join()
    assert got == expected
    assert silent(reader)
