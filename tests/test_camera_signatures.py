"""Video that the camera signed (ONVIF Media Signing): its SEI comes out of every way of getting a recording as it came.

The NAL units are made up, but for their UUID: nothing here looks into them, and that is the point.
"""

from __future__ import annotations

import random
import zipfile
from dataclasses import replace
from pathlib import Path

from gateway.media.h264_rtp import H264Depacketizer
from gateway.media.model import NS, AccessUnit
from gateway.media.payloads import payloads
from gateway.media.timeline import Timeline
from gateway.recording.clip import Selection
from gateway.recording.clips import Clips
from gateway.recording.faststart import write_faststart
from gateway.recording.footage import FootageFinder
from gateway.recording.playback.media import PlaybackMedia
from tests.media_samples import T0, VIDEO, split_nals, stream
from tests.proof_rig import make_package
from tests.recording_rig import CAMERA, Rig, frames, rig
from tests.rtp_samples import feed, packets, units
from tests.test_playback import InThisProcess

UUID = bytes.fromhex("005bc93f2d715e95ada4796f90877a6f")
"""Of SEI messages with signatures (ONVIF Media Signing Specification)."""
BEGIN, END = 75, 80
"""Seconds after T0: `make_package` takes these."""


def signature(number: int) -> bytes:
    """An SEI NAL unit (user_data_unregistered) too long for one packet, with emulation prevention bytes inside."""
    data = UUID + b"\0\0\3\1" + random.Random(number).randbytes(1980)
    return b"\x06\x05" + b"\xff" * (len(data) // 255) + bytes([len(data) % 255]) + data + b"\x80"


def signed() -> list[AccessUnit]:
    """Five seconds with a signature before each keyframe and before some other pictures."""
    made = []
    for number, one in enumerate(stream(END - BEGIN, start=BEGIN)):
        if one.track == VIDEO:
            picture = one.nals[0][:1] + b"\x88" + bytes(range(1, 60))  # its slice begins at the first macroblock
            nals = (signature(number), picture) if one.is_keyframe or number % 10 == 0 else (picture,)
            one = replace(one, nals=nals, size=sum(map(len, nals)))
        made.append(one)
    return made


def signatures(samples: list[bytes]) -> list[bytes]:
    return [nal for sample in samples for nal in split_nals(sample) if UUID in nal]


def in_file(path: Path) -> list[bytes]:
    return signatures([data for _, data in frames(path)])


def test_they_come_out_of_the_cameras_packets_as_they_were_sent() -> None:
    sent = [one for one in signed() if one.track == VIDEO]
    depacketizer = H264Depacketizer(VIDEO, Timeline(90000, 0))
    received = units(feed(depacketizer, packets([payloads(one) for one in sent])))
    assert [one.nals[-2:] for one in received] == [one.nals[-2:] for one in sent[: len(received)]]
    assert len(received) >= len(sent) - 1


async def test_recording_export_package_and_playback_hold_them_byte_for_byte(tmp_path: Path) -> None:
    sent = signed()
    expected = [nal for one in sent if one.track == VIDEO for nal in one.nals if UUID in nal]
    archive = tmp_path / "archive"
    archive.mkdir()
    async with rig(archive) as made:
        await made.play(sent)
        await made.close()
        (recorded,) = (archive / "recordings").rglob("*.mp4")
        assert in_file(recorded) == expected
        footage = await FootageFinder(made.catalog, made.disk, made.threads).find(CAMERA, T0, T0 + 200 * NS)
        write_faststart(footage, made.disk, tmp_path / "export.mp4")
        assert in_file(tmp_path / "export.mp4") == expected
        (tmp_path / "download.mp4").write_bytes(await downloaded(made))
        assert in_file(tmp_path / "download.mp4") == expected
        (tmp_path / "played.mp4").write_bytes(await played(made))
        assert in_file(tmp_path / "played.mp4") == expected
    with zipfile.ZipFile(await make_package(archive, tmp_path / "package")) as package:
        package.extractall(tmp_path / "unpacked")
    (original,) = (tmp_path / "unpacked" / "recordings").rglob("*.mp4")
    assert in_file(original) == expected
    assert in_file(tmp_path / "unpacked" / CAMERA / "video.mp4") == expected


async def downloaded(made: Rig) -> bytes:
    """`video.mp4` of it all."""
    clips = Clips(FootageFinder(made.catalog, made.disk, made.threads), made.disk, made.threads)
    download = await clips.download(CAMERA, T0, T0 + 200 * NS, Selection())
    return b"".join([block async for block in clips.blocks(download, 0, download.size)])


async def played(made: Rig) -> bytes:
    """What a player of the playlist puts together."""
    finder = FootageFinder(made.catalog, made.disk, made.threads)
    media = PlaybackMedia(finder, made.disk, made.threads, InThisProcess())
    (piece,) = (await finder.find(CAMERA, T0, T0 + 200 * NS)).pieces
    data, _ = await media.init(piece, with_sound=False)
    for chunk in piece.chunks:
        part = await media.chunk(await media.place(CAMERA, piece.name, chunk.offset, chunk.size), with_sound=False)
        data += b"".join([block async for block in media.blocks(part)])
    return data
