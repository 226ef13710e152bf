"""Programs that are not ours read a gateway's recordings and events: onvif-zeep-async as Home Assistant uses it, FFmpeg
and GStreamer.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import onvif
import pytest
import pytest_asyncio
import zeep.exceptions
from aiohttp import web

from gateway.ingest.fleet import CameraStatus
from gateway.media.model import NS, Fix
from tests.accounts import PASSWORD
from tests.media_samples import T0
from tests.nvr_archive import archive
from tests.peers.conftest import PYTHON
from tests.recording_rig import CAMERA
from tests.running import Running
from tests.webrtc_samples import encoded

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

PICTURES = 90
GOP = 15
RATE = 30


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """Three seconds of pictures that decode."""
    units = encoded(PICTURES, GOP)
    late = T0 - units[0].utc_ns
    dated = [replace(unit, utc_ns=unit.utc_ns + late, received_ns=unit.received_ns + late) for unit in units]
    async with archive(tmp_path_factory.mktemp("gateway"), dated, onvif={"announce": False}) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(gateway: Running) -> AsyncIterator[onvif.ONVIFCamera]:
    host = urlsplit(gateway.url)
    wsdl = str(Path(onvif.__file__).parent / "wsdl")
    camera = onvif.ONVIFCamera(host.hostname, host.port, "nvr", PASSWORD, wsdl)
    await camera.update_xaddrs()
    yield camera
    await camera.close()


async def run(*command: str) -> tuple[int, bytes, str]:
    """Exit status, standard output and standard error of a program that must be installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out, err.decode()


def said(messages) -> dict[str, list[str]]:
    """By topic, the values of the simple items of each message."""
    found: dict[str, list[str]] = {}
    for message in messages:
        content = message.Message._value_1
        parts = [part for part in (content.Source, content.Data) if part is not None]
        items = [item.Value for part in parts for item in part.SimpleItem]
        found.setdefault(message.Topic._value_1, []).append(" ".join([content.PropertyOperation, *items]))
    return found


async def test_home_assistant_pulls_events(gateway: Running, client: onvif.ONVIFCamera) -> None:
    manager = await client.create_pullpoint_manager(dt.timedelta(minutes=3), lambda: None)
    service = manager.get_service()
    await manager.set_synchronization_point()
    request = {"MessageLimit": 100, "Timeout": dt.timedelta(seconds=60)}
    first = said((await service.PullMessages(request)).NotificationMessage)
    assert first["tns1:VideoSource/SignalLoss"][:2] == [f"Initialized {CAMERA} false", "Initialized unit-7 false"]
    assert first["tns1:RecordingConfig/JobState"][0] == f"Initialized {CAMERA} Idle"
    held = asyncio.ensure_future(service.PullMessages(request))
    await asyncio.sleep(0)
    camera = gateway.fleet.camera(CAMERA)
    camera.set_status(CameraStatus.OFFLINE, "gone")
    assert said((await held).NotificationMessage) == {"tns1:VideoSource/SignalLoss": [f"Changed {CAMERA} true"]}
    camera.fix_arrived(Fix(T0, 48.137, 11.575))
    (moved,) = (await service.PullMessages(request)).NotificationMessage
    assert moved.Topic._value_1 == "tns1:Monitoring/GeoLocation"
    (item,) = moved.Message._value_1.Data.ElementItem
    assert dict(item._value_1.items()) == {"lon": "11.575", "lat": "48.137"}
    await manager.shutdown()


async def test_home_assistant_is_told_by_a_webhook(gateway: Running, client: onvif.ONVIFCamera) -> None:
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await arrived.put(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        manager = await client.create_notification_manager(address, dt.timedelta(minutes=3), lambda: None)
        async with asyncio.timeout(20):
            told = manager.process(await arrived.get())
        assert "tns1:VideoSource/SignalLoss" in said(told.NotificationMessage)
        await manager.shutdown()
    finally:
        await runner.cleanup()


async def test_a_recorder_finds_what_is_recorded(gateway: Running, client: onvif.ONVIFCamera) -> None:
    search = await client.create_onvif_service("search")
    summary = await search.GetRecordingSummary()
    assert summary.DataFrom == dt.datetime.fromtimestamp(T0 / NS, dt.UTC)
    scope = {"RecordingInformationFilter": 'boolean(//Track[TrackType = "Video"])'}
    keep = dt.timedelta(seconds=30)
    token = await search.FindRecordings({"Scope": scope, "KeepAliveTime": keep})
    found = await search.GetRecordingSearchResults({"SearchToken": token})
    assert (found.SearchState, [one.RecordingToken for one in found.RecordingInformation]) == ("Completed", [CAMERA])
    (attributes,) = await search.GetMediaAttributes({"Time": dt.datetime.fromtimestamp(T0 / NS + 1, dt.UTC)})
    assert attributes.TrackAttributes[0].VideoAttributes.Width == 320
    token = await search.FindEvents(
        {
            "StartPoint": dt.datetime.fromtimestamp(T0 / NS - 60, dt.UTC),
            "EndPoint": dt.datetime.fromtimestamp(T0 / NS + 60, dt.UTC),
            "Scope": {},
            "SearchFilter": {},
            "IncludeStartState": False,
            "KeepAliveTime": keep,
        }
    )
    found = await search.GetEventSearchResults({"SearchToken": token, "WaitTime": keep})
    assert [round(one.Time.timestamp() - T0 / NS) for one in found.Result] == [0, 0, 3, 3]
    control = await client.create_onvif_service("recording")
    assert [item.RecordingToken for item in await control.GetRecordings()] == [CAMERA, "unit-7"]
    assert (await control.GetRecordingJobState({"JobToken": CAMERA})).State == "Idle"
    with pytest.raises(zeep.exceptions.Fault, match="nobody may do this"):
        await control.DeleteRecording({"RecordingToken": CAMERA})
    replay = await client.create_onvif_service("replay")
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    uri = await replay.GetReplayUri({"StreamSetup": setup, "RecordingToken": CAMERA})
    assert uri == f"rtsp://127.0.0.1:{gateway.rtsp_port}/{CAMERA}/replay"


def url(gateway: Running, interval: str, login: str = "") -> str:
    return f"rtsp://{login}127.0.0.1:{gateway.rtsp_port}/{CAMERA}/replay/{interval}"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_ffmpeg_gets_every_picture_of_an_interval(gateway: Running, transport: str) -> None:
    source = url(gateway, "20231114T221320.500Z-20231114T221322.490Z", f"nvr:{quote(PASSWORD)}@")
    output = ("-map", "0:v", "-fps_mode", "passthrough", "-f", "framecrc", "-")
    status, out, err = await run("ffmpeg", "-v", "error", "-rtsp_transport", transport, "-i", source, *output)
    assert status == 0, err
    assert "error while decoding" not in err
    frames = [line.split(",") for line in out.decode().splitlines() if not line.startswith("#")]
    assert len(frames) == 2 * RATE
    assert len({frame[-1] for frame in frames}) == 2 * RATE, "every picture is another one"


async def test_gstreamer_reads_when_each_picture_was_captured(gateway: Running) -> None:
    script = str(Path(__file__).with_name("gst_replay.py"))
    status, out, err = await run(PYTHON, script, url(gateway, "20231114T221320Z-20231114T221323Z"), "nvr", PASSWORD)
    if status != 0 and "No module named 'gi'" in err:
        pytest.skip("GStreamer's Python parts are not installed")
    told = json.loads(out)
    assert told["problems"] == []
    captured = [(T0 + n * NS // RATE) // 1_000_000 for n in range(PICTURES)]
    # Version 1.22 swallows the first packet it gets of a stream in this mode.
    assert [at for at, _, _ in told["pictures"]] == [pytest.approx(at, abs=1) for at in captured[1:]]
    clean = [at for at, is_clean, _ in told["pictures"] if is_clean]
    assert clean == [pytest.approx(at, abs=1) for at in captured[GOP::GOP]]
