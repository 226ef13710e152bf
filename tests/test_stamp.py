"""What the stamp says, and how it is drawn into a picture."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.media import font
from gateway.media.model import NS, Fix
from gateway.media.stamp import Stamp, draw, planes

UTC_NS = 1_700_000_000 * NS + 250_999_999
FIX = Fix(UTC_NS - 2_400_000_000, 52.520008, -13.404954, accuracy_m=4.4)


def test_it_says_unit_time_and_place() -> None:
    assert Stamp("Unit 12", UTC_NS, FIX).lines() == (
        "Unit 12",
        "2023-11-14 22:13:20.250 UTC",
        "52.52001 N 13.40495 W ±4 m, 2.4 s old",
    )


@pytest.mark.parametrize(
    ("fix", "line"),
    [
        (None, "no position"),
        (Fix(UTC_NS - 71 * NS, -1.5, 2.25), "1.50000 S 2.25000 E, 71 s old"),
        (Fix(UTC_NS - 3600 * NS, 0.0, 0.0, accuracy_m=0.2), "0.00000 N 0.00000 E ±0 m, 60 min old"),
        (Fix(UTC_NS + NS, 0.0, 0.0), "0.00000 N 0.00000 E, 0.0 s old"),
    ],
)
def test_the_age_of_a_position_is_said(fix: Fix | None, line: str) -> None:
    assert Stamp("Unit 12", UTC_NS, fix).lines()[2] == line


def test_a_position_that_may_not_be_told_has_no_line_and_a_note_has_one() -> None:
    lines = Stamp("Unit 12", UTC_NS, FIX, tells_position=False, note="nearest keyframe").lines()
    assert lines == ("Unit 12", "2023-11-14 22:13:20.250 UTC", "nearest keyframe")


@pytest.mark.parametrize(("width", "height", "scale"), [(1920, 1080, 4), (1280, 720, 3), (640, 360, 2), (160, 90, 1)])
def test_each_line_is_drawn_and_the_rest_of_the_picture_is_left_alone(width: int, height: int, scale: int) -> None:
    before = np.full((height * 3 // 2, width), 90, dtype=np.uint8)
    picture = before.copy()
    lines = ("Unit 12", "22:13:20.250 UTC")
    draw(planes(picture), lines)
    drawn = planes(picture)
    margin, step = 3 * scale, 10 * scale
    top = (height - margin - 2 * step) // 2 * 2
    for number, line in enumerate(lines):
        pixels = font.line(line, scale)
        rows, columns = pixels.shape
        at = top + margin + number * step
        assert np.array_equal(drawn.luma[at : at + rows, margin : margin + columns] == 235, pixels)
    right = font.line(lines[1], scale).shape[1] + 2 * margin
    assert (drawn.luma[:top] == 90).all()
    assert (drawn.luma[:, right:] == 90).all()
    assert set(np.unique(drawn.luma[top:, :right])) == {22, 235}
    for plane in (drawn.u, drawn.v):
        assert (plane[top // 2 :, : right // 2] == 128).all()
        assert (plane[: top // 2] == 90).all()


@pytest.mark.parametrize(("width", "height"), [(16, 16), (2, 2), (64, 24), (4096, 16)])
def test_a_picture_too_small_for_it_keeps_its_size_and_gets_what_fits(width: int, height: int) -> None:
    picture = np.zeros((height * 3 // 2, width), dtype=np.uint8)
    draw(planes(picture), Stamp("A unit with a name that has no end to speak of", UTC_NS, FIX).lines())
    assert picture.shape == (height * 3 // 2, width)
    assert (picture.max() == 235) == (width >= 16 and height >= 16)


def test_nothing_to_say_changes_nothing() -> None:
    picture = np.full((36, 32), 7, dtype=np.uint8)
    draw(planes(picture), ())
    assert (picture == 7).all()
