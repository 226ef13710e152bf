"""The order in which pictures come, and that in which they are shown. No I/O.

Browsers play H.264 in the order of sending and reorder nothing (RFC 6184's interleaved mode is used by none).
"""

from __future__ import annotations

from gateway.media.h264 import NalType, is_reference, nal_type
from gateway.media.model import AccessUnit, Codec

LATE_PICTURES = 3
"""So many pictures out of order that others need are no accident of the camera's clock: it sends B-pictures."""
_BACK_TICKS = 90_000
"""Further back than any reordering: the camera's time began anew."""


class Order:
    """In which order the pictures of a stream come."""

    def __init__(self) -> None:
        self.pictures = 0
        self.late = 0
        """Shown before one that came earlier, though others need them."""
        self.disposable = 0
        """Shown before one that came earlier, and needed by none."""
        self._highest: int | None = None

    @property
    def needs_reordering(self) -> bool:
        """Whether a player that shows pictures as they come would show them wrongly."""
        return self.late >= LATE_PICTURES

    def restart(self) -> None:
        """The next picture belongs to another timeline."""
        self._highest = None

    def add(self, unit: AccessUnit) -> bool:
        """Note the next picture; False: without it the rest plays rightly, as browsers reorder nothing."""
        self.pictures += 1
        highest = self._highest
        if highest is None or not 0 < highest - unit.pts < _BACK_TICKS:
            self._highest = unit.pts
            return True
        if is_disposable(unit):
            self.disposable += 1
            return False
        self.late += 1
        return True


def is_disposable(unit: AccessUnit) -> bool:
    """Whether no other picture needs this one of H.264."""
    slices = (nal for nal in unit.nals if nal_type(nal) in (NalType.SLICE, NalType.PARTITION_A, NalType.IDR))
    return unit.track.codec is Codec.H264 and not any(is_reference(nal) for nal in slices)
