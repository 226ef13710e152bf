"""What a person sees in Chromium over a link that loses, delays and forgets."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks.measure import Child
from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.simulator import Simulation
from tests.browser.chromium import CHROMIUM, chromium, opened
from tests.browser.player import play
from tests.lossy_proxy import Weather, lossy_proxy
from tests.network_namespace import slow_network
from tests.running import running

pytestmark = pytest.mark.browser

LONGEST_FREEZE = 1.0
BETWEEN = 0.1
"""Seconds in which no more than a few pictures are shown."""
SETTLE_SECONDS = 10.0
"""Until a slow link is known to be slow, and the small picture is made."""
SHORT = 8.0
LONG = float(os.environ.get("SOAK_SECONDS", "60"))


@pytest.mark.parametrize(
    ("seconds", "delay", "moves"),
    [
        pytest.param(SHORT, 0.025, True, id="short, and the viewer changes networks"),
        pytest.param(LONG, 0.025, False, id="50 ms there and back", marks=pytest.mark.soak),
        pytest.param(LONG, 0.05, False, id="50 ms each way", marks=pytest.mark.soak),
    ],
)
@pytest.mark.timeout(300)
async def test_the_picture_goes_on_where_a_twentieth_is_lost(
    tmp_path: Path, record_property, seconds: float, delay: float, moves: bool
) -> None:
    weather, moved_at = Weather(loss=0.05, delay=delay), seconds / 2
    async with Simulation(count=1, fps=30) as simulation:
        unit = simulation.cameras[0]
        camera = CameraSettings.model_validate(
            {"id": "cam", "onvif": unit.onvif_url, "username": unit.username, "password": unit.password}
        )
        async with (
            running(tmp_path, camera) as gateway,
            lossy_proxy(to_viewer=weather, to_gateway=weather) as link,
            chromium() as browser,
            opened(browser, gateway.url) as page,
        ):
            await gateway.camera("cam")
            if moves:
                asyncio.get_running_loop().call_later(moved_at, link.move)
            url, token = "/api/cameras/cam/whep", gateway.tokens[Role.DISPATCHER]
            seen = await play(page, url, token, seconds, link.through)
    seen |= {f"link_{what}": count for what, count in link.viewer_counts.items()}
    for name, value in seen.items():
        record_property(name, value)
    print(seen)
    assert link.viewer_counts["lost"] > 10, "the link is a bad one"
    still = [(at, length) for at, length in _joined(seen["still"]) if length > LONGEST_FREEZE]
    if moves:
        # Until the browser's next check arrives from the new address; it sends one every 2.5 s at least.
        still = [(at, length) for at, length in still if length > 4 or not at - 1 < moved_at < at + length]
    assert not still, seen
    assert seen["decoded"] > 30 * (seconds - seen["first_s"]) * 0.7, seen


def _joined(still: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """With a picture or two that were still on their way in between, it is one freeze."""
    joined: list[tuple[float, float]] = []
    for at, length in still:
        if joined and at - sum(joined[-1]) < BETWEEN:
            length += at - joined[-1][0]
            at = joined.pop()[0]
        joined.append((at, length))
    return joined


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_the_picture_goes_on_where_a_quarter_of_it_fits(tmp_path: Path, record_property) -> None:
    """A camera of 4 Mbit/s without a second profile, and a link of 1 Mbit/s."""
    camera = ("-m", "benchmarks.camera", "1", "--mbit", "4", "--size", "1280x720")
    with slow_network(1_000_000) as network, Child(sys.executable, *camera) as source:
        (url,) = (await asyncio.to_thread(lambda: json.loads(source.line(60))))["urls"].values()
        listen = {"listen": f"{network.address}:0"}
        async with (
            running(tmp_path, CameraSettings(id="cam", url=url), http=listen, webrtc=listen) as gateway,
            chromium(program=network.wrapper(tmp_path, CHROMIUM)) as browser,
            # Any page of the gateway's will do, and this one is small.
            opened(browser, f"{gateway.url}/healthz") as page,
        ):
            await gateway.camera("cam")
            path, token = "/api/cameras/cam/whep", gateway.tokens[Role.DISPATCHER]
            seen = await play(page, path, token, LONG, lambda answer: answer)
            seen["link_dropped"] = network.dropped()
    for name, value in seen.items():
        record_property(name, value)
    print(seen)
    assert seen["link_dropped"] > 0, "the link is a slow one"
    assert seen["first_s"] < SETTLE_SECONDS, seen
    still = [(at, length) for at, length in seen["still"] if at > SETTLE_SECONDS and length > LONGEST_FREEZE]
    assert not still, seen
