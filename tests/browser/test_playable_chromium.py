"""Chromium plays what it cannot: H.265 and AAC, then another size with B-pictures, in one session with positions."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from gateway.base.clock import SystemClock
from gateway.base.settings import Address
from gateway.hub import Hub
from gateway.media.model import NS, Codec, Fix
from gateway.viewing.budget import Budget
from gateway.viewing.whep import Whep
from gateway.webrtc.port import open_port
from tests.browser.chromium import chromium
from tests.reels import Reel, film
from tests.test_opus import beep
from tests.test_transcode import filmed

FIX = Fix(1_700_000_000 * NS, 59.3, 18.1)
WATCH = """async () => {
  const video = document.createElement('video'); video.autoplay = true; document.body.append(video);
  const pc = new RTCPeerConnection(), told = [];
  pc.createDataChannel('positions').onmessage = e => told.push(JSON.parse(e.data));
  pc.addTransceiver('video', {direction: 'recvonly'}); pc.addTransceiver('audio', {direction: 'recvonly'});
  const tracks = new MediaStream();
  pc.ontrack = e => { tracks.addTrack(e.track); video.srcObject = tracks; };
  const until = condition => new Promise(resolve => {
    let frames = 0;
    const shown = async () => (await condition(++frames)) ? resolve() : video.requestVideoFrameCallback(shown);
    video.requestVideoFrameCallback(shown);
  });
  const stats = async () => {
    const by = {};
    (await pc.getStats()).forEach(r => { if (r.type == 'inbound-rtp') by[r.kind] = r; });
    return by;
  };
  await pc.setLocalDescription();
  const answer = await fetch('/whep', {method: 'POST', body: pc.localDescription.sdp});
  await pc.setRemoteDescription({type: 'answer', sdp: await answer.text()});
  await until(frames => frames >= 20 && told.length);
  const first = video.videoWidth;
  await fetch('/change', {method: 'POST'});
  await until(() => video.videoWidth != first);
  let by = {};
  await until(async () => {
    by = await stats();  // the playout timestamps are there once both streams have told their time
    return by.audio.totalAudioEnergy > 0 && by.audio.estimatedPlayoutTimestamp && by.video.estimatedPlayoutTimestamp;
  });
  pc.close();
  return {first, then: video.videoWidth, told, audio: by.audio, video: by.video};
}"""

pytestmark = pytest.mark.browser


@contextlib.asynccontextmanager
async def site() -> AsyncIterator[str]:
    hub, changed = Hub("cam"), asyncio.Event()
    whep = Whep(await open_port(Address("127.0.0.1", 0), SystemClock()), SystemClock(), budget=Budget(1))
    hub.open((filmed(Codec.H265)[0].track, beep()[0].track))

    def reels() -> tuple[Reel, ...]:
        return filmed(width=480, height=272) if changed.is_set() else filmed(Codec.H265), beep()

    async def blank(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><body></body>", content_type="text/html")

    async def offer(request: web.Request) -> web.Response:
        session = await whep.create("cam", hub, await request.text(), owner=b"", position=lambda: FIX)
        return web.Response(status=201, text=session.answer, content_type="application/sdp")

    async def change(_: web.Request) -> web.Response:
        changed.set()
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/", blank), web.post("/whep", offer), web.post("/change", change)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    tasks = [asyncio.create_task(whep.run()), asyncio.create_task(film(hub, reels))]
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await whep.close()
        await runner.cleanup()


async def test_chromium_plays_a_camera_whose_codecs_it_does_not_have() -> None:
    async with chromium() as browser, site() as url:
        page = await browser.new_page()
        await page.goto(url)
        async with asyncio.timeout(40):
            seen: dict[str, Any] = await page.evaluate(WATCH)
        await page.close()
    assert (seen["first"], seen["then"]) == (320, 480)
    assert seen["told"][0]["lat"] == FIX.lat
    assert seen["audio"]["packetsReceived"] > 30
    assert seen["video"]["packetsLost"] == 0
