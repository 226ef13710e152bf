"""WHEP between Chromium and a whole gateway: a page of another site, and our own page when the network changes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.simulator import Simulation
from gateway.webrtc import stun
from tests.browser.chromium import SECONDS, chromium, log_in, opened, tile, watch
from tests.lossy_proxy import LossyProxy, Weather, lossy_proxy
from tests.running import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

CAMERA = "unit-1"
DEAF = Weather(loss=1.0)
FOREIGN_PLAYER = """async ([url, token]) => {
  const headers = {Authorization: `Bearer ${token}`};
  const video = document.createElement('video'); video.muted = video.autoplay = true; document.body.append(video);
  const pc = new RTCPeerConnection();
  pc.addTransceiver('video', {direction: 'recvonly'});
  pc.ontrack = e => { video.srcObject = new MediaStream([e.track]); };
  await pc.setLocalDescription();
  const sdp = {...headers, 'Content-Type': 'application/sdp'};
  const refused = await fetch(url, {method: 'POST', headers: sdp, body: 'no offer'});
  const answer = await fetch(url, {method: 'POST', headers: sdp, body: pc.localDescription.sdp});
  await pc.setRemoteDescription({type: 'answer', sdp: await answer.text()});
  const session = new URL(answer.headers.get('Location'), url);
  const etag = answer.headers.get('ETag');
  const fragment = {...headers, 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': etag};
  const trickle = await fetch(session, {method: 'PATCH', headers: fragment, body: 'a=end-of-candidates\\r\\n'});
  await new Promise(resolve => video.requestVideoFrameCallback(resolve));
  const end = await fetch(session, {method: 'DELETE', headers});
  pc.close();
  return {
    statuses: [refused, answer, trickle, end].map(r => r.status), problem: (await refused.json()).detail,
    link: answer.headers.get('Link'), size: [video.videoWidth, video.videoHeight],
  };
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def stun_server() -> Iterator[socket.socket]:
    """One that is asked, and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        yield server


def url_of(server: socket.socket) -> str:
    return f"stun:127.0.0.1:{server.getsockname()[1]}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(browser, stun_server, tmp_path_factory) -> AsyncIterator[Running]:
    async with Simulation(count=1, interfaces=("lo",), width=320, height=180) as simulation:
        unit = simulation.cameras[0]
        camera = CameraSettings.model_validate(
            {"id": CAMERA, "url": unit.rtsp_url, "username": unit.username, "password": unit.password}
        )
        webrtc = {"listen": "127.0.0.1:0", "ice_servers": [{"urls": url_of(stun_server)}]}
        async with running(tmp_path_factory.mktemp("gateway"), camera, webrtc=webrtc) as gateway:
            await gateway.camera(CAMERA)
            yield gateway


async def gone(gateway: Running) -> None:
    """Returns when nobody watches."""
    async with asyncio.timeout(5):
        while (await gateway.client().get(f"/api/cameras/{CAMERA}"))["viewers"]:
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def another_site() -> AsyncIterator[str]:
    """An empty page of an origin that is not the gateway's."""

    async def blank(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><body></body>", content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/", blank)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_a_page_of_another_site_plays_with_a_token_and_reads_every_header(
    browser, stun_server, gateway: Running
) -> None:
    async with another_site() as site, opened(browser, site) as page:
        url = f"{gateway.url}/api/cameras/{CAMERA}/whep"
        async with asyncio.timeout(SECONDS):
            seen = await page.evaluate(FOREIGN_PLAYER, [url, gateway.tokens[Role.DISPATCHER]])
    assert seen["statuses"] == [400, 201, 204, 200]
    assert "no SDP offer" in seen["problem"]
    assert seen["link"] == f'<{url_of(stun_server)}>; rel="ice-server"'
    assert seen["size"] == [320, 180]
    await gone(gateway)


async def by_way_of(link: LossyProxy, page: Any, calls: list[str]) -> None:
    """Lead the page's sessions over `link`, and note its WHEP calls."""

    async def handle(route: Any) -> None:
        response = await route.fetch()
        calls.append(f"{route.request.method} {response.status}")
        body = await response.text()
        await route.fulfill(response=response, body=link.through(body) if body.startswith(("v=", "a=")) else body)

    await page.route("**/whep*", handle)
    await page.route("**/whep/*", handle)


async def test_our_page_keeps_its_session_when_it_changes_networks_and_ends_it_when_it_closes(
    browser, stun_server, gateway: Running
) -> None:
    calls: list[str] = []
    async with (
        lossy_proxy(to_viewer=Weather(), to_gateway=Weather()) as link,
        opened(browser, gateway.url) as page,
    ):
        await by_way_of(link, page, calls)
        await log_in(page)
        video = tile(page, CAMERA).get_by_test_id("video")
        await watch(video)
        assert calls == ["POST 201"]
        asked = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(stun_server, 2048), SECONDS)
        assert stun.is_stun(asked), "the page gathers with the servers that the answer named"
        link.to_viewer.weather = link.to_gateway.weather = DEAF
        async with asyncio.timeout(SECONDS):
            while len(calls) < 2:
                await asyncio.sleep(0.05)
        link.move()
        link.to_viewer.weather = link.to_gateway.weather = Weather()
        await watch(video)
        assert calls == ["POST 201", "PATCH 200"]
        assert (await gateway.client().get(f"/api/cameras/{CAMERA}"))["viewers"] == 1
        await page.close()
        await gone(gateway)
