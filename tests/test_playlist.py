"""What a playlist tells of: its dates and parts, what is hidden, and that one which grows only grows."""

from __future__ import annotations

import contextlib
import itertools
import re
from dataclasses import replace

import pytest

from gateway.access.privacy import Span
from gateway.base.errors import NotFoundError
from gateway.media.model import NS, AccessUnit, GapReason
from gateway.recording.clip import without
from gateway.recording.footage import FootageFinder
from gateway.recording.playback.playlist import LATE_NS, Shape, playlist
from tests.filmed import Film
from tests.media_samples import T0, VIDEO, stream
from tests.painted import painted
from tests.recording_rig import CAMERA, gap, rig


def pictures(seconds: float, *, start: float = 0.0, rate: int = 10) -> list[AccessUnit]:
    """A keyframe every two seconds."""
    return [unit for unit in stream(seconds, start=start, rate=rate, gop=2 * rate) if unit.track is VIDEO]


def lengths(text: str, *, of_gaps: bool = False) -> list[float]:
    return [float(length) for length in re.findall(r"#EXT-X-GAP\n#EXTINF:(.+)," if of_gaps else "#EXTINF:(.+),", text)]


def dates(text: str) -> list[str]:
    return [date[11:-1] for date in re.findall("#EXT-X-PROGRAM-DATE-TIME:(.+)", text)]


def told(text: str) -> str:
    """What a playlist tells of, without what holds for the whole of it."""
    return text[text.index("#EXT-X-MAP") :].removesuffix("#EXT-X-ENDLIST\n")


def span(start: float, end: float | None) -> Span:
    return Span(T0 + round(start * NS), None if end is None else T0 + round(end * NS))


# ---- what is hidden


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        (span(4, 8), [(0, 4), (8, 12)]),
        (span(4 - 1e-9, 8), [(8, 12)]),
        (span(4, 8 + 1e-9), [(0, 4)]),
        (span(12, 13), [(0, 4), (4, 8), (8, 12)]),
        (span(-1, 0), [(0, 4), (4, 8), (8, 12)]),
        (span(8, None), [(0, 4), (4, 8)]),
    ],
)
def test_a_moment_hides_the_chunk_it_lies_in_and_the_end_of_a_span_is_not_in_it(tmp_path, hidden, shown):
    footage = Film(tmp_path).record(pictures(12)).footage()
    text = playlist(footage, [hidden], "", Shape.VOD)
    named = [int(offset) for offset in re.findall(r"/(\d+)-\d+\.m4s", text)]
    cut = without(footage, [(hidden.start_ns, hidden.end_ns)])
    kept = [chunk for piece in cut.pieces for chunk in piece.chunks]
    assert named == [chunk.offset for chunk in kept]
    found = [(round((chunk.start_ns - T0) / NS), round((chunk.end_ns - T0) / NS)) for chunk in kept]
    assert found == shown


def test_an_interval_has_the_chunks_that_it_touches_and_its_end_is_not_in_it(tmp_path):
    film = Film(tmp_path).record(pictures(12))
    for start, end, starts in ((4, 8, [4]), (4 - 1e-9, 8, [0, 4]), (4, 8 + 1e-9, [4, 8]), (0, 1e-9, [0])):
        chunks = film.footage(start, end).pieces[0].chunks
        assert [round((chunk.start_ns - T0) / NS) for chunk in chunks] == starts


# ---- what changes in mid-interval


def test_other_parameters_begin_with_their_own_init_segment_after_a_discontinuity(tmp_path):
    small, large = painted(8, gop=20), painted(8, gop=20, start=8, size=(640, 480))
    text = playlist(Film(tmp_path).record([*small, *large]).footage(), [], "", Shape.VOD)
    assert text.count("#EXT-X-MAP") == 2
    assert text.count("#EXT-X-DISCONTINUITY\n#EXT-X-MAP") == 1
    assert "#EXT-X-GAP" not in text
    assert dates(text) == ["22:13:20.000", "22:13:28.000"]
    assert lengths(text) == pytest.approx([4, 4, 4, 4], abs=1e-4)


async def test_a_clock_set_back_makes_the_date_step_back_and_hides_nothing(tmp_path):
    before = pictures(20)
    after = [replace(unit, utc_ns=unit.utc_ns - 30 * NS) for unit in pictures(20, start=20)]
    async with rig(tmp_path) as recording:
        recording.hub.open((VIDEO,))
        await recording.play([*before, gap(20, GapReason.CLOCK_JUMP), *after])
        await recording.close()
        finder = FootageFinder(recording.catalog, recording.disk, recording.threads)
        footage = await finder.find(CAMERA, T0 - 60 * NS, T0 + 60 * NS)
    earlier, later = "22:13:10.000", "22:13:20.000"
    for shape, order in ((Shape.VOD, [earlier, later]), (Shape.GROWN, [later, earlier])):
        text = playlist(footage, [], "", shape)
        assert dates(text) == order
        assert text.count("#EXT-X-DISCONTINUITY\n") == 1
        assert sum(lengths(text)) - sum(lengths(text, of_gaps=True)) == pytest.approx(40)


# ---- what grows


async def test_a_playlist_that_grows_beside_a_recorder_only_grows_and_then_ends(tmp_path):
    """Over a new Segment, five hidden seconds, and half a minute for which the camera was away."""
    film = [*pictures(70, rate=5), gap(70, GapReason.DISCONNECTED), *pictures(10, start=100, rate=5)]
    hidden = [span(31, 34)]
    async with rig(tmp_path) as recording:
        recording.hub.open((VIDEO,))
        finder = FootageFinder(recording.catalog, recording.disk, recording.threads)

        async def load(shape: Shape) -> str:
            return playlist(await finder.find(CAMERA, T0, T0 + 1000 * NS), hidden, "ticket=1", shape)

        loaded: list[str] = []
        for number, item in enumerate(film):
            await recording.play([item])
            if number % 5 and not 300 <= number < 305:  # where a Segment begins, at each picture
                continue
            with contextlib.suppress(NotFoundError):
                loaded.append(await load(Shape.GROWING))
        await recording.close()
        loaded.append(await load(Shape.GROWING))
        end, whole = await load(Shape.GROWN), await load(Shape.VOD)

    for before, after in itertools.pairwise([*loaded, end]):
        assert told(after).startswith(told(before))
        assert "#EXT-X-PLAYLIST-TYPE:EVENT\n" in after
        assert "#EXT-X-MEDIA-SEQUENCE:0\n" in after
        assert "#EXT-X-START:TIME-OFFSET=0.000,PRECISE=YES\n" in after
    assert len({told(text) for text in loaded}) > 15
    assert all("#EXT-X-ENDLIST" not in text for text in loaded)
    assert end.endswith("#EXT-X-ENDLIST\n")
    assert told(end) == told(loaded[-1])
    assert max(lengths(end, of_gaps=True)) <= 4
    # The same for who comes when it is all over, with fewer pieces for what is missing.
    for text in (end, whole):
        assert sum(lengths(text)) == pytest.approx(110, abs=0.3)
        assert sum(lengths(text, of_gaps=True)) == pytest.approx(8 + 30, abs=0.3)
    assert lengths(whole, of_gaps=True) == pytest.approx([8, 30], abs=0.3)


async def test_the_end_of_what_grows_is_told_when_its_sound_is_on_disk_too(tmp_path):
    async with rig(tmp_path) as recording:
        recording.hub.open((VIDEO,))
        finder = FootageFinder(recording.catalog, recording.disk, recording.threads)
        for at in range(1, 41):
            await recording.play(pictures(0.5, start=at / 2))
            footage = await finder.find(CAMERA, T0, T0 + 1000 * NS)
            with contextlib.suppress(NotFoundError):
                text = playlist(footage, [], "", Shape.GROWING)
                assert 0.5 + sum(lengths(text)) <= (footage.pieces[-1].end_ns - T0 - LATE_NS) / NS
