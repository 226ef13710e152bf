"""What a simulated camera sees, hears and where it walks."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import av
import numpy as np
import pytest

from gateway.media import font
from gateway.media.model import NS
from gateway.simulator.scene import Scene
from gateway.simulator.sound import FRAME_SAMPLES, SAMPLE_RATE, Street, mu_law
from gateway.simulator.walk import ROUTES, Walk

T0 = 1_790_000_000 * NS


# ---- what is drawn


def test_a_picture_is_a_function_of_the_moment() -> None:
    scene = Scene("Unit 12", 0)
    first = scene.picture(T0)
    assert first.shape == (540, 640)
    assert np.array_equal(first, scene.picture(T0))
    assert np.array_equal(first, Scene("Unit 12", 0).picture(T0))
    later = scene.picture(T0 + NS)
    moved = np.mean(first[30:360] != later[30:360])
    assert moved > 0.2, "a second's walk shows"


def test_scenes_differ_but_for_what_is_burnt_in() -> None:
    one, other = Scene("Unit 12", 0).picture(T0), Scene("Unit 12", 1).picture(T0)
    assert np.mean(one != other) > 0.5
    text = f"{datetime.fromtimestamp(T0 // NS, UTC):%Y-%m-%d %H:%M:%S}.250 UTC"
    pixels = font.line(text, 2)
    picture = Scene("Unit 12", 0).picture(T0 + 250_000_000)
    strip = picture[6 : 6 + pixels.shape[0], 640 - 6 - pixels.shape[1] : 640 - 6]
    assert np.array_equal(strip == 235, pixels), "the clock reads the moment, to the millisecond"


def test_text_of_any_kind_is_set() -> None:
    assert font.line("", 1).shape == (7, 0)
    assert np.array_equal(font.line("a", 1), font.line("A", 1))
    assert np.array_equal(font.line("éÖ", 1), font.line("EO", 1))
    assert np.array_equal(font.line("漢", 1), font.line("?", 1))
    assert font.line("ab", 3).shape == (21, 36)


def test_a_size_that_cannot_be_halved_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 4"):
        Scene("x", 0, width=642, height=360)


# ---- what is heard


def test_mu_law_gives_back_the_sound() -> None:
    samples = np.arange(-32_124, 32_125, 7, dtype=np.int16)
    decoder = av.AudioCodecContext.create("pcm_mulaw", "r")
    decoder.sample_rate, decoder.layout = SAMPLE_RATE, "mono"
    (frame,) = decoder.decode(av.Packet(mu_law(samples)))
    decoded = frame.to_ndarray()[0].astype(int)
    error = np.abs(decoded - samples)
    assert np.all(error <= np.maximum(8, np.abs(samples) / 16))


def test_sound_goes_on_and_beeps_as_a_second_begins() -> None:
    street = Street(1)
    frames = [street.frame(T0 + n * FRAME_SAMPLES * NS // SAMPLE_RATE) for n in range(25)]
    assert {len(frame) for frame in frames} == {FRAME_SAMPLES}
    # mu-law's complement of the magnitude: the smaller the seven bits, the louder.
    loudness = [float(np.mean(127 - (np.frombuffer(f, np.uint8) & 127))) for f in frames]
    assert loudness[0] == max(loudness)
    assert street.frame(T0 + 7 * NS + 990_000_000) == street.frame(T0 + 15 * NS + 990_000_000)


# ---- where it walks


@pytest.mark.parametrize("seed", range(2 * len(ROUTES)))
def test_walks_its_route_at_walking_pace(seed: int) -> None:
    walk = Walk(seed)
    seconds = range(0, 3600, 7)
    for s in seconds:
        fix = walk.fix(T0 + s * NS)
        assert walk.distance_from_route(fix.lat, fix.lon) < 4
        truth, next_one = walk.truth(T0 + s * NS), walk.truth(T0 + (s + 1) * NS)
        step = math.hypot((next_one.lat - truth.lat) * 111_320, (next_one.lon - truth.lon) * 69_300)
        assert 0.5 < step < 2
        assert abs(truth.speed_mps - 1.4) < 0.3
        assert fix.course_deg is not None
        assert 0 <= fix.course_deg < 360


def test_course_is_where_it_goes() -> None:
    walk = Walk(2)
    checked = 0
    for s in range(0, 600, 5):
        a, b, c = (walk.truth(T0 + (s + d) * NS) for d in (-1, 0, 1))
        if abs(a.course_deg - c.course_deg) < 0.01:
            heading = math.degrees(math.atan2((c.lon - a.lon) * 0.6225, c.lat - a.lat)) % 360
            assert abs((heading - b.course_deg + 180) % 360 - 180) < 1
            checked += 1
    assert checked > 50
