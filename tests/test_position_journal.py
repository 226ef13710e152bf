"""gateway.positions.journal: what goes in comes out, camera by camera, and damage is named."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.model import NS, Fix
from gateway.positions import blocks
from gateway.positions.blocks import BlockError
from gateway.positions.journal import decode, encode

FIXES = st.builds(Fix, utc_ns=st.integers(0, 2**62), lat=st.floats(-90, 90), lon=st.floats(-180, 180))
FIX = Fix(1_767_268_800 * NS, 51.5, -0.12)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=8), st.lists(FIXES, min_size=1, max_size=4), max_size=5))
def test_round_trip(fixes: dict[str, list[Fix]]) -> None:
    assert decode(encode(fixes)) == fixes


def entry(owners: object, fixes: list[Fix]) -> bytes:
    text = json.dumps(owners).encode()
    return struct.pack("<I", len(text)) + text + blocks.encode(fixes)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\x00",
        b"\xff\xff\xff\xff",
        entry([["a", 2]], [FIX]),
        entry([["a", 1]], [FIX, FIX]),
        entry([["a", 2], ["b", -1]], [FIX]),
        entry([["a"]], [FIX]),
        entry({"a": 1}, [FIX]),
        entry(1, [FIX]),
        entry([["a", 1]], [FIX])[:-3],
        b"\x02\x00\x00\x00\xff\xfe",
    ],
)
def test_damage_is_named(damaged: bytes) -> None:
    with pytest.raises(BlockError):
        decode(damaged)
