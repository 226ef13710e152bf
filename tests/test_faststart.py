"""Clips as one progressive MP4: read back by PyAV, ffmpeg and GStreamer, sample by sample."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gateway.base.errors import NotFoundError, StorageError
from gateway.media.model import NS, AccessUnit, AudioParameters, Codec, Track, TrackKind
from gateway.recording.clip import Selection
from gateway.recording.faststart import Written, write_faststart
from tests.data import shared
from tests.filmed import Film
from tests.media_samples import METADATA, PCMU, PPS, T0, VIDEO, clip, document, stream, unit

TICK_NS = NS // 90_000 + 1
VIDEO_KIND, AUDIO_KIND, DATA_KIND = "video", "audio", "data"
LARGER = replace(VIDEO, parameters=replace(VIDEO.parameters, pps=(PPS, PPS + b"\1"), width=128, height=96))


def packets(path: Path, kind: str, **options: str) -> list[tuple[Fraction, bytes]]:
    """Presentation time in seconds, and bytes, of each sample of the tracks of one kind."""
    with av.open(str(path), options=options) as container:
        return [
            (p.pts * p.time_base, bytes(p)) for p in container.demux() if p.size and p.stream.type == kind
        ]  # fmt: skip


def payload(one: AccessUnit) -> bytes:
    """A unit's bytes as they lie in a file."""
    if one.track.kind is not TrackKind.VIDEO:
        return b"".join(one.nals)
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in one.nals)


def sound(seconds: float, *, start: float = 0.0) -> list[AccessUnit]:
    count = round(seconds * 50)
    return [unit(PCMU, start + n / 50, payload=round((start + n / 50) * 1000).to_bytes(4) * 40) for n in range(count)]


def by_time(*lists: list[AccessUnit]) -> list[AccessUnit]:
    return sorted(itertools.chain(*lists), key=lambda u: u.received_ns)


def written(film: Film, path: Path, start: float, end: float, **more: object) -> Written:
    return write_faststart(film.footage(start, end), film.files, path, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def walk() -> list[AccessUnit]:
    return clip(shared("video/gopro-max-walk.mp4"))


def later(units: list[AccessUnit], seconds: float) -> list[AccessUnit]:
    """The same media again, so much later."""
    return [
        replace(
            u, pts=u.pts + round(seconds * u.track.clock_rate), dts=u.dts + round(seconds * u.track.clock_rate),
            utc_ns=u.utc_ns + round(seconds * NS), received_ns=u.received_ns + round(seconds * NS),
        )
        for u in units
    ]  # fmt: skip


# ---- what is in it


def test_an_interval_too_short_for_a_picture_is_refused_and_leaves_no_file(tmp_path):
    film = Film(tmp_path)
    film.record([unit(VIDEO, n / 10, key=n == 0, payload=bytes([0x65, n])) for n in range(9)], rotate=60)
    with pytest.raises(NotFoundError, match="too short"):
        written(film, tmp_path / "out.mp4", 0.0, 6e-8)
    assert not (tmp_path / "out.mp4").exists()


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_whatever_was_recorded_comes_back_with_its_bytes_and_times(data):
    at, takes = 0.0, []
    for _ in range(data.draw(st.integers(1, 3))):
        steps = data.draw(st.lists(st.sampled_from([0.02, 1 / 30, 0.1, 0.4]), min_size=2, max_size=40))
        keys = data.draw(st.sets(st.integers(0, len(steps) - 1)))
        times = list(itertools.accumulate(steps, initial=at))
        reorder = data.draw(st.sampled_from([0, 3000]))
        pictures = [
            unit(VIDEO, when, key=n == 0 or n in keys, payload=bytes([0x65, n]) * (n + 1), reorder=reorder)
            for n, when in enumerate(times[:-1])
        ]
        takes.append(by_time(pictures, sound(times[-1] - at, start=at), [document(when) for when in times[::7]]))
        at = times[-1] + data.draw(st.sampled_from([0.5, 3.0, 9 * 3600.0]))
    start = data.draw(st.floats(0, 2))
    end = data.draw(st.floats(start, max(start, at) + 1))
    with TemporaryDirectory() as folder:
        film = Film(Path(folder))
        for take in takes:
            film.record(take, rotate=data.draw(st.sampled_from([0.5, 2, 60])))
        try:
            made = written(film, Path(folder) / "out.mp4", start, end)
        except NotFoundError:
            # What begins within the last tick of the clock has no length left.
            from_ns, to_ns = T0 + round(start * NS), T0 + round(end * NS) - TICK_NS
            assert not any(from_ns <= u.utc_ns < to_ns for take in takes for u in take if u.track is VIDEO)
            return
        raw = Path(folder, "out.mp4").read_bytes()
        assert (made.size, made.sha256) == (len(raw), hashlib.sha256(raw).digest())
        units = [u for take in takes for u in take]
        pictures = [u for u in units if u.track is VIDEO and u.utc_ns < film.footage(start, end).end_ns]
        shown = [u.utc_ns for u in pictures if u.utc_ns <= T0 + round(start * NS)]
        if shown and film.footage(start, end).pieces[0].start_ns <= shown[-1]:
            assert abs(made.start_ns - shown[-1]) <= TICK_NS
        first = max(
            n for n, u in enumerate(pictures) if u.is_keyframe and (n == 0 or u.utc_ns <= made.start_ns + TICK_NS)
        )
        check(Path(folder, "out.mp4"), VIDEO_KIND, pictures[first:], made, 1 / 500)
        for kind, track in ((AUDIO_KIND, PCMU), (DATA_KIND, METADATA)):
            # What begins within the last tick of its own clock has no length left.
            end_ns = made.end_ns - NS // track.clock_rate
            inside = [u for u in units if u.track is track and made.start_ns <= u.utc_ns < end_ns]
            check(Path(folder, "out.mp4"), kind, inside, made, 1 / 500)


def check(path: Path, kind: str, units: list[AccessUnit], made: Written, tolerance: float) -> None:
    """That the samples of a kind are `units`, at their UTC less the file's beginning. Of sound and documents one may
    precede them that lasts beyond the beginning, and some may follow that are cut off with the pictures.
    """
    found = packets(path, kind)
    wanted = [payload(u) for u in units]
    if kind != VIDEO_KIND:
        found = [(seconds, data) for seconds, data in found if data in wanted]
    assert [data for _, data in found] == wanted
    if kind == DATA_KIND and found and found[0][0] == 0:
        # FFmpeg leaves out the empty edit before a data track that begins later than the pictures.
        found = [(seconds + Fraction(units[0].utc_ns - made.start_ns, NS), data) for seconds, data in found]
    for (seconds, _), u in zip(found, units, strict=True):
        if u.utc_ns < made.start_ns - TICK_NS:
            assert seconds < 0
            continue
        assert abs(float(seconds) - (u.utc_ns - made.start_ns) / NS) <= tolerance


def test_a_real_clip_over_segments_and_a_gap_is_decoded_without_complaint(tmp_path, walk):
    take = [*walk, *later(walk, 10.5)]
    film = Film(tmp_path).record(take, rotate=4).record(later(walk, 28))
    made = written(film, tmp_path / "out.mp4", 3.3, 100)
    assert (made.start_ns - T0) / NS == pytest.approx(3.3, abs=0.034)
    assert made.end_ns == film.footage().pieces[-1].end_ns
    video = packets(tmp_path / "out.mp4", VIDEO_KIND)
    assert len(video) == made.pictures
    ascending = [float(seconds) for seconds, _ in video]
    assert max(b - a for a, b in itertools.pairwise(ascending)) == pytest.approx(7.0, abs=0.05)
    for kind in (VIDEO_KIND, AUDIO_KIND):
        with av.open(str(tmp_path / "out.mp4")) as container:
            stream = next(s for s in container.streams if s.type == kind)
            stream.codec_context.options = {"err_detect": "explode"}
            assert sum(1 for _ in container.decode(stream)) > 800
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.duration / 1e6 == pytest.approx((made.end_ns - made.start_ns) / NS, abs=0.05)


@pytest.mark.peer
def test_programs_that_are_not_ours_play_it(tmp_path, walk):
    film = Film(tmp_path).record([*walk, *later(walk, 10.5)], rotate=4)
    made = written(film, tmp_path / "out.mp4", 3.3, 15)
    for command in (
        ("ffmpeg", "-v", "error", "-xerror", "-i", "out.mp4", "-f", "null", "-"),
        ("gst-launch-1.0", "-q", "filesrc", "location=out.mp4", "!", "qtdemux", "name=d",
         "d.video_0", "!", "queue", "!", "h264parse", "!", "avdec_h264", "!", "fakesink", "async=false",
         "d.audio_0", "!", "queue", "!", "aacparse", "!", "avdec_aac", "!", "fakesink", "async=false"),
    ):  # fmt: skip
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed")
        played = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
        assert (played.returncode, played.stderr) == (0, "")
    entries = "format=start_time,duration:format_tags=creation_time"
    probe = ("ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv=p=0", "out.mp4")
    said = subprocess.run(probe, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True).stdout
    assert said.startswith(f"0.000000,{(made.end_ns - made.start_ns) / NS:.3f}")
    assert "2023-11-14T22:13:23" in said, "the file says when it begins"


def test_new_parameters_are_another_description_of_the_same_track_and_a_new_codec_another_track(tmp_path):
    small = stream(2, rate=10, gop=10)
    large = [replace(u, track=LARGER) if u.track is VIDEO else u for u in stream(2, start=2, rate=10, gop=10)]
    aac = Track(1, TrackKind.AUDIO, Codec.AAC, 48000, AudioParameters(48000, 2, bytes.fromhex("1190")))
    other = [unit(aac, 4 + n / 50, payload=bytes([n]) * 9) for n in range(100)]
    back = stream(2, start=4, rate=10, gop=10)
    film = Film(tmp_path).record(by_time([*small, *large], sound(4))).record(by_time(back, other))
    written(film, tmp_path / "out.mp4", 0, 100)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [(s.type, s.codec_context and s.codec_context.name) for s in container.streams] == [
            ("video", "h264"), ("audio", "pcm_mulaw"), ("data", None), ("audio", "aac"),
        ]  # fmt: skip
        changes = [
            (float(p.pts * p.time_base), data)
            for p in container.demux(video=0)
            for data in [bytes(side) for side in p.iter_sidedata()]
            if p.size
        ]
    raw = (tmp_path / "out.mp4").read_bytes()
    assert raw.count(b"avcC") == 2
    assert [seconds for seconds, _ in changes] == [2, 4], "decoders are told of the change, and of the way back"


def test_sound_and_positions_are_left_out_where_they_may_not_be_seen(tmp_path):
    film = Film(tmp_path).record(by_time(stream(10), sound(10)))
    hidden = ((T0 + 3 * NS, T0 + 5 * NS), (T0 + 8 * NS, None))
    written(film, tmp_path / "some.mp4", 0, 100, selection=Selection(sound=False, hidden=hidden))
    assert packets(tmp_path / "some.mp4", AUDIO_KIND) == []
    told = [float(data.split(b'"')[1]) for _, data in packets(tmp_path / "some.mp4", DATA_KIND)]
    assert told == [n / 2 + 0.01 for n in range(20) if not (3 <= n / 2 + 0.01 < 5 or n / 2 >= 8)]
    written(film, tmp_path / "none.mp4", 0, 100, selection=Selection(positions=False))
    assert b"MetadataStream" not in (tmp_path / "none.mp4").read_bytes()
    assert b"mett" not in (tmp_path / "none.mp4").read_bytes()


def test_a_night_without_pictures_is_one_long_picture(tmp_path):
    film = Film(tmp_path).record(stream(2, rate=10)).record(stream(2, start=16 * 3600, rate=10))
    made = written(film, tmp_path / "out.mp4", 0, 1e5)
    times = [float(seconds) for seconds, _ in packets(tmp_path / "out.mp4", VIDEO_KIND)]
    assert times == pytest.approx([n / 10 for n in range(20)] + [16 * 3600 + n / 10 for n in range(20)], abs=0.001)
    assert (made.end_ns - made.start_ns) / NS == 16 * 3600 + 2


def test_media_after_a_clock_that_was_set_back_follows_what_was_before(tmp_path):
    film = Film(tmp_path).record(stream(4, rate=10)).record(stream(4, start=2, rate=10))
    written(film, tmp_path / "out.mp4", 0, 100)
    times = [float(seconds) for seconds, _ in packets(tmp_path / "out.mp4", VIDEO_KIND)]
    assert times == pytest.approx([n / 10 for n in range(80)], abs=0.001)


# ---- when it cannot be done


def test_progress_ascends_to_one_and_what_it_raises_ends_the_work_and_leaves_nothing(tmp_path):
    film = Film(tmp_path).record(stream(30, size=40_000), rotate=5)
    told: list[float] = []
    written(film, tmp_path / "whole.mp4", 0, 100, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 20

    def stop(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(film, tmp_path / "half.mp4", 0, 100, progress=stop)
    assert [path.name for path in tmp_path.glob("*.mp4")] == ["whole.mp4"]


def test_it_says_what_is_wrong(tmp_path):
    film = Film(tmp_path).record(stream(10), rotate=2)
    with pytest.raises(NotFoundError, match="nothing is recorded of unit-12 in this interval"):
        written(film, tmp_path / "out.mp4", 20, 30)
    (tmp_path / "out.mp4").write_bytes(b"somebody's")
    with pytest.raises(StorageError, match=r"out\.mp4 cannot be written: File exists"):
        written(film, tmp_path / "out.mp4", 0, 30)
    assert (tmp_path / "out.mp4").read_bytes() == b"somebody's"
    footage = film.footage()
    damaged = tmp_path / footage.pieces[2].path
    raw = damaged.read_bytes()
    damaged.write_bytes(raw[: len(raw) // 2] + bytes(len(raw) - len(raw) // 2))
    with pytest.raises(StorageError, match=r"is damaged at byte \d+"):
        write_faststart(footage, film.files, tmp_path / "new.mp4")
    damaged.unlink()
    with pytest.raises(StorageError, match="it has been deleted"):
        write_faststart(footage, film.files, tmp_path / "new.mp4")
    assert not (tmp_path / "new.mp4").exists()


def test_the_last_picture_is_shown_although_it_is_decoded_earlier(tmp_path):
    film = Film(tmp_path).record([unit(VIDEO, n / 30, key=n == 0, reorder=3000) for n in range(2)])
    made = written(film, tmp_path / "out.mp4", 0.02, 1)
    assert (made.end_ns - made.start_ns) / NS == pytest.approx(2 / 30, abs=1e-6)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [packet.is_discard for packet in container.demux(video=0) if packet.size] == [False, False]
