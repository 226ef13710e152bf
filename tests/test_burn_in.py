"""Exports with something burnt in: the same pictures at the same times, and what is drawn where it should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from gateway.evidence.burn_in import BurnIn
from gateway.evidence.export import ExportRequest
from gateway.evidence.export_worker import REPORT, make
from gateway.evidence.fix_feed import FixFeed, encode_fixes
from gateway.evidence.plan import CameraPlan, Order, VideoPlan
from gateway.evidence.trail import MIN_EXTENT_M, panel, round_length
from gateway.media.model import NS, AudioParameters, Codec, Fix, Track, TrackKind
from gateway.media.stamp import Stamp, draw, planes
from gateway.positions.geodesy import offset_by
from gateway.recording.footage import Footage
from tests.filmed import CAMERA, Film
from tests.media_samples import T0, unit
from tests.painted import lumas, painted, shade, walk, with_sound

WIDTH, HEIGHT = 320, 240


@pytest.fixture
def film(tmp_path) -> Film:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "out").mkdir()
    return Film(tmp_path / "recordings")


def plan(film: Film, footage: Footage, fixes: list[Fix] | None = None, **more: object) -> CameraPlan:
    path = None
    if fixes is not None:
        path = film.root.parent / "out" / "fixes"
        with path.open("wb") as file:
            for start in range(0, len(fixes), 7):
                file.write(encode_fixes(fixes[start : start + 7]))
    made = CameraPlan(CAMERA, "Unit 12", "clip", footage, path, True, fixes is not None, (), (), {"id": CAMERA})
    return replace(made, **more)


def burnt(film: Film, camera: CameraPlan) -> Path:
    """The MP4 that a worker makes."""
    request = ExportRequest((CAMERA,), camera.footage.start_ns, camera.footage.end_ns, "ann", "", burn_in=True)
    folder = film.root.parent / "out"
    make(Order(VideoPlan("x", request, folder, (camera,), T0), film.root, 0), lambda _: None)
    assert {path.name for path in folder.iterdir()} == {"clip.mp4", REPORT}
    return folder / "clip.mp4"


def expected(picture: int, said: Stamp, trail: list[Fix]) -> np.ndarray:
    """The luma of a picture with this drawn into it."""
    frame = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    frame[:HEIGHT] = shade(picture)
    if trail:
        drawn = panel(trail, WIDTH, HEIGHT)
        assert drawn is not None
        drawn.draw(planes(frame))
    draw(planes(frame), said.lines())
    return frame[:HEIGHT]


def far_off(seen: np.ndarray, wanted: np.ndarray) -> int:
    """How many pixels differ by far more than coding makes them: one digit is some twenty."""
    return int(np.sum(np.abs(seen.astype(int) - wanted.astype(int)) > 60))


@pytest.mark.parametrize("b", [0, 2])
def test_every_picture_of_the_interval_is_there_at_its_time_with_its_own_stamp(film, b):
    fixes = walk(20)
    footage = film.record(painted(12, gop=20, b=b), rotate=4).footage(2.5, 9.0)
    pictures = list(lumas(burnt(film, plan(film, footage, fixes))))
    assert [round(at, 3) for at, _ in pictures] == [n / 10 for n in range(65)]
    for n, (_, luma) in enumerate(pictures):
        utc_ns = footage.start_ns + n * NS // 10
        known = [fix for fix in fixes if fix.utc_ns <= utc_ns]
        wanted = expected(25 + n, Stamp("Unit 12", utc_ns, known[-1]), known)
        assert far_off(luma, wanted) < 5, n
        assert far_off(luma, expected(25 + n, Stamp("Unit 12", utc_ns + 3 * NS, known[-1]), known)) > 15


def test_sound_comes_as_it_is_stored_and_pictures_lie_where_they_lay(film):
    footage = film.record(with_sound(painted(6), 6)).record(with_sound(painted(4, start=9), 4, start=9)).footage(1, 12)
    path = burnt(film, plan(film, footage))
    with av.open(str(path)) as container:
        sound = [packet for packet in container.demux(audio=0) if packet.size]
        assert container.streams.audio[0].codec_context.name == "pcm_mulaw"
        starts = [round(float(packet.pts * packet.time_base), 3) for packet in sound]
        said = [(bytes(packet)[0], start) for packet, start in zip(sound, starts, strict=True)]
    assert b"".join(map(bytes, sound)) == b"".join(bytes([n % 256]) * 160 for n in [*range(50, 300), *range(150)])
    assert said[0] == (50, 0.0)
    times = [round(at, 3) for at, _ in lumas(path)]
    assert times == [n / 10 for n in [*range(50), *range(80, 110)]]


def test_without_the_right_there_is_neither_sound_nor_place(film):
    footage = film.record(with_sound(painted(3), 3)).footage(0, 3)
    path = burnt(film, plan(film, footage, sound=False, positions=False))
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    (_, first), *_ = lumas(path)
    assert far_off(first, expected(0, Stamp("Unit 12", T0, tells_position=False), [])) < 5


def test_what_a_privacy_mode_hid_is_not_drawn(film):
    fixes = walk(20)
    shown = [fix for fix in fixes if not T0 + 2 * NS <= fix.utc_ns < T0 + 4 * NS]
    hidden = ((T0 + 2 * NS, T0 + 4 * NS),)
    footage = film.record(painted(6)).footage(0, 6)
    pictures = [luma for _, luma in lumas(burnt(film, plan(film, footage, shown, hidden=hidden)))]
    for n in (25, 45):
        utc_ns = T0 + n * NS // 10
        known = [] if n == 25 else [fix for fix in shown if fix.utc_ns <= utc_ns]
        assert far_off(pictures[n], expected(n, Stamp("Unit 12", utc_ns, known[-1] if known else None), known)) < 5


def test_a_camera_that_changes_its_size_goes_on(film):
    film.record(painted(2)).record(painted(2, start=2, size=(160, 128)))
    with av.open(str(burnt(film, plan(film, film.footage(0, 4))))) as container:
        sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    assert sizes == [(320, 240)] * 20 + [(160, 128)] * 20


def test_what_cannot_be_decoded_is_counted_and_the_rest_is_there(film):
    units = painted(4)
    units[13] = replace(units[13], nals=(b"\x41garbage",))
    footage = film.record(units).footage(0, 4)
    result = BurnIn(plan(film, footage), film.files, film.root.parent / "out", lambda _: None).run()
    assert result.unreadable + result.pictures >= 39
    assert result.pictures >= 20


def test_aac_goes_over_as_it_is(film):
    config = bytes.fromhex("1190")  # AAC-LC, 48 kHz, stereo
    aac = Track(1, TrackKind.AUDIO, Codec.AAC, 48000, AudioParameters(48000, 2, config))
    sound = [unit(aac, n * 1024 / 48000, payload=bytes([n % 256, 16]) * 20) for n in range(140)]
    footage = film.record(sorted([*painted(3), *sound], key=lambda u: u.received_ns)).footage(0, 3)
    with av.open(str(burnt(film, plan(film, footage)))) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.channels) == ("aac", 48000, 2)
        assert bytes(stream.codec_context.extradata) == config
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
    assert packets == [unit.nals[0] for unit in sound]


# ---- the trail


def test_the_trail_has_north_above_and_a_scale_that_fits():
    size = 480
    north = [Fix(T0 + n * NS, *offset_by(52.5, 13.4, 0, 5.0 * n)) for n in range(20)]
    east = [Fix(T0 + n * NS, *offset_by(52.5, 13.4, 5.0 * n, 0)) for n in range(20)]
    for fixes, upright in ((north, True), (east, False)):
        drawn = panel(fixes, size, size)
        assert drawn is not None
        line = drawn.adds > 150
        rows, columns = np.nonzero(line[10 : drawn.size * 3 // 4, 10 : drawn.size * 3 // 4])
        assert (np.ptp(rows) > 2 * np.ptp(columns)) == upright
    upper, lower = (panel(fixes, size, size) for fixes in (north, north[::-1]))
    assert upper is not None
    assert lower is not None
    # The wearer is a white dot: at the upper end of who went north.
    dots = [np.nonzero(drawn.adds[:, drawn.size // 2] > 220)[0].mean() for drawn in (upper, lower)]
    assert dots[0] < upper.size / 4 < upper.size / 2 < dots[1]


@pytest.mark.parametrize(("metres", "length"), [(0.3, 1), (1, 1), (4.9, 2), (5, 5), (MIN_EXTENT_M, 20), (999, 500)])
def test_a_scale_has_a_round_length(metres, length):
    assert round_length(metres) == length


def test_pictures_that_are_too_small_have_no_trail():
    assert panel(walk(3), 160, 120) is None


def test_a_feed_remembers_some_time_only_and_goes_back_if_it_must(tmp_path):
    path = tmp_path / "fixes"
    fixes = walk(60)
    with path.open("wb") as file:
        for start in range(0, 60, 10):
            file.write(encode_fixes(fixes[start : start + 10]))
    feed = FixFeed(path, 20 * NS)
    assert feed.until(T0 - 1) == ()
    assert feed.until(T0 + 30 * NS) == tuple(fixes[10:31])
    assert feed.until(T0 + 99 * NS) == ()
    assert feed.until(T0 + 5 * NS) == tuple(fixes[:6])
