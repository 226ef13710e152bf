"""Records on a pipe between the gateway and a worker process: the length in four bytes, then the bytes.

Here belong the framing and the worker's side of it; the gateway's is `piped`. This imports next to nothing: the less a
worker has to load, the sooner there is a picture.
"""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Iterator
from typing import BinaryIO

LENGTH = struct.Struct("<I")
MAX_RECORD = 32 << 20
"""Bytes: more than any picture. Whoever sends more has lost its place."""
NICENESS = 10
"""A worker steps back for the event loop, the disk and the packets: its work is the first to suffer."""


def records(stream: BinaryIO) -> Iterator[bytes]:
    """What the gateway sends, until it sends no more."""
    while len(header := stream.read(LENGTH.size)) == LENGTH.size:
        (size,) = LENGTH.unpack(header)
        record = stream.read(size)
        if len(record) < size:
            return
        yield record


def reply(stream: BinaryIO, *parts: bytes) -> None:
    """Send a record made of `parts` to the gateway. Call `stream.flush()` after the last of several."""
    stream.write(LENGTH.pack(sum(map(len, parts))))
    for part in parts:
        stream.write(part)


def step_back(niceness: int = NICENESS) -> None:
    """Be nice, in the system's sense of the word, and leave Ctrl-C to the gateway, which ends its workers itself."""
    os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
