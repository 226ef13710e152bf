"""What `_receive.c` does, in Python: the reference for its meaning, and the fallback where nothing was compiled."""

from __future__ import annotations

import struct
from typing import TypeAlias

Picture: TypeAlias = tuple[int, list[bytes], int, int, int, int]
"""(RTP timestamp, NAL units, bit n set for each NAL unit type n among them, bytes of the NAL units, packets, bytes of
their payloads)"""

MAX_PICTURE_BYTES = 16 << 20
MAX_OTHERS = 64
"""NAL units that are no slices, in one picture."""

_frame = struct.Struct("!HH").unpack_from
_rtp = struct.Struct("!BBHII").unpack_from

_HEADER_SIZE = 12
_FU_A = 28
_START, _END = 0x80, 0x40
_SLICES = 1 << 1 | 1 << 5
_PRECEDING = 1 << 6 | 1 << 7 | 1 << 8 | 1 << 9
"""SEI, parameter sets, delimiter."""


def split_frames(data: bytes, start: int, /) -> tuple[int, list[bytes], int]:
    """The interleaved frames at the start of `data[start:]` (RFC 2326 10.12), as many as come in a row on a channel.

    `data[start]` is a dollar sign. Returns the channel, the packets, and where the first byte not taken lies. Without
    a whole frame, no packet and `start`.
    """
    end = len(data)
    packets: list[bytes] = []
    if start + 4 > end:
        return 0, packets, start
    begins, length = expected, _ = _frame(data, start)
    while begins == expected:
        at = start + 4
        stop = at + length
        if stop > end:
            break
        packets.append(data[at:stop])
        start = stop
        if start + 4 > end:
            break
        begins, length = _frame(data, start)
    return expected & 0xFF, packets, start


def pictures(
    packets: list[bytes], payload_type: int, ssrc: int, sequence: int, timestamp: int, /
) -> tuple[list[Picture], int, bool]:
    """The whole H.264 pictures at the start of `packets`, as long as nothing about them is unusual (RFC 6184).

    `sequence` is the next one due and `timestamp` that of the picture before. Usual is: RTP version 2 without padding,
    extension and sources; this type and source; every packet in its turn and none numbered 65535; single NAL units and
    FU-A only; SEI, parameter sets and delimiters (without start codes inside) before slices, of which the first begins
    a picture and the others do not; the marker on the last slice; another timestamp than the picture before.

    Returns the pictures, the number of packets they are made of, and whether the packets left over are the beginning of
    one more: False says that they are none or unusual.
    """
    found: list[Picture] = []
    taken = 0
    while taken < len(packets):
        picture = _picture(packets, taken, payload_type, ssrc, sequence, timestamp)
        if type(picture) is bool:
            return found, taken, picture
        found.append(picture)
        timestamp = picture[0]
        taken += picture[4]
        sequence += picture[4]
    return found, taken, False


def _picture(packets: list[bytes], start: int, payload_type: int, ssrc: int, due: int, previous: int) -> Picture | bool:
    """The picture that begins with `packets[start]`; True: it is not whole yet; False: it is unusual."""
    ours = -1
    nals: list[bytes] = []
    fragments: list[bytes] = []
    kinds = size = others = payload = 0
    for at in range(start, len(packets)):
        data = packets[at]
        if len(data) <= _HEADER_SIZE + 1:
            return False
        first, second, sequence, timestamp, source = _rtp(data)
        if at == start:
            ours = timestamp
        if first != 0x80 or second & 127 != payload_type or sequence != due or due == 0xFFFF or source != ssrc:
            return False
        if timestamp != ours or timestamp == previous:
            return False
        due += 1
        payload += len(data) - _HEADER_SIZE
        kind = data[12] & 0x1F
        if kind == _FU_A:
            if len(data) <= _HEADER_SIZE + 2:
                return False
            bounds, kind = data[13] & 0xC0, data[13] & 0x1F
            if bounds == _START | _END or (bounds == _START) == bool(fragments):
                return False
            if bounds == _START:
                slices = kinds & _SLICES
                if not 1 << kind & _SLICES or bool(data[14] & 0x80) == bool(slices):
                    return False
                kinds |= 1 << kind
                size += 1
                fragments.append(bytes((data[12] & 0xE0 | kind,)))
            fragments.append(data[14:])
            size += len(data) - 14
            if bounds == _END:
                nals.append(b"".join(fragments))
                fragments.clear()
        else:
            if fragments:
                return False
            nal = data[12:]
            slices = kinds & _SLICES
            if 1 << kind & _SLICES:
                if bool(nal[1] & 0x80) == bool(slices):
                    return False
            elif 1 << kind & _PRECEDING:
                others += 1
                if second & 0x80 or others > MAX_OTHERS or b"\0\0\1" in nal:
                    return False
            else:
                return False
            kinds |= 1 << kind
            size += len(nal)
            nals.append(nal)
        if size > MAX_PICTURE_BYTES:
            return False
        if second & 0x80:
            if fragments or not kinds & _SLICES:
                return False
            return ours, nals, kinds, size, at - start + 1, payload
    return True
