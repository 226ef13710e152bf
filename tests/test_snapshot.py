"""Snapshots: a picture out of the ring, made in a process that may die."""

from __future__ import annotations

import io
import os
from functools import partial

import av
import numpy as np
import pytest

from gateway.base.errors import CameraError, ConflictError
from gateway.base.workers import Processes, WorkerDiedError
from gateway.hub import Hub
from gateway.media.h264 import split_annex_b
from gateway.media.model import AccessUnit, Codec, TimeSource, Track, TrackKind, VideoParameters
from gateway.viewing.snapshot import Snapshots

VIDEO = Track(0, TrackKind.VIDEO, Codec.H264, 90000, VideoParameters())


def encoded(shades: list[int]) -> list[bytes]:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 64, 48, "yuv420p", 10
    encoder.options = {"tune": "zerolatency", "preset": "ultrafast"}
    packets = []
    for shade in shades:
        frame = av.VideoFrame.from_ndarray(np.full((72, 64), shade, np.uint8), format="yuv420p")
        packets += encoder.encode(frame)
    return [bytes(p) for p in packets + encoder.encode(None)]


def filled(pictures: list[bytes]) -> Hub:
    hub = Hub("a")
    hub.open((VIDEO,))
    for n, data in enumerate(pictures):
        nals = tuple(split_annex_b(data))
        hub.publish(AccessUnit(VIDEO, n, n, n, TimeSource.ARRIVAL, n, nals, n == 0, len(data)))
    return hub


@pytest.fixture
def processes():
    processes = Processes()
    yield processes
    processes.close()


async def test_it_shows_the_newest_picture(processes):
    jpeg, utc_ns = await Snapshots(processes).newest(filled(encoded([16, 16, 235])))
    assert utc_ns == 2
    with av.open(io.BytesIO(jpeg), format="mjpeg") as picture:
        frame = next(picture.decode(video=0))
    assert (frame.width, frame.height) == (64, 48)
    assert frame.to_ndarray(format="gray").mean() > 200


async def test_without_a_keyframe_it_says_so(processes):
    with pytest.raises(ConflictError, match="no keyframe yet"):
        await Snapshots(processes).newest(Hub("a"))


async def test_what_cannot_be_decoded_is_the_cameras_fault(processes):
    with pytest.raises(CameraError, match="cannot be decoded"):
        await Snapshots(processes).newest(filled([b"\0\0\0\1\x65garbage"]))


async def test_a_worker_that_dies_takes_nothing_along(processes):
    with pytest.raises(WorkerDiedError):
        await processes.run(os.abort)
    assert await processes.run(os.path.basename, "a/b") == "b"


async def test_a_worker_that_was_prepared_is_the_one_that_works(processes, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    processes.prepare(partial(os.mkdir, "prepared"))
    await processes.run(os.mkdir, "prepared/used")  # one worker, so in this order
    processes.prepare(partial(os.mkdir, "again"))
    await processes.run(os.getpid)
    assert [path.name for path in tmp_path.iterdir()] == ["prepared"]
