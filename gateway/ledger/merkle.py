"""One hash over many chains' heads: the Merkle tree of RFC 9162 section 2.1, over SHA-256. Sans-IO."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence


def root_of_heads(heads: Mapping[str, str]) -> bytes:
    """The root over chains and their heads, in the order of their names.

    A leaf is the name, a space, and the head as `str` writes it, in UTF-8: `camera/unit-12 17:9f86d0…`.
    """
    return root([f"{chain} {head}".encode() for chain, head in sorted(heads.items())])


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash (RFC 9162 2.1.1); of no leaves, the hash of nothing."""
    if not leaves:
        return hashlib.sha256().digest()
    level = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        # The left part of a tree is the largest full one: pairing from the left and carrying an odd one up makes it so.
        paired = [
            hashlib.sha256(b"\x01" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        level = paired + level[len(level) - len(level) % 2 :]
    return level[0]
