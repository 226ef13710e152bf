"""In which form a viewer gets what a camera sends."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace

import av
import pytest

from gateway.base.clock import SystemClock
from gateway.base.metrics import REGISTRY
from gateway.hub import Hub
from gateway.media.h264 import NalType, nal_type, split_annex_b
from gateway.media.model import AccessUnit, AudioParameters, Codec, Track, TrackKind, VideoParameters
from gateway.viewing import original, transcode
from gateway.viewing.budget import BusyError
from gateway.viewing.playable import forms
from gateway.viewing.transcode import CONSTRAINED_BASELINE, Transcode
from gateway.viewing.whep import UNPLAYABLE_RETRY_SECONDS, UnplayableError
from tests.reels import Reel, film
from tests.test_transcode import filmed
from tests.webrtc_samples import CHROMIUM_OFFER, AiortcViewer, encoded, picture, video_track
from tests.whep_service import OWNER, Service, serving, until


def hub_with(*units: AccessUnit, tracks: tuple[Track, ...] = ()) -> Hub:
    hub = Hub("cam")
    hub.open(tracks or (units[0].track,))
    for unit in units:
        hub.publish(unit)
    return hub


def in_order(track: Track, *indexes: int, reference: bool = True) -> Hub:
    late = {index for at, index in enumerate(indexes) if any(index < before for before in indexes[:at])}
    return hub_with(
        *(picture(index, key=index == 0, track=track, reference=reference or index not in late) for index in indexes)
    )


def rich_sps() -> bytes:
    """Of H.264 with 4:2:2."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 64, 48, "yuv422p", 30
    packets = encoder.encode(av.VideoFrame(64, 48, "yuv422p")) + encoder.encode(None)
    return next(nal for nal in split_annex_b(bytes(packets[0])) if nal_type(nal) == NalType.SPS)


BASELINE = VideoParameters(CONSTRAINED_BASELINE)
H264 = video_track()
H264_REORDERS = replace(H264, parameters=replace(H264.parameters, reorder_depth=2))
H265 = replace(H264, codec=Codec.H265)
H265_REORDERS = replace(H264_REORDERS, codec=Codec.H265)
PYRAMID = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11, 16, 14, 13, 15]


@pytest.mark.parametrize(
    ("hub", "passed", "made"),
    [
        (in_order(H264, *range(5)), True, False),
        (in_order(H264, *PYRAMID), False, True),
        (in_order(H264, *PYRAMID, reference=False), True, False),
        (in_order(H264_REORDERS, 0, 1), False, True),
        (in_order(H264_REORDERS, *range(20)), True, False),
        (in_order(H264_REORDERS, *PYRAMID, reference=False), True, False),
        (in_order(H264, 0, 1, 3, 2, 4, 5), True, False),
        (in_order(video_track(rich_sps()), *range(5)), False, True),
        (in_order(H265, 0, 1), True, True),
        (in_order(H265_REORDERS, 0, 1), False, True),
    ],
    ids=[
        "in order", "B-pictures that others need", "B-pictures that none needs", "reorders, nothing seen yet",
        "could reorder and does not", "reorders what none needs", "a slip of the camera's clock", "4:2:2",
        "H.265", "H.265 that reorders",
    ],
)  # fmt: skip
def test_the_video_is_passed_where_that_plays(hub: Hub, passed: bool, made: bool) -> None:
    (sent,) = hub.tracks
    expected = [sent] * passed + [replace(sent, codec=Codec.H264, parameters=BASELINE)] * made
    assert forms(hub) == tuple(expected)


def test_aac_is_offered_as_opus_and_everything_else_as_it_is() -> None:
    aac = Track(1, TrackKind.AUDIO, Codec.AAC, 44_100, AudioParameters(44_100, 2, b"\x12\x10"))
    law = Track(2, TrackKind.AUDIO, Codec.PCMA, 8000, AudioParameters())
    jpeg = Track(0, TrackKind.VIDEO, Codec.UNSUPPORTED, 90_000, VideoParameters(), "JPEG")
    document = Track(3, TrackKind.METADATA, Codec.ONVIF_METADATA, 90_000, VideoParameters())
    opus = Track(1, TrackKind.AUDIO, Codec.OPUS, 48_000, AudioParameters(48_000))
    assert forms(hub_with(tracks=(jpeg, aac, law, document))) == (jpeg, opus, law)


# ---- whole sessions


async def test_h265_is_passed_to_those_who_decode_it() -> None:
    async with serving(SystemClock()) as service:
        track = filmed(Codec.H265)[0].track
        in_order_track = replace(track, parameters=replace(track.parameters, reorder_depth=0))
        service.hub.open((in_order_track,))
        session = await service.whep.create("cam", service.hub, CHROMIUM_OFFER, owner=OWNER)
        assert "a=rtpmap:40 H265/90000" in session.answer
        await service.whep.create("cam", service.hub, CHROMIUM_OFFER.replace("H265", "x"), owner=OWNER)
        await until(lambda: len(service.hub.readers) == 2)
        assert service.hub.readers == ("playable", "viewing"), "each has what it plays"


@contextlib.asynccontextmanager
async def filming(service: Service, first: Reel, then: Reel = ()) -> AsyncIterator[asyncio.Event]:
    """The camera sends `first` again and again, and `then` once the event is set."""
    go_on = asyncio.Event()
    service.hub.open((first[0].track,))
    task = asyncio.create_task(film(service.hub, lambda: [then if go_on.is_set() else first]))
    try:
        yield go_on
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def transcoded() -> float:
    labels = {"camera": "cam", "work": "playable"}
    return REGISTRY.get_sample_value("sightline_transcoded_units_total", labels) or 0


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_a_viewer_sees_a_camera_that_browsers_cannot_play(codec: Codec) -> None:
    viewer, other = AiortcViewer("video"), AiortcViewer("video")
    async with serving(SystemClock()) as service, filming(service, filmed(codec)):
        before = transcoded()
        session = await service.watch(viewer)
        assert "profile-level-id=42e01f" in session.answer
        await service.watch(other)
        await until(lambda: viewer.received["video"] >= 10 and other.received["video"] >= 10)
        assert transcoded() > before
        assert service.hub.readers == ("playable",), "one transcode for both"
        assert service.anchors
        await viewer.close()
        await other.close()
        await until(lambda: not service.hub.readers)


async def test_the_session_survives_the_worker() -> None:
    viewer = AiortcViewer("video")
    async with serving(SystemClock()) as service, filming(service, filmed()):
        session = await service.watch(viewer)
        await until(lambda: viewer.received["video"] >= 5)
        made = session.renditions.top.made
        assert isinstance(made, Transcode)
        os.kill(made.pid, signal.SIGKILL)
        await until(lambda: made.deaths)
        seen = viewer.received["video"]
        await until(lambda: viewer.received["video"] >= seen + 10)
        assert service.whep.sessions == (session,)
        await viewer.close()


@pytest.mark.parametrize(
    "after", [filmed(), filmed(Codec.H265), filmed(width=480, height=272)], ids=["B-pictures", "H.265", "both changed"]
)
async def test_a_camera_that_changes_goes_on_playing_in_the_same_session(after: Reel) -> None:
    viewer = AiortcViewer("video")
    async with serving(SystemClock()) as service, filming(service, encoded(60, 30), after) as go_on:
        session = await service.watch(viewer)
        await until(lambda: viewer.received["video"] >= 5)
        assert service.hub.readers == ("viewing",), "nothing is transcoded that need not be"
        go_on.set()
        await until(lambda: service.hub.readers == ("playable",))
        seen = viewer.received["video"]
        await until(lambda: viewer.received["video"] >= seen + 20)
        size = after[0].track.parameters
        assert (viewer.picture.width, viewer.picture.height) == (size.width, size.height)
        assert service.whep.sessions == (session,)
        await viewer.close()


async def test_a_camera_whose_picture_changes_its_size_is_passed_on_as_before() -> None:
    viewer = AiortcViewer("video")
    async with serving(SystemClock()) as service, filming(service, encoded(60, 30), encoded(60, 30, 480, 272)) as go_on:
        await service.watch(viewer)
        await until(lambda: viewer.received["video"] >= 5)
        go_on.set()
        await until(lambda: viewer.picture is not None and viewer.picture.width == 480)
        assert service.hub.readers == ("viewing",)
        await viewer.close()


async def test_a_camera_that_turns_out_to_play_is_transcoded_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_HOLD", "CALM_SECONDS"):
        monkeypatch.setattr(original, name, 1.5)
    viewer = AiortcViewer("video")
    async with serving(SystemClock()) as service, filming(service, filmed(), encoded(60, 30)) as go_on:
        session = await service.watch(viewer)
        await until(lambda: viewer.received["video"] >= 5)
        assert service.hub.readers == ("playable",)
        go_on.set()
        await until(lambda: service.hub.readers == ("viewing",))
        seen = viewer.received["video"]
        await until(lambda: viewer.received["video"] >= seen + 20)
        assert service.whep.sessions == (session,)
        await viewer.close()


async def test_who_would_need_one_transcode_too_many_is_told_and_nobody_else_is_troubled() -> None:
    viewer = AiortcViewer("video")
    async with serving(SystemClock(), max_transcodes=1) as service, filming(service, filmed(Codec.H265)):
        refused = functools.partial(REGISTRY.get_sample_value, "sightline_transcodes_refused_total")
        session = await service.watch(viewer)
        assert REGISTRY.get_sample_value("sightline_transcodes") == 1
        other = Hub("second")
        other.open((H265_REORDERS,))
        with pytest.raises(BusyError, match="second has to be transcoded") as error:
            await service.whep.create("second", other, CHROMIUM_OFFER, owner=OWNER)
        assert error.value.retry_after > 0
        assert refused({"camera": "second", "work": "playable"}) == 1
        await service.whep.create("third", hub_with(picture(0, key=True, track=H264)), CHROMIUM_OFFER, owner=OWNER)
        await service.whep.create("cam", service.hub, CHROMIUM_OFFER.replace("H265", "x"), owner=OWNER)
        await until(lambda: viewer.received["video"] >= 10)
        assert len(service.whep.sessions) == 3, "one transcode for all who watch that camera"
        assert session in service.whep.sessions
        await viewer.close()


async def test_a_camera_that_cannot_be_decoded_is_explained_until_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transcode, "VAIN_SECONDS", 0.5)
    monkeypatch.setattr(transcode, "VAIN_PICTURES", 10)
    encrypted = tuple(
        replace(unit, nals=tuple(nal[:1] + bytes(len(nal) - 1) for nal in unit.nals)) for unit in filmed()
    )
    viewer = AiortcViewer("video")
    async with serving(SystemClock()) as service, filming(service, encrypted):
        await service.watch(viewer)
        await until(lambda: not service.whep.sessions)
        with pytest.raises(UnplayableError, match="cam sends H264 that cannot be decoded: set its encoder to") as error:
            await service.whep.create("cam", service.hub, CHROMIUM_OFFER, owner=OWNER)
        assert 0 < error.value.retry_after <= UNPLAYABLE_RETRY_SECONDS
        anew = hub_with(*filmed()[:4])
        await service.whep.create("cam", anew, CHROMIUM_OFFER, owner=OWNER)
        await viewer.close()
