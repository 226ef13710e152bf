"""A whole gateway plays what it recorded: playlist, media, tickets, audit, privacy; read by ffmpeg."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.clock import Clock, SystemClock
from gateway.base.rfc3339 import format_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS, GapReason
from gateway.recording.catalog import Catalog
from gateway.recording.chunks import Cuts
from gateway.store import tables
from gateway.store.engine import open_catalog
from tests.media_samples import T0, VIDEO, stream
from tests.recording_rig import CAMERA, gap, rig
from tests.running import Client, Running, running
from tests.test_playback import g711, tone

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDLE = CameraSettings(id=CAMERA, url="rtsp://127.0.0.1:1/s", connect="on_demand", record=False)


def at(seconds: float) -> str:
    return format_utc(T0 + round(seconds * NS))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """Seventy seconds with sound, nothing for a minute, and twenty more; of those, five are private."""
    folder = tmp_path_factory.mktemp("gateway")
    first = [*(u for u in stream(70, rate=10, gop=25) if u.track is VIDEO), *g711(tone(70), received=0.3)]
    later = [
        *(u for u in stream(20, start=130, rate=10, gop=25) if u.track is VIDEO),
        *g711(tone(20), 130, received=0.3),
    ]
    async with rig(folder) as recording:
        recording.hub.open((VIDEO, first[-1].track))
        await recording.play(sorted(first, key=lambda u: u.received_ns))
        recording.hub.publish(gap(70, GapReason.DISCONNECTED))
        await recording.play(sorted(later, key=lambda u: u.received_ns))
        await recording.close()
    database = open_catalog(folder)
    hidden = {"hides_position": True, "hides_stream": True, "recording": True}
    row = tables.privacy.insert().values(camera=CAMERA, start_ns=T0 + 141 * NS, end_ns=T0 + 142 * NS, **hidden)
    await database.write(lambda connection: connection.execute(row) and None)
    lost = {"reason": GapReason.LOSS.value, "track": "audio", "packets": 1, "detail": ""}
    row = tables.gaps.insert().values(camera=CAMERA, start_ns=T0 + 20 * NS, end_ns=T0 + 21 * NS, **lost)
    await database.write(lambda connection: connection.execute(row) and None)
    database.close()
    async with running(folder, IDLE) as gateway:
        yield gateway


async def load(client: Client, start: float, end: float, **more: str) -> str:
    raw = await client.get(f"/api/cameras/{CAMERA}/playlist.m3u8", params={"from": at(start), "to": at(end), **more})
    return raw.decode()


def media(text: str) -> list[str]:
    return [f"/api/cameras/{CAMERA}/{line}" for line in text.splitlines() if line and not line.startswith("#")]


async def test_the_playlist_is_as_long_as_the_clock_says(gateway):
    text = await load(gateway.client(), 0, 1000)
    lengths = [float(length) for length in re.findall(r"#EXTINF:([\d.]+),", text)]
    assert sum(lengths) == pytest.approx(150)
    assert "#EXT-X-ENDLIST" in text
    dates = re.findall(r"PROGRAM-DATE-TIME:(\S+)", text)
    assert dates[:2] == ["2023-11-14T22:13:20.000Z", "2023-11-14T22:14:20.000Z"]
    assert text.count("#EXT-X-MAP") == 1
    gaps = re.findall(r"#EXT-X-GAP\n#EXTINF:([\d.]+),", text)
    assert [float(length) for length in gaps] == [60, 5]


async def test_a_piece_that_is_missing_has_no_bytes(gateway):
    (missing, _) = [url for url in media(await load(gateway.client(), 0, 1000)) if "/gap/" in url]
    status, body, response = await gateway.client().call("GET", missing)
    assert (status, body, response.headers["Content-Type"]) == (200, b"", "video/mp4")
    assert (await gateway.client(None).call("GET", missing))[0] == 401


async def test_what_privacy_hid_is_neither_named_nor_served(gateway):
    client = gateway.client()
    text = await load(client, 130, 150)
    assert len(re.findall("#EXT-X-GAP", text)) == 1
    named = [url for url in media(text) if "/gap/" not in url]
    shown = re.search(r"/(\d+)-(\d+)\.m4s", named[1])
    hidden_at = int(shown[1]) + int(shown[2])
    database = open_catalog(gateway.data_dir)
    (row,) = await Catalog(database).stored(CAMERA, T0 + 131 * NS, T0 + 149 * NS)
    database.close()
    chunk = next(c for c in Cuts.unpack(row.chunks).chunks(row.size, row.end_ns) if c.offset == hidden_at)
    url = named[1].replace(shown[0], f"/{chunk.offset}-{chunk.size}.m4s")
    status, body, _ = await client.call("GET", url)
    assert (status, "privacy" in body["detail"]) == (403, True)


async def test_a_privacy_mode_hides_what_a_player_was_told_of_before(gateway):
    client = gateway.client()
    url = [url for url in media(await load(client, 0, 20)) if ".m4s" in url][1]
    assert (await client.call("GET", url))[0] == 200
    async with hidden(gateway, 5, 6):
        status, body, _ = await client.call("GET", url)
        assert (status, "privacy" in body["detail"]) == (403, True)
        text = await load(client, 0, 20)
        assert url not in media(text)
        assert text.count("#EXT-X-GAP") == 1
    assert (await client.call("GET", url))[0] == 200


@contextlib.asynccontextmanager
async def hidden(gateway: Running, start: float, end: float) -> AsyncIterator[None]:
    """For a while, a privacy mode is said to have been on."""
    table = tables.privacy
    values = {"start_ns": T0 + round(start * NS), "end_ns": T0 + round(end * NS), "hides_position": True}
    row = table.insert().values(camera=CAMERA, hides_stream=True, recording=True, **values)
    database = open_catalog(gateway.data_dir)
    try:
        await database.write(lambda connection: connection.execute(row) and None)
        yield
        remove = table.delete().where(table.c.start_ns == values["start_ns"])
        await database.write(lambda connection: connection.execute(remove) and None)
    finally:
        database.close()


@pytest.mark.parametrize(("left", "ends"), [(["live"], True), (["live", "recorded"], True), (None, False)])
async def test_a_right_that_is_lost_ends_what_is_played(gateway, left, ends):
    """`left`: the rights that remain; None: all. Who loses the sound goes on with the pictures, by a new playlist."""
    client = gateway.client(Role.DISPATCHER)
    first, second = [url for url in media(await load(client, 0, 20)) if ".m4s" in url][:2]
    await client.get(first)
    if left is not None:
        await gateway.read_again(IDLE, policy={"allow": [{"role": "dispatcher", "rights": left}]})
    try:
        assert (await client.call("GET", second))[0] == (403 if ends else 200)
        status, text, _ = await client.call(
            "GET", f"/api/cameras/{CAMERA}/playlist.m3u8", params={"from": at(0), "to": at(20)}
        )
        if left is None or "recorded" in left:
            await client.get([url for url in media(text.decode()) if ".m4s" in url][1])
        else:
            assert status == 403
    finally:
        await gateway.read_again(IDLE)
    if ends:
        assert (await client.call("GET", second))[0] == 403  # for good


async def test_media_needs_the_ticket_of_who_asks(gateway):
    client = gateway.client()
    url = media(await load(client, 0, 20))[0]
    status, _, response = await client.call("GET", url)
    assert status == 200
    assert response.headers["Content-Type"] == "video/mp4"
    for wrong in (
        url.partition("?")[0],
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.replace("ticket=", "ticket=9"),
    ):
        assert (await client.call("GET", wrong))[0] == 403
    assert (await gateway.client(Role.DISPATCHER).call("GET", url))[0] == 403
    other = media(await load(client, 130, 150))[0]
    assert (await client.call("GET", other.partition("?")[0] + "?" + url.partition("?")[2]))[0] == 403
    assert (await client.call("GET", url.replace(re.search(r"/(\d+)-", url)[0], "/7-")))[0] == 404


async def test_a_playback_is_one_view_in_the_audit(gateway):
    client = gateway.client(Role.SUPERVISOR)
    text = await load(client, 0, 30)
    for url in media(text)[:2]:
        await client.get(url)
    assert await load(client, 0, 30) == text
    rows = [row for row in await gateway.audit() if row.action == "playback" and row.actor == "supervisor"]
    assert len(rows) == 1
    assert rows[0].detail["interval"] == {"from": at(0), "to": at(30)}


async def test_who_may_not_hear_gets_pictures_only(gateway):
    init = re.search(r'MAP:URI="([^"]+)"', await load(gateway.client(Role.AUDITOR), 0, 30))[1]
    _, _, response = await gateway.client(Role.AUDITOR).call("GET", f"/api/cameras/{CAMERA}/{init}")
    assert response.headers["Content-Type"] == 'video/mp4; codecs="avc1.42C00A"'
    init = re.search(r'MAP:URI="([^"]+)"', await load(gateway.client(), 0, 30))[1]
    _, _, response = await gateway.client().call("GET", f"/api/cameras/{CAMERA}/{init}")
    assert response.headers["Content-Type"] == 'video/mp4; codecs="avc1.42C00A,mp4a.40.2"'


async def test_intervals_that_cannot_be_played_say_so(gateway):
    path = f"/api/cameras/{CAMERA}/playlist.m3u8"
    for query, status, word in (
        ({"from": at(0), "to": at(49 * 3600)}, 400, "48 hours"),
        ({"to": at(0)}, 400, "from"),
        ({"from": at(0), "to": at(0)}, 400, "after"),
        ({"from": at(0), "to": at(9), "tracks": "smell"}, 400, "tracks"),
        ({"from": at(80), "to": at(120)}, 404, "nothing is recorded"),
    ):
        found, body, _ = await gateway.client().call("GET", path, params=query)
        assert (found, word in body["detail"]) == (status, True)


async def test_an_interval_that_reaches_into_the_future_has_no_end(gateway):
    now = SystemClock().utc_ns()
    path = f"/api/cameras/{CAMERA}/playlist.m3u8"
    status, body, _ = await gateway.client().call(
        "GET", path, params={"from": format_utc(now - NS), "to": format_utc(now + 3600 * NS)}
    )
    assert (status, "yet" in body["detail"]) == (404, True)


class Dated(SystemClock):
    """Has the time of day of another clock."""

    def __init__(self, other: Clock) -> None:
        self.utc_ns = other.utc_ns


async def test_beside_a_recorder_a_playlist_has_an_end_once_its_interval_is_over(tmp_path):
    film = [u for u in stream(32, rate=10, gop=20) if u.track is VIDEO]
    async with rig(tmp_path) as recording, running(tmp_path, IDLE, clock=Dated(recording.clock)) as gateway:
        recording.hub.open((VIDEO,))
        loaded = []
        for start in range(0, len(film), 80):
            await recording.play(film[start : start + 80])
            loaded.append(await load(gateway.client(), 0, 30))
    for before, after in itertools.pairwise(loaded):
        assert after.partition("#EXT-X-MAP")[2].startswith(before.partition("#EXT-X-MAP")[2])
    assert [text.count(".m4s") for text in loaded] == [1, 3, 5, 8]
    assert ["#EXT-X-ENDLIST" in text for text in loaded] == [False, False, False, True]


async def test_ffmpeg_counts_every_picture(gateway):
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    url = f"{gateway.url}/api/cameras/{CAMERA}/playlist.m3u8?from={at(0)}&to={at(75)}"
    token = gateway.client().headers["Authorization"]
    process = await asyncio.create_subprocess_exec(
        "ffprobe", "-v", "error", "-headers", f"Authorization: {token}\r\n", "-count_packets", "-of", "json",
        "-show_entries", "stream=codec_name,nb_read_packets", url,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    streams = {s["codec_name"]: int(s["nb_read_packets"]) for s in json.loads(out)["streams"]}
    assert streams["h264"] == 700
    assert streams["aac"] == pytest.approx(70 * 8000 / 1024, abs=1)


async def test_the_timeline_shows_it_all(gateway):
    client = gateway.client()
    path = f"/api/cameras/{CAMERA}"
    status, made, _ = await client.call("POST", f"{path}/bookmarks", json={"utc": at(5), "text": " a  gate "})
    assert (status, made["text"]) == (201, "a gate")
    found = await client.get(f"{path}/timeline", params={"from": at(0), "to": at(200)})
    assert found["recordings"] == [{"start": at(0), "end": at(70)}, {"start": at(130), "end": at(150)}]
    (missing,) = [one for one in found["gaps"] if one["start"] == at(70)]
    assert (missing["end"], missing["reason"], missing["track"]) == (at(130), "camera disconnected", None)
    (silent,) = [one for one in found["gaps"] if one["start"] == at(20)]
    assert (silent["end"], silent["reason"], silent["track"]) == (at(21), "packets lost", "audio")
    assert found["imported"] == []
    assert found["privacy"] == [{"start": at(141), "end": at(142), "hides": ["position", "stream"]}]
    assert found["bookmarks"] == [made]
    assert (found["first"], found["last"]) == (at(0), at(150))
    dispatcher = gateway.client(Role.DISPATCHER)
    assert (await dispatcher.call("DELETE", f"{path}/bookmarks/{made['id']}"))[0] == 403
    assert (await client.call("DELETE", f"{path}/bookmarks/{made['id']}"))[0] == 204
    assert (await client.get(f"{path}/bookmarks"))["bookmarks"] == []
