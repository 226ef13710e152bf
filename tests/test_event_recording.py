"""Recordings of events: what the ring holds from before is part of them, and the next goes on where one has ended."""

from __future__ import annotations

from gateway.media.model import NS, GapReason, TrackKind
from gateway.recording.recorder import PreRoll
from tests.media_samples import PCMU, T0, VIDEO, stream, unit
from tests.recording_rig import CAMERA, frames, gap, rig


def at(seconds: float) -> int:
    return T0 + round(seconds * NS)


async def idle(recording) -> None:
    """Let the Recorder that the rig has begun end, as nothing happens."""
    recording.recorder.stop(GapReason.IDLE)
    await recording.ended()


async def test_the_pre_roll_is_part_of_the_recording_and_its_sound_is_not(tmp_path):
    sound = [unit(PCMU, n * 0.02, payload=bytes(160)) for n in range(1500)]
    pictures = [u for u in stream(30) if u.track is VIDEO]
    units = sorted([*pictures, *sound], key=lambda u: u.received_ns)
    async with rig(tmp_path) as recording:
        await idle(recording)
        recording.hub.open((VIDEO, PCMU))
        for item in units:
            recording.hub.publish(item)
        recording.clock.set_utc_ns(at(30))
        # Something happens after 25 s, and 10 s of pre-roll are wanted.
        await recording.record_anew(PreRoll(recording.hub.keyframe_before(at(15.5)), at(25)))
        await recording.look()
        await recording.close()
        assert await recording.spans() == [(15, 30)]
        (path,) = recording.disk.paths()
        assert len(frames(path)) == 15 * 30
        assert [round(15 + start, 2) for start, _ in frames(path, TrackKind.AUDIO)][:2] == [25.0, 25.02]


async def test_the_end_is_at_a_keyframe_and_the_next_goes_on_there(tmp_path):
    units = stream(20)
    async with rig(tmp_path) as recording:
        await recording.play(units[: len(units) // 4])  # 5 s
        recording.recorder.stop(GapReason.IDLE, at_keyframe=True)
        for item in units[len(units) // 4 : len(units) // 2]:
            recording.hub.publish(item)
        await recording.ended()
        reached = recording.recorder.reached
        assert reached < recording.hub.end
        assert await recording.gaps() == [(5, None, GapReason.IDLE)]
        await recording.record_anew(PreRoll(reached))
        await recording.play(units[len(units) // 2 :])
        await recording.close()
        assert await recording.spans() == [(0, 5), (5, 20)]
        assert await recording.gaps() == [(5, 5, GapReason.IDLE)]
        assert sum(len(frames(path)) for path in recording.disk.paths()) == 600


async def test_without_a_keyframe_it_ends_all_the_same(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(2))
        recording.recorder.stop(GapReason.IDLE, at_keyframe=True)
        await recording.ended()
        assert recording.clock.utc_ns() < at(15)
        assert await recording.spans() == [(0, 2)]


async def test_while_nothing_happens_nothing_is_missing_whatever_went_before(tmp_path):
    async with rig(tmp_path) as recording:
        assert await recording.catalog.rest(CAMERA, at(1))
        assert await recording.gaps() == []  # nor before the first Recording
        await recording.play([*stream(2, start=2), gap(4, GapReason.DISCONNECTED)])
        recording.recorder.stop(GapReason.IDLE)
        await recording.ended()
        away = recording.clock.utc_ns()
        assert await recording.gaps() == [
            (4, (away - T0) / NS, GapReason.DISCONNECTED),
            ((away - T0) / NS, None, GapReason.IDLE),
        ]
        assert await recording.catalog.rest(CAMERA, at(20))
        assert len(await recording.gaps()) == 2


async def test_what_the_stop_of_the_gateway_has_cut_off_is_told(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(2))
        await recording.close()
        assert not await recording.catalog.rest(CAMERA, at(10))
        assert await recording.gaps() == []
