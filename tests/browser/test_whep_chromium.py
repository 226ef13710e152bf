"""Chromium plays a WHEP session with no script but the exchange itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from gateway.base.clock import SystemClock
from gateway.base.settings import Address
from gateway.hub import Hub
from gateway.viewing.budget import Budget
from gateway.viewing.whep import Whep
from gateway.webrtc.port import open_port
from tests.webrtc_samples import encoded

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
WATCH = """async ([wanted, endpoint]) => {
  const video = document.createElement('video'); video.muted = video.autoplay = true; document.body.append(video);
  const pc = new RTCPeerConnection();
  pc.addTransceiver('video', {direction: 'recvonly'}); pc.addTransceiver('audio', {direction: 'recvonly'});
  pc.ontrack = e => { video.srcObject = new MediaStream([e.track]); };
  const stamps = [];
  const enough = new Promise(resolve => {
    const shown = (_, frame) => {
      stamps.push(frame.rtpTimestamp);
      stamps.length < wanted ? video.requestVideoFrameCallback(shown) : resolve();
    };
    video.requestVideoFrameCallback(shown);
  });
  await pc.setLocalDescription();
  const answer = await fetch(endpoint, {method: 'POST', body: pc.localDescription.sdp});
  await pc.setRemoteDescription({type: 'answer', sdp: await answer.text()});
  await Promise.race([enough, new Promise(r => setTimeout(r, 20000))]);
  let stats = {};
  (await pc.getStats()).forEach(r => { if (r.type == 'inbound-rtp' && r.kind == 'video') stats = r; });
  const size = [video.videoWidth, video.videoHeight];
  pc.close();
  return {stamps, size, decoded: stats.framesDecoded, lost: stats.packetsLost};
}"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]


@contextlib.asynccontextmanager
async def site(anchors: list[tuple[int, int]]) -> AsyncIterator[tuple[str, Whep]]:
    """A page and a WHEP endpoint, and a camera that has been sending for a while."""
    clock, hub = SystemClock(), Hub("cam")
    port = await open_port(Address("127.0.0.1", 0), clock)
    whep = Whep(port, clock, budget=Budget(1))
    whep.on_anchor.append(lambda _owner, _session, rtp, utc_ns: anchors.append((rtp, utc_ns)))
    hub.open((encoded(240, 120)[0].track,))

    async def film() -> None:
        for unit in encoded(240, 120):
            hub.publish(unit)
            await asyncio.sleep(1 / 30)

    async def blank(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><body></body>", content_type="text/html")

    async def offer(request: web.Request) -> web.Response:
        session = await whep.create("cam", hub, await request.text(), owner=b"")
        without = " tcp " if request.query_string == "udp" else " udp "
        lines = session.answer.splitlines(keepends=True)
        answer = "".join(line for line in lines if not (line.startswith("a=candidate:") and without in line))
        return web.Response(status=201, text=answer, content_type="application/sdp")

    app = web.Application()
    app.add_routes([web.get("/", blank), web.post("/whep", offer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    tasks = [asyncio.create_task(whep.run()), asyncio.create_task(film())]
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", whep
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await whep.close()
        await runner.cleanup()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_chromium_starts_in_the_middle_of_a_gop_and_plays_on(transport: str) -> None:
    playwright = pytest.importorskip("playwright.async_api")
    anchors: list[tuple[int, int]] = []
    async with playwright.async_playwright() as p:
        browser = await p.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            async with site(anchors) as (url, whep):  # films for eight seconds: the browser is ready before
                page = await browser.new_page()
                await page.goto(url)
                seen = await page.evaluate(WATCH, [40, f"/whep?{transport}"])
                await page.close()
                async with asyncio.timeout(30):  # closing the tab says goodbye by DTLS
                    while whep.sessions:
                        await asyncio.sleep(0.05)
        finally:
            await browser.close()
    assert len(seen["stamps"]) >= 40, seen
    assert seen["size"] == [320, 240]
    assert seen["decoded"] >= 40
    assert seen["lost"] == 0
    rtp, utc_ns = anchors[0]
    assert any((stamp - rtp) % 3000 == 0 for stamp in seen["stamps"]), "pictures lie on the anchors' timeline"
    assert (utc_ns - encoded(240, 120)[0].utc_ns) % (10**9 // 30) == 0
