"""RTP payloads of H.265 (RFC 7798): single NAL units, aggregation packets and fragmentation units, in either direction.

Without decoding order numbers (`sprop-max-don-diff` 0): no camera uses them. PACI packets are counted as unsupported.
Ends of units, loss and decoding times are in `video_rtp`.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.media import h265
from gateway.media.h265 import NalType
from gateway.media.model import VideoParameters
from gateway.media.video_rtp import (
    BEGINS,
    CONTINUES,
    DEFAULT_FRAME_SECONDS,
    DEFAULT_MAX_PAYLOAD,
    PRECEDES,
    TRAILS,
    Place,
    VideoDepacketizer,
    fragments,
)

_AGGREGATION = 48
_FRAGMENTATION = 49
_PACI = 50
_START, _END = 0x80, 0x40
_LAST_SLICE = 31
_HAS_IRAP = sum(1 << kind for kind in range(NalType.BLA_W_LP, NalType.LAST_IRAP + 1))
_SETS = frozenset({NalType.VPS, NalType.SPS, NalType.PPS})
_TRAILING = frozenset(
    {
        NalType.END_OF_SEQUENCE,
        NalType.END_OF_BITSTREAM,
        NalType.FILLER,
        NalType.SUFFIX_SEI,
        *range(45, 48),
        *range(56, 64),
    }
)


class H265Depacketizer(VideoDepacketizer):
    """Access units of an H.265 track."""

    __slots__ = ()

    def _unpack(self, payload: bytes) -> None:
        if not payload:  # padding alone: some cameras keep the way open with it
            return
        kind = payload[0] >> 1 & 0x3F
        if kind == _FRAGMENTATION:
            self._take_fragment(payload)
        elif kind == _AGGREGATION:
            self._finish_fragments()
            self._take_aggregate(payload, 2)  # RFC 7798 4.4.2
        elif kind == _PACI:
            self.unsupported += 1
            self._damage(len(payload))
        else:
            self._finish_fragments()
            self._take(payload)

    def _take_fragment(self, payload: bytes) -> None:
        """RFC 7798 4.4.3."""
        if len(payload) < 4:
            self._spoil(payload)
            return
        header = payload[2]
        if header & _START:
            self._finish_fragments()
            kind = header & 0x3F
            if not self._enter(_place(kind, payload[3])):
                self.dropped_bytes += len(payload)
                return
            self._begin_fragments(bytes((payload[0] & 0x81 | kind << 1, payload[1])), payload[3:])
        else:
            self._fragment(payload[3:])
        if header & _END:
            self._finish_fragments()

    def _take(self, nal: bytes) -> None:
        kind = nal[0] >> 1 & 0x3F
        if len(nal) < 2 or (len(nal) == 2 and kind not in _TRAILING):
            self._spoil(nal)
        elif self._enter(_place(kind, nal[2] if len(nal) > 2 else 0)):
            self._complete(nal)
        else:
            self.dropped_bytes += len(nal)

    def _complete(self, nal: bytes) -> None:
        kind = nal[0] >> 1 & 0x3F
        self._add(nal, kind, is_slice=kind <= _LAST_SLICE, is_set=kind in _SETS)

    def _learn(self, sets: list[bytes], old: VideoParameters) -> VideoParameters:
        return h265.video_parameters(sets, old)

    def _frame_seconds(self, parameters: VideoParameters) -> float:
        return DEFAULT_FRAME_SECONDS

    def _is_keyframe(self, pts: int, nals: Sequence[bytes], kinds: int) -> bool:
        """An IRAP picture (3.69). After a CRA the pictures that precede it in output order are skipped by decoders."""
        return kinds & _HAS_IRAP != 0


def _place(kind: int, first_byte: int) -> Place:
    """7.4.2.4.4: what begins an access unit; `first_slice_segment_in_pic_flag` is a slice header's first bit."""
    if kind <= _LAST_SLICE:
        return BEGINS if first_byte & 0x80 else CONTINUES
    return TRAILS if kind in _TRAILING else PRECEDES


def packetize(nals: Sequence[bytes], max_payload: int = DEFAULT_MAX_PAYLOAD) -> list[bytes]:
    """The payloads of one access unit, in order; the marker belongs on the last one's packet.

    Large NAL units become fragmentation units of equal size (the last not larger), small neighbours one aggregation
    packet. `max_payload` is at least 64.
    """
    if max_payload < 64:
        raise ValueError(f"payloads of {max_payload} bytes are too small")
    payloads: list[bytes] = []
    small: list[bytes] = []
    room = max_payload - 2
    for nal in nals:
        if len(nal) > max_payload:
            _close_aggregate(small, payloads)
            room = max_payload - 2
            head = bytes((nal[0] & 0x81 | _FRAGMENTATION << 1, nal[1]))
            kind = nal[0] >> 1 & 0x3F
            first, middle, last = (head + bytes((bounds | kind,)) for bounds in (_START, 0, _END))
            payloads += fragments(nal, 2, max_payload - 3, first=first, middle=middle, last=last)
        elif nal:
            if len(nal) + 2 > room:
                _close_aggregate(small, payloads)
                room = max_payload - 2
            small.append(nal)
            room -= len(nal) + 2
    _close_aggregate(small, payloads)
    return payloads


def _close_aggregate(small: list[bytes], payloads: list[bytes]) -> None:
    """RFC 7798 4.4.2: layer and temporal id of the aggregate are the lowest of its units'."""
    if len(small) == 1:
        payloads.append(small[0])
    elif small:
        forbidden = max(nal[0] & 0x80 for nal in small)
        layer = min((nal[0] & 1) << 5 | nal[1] >> 3 for nal in small)
        temporal = min(nal[1] & 7 for nal in small)
        parts = [bytes((forbidden | _AGGREGATION << 1 | layer >> 5, (layer & 31) << 3 | temporal))]
        for nal in small:
            parts += (len(nal).to_bytes(2, "big"), nal)
        payloads.append(b"".join(parts))
    small.clear()
