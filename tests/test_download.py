"""Clips as fragmented MP4 made while they are sent: exact length, the same bytes again, also while a Segment grows."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gateway.base.errors import NotFoundError, StorageError
from gateway.media.fmp4_samples import fragments, read_header
from gateway.media.model import NS
from gateway.recording.clip import EVERYTHING, Selection, cut, without
from gateway.recording.download import Download
from gateway.recording.footage import Footage
from tests.data import shared
from tests.filmed import Film
from tests.media_samples import METADATA, PCMU, T0, VIDEO, clip, document, stream, unit
from tests.test_faststart import (
    AUDIO_KIND,
    DATA_KIND,
    LARGER,
    VIDEO_KIND,
    by_time,
    later,
    packets,
    payload,
    sound,
)  # fmt: skip


def download(film: Film, footage: Footage, selection: Selection = EVERYTHING) -> Download:
    return Download(cut(without(footage, selection.unseen), film.files), film.files, selection)


def content(made: Download, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(made.blocks(start, made.size if end is None else end))


def times(path: Path, kind: str) -> list[float]:
    return [float(seconds) for seconds, _ in packets(path, kind)]


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_whatever_was_recorded_comes_back_with_its_bytes_and_times(data):
    at, takes = 0.0, []
    for _ in range(data.draw(st.integers(1, 3))):
        steps = data.draw(st.lists(st.sampled_from([0.02, 1 / 30, 0.1, 0.4]), min_size=2, max_size=40))
        keys = data.draw(st.sets(st.integers(0, len(steps) - 1)))
        moments = list(itertools.accumulate(steps, initial=at))
        pictures = [
            unit(VIDEO, when, key=n == 0 or n in keys, payload=bytes([0x65, n]) * (n + 1))
            for n, when in enumerate(moments[:-1])
        ]
        takes.append(by_time(pictures, sound(moments[-1] - at, start=at), [document(when) for when in moments[::7]]))
        at = moments[-1] + data.draw(st.sampled_from([0.5, 3.0, 9 * 3600.0]))
    start = data.draw(st.floats(0, 2))
    end = data.draw(st.floats(start, max(start, at) + 1))
    with TemporaryDirectory() as folder:
        film = Film(Path(folder))
        for take in takes:
            film.record(take, rotate=data.draw(st.sampled_from([0.5, 2, 60])))
        try:
            made = download(film, film.footage(start, end))
        except NotFoundError:
            return
        raw = content(made)
        assert len(raw) == made.size
        first, last = sorted(data.draw(st.tuples(st.integers(0, made.size), st.integers(0, made.size))))
        assert content(made, first, last) == raw[first:last]
        path = Path(folder, "out.mp4")
        path.write_bytes(raw)
        begin_ns = made.clip.start_ns
        for kind, track in ((VIDEO_KIND, VIDEO), (AUDIO_KIND, PCMU), (DATA_KIND, METADATA)):
            units = [u for take in takes for u in take if u.track is track]
            found = packets(path, kind)
            end_ns = made.clip.stretches[-1].end_ns  # sound may go on beyond the last picture
            wanted = [u for u in units if begin_ns <= u.utc_ns < min(end_ns, T0 + end * NS - NS / 50)]
            by_bytes = {payload(u): u for u in wanted}
            shown = [(seconds, by_bytes[data]) for seconds, data in found if data in by_bytes]
            if kind != VIDEO_KIND:  # the bytes of pictures are not unique
                assert [u for _, u in shown] == wanted
                assert all(abs(float(seconds) - (u.utc_ns - begin_ns) / NS) < 1 / 500 for seconds, u in shown)
        assert times(path, VIDEO_KIND) == sorted(set(times(path, VIDEO_KIND)))


def test_a_real_clip_over_segments_and_a_gap_is_decoded_without_complaint(tmp_path):
    walk = clip(shared("video/gopro-max-walk.mp4"))
    film = Film(tmp_path).record([*walk, *later(walk, 10.5)], rotate=4).record(later(walk, 28))
    made = download(film, film.footage(3.3, 100))
    raw, dice = content(made), random.Random(5)
    for _ in range(20):
        first = dice.randrange(made.size)
        last = min(made.size, first + dice.randrange(1, 300_000))
        assert content(made, first, last) == raw[first:last]
    (tmp_path / "out.mp4").write_bytes(raw)
    with av.open(str(tmp_path / "out.mp4")) as container:
        video = container.streams.video[0]
        video.codec_context.options = {"err_detect": "explode"}
        shown = [float(frame.pts * frame.time_base) for frame in container.decode(video)]
    assert len(shown) > 800
    assert shown[0] == pytest.approx(-0.3, abs=0.05), "decoding begins with the keyframe before"
    assert max(b - a for a, b in itertools.pairwise(shown)) == pytest.approx(7.0, abs=0.05)
    assert any(abs(seconds) < Fraction(1, 1000) for seconds in shown), "the clip begins with a picture"


def test_new_parameters_are_another_description_which_each_fragment_names(tmp_path):
    small = stream(2, rate=10, gop=10)
    large = [replace(u, track=LARGER) if u.track is VIDEO else u for u in stream(2, start=2, rate=10, gop=10)]
    film = Film(tmp_path).record([*small, *large, *stream(2, start=4, rate=10, gop=10)])
    raw = content(download(film, film.footage()))
    (tmp_path / "out.mp4").write_bytes(raw)
    assert raw.count(b"avcC") == 2
    named = [raw[at + 12 : at + 16] for at in range(len(raw)) if raw.startswith(b"tfhd\0\2\0\2\0\0\0\1", at)]
    assert [int.from_bytes(value) for value, _ in itertools.groupby(named)] == [1, 2, 1]
    header = read_header(lambda offset, size: raw[offset : offset + size], len(raw))
    assert [track.handler for track in header.tracks.values()] == ["vide", "meta"]
    assert len(times(tmp_path / "out.mp4", VIDEO_KIND)) == 60


def test_what_may_not_be_seen_is_zeros(tmp_path):
    film = Film(tmp_path).record(by_time(stream(20), sound(20)))
    hidden = ((T0 + 3 * NS, T0 + 5 * NS), (T0 + 8 * NS, None))
    everything = download(film, film.footage())
    some = download(film, film.footage(), Selection(sound=False, hidden=hidden))
    (tmp_path / "some.mp4").write_bytes(content(some))
    assert packets(tmp_path / "some.mp4", AUDIO_KIND) == []
    told = [float(data.split(b'"')[1]) for _, data in packets(tmp_path / "some.mp4", DATA_KIND)]
    assert told == [n / 2 + 0.01 for n in range(40) if not (3 <= n / 2 + 0.01 < 5 or n / 2 >= 8)]
    assert packets(tmp_path / "some.mp4", VIDEO_KIND)
    assert some.tag != everything.tag
    none = content(download(film, film.footage(), Selection(sound=False, positions=False)))
    assert b"MetadataStream" not in none
    assert b"mett" not in none
    assert b"ulaw" not in none


def test_what_a_privacy_mode_hid_is_a_gap(tmp_path):
    film = Film(tmp_path).record(by_time(stream(20), sound(20)), rotate=60)
    (tmp_path / "out.mp4").write_bytes(
        content(download(film, film.footage(), Selection(unseen=((T0 + 5 * NS, T0 + 9 * NS),))))
    )
    assert [s for s in times(tmp_path / "out.mp4", VIDEO_KIND) if 4 <= s < 12] == []
    assert len(times(tmp_path / "out.mp4", VIDEO_KIND)) == 12 * 30
    assert [s for s in times(tmp_path / "out.mp4", AUDIO_KIND) if 5.1 <= s < 8.4] == []
    (tmp_path / "end.mp4").write_bytes(
        content(download(film, film.footage(), Selection(unseen=((T0 + 9 * NS, None),))))
    )
    assert max(times(tmp_path / "end.mp4", VIDEO_KIND)) < 8
    with pytest.raises(NotFoundError):
        download(film, film.footage(9, 12), Selection(unseen=((T0, None),)))


def test_the_tag_names_what_there_was_so_that_a_growing_file_can_be_gone_on_with(tmp_path):
    film = Film(tmp_path).record(by_time(stream(12), sound(12)), rotate=5)
    whole = film.footage()
    last = whole.pieces[-1]
    with film.files.reader(last.path) as read_at:
        header = read_header(read_at, last.size)
        ends = [f.end for f in fragments(read_at, header, header.size, last.size)]
    now = download(film, whole)
    raw = content(now)
    for end in ends[3::4]:
        chunk = replace(last.chunks[0], size=end - last.chunks[0].offset)
        growing = replace(last, size=end, chunks=(chunk,), open=True)
        before = download(film, replace(whole, pieces=(*whole.pieces[:-1], growing)))
        earlier = content(before)
        again = now.earlier(before.tag)
        assert again is not None
        assert again.size == before.size < now.size
        assert content(again) == earlier
        assert content(again, 5000, 9000) == earlier[5000:9000]
    assert now.earlier(now.tag) is now
    for other in ("", "x-", "x-10", f"{now.tag[:-1]}", f"{now.tag}0", now.tag.replace("-", "-f")):
        assert now.earlier(other) is None
    assert raw == content(download(film, whole))


def test_it_says_when_a_file_is_gone_or_damaged(tmp_path):
    film = Film(tmp_path).record(stream(10), rotate=2)
    made = download(film, film.footage())
    path = tmp_path / made.clip.stretches[2].path
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2] + bytes(len(raw) - len(raw) // 2))
    with pytest.raises(StorageError, match=r"is damaged at byte \d+"):
        content(made)
    path.unlink()
    with pytest.raises(StorageError, match="it has been deleted"):
        content(made)
    assert content(made, 0, 3000), "what lies before it is there"
