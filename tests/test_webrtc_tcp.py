"""RFC 4571: datagrams in a byte stream."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.webrtc.tcp import MAX_FRAME, Deframer, FrameError, framed


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=300), max_size=20), st.data())
def test_datagrams_come_out_as_they_went_in_however_the_stream_is_cut(
    datagrams: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(map(framed, datagrams))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    frames, found = Deframer(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += frames.push(stream[start:end])
    assert found == [datagram for datagram in datagrams if datagram]


def test_one_byte_at_a_time() -> None:
    frames = Deframer()
    found = [datagram for byte in framed(b"one") + framed(bytes(MAX_FRAME)) for datagram in frames.push(bytes([byte]))]
    assert found == [b"one", bytes(MAX_FRAME)]


@settings(max_examples=100)
@given(st.binary(max_size=5000))
def test_garbage_is_bounded(noise: bytes) -> None:
    frames = Deframer()
    try:
        for at in range(0, len(noise), 700):
            assert all(0 < len(datagram) <= MAX_FRAME for datagram in frames.push(noise[at : at + 700]))
            assert len(frames._rest) < MAX_FRAME + 2
    except FrameError:
        pass


def test_what_no_viewer_sends_is_refused_before_it_has_come() -> None:
    with pytest.raises(FrameError):
        Deframer().push((MAX_FRAME + 1).to_bytes(2, "big"))
