"""What came in one second, of all cameras, as bytes, and back: an entry of the journal that the store writes first.

An entry is, little-endian:

    u32     length of the owners
    bytes   owners: JSON in UTF-8, a list of [camera, n], each camera once
    bytes   a block (`gateway.positions.blocks`): n Fixes of the first camera, then of the second, …

One entry of a hundred cameras costs a hundredth of a hundred blocks. It lives for a minute or two: when the blocks have
all its Fixes, it is deleted. What the store does with entries is no concern of this module.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence

from gateway.media.model import Fix
from gateway.positions import blocks
from gateway.positions.blocks import BlockError

_HEAD = struct.Struct("<I")


def encode(fixes: Mapping[str, Sequence[Fix]]) -> bytes:
    """An entry with the Fixes of each camera, in their order.

    Raises:
        ValueError: a value does not fit: a time beyond 64 bits.
    """
    owners = json.dumps([[camera, len(some)] for camera, some in fixes.items()]).encode()
    return _HEAD.pack(len(owners)) + owners + blocks.encode([fix for some in fixes.values() for fix in some])


def decode(entry: bytes) -> dict[str, list[Fix]]:
    """The Fixes of each camera.

    Raises:
        BlockError: it is damaged or of an unknown version.
    """
    try:
        (length,) = _HEAD.unpack_from(entry)
        start = _HEAD.size + length
        owners = [(str(camera), int(count)) for camera, count in json.loads(entry[_HEAD.size : start])]
    except (struct.error, ValueError, TypeError) as error:
        raise BlockError(f"an entry of the journal of fixes is damaged: {error}") from error
    fixes = blocks.decode(entry[start:])
    if any(count < 0 for _, count in owners) or sum(count for _, count in owners) != len(fixes):
        raise BlockError("an entry of the journal of fixes does not say whose they are")
    result: dict[str, list[Fix]] = {}
    at = 0
    for camera, count in owners:
        result.setdefault(camera, []).extend(fixes[at : at + count])
        at += count
    return result
