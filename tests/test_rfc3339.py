"""Moments as people and the public API write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.rfc3339 import format_utc, parse_day, parse_utc

SECOND = 10**9


@given(st.integers(0, 2**63 - 1))
@settings(max_examples=100)
def test_what_was_written_is_read_to_the_microsecond(utc_ns):
    assert parse_utc(format_utc(utc_ns)) == utc_ns // 1000 * 1000


@pytest.mark.parametrize(
    ("text", "utc_ns"),
    [
        ("1970-01-01T00:00:01Z", SECOND),
        ("1970-01-01T02:00:01.5+02:00", 3 * SECOND // 2),
        ("1969-12-31T23:59:59Z", -SECOND),
        ("2999-01-01T00:00:00Z", 2**63 - 1),
        ("0001-01-01T00:00:00+23:00", -(2**63) + 1),
    ],
)
def test_a_moment_is_read_wherever_its_clock_stands(text, utc_ns):
    assert parse_utc(text) == utc_ns


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-31", "2026-01-31T12:00:00", "2026-02-30T00:00:00Z"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match="a time as in"):
        parse_utc(text)


def test_a_day_is_its_nanoseconds():
    assert parse_day("1970-01-02") == (86_400 * SECOND, 2 * 86_400 * SECOND)
    for text in ("", "1970-1-2", "1970-02-30", "1970-01-02T00:00:00Z"):
        with pytest.raises(ValueError, match="a day as in"):
            parse_day(text)
