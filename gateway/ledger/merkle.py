"""One hash over many chains' heads: the Merkle tree of RFC 9162 section 2.1, over SHA-256. Sans-IO."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

Step: TypeAlias = tuple[Literal["left", "right"], bytes]
"""On which side of the way up to the root which hash stands."""


def leaves_of(heads: Mapping[str, str]) -> list[bytes]:
    """The leaves for chains and their heads, in the order of the chains' names.

    Each is the name, a space, and the head as `str` writes it, in UTF-8: `camera/unit-12 17:9f86d0…`.
    """
    return [f"{chain} {head}".encode() for chain, head in sorted(heads.items())]


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash (RFC 9162 2.1.1); of no leaves, the hash of nothing."""
    return hashlib.sha256(hashed_last(leaves)).digest()


def hashed_last(leaves: Sequence[bytes]) -> bytes:
    """The bytes whose SHA-256 is the root: what one gives to somebody who hashes for himself."""
    if not leaves:
        return b""
    if len(leaves) == 1:
        return b"\x00" + leaves[0]
    level = _hashed(leaves)
    while len(level) > 2:
        level = _above(level)
    return b"\x01" + level[0] + level[1]


def path(leaves: Sequence[bytes], at: int) -> list[Step]:
    """The inclusion path of a leaf (RFC 9162 2.1.3.1): the hashes beside its way up to the root, lowest first."""
    steps: list[Step] = []
    level = _hashed(leaves)
    while len(level) > 1:
        if at % 2:
            steps.append(("left", level[at - 1]))
        elif at + 1 < len(level):
            steps.append(("right", level[at + 1]))
        level, at = _above(level), at // 2
    return steps


def root_from_path(leaf: bytes, steps: Sequence[Step]) -> bytes:
    """The root of the tree that has `leaf` at the lower end of this path."""
    digest = hashlib.sha256(b"\x00" + leaf).digest()
    for side, other in steps:
        digest = hashlib.sha256(b"\x01" + (other + digest if side == "left" else digest + other)).digest()
    return digest


def _hashed(leaves: Sequence[bytes]) -> list[bytes]:
    return [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]


def _above(level: list[bytes]) -> list[bytes]:
    # The left part of a tree is the largest full one: pairing from the left and carrying an odd one up makes it so.
    pairs = zip(level[::2], level[1::2], strict=False)
    return [hashlib.sha256(b"\x01" + one + two).digest() for one, two in pairs] + level[len(level) & ~1 :]
