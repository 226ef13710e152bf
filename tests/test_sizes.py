"""Amounts of bytes as people write and read them."""

from __future__ import annotations

import pytest

from gateway.base.errors import SettingsError
from gateway.base.settings import load
from gateway.base.sizes import bytes_of, parse_size, written


@pytest.mark.parametrize(
    ("text", "size"), [("500 GiB", 500 << 30), ("1.5TB", 1_500_000_000_000), ("7 B", 7), ("64 kB", 64_000)]
)
def test_amounts(text, size):
    assert parse_size(text) == size
    assert bytes_of(text, 10) == size


@pytest.mark.parametrize("text", ["", "0 B", "5", "-5 GB", "5 XB", "5 K", "kB", "1e9 B", "5 %"])
def test_what_is_no_amount_is_refused_with_what_to_write(text):
    with pytest.raises(ValueError, match="500 GiB"):
        parse_size(text)


def test_shares_of_a_disk():
    assert bytes_of("5 %", 1000) == 50
    assert bytes_of("0.5%", 1000) == 5
    with pytest.raises(ValueError, match="a share or an amount"):
        bytes_of("120 %", 1000)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1500, "1.46 KiB"),
        (20 << 20, "20.0 MiB"),
        (500 << 30, "500 GiB"),
        (2 << 50, "2048 TiB"),
    ],
)
def test_what_people_read(size, text):
    assert written(size) == text


def test_a_warning_that_would_come_too_late_is_refused(tmp_path):
    file = tmp_path / "sightline.toml"
    file.write_text('[storage]\nkeep_free = "20 %"\nwarn_free = "15 %"')
    with pytest.raises(SettingsError, match="nobody would be warned before"):
        load(file, {})
    file.write_text('[storage]\nkeep_free = "20 %"\nwarn_free = "500 GiB"')
    assert load(file, {}).storage.warn_free == "500 GiB"
