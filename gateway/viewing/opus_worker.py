"""The process that turns one camera's AAC into Opus. It has no clock and no camera.

Here belongs what is done with PyAV; what goes in is decided in `opus`, which starts this. Records in: a CONFIG with
an AudioSpecificConfig, which all after it need; then a FRAME and its AAC. Out: for each FRAME the packets it led to,
each a PACKET and 20 ms of Opus; and a DIGESTED for every record, so that the first one's says that all is loaded.
"""

from __future__ import annotations

import contextlib
import struct
import sys
from collections.abc import Iterator
from enum import IntEnum
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

from gateway.base.records import records, reply, step_back

if TYPE_CHECKING:
    from av import AudioCodecContext, AudioFrame

HEAD = struct.Struct("<Bq")
"""A Tag, and ticks: when the first sample was heard; 1 in a DIGESTED whose AAC could not be decoded."""
RATE = 48_000
"""Of Opus, and of the ticks (RFC 7587 4.1)."""
PACKET_SAMPLES = 960
BIT_RATE = 32_000
"""Mono, which is what a body-worn camera hears."""
_TOLERANCE = RATE // 25
"""Samples that are missing or too many up to here are the camera's clock; beyond, there is a hole."""


class Tag(IntEnum):
    """What a record is."""

    CONFIG = 0
    FRAME = 1
    PACKET = 2
    DIGESTED = 3


class Coder:
    """AAC frames in, Opus packets out."""

    def __init__(self, config: bytes) -> None:
        import av

        self._decoder = av.AudioCodecContext.create("aac", "r")
        self._decoder.extradata = config
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        self._encoder = _opus()
        self._fifo = av.AudioFifo()
        self._next: int | None = None
        """Ticks of the next sample that comes out of the fifo."""

    def code(self, aac: bytes, ticks: int) -> Iterator[tuple[int, bytes]]:
        """The packets that a frame completes, with the ticks of their first samples.

        Raises:
            av.error.FFmpegError: this is no AAC.
        """
        import av

        for decoded in self._decoder.decode(av.Packet(aac)):
            decoded.pts = None
            for frame in self._resampler.resample(decoded):
                yield from self._coded(frame, ticks)
                ticks += frame.samples

    def _coded(self, frame: AudioFrame, ticks: int) -> Iterator[tuple[int, bytes]]:
        import av

        if self._next is None or abs(ticks - self._next - self._fifo.samples) > _TOLERANCE:
            self._fifo, self._next = av.AudioFifo(), ticks  # less than 20 ms from before the hole go with it
        frame.pts = None
        self._fifo.write(frame)
        while (piece := self._fifo.read(PACKET_SAMPLES)) is not None:
            piece.pts, piece.time_base = self._next, Fraction(1, RATE)
            self._next += PACKET_SAMPLES
            for packet in self._encoder.encode(piece):
                # The encoder looks ahead: what it gives out begins a little before what it was given.
                assert packet.pts is not None
                yield packet.pts, bytes(packet)


def _opus() -> AudioCodecContext:
    import av

    encoder = av.AudioCodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "flt"
    encoder.bit_rate, encoder.time_base = BIT_RATE, Fraction(1, RATE)
    encoder.options = {"frame_duration": "20", "application": "audio"}
    return encoder


def main(orders: BinaryIO, replies: BinaryIO) -> None:
    """Work until `orders` ends."""
    from av.error import FFmpegError

    coder: Coder | None = None
    for record in records(orders):
        tag, ticks = HEAD.unpack_from(record)
        data = record[HEAD.size :]
        if tag == Tag.CONFIG:
            coder = Coder(data)
        failed = coder is None
        if coder is not None and tag == Tag.FRAME:
            try:
                for at, packet in coder.code(data, ticks):
                    reply(replies, HEAD.pack(Tag.PACKET, at), packet)
            except FFmpegError:
                failed = True
        reply(replies, HEAD.pack(Tag.DIGESTED, failed))
        replies.flush()


if __name__ == "__main__":
    step_back()
    with contextlib.suppress(BrokenPipeError):
        main(sys.stdin.buffer, sys.stdout.buffer)
