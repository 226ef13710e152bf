"""Chains: canonical JSON as others write it, and every change of one shown and named."""

from __future__ import annotations

import hashlib
import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.chain import START, Break, Fault, Head, Verifier, canonical, canonical_text, link


def chain(length):
    """(number, body, link) of each entry."""
    entries, head = [], START
    for number in range(1, length + 1):
        body = canonical({"what": f"entry {number}"})
        head = link(head, body)
        entries.append((number, body, head.sha256))
    return entries


def verdict(entries):
    verifier = Verifier()
    return next((broken for entry in entries if (broken := verifier.follow(*entry))), None)


def test_a_link_is_the_sha256_of_canonical_json():
    first = link(START, b'{"a":1}')
    text = '{"body":{"a":1},"previous":"' + "0" * 64 + '","sequence":1}'
    assert first == Head(1, hashlib.sha256(text.encode()).digest())
    second = link(first, b"{}")
    whole = {"sequence": 2, "body": {}, "previous": first.sha256.hex()}
    assert second.sha256 == hashlib.sha256(rfc8785.dumps(whole)).digest()


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=100)
def test_a_text_is_written_as_the_library_writes_it(text):
    assert canonical_text(text).encode() == rfc8785.dumps(text)


@pytest.mark.parametrize("value", [{"a": "\ud800"}, {"a": float("nan")}, {"a": 2**53}, {1: 2}])
def test_what_canonical_json_cannot_say_is_refused(value):
    with pytest.raises(ValueError, match="canonical JSON"):
        canonical(value)


def test_an_untouched_chain_holds():
    assert verdict(chain(20)) is None


def test_each_way_to_touch_a_chain_is_named():
    entries = chain(9)
    swapped = [*entries[:3], (4, *entries[4][1:]), (5, *entries[3][1:]), *entries[5:]]
    slipped_in = [*entries[:3], (4, b"{}", bytes(32)), *((n + 1, b, s) for n, b, s in entries[3:])]
    rebuilt = link(Head(*entries[3][::2]), b"{}")
    replaced = [*entries[:4], (5, b"{}", rebuilt.sha256), *entries[5:]]
    assert verdict(swapped) == Break(4, Fault.CHANGED)
    assert verdict(slipped_in) == Break(4, Fault.CHANGED)
    assert verdict(entries[:3] + entries[4:]) == Break(4, Fault.MISSING)
    assert verdict(replaced) == Break(6, Fault.CHANGED)  # the next one does not follow on it


@given(st.integers(0, 8), st.integers(0, 400), st.integers(0, 7))
@settings(max_examples=100)
def test_each_flipped_bit_is_found(at, place, bit):
    entries = chain(9)
    number, body, sha256 = entries[at]
    both = bytearray(body + sha256)
    both[place % len(both)] ^= 1 << bit
    entries[at] = (number, bytes(both[: len(body)]), bytes(both[len(body) :]))
    assert verdict(entries) == Break(number, Fault.CHANGED)


def test_a_head_is_read_as_it_was_written():
    head = link(START, b"{}")
    assert Head.parse(str(head)) == head
    for text in ("", "1", "1:", "1:zz", "-1:" + "0" * 64, "x:" + "0" * 64):
        with pytest.raises(ValueError):  # noqa: PT011 (whatever it says: the caller says what was expected)
            Head.parse(text)


def test_a_break_says_what_to_look_for():
    assert json.dumps(str(Break(4, Fault.MISSING))) == '"row 4 is missing"'
    assert str(Break(4, Fault.CHANGED)).startswith("row 4 does not hold")
