"""Chunks as a player gets them: on the timeline of UTC, with the sound that belongs to them, read by PyAV."""

from __future__ import annotations

import io
import itertools
from fractions import Fraction

import av
import numpy as np

from gateway.base.workers import Processes
from gateway.media.model import NS, AccessUnit
from gateway.recording.footage import Footage, FootageFinder
from gateway.recording.playback.media import PlaybackMedia
from gateway.recording.playback.sound import _TABLES
from tests.media_samples import PCMU, T0, VIDEO, stream, unit
from tests.recording_rig import CAMERA, Rig, rig


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
