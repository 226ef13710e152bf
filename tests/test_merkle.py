"""Merkle trees as RFC 9162 has them: the recursive definition is the judge."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger import merkle

LEAVES = st.lists(st.binary(max_size=9), min_size=1, max_size=33)


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 9162 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


@given(LEAVES | st.just([]))
@settings(max_examples=100)
def test_the_root_is_the_one_of_the_definition(leaves):
    assert merkle.root(leaves) == by_definition(leaves)
    assert hashlib.sha256(merkle.hashed_last(leaves)).digest() == merkle.root(leaves)


@given(LEAVES, st.data())
@settings(max_examples=100)
def test_each_leaf_has_a_path_to_the_root(leaves, data):
    at = data.draw(st.integers(0, len(leaves) - 1))
    steps = merkle.path(leaves, at)
    assert merkle.root_from_path(leaves[at], steps) == merkle.root(leaves)
    assert merkle.root_from_path(leaves[at] + b"x", steps) != merkle.root(leaves)


def test_heads_are_leaves_in_the_order_of_their_names():
    assert merkle.leaves_of({"camera/b": "2:00", "audit": "7:ff"}) == [b"audit 7:ff", b"camera/b 2:00"]
