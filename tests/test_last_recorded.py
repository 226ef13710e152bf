"""What is read of a camera's newest recording, to describe it while it is silent."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gateway.nvr.last_recorded import LastRecorded
from gateway.nvr.stream_facts import AudioFacts, VideoFacts
from gateway.recording.footage import FootageFinder
from tests.media_samples import stream
from tests.recording_rig import CAMERA, Rig, rig
from tests.test_playback import g711, tone


def last_recorded(recording: Rig) -> LastRecorded:
    finder = FootageFinder(recording.catalog, recording.disk, recording.threads)
    return LastRecorded(recording.catalog, finder, recording.disk, recording.threads, recording.clock)


async def record(recording: Rig) -> None:
    units = [*stream(6, rate=10, gop=20, size=2000), *g711(tone(6))]
    recording.hub.open(tuple(dict.fromkeys(unit.track for unit in units)))
    await recording.play(sorted(units, key=lambda unit: unit.received_ns))


async def test_picture_sound_and_metadata_are_as_they_were_recorded(tmp_path: Path) -> None:
    async with rig(tmp_path) as recording:
        await record(recording)
        await recording.close()
        found = await last_recorded(recording).of(CAMERA)
    assert found is not None
    assert found.video == VideoFacts("H264", "Baseline", 64, 48, 10, 256, 20)
    assert found.audio == AudioFacts("PCMU", 64, 8, 1)
    assert found.has_metadata


async def test_nothing_is_known_of_a_camera_that_was_never_recorded(tmp_path: Path) -> None:
    async with rig(tmp_path) as recording:
        assert await last_recorded(recording).of("another") is None


async def test_a_file_that_cannot_be_read_is_told_of_and_described_as_unknown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(tmp_path) as recording:
        await record(recording)
        await recording.close()
        for path in recording.disk.root.rglob("*.mp4"):
            path.write_bytes(bytes(path.stat().st_size))
        with caplog.at_level(logging.WARNING, "gateway.nvr"):
            assert await last_recorded(recording).of(CAMERA) is None
    assert f"camera {CAMERA}: NVRs are not told" in caplog.text
