"""RTP payloads of H.264 (RFC 6184): single NAL units, STAP-A and FU-A, in either direction.

Interleaved mode (STAP-B, MTAP, FU-B; packetization-mode 2) is counted as unsupported: no camera sends it unasked.
Ends of units, loss and decoding times are in `video_rtp`.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.media import h264
from gateway.media.bits import BitstreamError
from gateway.media.h264 import NalType
from gateway.media.kernel import Picture
from gateway.media.model import AccessUnit, Track, UtcNs, VideoParameters
from gateway.media.timeline import Timeline
from gateway.media.video_rtp import (
    BEGINS,
    BELIEVED,
    CONTINUES,
    DEFAULT_FRAME_SECONDS,
    DEFAULT_MAX_PAYLOAD,
    PRECEDES,
    TRAILS,
    Place,
    VideoDepacketizer,
    fragments,
)

_STAP_A = 24
_FU_A = 28
_INTERLEAVED = frozenset({25, 26, 27, 29})
"""STAP-B, MTAP16, MTAP24, FU-B."""
_START, _END = 0x80, 0x40

_SLICES = frozenset({NalType.SLICE, NalType.PARTITION_A, 3, 4, NalType.IDR})
_PICTURE_STARTS = frozenset({NalType.SLICE, NalType.PARTITION_A, NalType.IDR})
_TRAILING = frozenset({NalType.END_OF_SEQUENCE, NalType.END_OF_STREAM, NalType.FILLER, 19, 20, 21})
_SETS = frozenset({NalType.SPS, NalType.PPS})
_HAS_IDR, _HAS_SEI = 1 << NalType.IDR, 1 << NalType.SEI
_HAS_SETS = 1 << NalType.SPS | 1 << NalType.PPS
_SMALL_HEADERS = frozenset({NalType.SEI, NalType.SPS, NalType.PPS, NalType.DELIMITER})

_GRADUAL_REFRESH_SECONDS = 10
"""Without an IDR for so long, a point from which the picture becomes whole gradually counts as a keyframe."""


class H264Depacketizer(VideoDepacketizer):
    """Access units of an H.264 track."""

    __slots__ = ("_fields", "_last_keyframe_pts")

    def __init__(self, track: Track, timeline: Timeline) -> None:
        super().__init__(track, timeline)
        self._fields = False
        self._last_keyframe_pts: int | None = None
        assert isinstance(track.parameters, VideoParameters)
        self._note_fields(track.parameters)

    @property
    def previous(self) -> int | None:
        """The RTP timestamp of the picture before, when `push_picture` may follow; None: packets must be pushed, since
        a picture has begun, or it is not known yet what the marker is worth.
        """
        if not self._delivered or self._marker is not BELIEVED or self._after_loss or self._held or self._fragments:
            return None
        return self._timestamp

    def push_picture(self, picture: Picture, first_received_ns: UtcNs, received_ns: UtcNs) -> AccessUnit | None:
        """Take the packets of a whole picture at once, as `kernel.pictures` finds it: the same as to push them singly.

        Returns its unit. None: there are items to pull, since something came before it, or it has parameter sets.
        """
        timestamp, nals, kinds, size, packets, _ = picture
        self._timestamp = timestamp
        self._expected = self._expected + packets & 0xFFFF
        if kinds & _HAS_SETS or self._hole:
            self._first_received_ns, self._received_ns = first_received_ns, received_ns
            self._nals, self._kinds, self._size = nals, kinds, size
            self._sets = [nal for nal in nals if nal[0] & 0x1F in _SETS]
            self._deliver()
            return None
        return self._unit(timestamp, first_received_ns, received_ns, nals, kinds, size)

    def _unpack(self, payload: bytes) -> None:
        if not payload:  # padding alone: some cameras keep the way open with it
            return
        kind = payload[0] & 0x1F
        if kind == _FU_A:
            self._take_fragment(payload)
        elif 0 < kind < _STAP_A:
            if self._fragments:
                self._finish_fragments()
            self._take(payload)
        elif kind == _STAP_A:
            self._finish_fragments()
            self._take_aggregate(payload, 1)  # RFC 6184 5.7.1
        elif kind in _INTERLEAVED:
            self.unsupported += 1
            self._damage(len(payload))
        else:  # 0, 30 and 31 are undefined, and a receiver ignores them (RFC 6184 5.2)
            self.malformed += 1
            self.dropped_bytes += len(payload)

    def _take_fragment(self, payload: bytes) -> None:
        """RFC 6184 5.8. A camera that sets both start and end on one fragment means a whole NAL unit."""
        if len(payload) < 3:
            self._spoil(payload)
            return
        header = payload[1]
        if header < _END:
            self._fragment(payload[2:])  # the middle of a unit: the way of most packets
            return
        if header & _START:
            if self._fragments:
                self._finish_fragments()
            if not self._enter(self._place(header & 0x1F, payload[2])):
                self.dropped_bytes += len(payload)
                return
            self._begin_fragments(bytes((payload[0] & 0xE0 | header & 0x1F,)), payload[2:])
        else:
            self._fragment(payload[2:])
        if header & _END:
            self._finish_fragments()

    def _take(self, nal: bytes) -> None:
        kind = nal[0] & 0x1F
        if len(nal) < 2 and kind not in _TRAILING:
            self._spoil(nal)
        elif self._enter(self._place(kind, nal[1] if len(nal) > 1 else 0)):
            self._complete(nal)
        else:
            self.dropped_bytes += len(nal)

    def _complete(self, nal: bytes) -> None:
        kind = nal[0] & 0x1F
        if kind in _SMALL_HEADERS and b"\0\0\1" in nal:
            # Some cameras send parameter sets and slice as one unit, with the start codes left in.
            for part in h264.split_annex_b(b"\0\0\1" + nal):
                part_kind = part[0] & 0x1F
                if self._enter(self._place(part_kind, part[1] if len(part) > 1 else 0)):
                    self._add(part, part_kind, is_slice=part_kind in _SLICES, is_set=part_kind in _SETS)
            return
        self._add(nal, kind, is_slice=kind in _SLICES, is_set=kind in _SETS)

    def _place(self, kind: int, first_byte: int) -> Place:
        """7.4.1.2.3: what begins an access unit. `first_mb_in_slice` is 0 when its code is the single bit 1.

        Where pictures may be fields, the second field's first slice continues the unit: two fields make one frame.
        """
        if kind in _PICTURE_STARTS:
            new_picture = first_byte & 0x80 and not (self._fields and self._has_slice_of_picture())
            return BEGINS if new_picture else CONTINUES
        if kind in {3, 4}:
            return CONTINUES
        return TRAILS if kind in _TRAILING else PRECEDES

    def _has_slice_of_picture(self) -> bool:
        return self._has_slice or self._delivered

    def _learn(self, sets: list[bytes], old: VideoParameters) -> VideoParameters:
        new = h264.video_parameters(sets, old)
        if new.sps != old.sps:
            self._note_fields(new)
        return new

    def _note_fields(self, parameters: VideoParameters) -> None:
        try:
            self._fields = bool(parameters.sps) and not h264.parse_sps(parameters.sps).frame_mbs_only
        except BitstreamError:
            self.malformed += 1

    def _frame_seconds(self, parameters: VideoParameters) -> float:
        try:
            return h264.parse_sps(parameters.sps).frame_seconds or DEFAULT_FRAME_SECONDS
        except BitstreamError:
            return DEFAULT_FRAME_SECONDS

    def _is_keyframe(self, pts: int, nals: Sequence[bytes], kinds: int) -> bool:
        if not kinds & _HAS_IDR:
            if not kinds & _HAS_SEI:
                return False
            counts = [h264.recovery_frame_count(nal) for nal in nals if nal[0] & 0x1F == NalType.SEI]
            count = next((count for count in counts if count is not None), None)
            if count is None:
                return False
            if count > 0:
                patience = _GRADUAL_REFRESH_SECONDS * self.track.clock_rate
                return self._last_keyframe_pts is None or pts - self._last_keyframe_pts > patience
        self._last_keyframe_pts = pts
        return True


def packetize(nals: Sequence[bytes], max_payload: int = DEFAULT_MAX_PAYLOAD) -> list[bytes]:
    """The payloads of one access unit, in order; the marker belongs on the last one's packet.

    Large NAL units become FU-A fragments of equal size (the last not larger), small neighbours one STAP-A
    (packetization-mode 1). `max_payload` is at least 64.
    """
    if max_payload < 64:
        raise ValueError(f"payloads of {max_payload} bytes are too small")
    payloads: list[bytes] = []
    small: list[bytes] = []
    room = max_payload - 1
    for nal in nals:
        if len(nal) > max_payload:
            _close_aggregate(small, payloads)
            room = max_payload - 1
            indicator, kind = nal[0] & 0xE0 | _FU_A, nal[0] & 0x1F
            first, middle, last = (bytes((indicator, bounds | kind)) for bounds in (_START, 0, _END))
            payloads += fragments(nal, 1, max_payload - 2, first=first, middle=middle, last=last)
        elif nal:
            if len(nal) + 2 > room:
                _close_aggregate(small, payloads)
                room = max_payload - 1
            small.append(nal)
            room -= len(nal) + 2
    _close_aggregate(small, payloads)
    return payloads


def _close_aggregate(small: list[bytes], payloads: list[bytes]) -> None:
    if len(small) == 1:
        payloads.append(small[0])
    elif small:
        forbidden, importance = max(nal[0] & 0x80 for nal in small), max(nal[0] & 0x60 for nal in small)
        parts = [bytes((forbidden | importance | _STAP_A,))]
        for nal in small:
            parts += (len(nal).to_bytes(2, "big"), nal)
        payloads.append(b"".join(parts))
    small.clear()
