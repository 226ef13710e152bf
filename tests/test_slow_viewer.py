"""A viewer says by RTCP that its link is too small, gets a picture that a worker process makes, and is told so."""

from __future__ import annotations

import asyncio

import pytest

from gateway.base.clock import SystemClock
from gateway.hub import Hub
from gateway.media.model import Codec
from gateway.media.rtcp import ReceiverReport, ReportBlock, build_rtcp
from gateway.viewing import renditions
from gateway.viewing.budget import Budget
from gateway.viewing.original import Rendition
from gateway.viewing.renditions import REDUCED, Lower, Quality, Trouble
from gateway.viewing.transcode import Transcode
from tests.webrtc_samples import AiortcViewer
from tests.whep_service import OWNER, camera, serving, until


async def test_a_viewer_that_loses_most_sees_a_smaller_picture_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renditions, "OPEN_SECONDS", 30.0)  # a busy machine has the worker start late: it is niced
    made: list[Transcode] = []

    budget = Budget(1)

    def lower(_: str, hub: Hub, codec: Codec) -> tuple[Lower, ...]:
        assert codec is Codec.H264

        def reduced() -> Rendition:
            made.append(Transcode(hub, SystemClock(), REDUCED, work="reduced", budget=budget, ask_camera=lambda: None))
            return made[-1]

        return (Lower(Quality.SECOND, lambda: None), Lower(Quality.REDUCED, reduced))

    viewer = AiortcViewer("video")
    told: list[tuple[bytes, str, Quality, Trouble | None]] = []
    async with serving(SystemClock(), lower=lower) as service, camera(service.hub):
        service.whep.on_quality.append(lambda *what: told.append(what))
        session = await service.watch(viewer)
        await until(lambda: viewer.received["video"] >= 5)
        video, first = session.viewer.video, session.viewer.video.next_sequence

        async def lie() -> None:
            while not told:
                sent = (video.next_sequence - first) & 0xFFFF
                block = ReportBlock(video.ssrc, 0, round(0.6 * sent), video.next_sequence)
                await viewer.transport()._send_rtp(build_rtcp(ReceiverReport(1, (block,))))
                await asyncio.sleep(0.05)

        await asyncio.wait_for(lie(), 30)
        assert told[0] == (OWNER, session.id, Quality.ORIGINAL, Trouble.SLOW_LINK)
        await until(lambda: session.place is not None and session.place.quality is Quality.REDUCED)
        assert told[-1] == (OWNER, session.id, Quality.REDUCED, Trouble.SLOW_LINK)
        seen = viewer.received["video"]
        await until(lambda: viewer.received["video"] >= seen + 10)
        assert session.stats is not None
        assert session.stats.quality is Quality.REDUCED
        (transcode,) = made
        assert transcode.pid is not None
        await service.whep.delete(session.id, OWNER)
        await until(lambda: transcode.pid is None and not budget.running)
        await viewer.close()
