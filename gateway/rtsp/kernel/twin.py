"""What `_fan.c` does, in Python: the reference for its meaning, and the fallback where nothing was compiled."""

from __future__ import annotations

import os


def send_to_all(fds: list[int], data: bytes, /) -> list[tuple[int, int]]:
    """Hand `data` to each of these sockets, as far as it takes it at once: (place in `fds`, bytes taken) of those that
    did not take it whole.

    A broken socket counts as one that took it: the event loop tells of it. Never waits.
    """
    short = []
    for place, fd in enumerate(fds):
        try:
            sent = os.write(fd, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            continue
        if sent != len(data):
            short.append((place, sent))
    return short
