"""The one loop over readers that runs for each picture: compiled where possible, else Python.

`send_to_all` is the same in `_fan.c` and in `twin`; tests hold them against each other. Who is sent what is for
`gateway.rtsp.fan` to say.
"""

from __future__ import annotations

from gateway.rtsp.kernel import twin

try:
    from gateway.rtsp.kernel._fan import send_to_all
except ImportError:  # nothing was compiled here, or for another machine
    from gateway.rtsp.kernel.twin import send_to_all

__all__ = ["COMPILED", "send_to_all"]

COMPILED = send_to_all is not twin.send_to_all
"""Whether the C is in use."""
