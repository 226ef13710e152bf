"""One frame to many viewers, encrypted and sent in one call: compiled where a compiler was, else Python.

`Cipher`, `Stream` and `Pass` are the same in `_send.c` and in `twin`; tests hold them against each other byte for byte.
How a frame is cut is in `frame`. Who gets which frame, and what waits for whom, is for `gateway.webrtc.fanout` to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.webrtc.kernel import twin
from gateway.webrtc.kernel.frame import Frame
from gateway.webrtc.kernel.twin import DONE, FULL, HISTORY_FRAMES, MORE

if TYPE_CHECKING:
    from gateway.webrtc.kernel import twin as fastest
else:
    try:
        from gateway.webrtc.kernel import _send as fastest
    except ImportError:  # nothing was compiled here, or for another machine
        from gateway.webrtc.kernel import twin as fastest

__all__ = ["COMPILED", "DONE", "FULL", "HISTORY_FRAMES", "MORE", "Frame", "fastest", "twin"]

COMPILED = fastest.__name__ != twin.__name__
"""Whether the C is in use."""
