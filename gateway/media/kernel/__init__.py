"""The two loops over a camera's packets that run hundreds of times a second: compiled where possible, else Python.

`split_frames` and `pictures` are the same in `_receive.c` and in `twin`; tests hold them against each other.
What a packet means beyond the plain case belongs to `gateway.media.rtp` and the depacketizers.
"""

from __future__ import annotations

from gateway.media.kernel import twin
from gateway.media.kernel.twin import Picture

try:
    from gateway.media.kernel._receive import pictures, split_frames
except ImportError:  # nothing was compiled here, or for another machine
    from gateway.media.kernel.twin import pictures, split_frames

__all__ = ["COMPILED", "Picture", "pictures", "split_frames"]

COMPILED = pictures is not twin.pictures
"""Whether the C is in use."""
