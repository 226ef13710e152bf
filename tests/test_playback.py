"""Chunks as a player gets them: on the timeline of UTC, with the sound that belongs to them, read by PyAV."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from gateway.base.rfc3339 import parse_utc
from gateway.base.workers import Processes
from gateway.media.model import NS, AccessUnit, Codec, GapReason, TrackKind
from gateway.recording.footage import Footage, FootageFinder
from gateway.recording.playback.media import PlaybackMedia
from gateway.recording.playback.playlist import Shape
from gateway.recording.playback.sound import _TABLES
from tests.data import shared
from tests.media_samples import PCMU, T0, VIDEO, clip, stream, unit
from tests.painted import painted, shade
from tests.recording_rig import CAMERA, Rig, gap, rig


class InThisProcess(Processes):
    """Calls at once what a worker would."""

    async def run(self, function, /, *args, **kwargs):
        return function(*args, **kwargs)


class Player:
    """Fetches every chunk of an interval, as a player would."""

    def __init__(self, recording: Rig) -> None:
        self.finder = FootageFinder(recording.catalog, recording.disk, recording.threads)
        self.media = PlaybackMedia(self.finder, recording.disk, recording.threads, InThisProcess())

    async def footage(self, start: float = 0, end: float = 1000) -> Footage:
        return await self.finder.find(CAMERA, T0 + round(start * NS), T0 + round(end * NS))

    async def chunks(self, footage: Footage, *, sound: bool) -> list[bytes]:
        """The media segments."""
        found = []
        for piece in footage.pieces:
            for chunk in piece.chunks:
                place = await self.media.place(CAMERA, piece.name, chunk.offset, chunk.size)
                media = await self.media.chunk(place, with_sound=sound)
                data = b"".join([block async for block in self.media.blocks(media)])
                assert len(data) == media.size
                found.append(data)
        return found

    async def film(self, footage: Footage, *, sound: bool) -> bytes:
        """The whole, for footage of one set of parameters."""
        init, _ = await self.media.init(footage.pieces[0], with_sound=sound)
        return init + b"".join(await self.chunks(footage, sound=sound))


def packets(film: bytes, kind: str = "video") -> list[tuple[Fraction, Fraction, bytes]]:
    """UTC in seconds when each is presented, its duration, and its bytes."""
    with av.open(io.BytesIO(film)) as container:
        return [
            (p.pts * p.time_base, p.duration * p.time_base, bytes(p))
            for p in container.demux()
            if p.size and p.stream.type == kind
        ]


def g711(samples: np.ndarray, start: float = 0.0, *, received: float = 0.0) -> list[AccessUnit]:
    """Samples at 8 kHz as packets of 20 ms from `start` seconds after T0."""
    levels = _TABLES["ulaw"].astype(int)
    order = levels.argsort()
    codes = order[np.searchsorted(levels[order], samples).clip(0, 255)].astype(np.uint8)
    return [
        unit(PCMU, start + at / 8000, payload=codes[at : at + 160].tobytes(), received=start + at / 8000 + received)
        for at in range(0, len(codes), 160)
    ]


async def record(recording: Rig, *units: AccessUnit) -> None:
    tracks = {u.track.id: u.track for u in units}
    recording.hub.open(tuple(tracks[number] for number in sorted(tracks)))
    await recording.play(sorted(units, key=lambda u: u.received_ns))
    await recording.close()


def pictures(seconds: float, **more) -> list[AccessUnit]:
    return [u for u in stream(seconds, **more) if u.track is VIDEO]


async def test_every_picture_is_shown_when_its_utc_says(tmp_path):
    units = pictures(130, rate=10, gop=25)
    async with rig(tmp_path) as recording:
        await record(recording, *units)
        player = Player(recording)
        footage = await player.footage()
        assert len(footage.pieces) == 3
        shown = packets(await player.film(footage, sound=False))
        assert [data[4:] for _, _, data in shown] == [u.nals[0] for u in units]
        for (at, _, _), sent in zip(shown, units, strict=True):
            assert abs(at * NS - sent.utc_ns) < NS // 20_000
        assert all(a + length == b for (a, length, _), (b, _, _) in itertools.pairwise(shown))


async def test_a_camera_whose_clock_runs_fast_has_no_seam_and_stays_with_utc(tmp_path):
    units = pictures(65, rate=10, gop=25)
    for number, one in enumerate(units):  # its media clock gains three thousandths on UTC
        one.utc_ns -= round(number * 0.0003 * NS)
    async with rig(tmp_path) as recording:
        await record(recording, *units)
        player = Player(recording)
        shown = packets(await player.film(await player.footage(), sound=False))
        assert max(abs(at * NS - sent.utc_ns) for (at, _, _), sent in zip(shown, units, strict=True)) < 2e6
        assert all(a + length == b for (a, length, _), (b, _, _) in itertools.pairwise(shown))


def shades(film: bytes, size: tuple[int, int] = (320, 240)) -> list[tuple[float, int]]:
    """When each picture is shown, in seconds after T0, and how bright it is."""
    found = []
    with av.open(io.BytesIO(film)) as container:
        for frame in container.decode(video=0):
            assert (frame.width, frame.height) == size
            luma = frame.to_ndarray()[: frame.height].mean()
            found.append((round(float(frame.pts * frame.time_base - T0 // NS), 3), round(float(luma))))
    return found


@pytest.mark.parametrize(("codec", "name"), [(Codec.H264, "avc1"), (Codec.H265, "hvc1")])
async def test_pictures_that_are_not_sent_in_the_order_of_their_time_are_shown_in_it(tmp_path, codec, name):
    units = painted(8, gop=20, b=2, codec=codec, size=(128, 96))
    assert any(one.pts != one.dts for one in units)
    async with rig(tmp_path) as recording:
        await record(recording, *units)
        player = Player(recording)
        footage = await player.footage()
        assert len(footage.pieces[0].chunks) == 2
        _, content_type = await player.media.init(footage.pieces[0], with_sound=False)
        assert content_type.startswith(f'video/mp4; codecs="{name}.')
        shown = shades(await player.film(footage, sound=False), (128, 96))
    assert [moment for moment, _ in shown] == [n / 10 for n in range(80)]
    assert all(abs(luma - shade(n)) < 4 for n, (_, luma) in enumerate(shown))


async def test_each_part_of_an_interval_is_decoded_with_its_own_parameters(tmp_path):
    sizes = [(320, 240), (640, 480)]
    async with rig(tmp_path) as recording:
        recording.hub.open((painted(1)[0].track,))
        for n, size in enumerate(sizes):
            await recording.play(painted(8, gop=20, start=8 * n, size=size))
        await recording.close()
        player = Player(recording)
        footage = await player.footage()
        parts = [await player.film(replace(footage, pieces=(piece,)), sound=False) for piece in footage.pieces]
    for n, (part, size) in enumerate(zip(parts, sizes, strict=True)):
        assert [moment for moment, _ in shades(part, size)] == [8 * n + i / 10 for i in range(80)]


async def test_what_a_clock_that_was_set_back_filmed_twice_is_shown_twice(tmp_path):
    before = pictures(20, rate=10, gop=20)
    after = [
        replace(one, utc_ns=one.utc_ns - 13 * NS, nals=(one.nals[0] + b"later",))
        for one in pictures(20, start=20, rate=10, gop=20)
    ]
    async with rig(tmp_path) as recording:
        recording.hub.open((VIDEO,))
        await recording.play([*before, gap(20, GapReason.CLOCK_JUMP), *after])
        await recording.close()
        player = Player(recording)
        footage = await player.footage()
        for piece, units in zip(footage.pieces, (before, after), strict=True):
            shown = packets(await player.film(replace(footage, pieces=(piece,)), sound=False))
            assert [data[4:] for _, _, data in shown] == [one.nals[0] for one in units]
            assert all(abs(at * NS - sent.utc_ns) < NS // 1000 for (at, _, _), sent in zip(shown, units, strict=True))


async def test_cameras_lie_on_one_clock(tmp_path):
    """One began later, in mid-second, and its media clock gains three thousandths: dates and media agree with UTC."""
    steady, fast = pictures(70, rate=10, gop=20), pictures(70, start=7.37, rate=10, gop=30)
    for number, one in enumerate(fast):
        one.utc_ns -= round(number * 0.0003 * NS)
    for name, units in (("steady", steady), ("fast", fast)):
        (tmp_path / name).mkdir()
        async with rig(tmp_path / name) as recording:
            await record(recording, *units)
            player = Player(recording)
            footage = await player.footage()
            init, _ = await player.media.init(footage.pieces[0], with_sound=False)
            chunks = await player.chunks(footage, sound=False)
            text = await player.media.playlist(footage, [], "", Shape.VOD)
        sent = iter(units)
        for date, chunk in zip(dates_of_parts(text), chunks, strict=True):
            shown = [at for at, _, _ in packets(init + chunk)]
            for at in shown:  # as a player does: by the date of the part, and how far into it the picture lies
                assert abs(date + (at - shown[0]) * NS - next(sent).utc_ns) < 2_000_000
        assert next(sent, None) is None


def dates_of_parts(text: str) -> Iterator[int]:
    """The UTC at which each part of a playlist begins: its own, or where the one before it ends."""
    at_ns = 0
    for line in text.splitlines():
        if line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            at_ns = parse_utc(line.partition(":")[2])
        elif line.startswith("#EXTINF:"):
            yield at_ns
            at_ns += round(float(line[8:-1]) * NS)


def aac(units: list[AccessUnit]) -> list[AccessUnit]:
    return [one for one in units if one.track.kind is TrackKind.AUDIO]


async def test_aac_is_heard_as_the_camera_sent_it(tmp_path):
    units = clip(shared("video/gopro-max-walk.mp4"))
    sent = aac(units)
    async with rig(tmp_path) as recording:
        await record(recording, *units)
        player = Player(recording)
        heard = packets(await player.film(await player.footage(), sound=True), "audio")
    assert [data for _, _, data in heard] == [one.nals[0] for one in sent][: len(heard)]
    assert len(sent) - len(heard) <= 1  # the last one may begin after the last picture
    assert all(a + length == b for (a, length, _), (b, _, _) in itertools.pairwise(heard))
    assert all(abs(at * NS - one.utc_ns) < NS // 1000 for (at, _, _), one in zip(heard, sent, strict=False))


async def test_where_the_camera_sent_no_sound_there_is_silence_and_the_rest_stays_in_its_place(tmp_path):
    units = clip(shared("video/gopro-max-walk.mp4"))
    lost = [one for one in aac(units) if 3 * NS <= one.utc_ns - T0 < 6 * NS]
    async with rig(tmp_path) as recording:
        await record(recording, *(one for one in units if one not in lost))
        player = Player(recording)
        film = await player.film(await player.footage(), sound=True)
    heard = packets(film, "audio")
    assert all(a + length == b for (a, length, _), (b, _, _) in itertools.pairwise(heard))
    kept = [one for one in aac(units) if one not in lost]
    for one in kept[:-1]:  # the last one may begin after the last picture
        assert any(abs(at * NS - one.utc_ns) < NS // 1000 and data == one.nals[0] for at, _, data in heard)
    loud = loudness(film)
    assert max(level for at, level in loud if 3.1 < at < 5.9) == 0
    assert min(max(level for at, level in loud if start < at < start + 1) for start in (1.9, 6.1)) > 0


def loudness(film: bytes) -> list[tuple[float, float]]:
    """Of each frame of sound: seconds after T0, and its loudest sample."""
    with av.open(io.BytesIO(film)) as container:
        frames = list(container.decode(audio=0))
    return [(float(f.pts * f.time_base - T0 // NS), float(np.abs(f.to_ndarray()).max())) for f in frames]


@pytest.mark.parametrize("sent", [(), (0.0, 4.0)])
async def test_pictures_without_sound_are_accompanied_by_silence(tmp_path, sent):
    """Of a camera that never sends any, and of one that stops."""
    sound = g711(tone(sent[1]), received=0.1) if sent else []
    async with rig(tmp_path) as recording:
        await record(recording, *pictures(12, rate=10, gop=20), *sound)
        player = Player(recording)
        film = await player.film(await player.footage(), sound=True)
    heard = packets(film, "audio")
    assert all(a + length == b for (a, length, _), (b, _, _) in itertools.pairwise(heard))
    assert float(sum(length for _, length, _ in heard)) == pytest.approx(12, abs=0.3)
    quiet = [level for at, level in loudness(film) if at > (4.3 if sent else -1)]
    assert len(quiet) > 50
    assert max(quiet) < 0.001


def tone(seconds: float, rate: int = 8000) -> np.ndarray:
    at = np.arange(round(seconds * rate))
    return (9000 * np.sin(2 * np.pi * 440 * at / rate)).astype(np.int16)


async def test_g711_becomes_aac_without_gap_overlap_or_click(tmp_path):
    heard = tone(70)
    async with rig(tmp_path) as recording:
        await record(recording, *pictures(70, rate=10, gop=25), *g711(heard, received=0.3))
        player = Player(recording)
        footage = await player.footage()
        assert len(footage.pieces) == 2
        film = await player.film(footage, sound=True)
        frames = packets(film, "audio")
        assert {length for _, length, _ in frames} == {Fraction(1024, 8000)}
        assert all(a + length == b for (a, length, _), (b, _, _) in itertools.pairwise(frames))
        assert abs(frames[0][0] - T0 // NS) <= Fraction(1024, 8000)
        with av.open(io.BytesIO(film)) as container:
            decoded = [(f.pts, f.to_ndarray()[0]) for f in container.decode(audio=0)]
        begin = decoded[0][0] - T0 // NS * 8000
        sound = np.concatenate([samples for _, samples in decoded]) * 32768
        wanted = heard[begin : begin + len(sound)].astype(float)
        error = np.abs(sound[: len(wanted)] - wanted)[2048:-4096].reshape(-1, 64).max(axis=1)
        assert error.max() < 1.5 * np.median(error)  # nowhere worse than anywhere, so at no border
