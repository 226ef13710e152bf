"""pytak, which many TAK programs are made of, takes the events that the gateway sends."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from lxml import etree

from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.media.model import Fix
from tests.running import running

pytestmark = pytest.mark.peer

UNIT = CameraSettings.model_validate(
    {"id": "unit-12", "name": "Ünit <12>", "url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
)


async def test_pytak_receives_where_a_unit_is(tmp_path: Path, pytak_python: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = Path(__file__).with_name("tak") / "receive.py"
    receiver = await asyncio.create_subprocess_exec(
        pytak_python, script, f"udp+ro://127.0.0.1:{port}", stdout=asyncio.subprocess.PIPE
    )
    assert receiver.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert await receiver.stdout.readline() == b"ready\n"
            target = {"url": f"udp://127.0.0.1:{port}", "type": "a-f-G-U-C-I"}
            async with running(tmp_path, UNIT, positions={"cot": [target]}) as gateway:
                now = SystemClock().utc_ns()
                fix = Fix(now, 51.5007, -0.1246, 35.5, 1.4, 270.0, 4.0, carrier="nmea", received_ns=now)
                assert gateway.fleet.camera("unit-12").take_fix(fix) is None
                root = etree.fromstring(await receiver.stdout.readline())
    finally:
        receiver.terminate()
        await receiver.wait()
    assert (root.get("uid"), root.get("type"), root.get("how")) == ("sightline.unit-12", "a-f-G-U-C-I", "m-g")
    assert root[0].attrib["lat"] == "51.5007"
    assert root.find("detail/contact").attrib["callsign"] == "Ünit <12>"
