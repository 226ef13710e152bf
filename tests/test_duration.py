"""Spans of time as people write them."""

from __future__ import annotations

import pytest

from gateway.base.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("12h", 43200), ("30d", 2592000), ("1w", 604800)]
)
def test_a_number_and_a_unit(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5h", "30 d", "1y", "９d", "9999999999s", "1d2h"])
def test_anything_else_is_refused_with_what_to_write(text):
    with pytest.raises(ValueError, match="as in"):
        parse_duration(text)
