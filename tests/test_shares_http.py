"""A share of an incident, opened by somebody without an account: what they see, and when they see nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.clock import SystemClock
from gateway.base.rfc3339 import format_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS, Fix
from gateway.positions.store import PositionStore
from gateway.store import tables
from gateway.store.engine import open_catalog, open_positions
from tests.media_samples import T0
from tests.painted import painted, with_sound
from tests.recording_rig import CAMERA, rig
from tests.running import Client, Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDLE = {"url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
OTHER = "unit-13"
CAMERAS = [
    CameraSettings.model_validate({"id": CAMERA, "name": "Unit 12", "groups": ["north"], **IDLE}),
    CameraSettings.model_validate({"id": OTHER, "groups": ["south"], **IDLE}),
]
RECIPIENT = "A. Lawyer"


def at(seconds: float) -> str:
    return format_utc(T0 + round(seconds * NS))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """A gateway with thirty seconds of a camera, and a position each second."""
    data_dir = tmp_path_factory.mktemp("gateway")
    async with rig(data_dir) as recording:
        await recording.play(with_sound(painted(30, size=(64, 48)), 30))
        await recording.close()
        places = open_positions(data_dir)
        positions = PositionStore(places, recording.clock)
        for second in range(30):
            when = T0 + second * NS
            positions.add(CAMERA, Fix(when, 52 + second / 1e5, 13.4, received_ns=when))
        await positions.flush()
        places.close()
    async with running(data_dir, *CAMERAS, policy={"watermark": True}) as gateway:
        yield gateway


@dataclass
class Shared:
    """A share of ten seconds of the camera, and somebody who has opened it."""

    incident: str
    id: int
    key: str
    visitor: Client

    async def get(self, path: str, **more: Any) -> tuple[int, Any]:
        status, body, _ = await self.visitor.call("GET", f"/api/share/{path}", **more)
        return status, body

    async def playlist(self, camera: str = CAMERA, **query: str) -> tuple[int, Any]:
        return await self.get(f"cameras/{camera}/playlist.m3u8", params=query)


async def opened(gateway: Running, **more: Any) -> Shared:
    """A new incident from second 10 to 20, shared by a supervisor."""
    client = gateway.client(Role.SUPERVISOR)
    body = {"title": "Fight at the gate", "cameras": [CAMERA], "from": at(10), "to": at(20)}
    _, incident, _ = await client.call("POST", "/api/incidents", json=body)
    path = f"/api/incidents/{incident['id']}"
    status, share, _ = await client.call("POST", f"{path}/shares", json={"recipient": RECIPIENT, **more})
    assert status == 201, share
    base, key = share["url"].split("/#/share/")
    assert base == gateway.url.rstrip("/")
    visitor = await come(gateway, key)
    return Shared(path, share["id"], key, visitor)


async def come(gateway: Running, key: str) -> Client:
    """Open a share as somebody whom nobody knows."""
    gateway.http.cookie_jar.clear()
    nobody = gateway.client(None)
    status, body, response = await nobody.call("POST", "/api/share", json={"key": key})
    assert status == 200, body
    cookie = response.cookies["sightline_share"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/api/share", True, "Strict")
    gateway.http.cookie_jar.clear()  # others of this test come without it
    return Client(gateway.http, {"Cookie": f"sightline_share={key}"})


async def refusals(gateway: Running, share: int) -> list[str]:
    """Of which kinds the audit has refusals of a share, the oldest first."""
    rows = [row for row in await gateway.audit() if row.action == "share_open" and row.outcome == "refused"]
    return [row.detail["kind"] for row in reversed(rows) if row.detail.get("share") == share]


def media(text: bytes, camera: str = CAMERA) -> list[str]:
    lines = text.decode().splitlines()
    return [f"cameras/{camera}/{line}" for line in lines if line and not line.startswith("#") and "/gap/" not in line]


async def test_who_has_the_key_sees_the_incident_its_pictures_and_nothing_before_or_after(gateway):
    shared = await opened(gateway, positions=True)
    status, told = await shared.get("incident")
    assert status == 200
    assert (told["share"]["recipient"], told["share"]["sound"]) == (RECIPIENT, False)
    assert told["incident"]["title"] == "Fight at the gate"
    (camera,) = told["incident"]["cameras"]
    assert (camera["name"], camera["from"], camera["to"]) == ("Unit 12", at(10), at(20))
    assert (camera["rights"], camera["watermark"]) == (["position", "recorded"], RECIPIENT)
    status, text = await shared.playlist()
    assert status == 200, text
    urls = media(text)
    assert len(urls) > 1
    for url in urls:
        assert (await shared.get(url))[0] == 200
    lengths = [float(length) for length in re.findall(rb"#EXTINF:([\d.]+),", text)]
    (begin,) = re.findall(rb"PROGRAM-DATE-TIME:(\S+)", text)
    assert begin.decode()[:19] >= at(10)[:19]
    assert 4 <= sum(lengths) <= 10  # a chunk that reaches outside is left out
    status, fixes = await shared.get(f"cameras/{CAMERA}/positions")
    assert [fix["utc"] for fix in fixes["fixes"]] == [at(second) for second in range(10, 20)]
    status, picture = await shared.get(f"cameras/{CAMERA}/snapshot.jpg", params={"at": at(15), "width": "64"})
    assert (status, picture[:2]) == (200, b"\xff\xd8")
    rows = {row.action: row for row in await gateway.audit() if row.actor == f"share {shared.id}: {RECIPIENT}"}
    assert set(rows) == {"share_open", "playback", "positions", "snapshot"}
    why = f"share {shared.id} of incident {shared.incident.rpartition('/')[2]}, made by supervisor for {RECIPIENT}"
    assert {row.reason for row in rows.values()} == {why}
    assert (rows["playback"].camera, rows["playback"].address) == (CAMERA, "127.0.0.1")


async def test_another_time_and_another_camera_show_nothing_and_stand_in_the_audit(gateway):
    shared = await opened(gateway)
    for query in ({"from": at(9)}, {"to": at(21)}, {"from": at(0), "to": at(5)}, {"from": at(25), "to": at(28)}):
        status, body = await shared.playlist(**query)
        assert (status, body["detail"]) == (403, "this time is not in what was shared with you")
    assert (await shared.get(f"cameras/{CAMERA}/snapshot.jpg", params={"at": at(5)}))[0] == 403
    # A ticket of the share does not reach outside, either.
    _, mine = await shared.playlist()
    url = media(mine)[1]
    own = f"/api/cameras/{CAMERA}/playlist.m3u8"
    whole = await gateway.client().get(own, params={"from": at(0), "to": at(30)})
    outside = next(line.partition("?")[0] for line in media(whole) if ".m4s" in line)
    assert (await shared.get(f"{outside}?{url.partition('?')[2]}"))[0] == 403
    status, body = await shared.playlist(OTHER)
    assert (status, body["detail"]) == (404, "this camera is not in what was shared with you")
    assert (await shared.get(f"cameras/{CAMERA}/positions"))[0] == 403  # without positions
    assert await refusals(gateway, shared.id) == ["share_time", "share_camera", "share_right"]
    (row, *_) = [row for row in await gateway.audit() if row.detail.get("kind") == "share_camera"]
    assert (row.actor, row.detail["recipient"]) == (f"share {shared.id}: {RECIPIENT}", RECIPIENT)
    assert OTHER in row.detail["asked"]


async def test_a_share_is_no_log_in(gateway):
    shared = await opened(gateway)
    for path in ("/api/cameras", f"/api/cameras/{CAMERA}/playlist.m3u8", "/api/events", shared.incident):
        assert (await shared.visitor.call("GET", path))[0] == 401
    assert (await gateway.client(None).call("GET", "/api/share/incident"))[0] == 403


async def test_revoked_it_ends_at_once_and_shows_nothing_to_anybody(gateway):
    shared = await opened(gateway)
    _, text = await shared.playlist()
    url = media(text)[1]
    assert (await shared.get(url))[0] == 200
    client = gateway.client(Role.SUPERVISOR)
    status, share, _ = await client.call("DELETE", f"{shared.incident}/shares/{shared.id}")
    assert (status, share["ended"], share["revoked_by"]) == (200, "revoked", "supervisor")
    for path in ("incident", f"cameras/{CAMERA}/playlist.m3u8", url, f"cameras/{CAMERA}/positions"):
        status, body = await shared.get(path)
        assert (status, body["detail"]) == (410, "this share was revoked")
    assert (await gateway.client(None).call("POST", "/api/share", json={"key": shared.key}))[0] == 410
    assert await refusals(gateway, shared.id) == ["share_revoked"]
    ended = await _playback_end(gateway, shared.id)
    assert ended.detail["why"] == "the share has ended"
    assert (await client.call("DELETE", f"{shared.incident}/shares/{shared.id}"))[0] == 409
    assert [one["ended"] for one in (await client.get(f"{shared.incident}/shares"))["shares"]] == ["revoked"]


async def test_expired_it_ends_by_itself_and_shows_nothing(gateway):
    soon = format_utc(SystemClock().utc_ns() + NS // 2)
    shared = await opened(gateway, expires=soon)
    assert (await shared.playlist())[0] in {200, 410}
    async with asyncio.timeout(20):
        while (await shared.get("incident"))[0] != 410:
            await asyncio.sleep(0.05)
    status, body = await shared.playlist()
    assert (status, body["detail"]) == (410, "this share has expired")
    assert await refusals(gateway, shared.id) == ["share_expired"]
    (share,) = (await gateway.client().get(f"{shared.incident}/shares"))["shares"]
    assert share["ended"] == "expired"


async def test_it_rests_on_the_rights_of_who_made_it(gateway):
    shared = await opened(gateway, sound=True)
    status, text = await shared.playlist()
    url = media(text)[1]
    assert (await shared.get(url))[0] == 200
    rows = [{"role": "supervisor", "rights": ["live", "recorded", "respond"]}]  # without export
    await gateway.read_again(*CAMERAS, policy={"allow": rows})
    try:
        assert (await shared.get(url))[0] == 404
        assert (await shared.playlist())[0] == 404
        assert (await shared.get("incident"))[1]["incident"]["cameras"] == []
        assert await refusals(gateway, shared.id) == ["share_camera"]
    finally:
        await gateway.read_again(*CAMERAS, policy={"watermark": True})
    assert (await shared.playlist())[0] == 200
    admin = gateway.client()
    assert (await admin.call("POST", "/api/users", json={"name": "sue", "role": "supervisor"}))[0] == 201
    _, token, _ = await admin.call("POST", "/api/tokens", json={"name": "test", "user": "sue"})
    sue = Client(gateway.http, {"Authorization": f"Bearer {token['token']}"})
    _, share, _ = await sue.call("POST", f"{shared.incident}/shares", json={"recipient": RECIPIENT})
    hers = await come(gateway, share["url"].rpartition("/")[2])
    assert (await admin.call("DELETE", "/api/users/sue"))[0] == 204
    status, body, _ = await hers.call("GET", "/api/share/incident")
    assert (status, body["detail"]) == (410, "who made this share has no account any more")
    listed = (await admin.get(f"{shared.incident}/shares"))["shares"]
    assert [one["ended"] for one in listed] == ["orphaned", None]


async def test_it_grows_and_shrinks_with_the_incident(gateway):
    shared = await opened(gateway)
    client = gateway.client()
    status, body, _ = await client.call("POST", f"{shared.incident}/cameras", json={"camera": OTHER})
    assert status == 201, body
    assert [one["camera"] for one in (await shared.get("incident"))[1]["incident"]["cameras"]] == [CAMERA, OTHER]
    _, text = await shared.playlist()
    url = media(text)[-1]
    assert (await shared.get(url))[0] == 200
    path = f"{shared.incident}/cameras/{CAMERA}"
    assert (await client.call("PATCH", path, json={"to": at(14), "reason": "only the gate"}))[0] == 200
    assert (await shared.get(url))[0] == 403
    why = {"X-Reason": "another%20unit"}
    assert (await client.call("DELETE", path, headers=client.headers | why))[0] == 200
    assert (await shared.playlist())[0] == 404
    assert await refusals(gateway, shared.id) == ["share_time", "share_camera"]
    assert (await client.call("DELETE", shared.incident, headers=client.headers | why))[0] == 204
    assert (await shared.get("incident"))[0] == 404  # nobody's key


async def test_what_is_live_is_shown_as_far_as_it_has_grown(gateway):
    body = {"title": "Still there", "cameras": [CAMERA], "from": at(18)}
    client = gateway.client(Role.SUPERVISOR)
    _, incident, _ = await client.call("POST", "/api/incidents", json=body)
    path = f"/api/incidents/{incident['id']}/shares"
    _, share, _ = await client.call("POST", path, json={"recipient": RECIPIENT})
    shared = Shared(path, share["id"], "", await come(gateway, share["url"].rpartition("/")[2]))
    _, text = await shared.playlist()
    assert len(media(text)) == 3  # to the end of what is recorded
    _, text = await shared.playlist(**{"from": at(20), "to": "2200-01-01T00:00:00Z"})
    assert len(media(text)) == 3
    assert (await shared.playlist(**{"from": at(17)}))[0] == 403


async def test_privacy_that_hides_the_past_hides_it_from_visitors_too(gateway):
    shared = await opened(gateway, positions=True)
    hidden = tables.privacy.insert().values(
        camera=CAMERA,
        start_ns=T0 + 13 * NS,
        end_ns=T0 + 14 * NS,
        hides_position=True,
        hides_stream=True,
        recording=True,
    )
    database = open_catalog(gateway.data_dir)
    await database.write(lambda connection: connection.execute(hidden) and None)
    try:
        _, text = await shared.playlist()
        assert len(media(text)) == 1  # the chunk that has nothing hidden
        assert (await shared.get(f"cameras/{CAMERA}/snapshot.jpg", params={"at": at(13.5)}))[0] == 403
        _, fixes = await shared.get(f"cameras/{CAMERA}/positions")
        assert at(13) not in [fix["utc"] for fix in fixes["fixes"]]
    finally:
        await database.write(lambda connection: connection.execute(tables.privacy.delete()) and None)
        database.close()


async def test_guessing_is_slowed_and_told(gateway):
    shared, nobody = await opened(gateway), gateway.client(None)
    for _ in range(5):
        status, body, _ = await nobody.call("POST", "/api/share", json={"key": "x" * 43})
        assert (status, body["detail"]) == (404, "there is no such share: ask for the link again")
    status, body, response = await nobody.call("POST", "/api/share", json={"key": "x" * 43})
    assert (status, "Retry-After" in response.headers) == (429, True)
    guessing = Client(gateway.http, {"Cookie": f"sightline_share={'y' * 43}"})
    assert (await guessing.call("GET", "/api/share/incident"))[0] == 429
    assert (await shared.get("incident"))[0] == 200  # who has a key is not kept out by who guesses beside them
    assert "share_key" in [row.detail.get("kind") for row in await gateway.audit() if row.action == "share_open"]
    for body in ({}, {"key": 7}, {"key": "x", "recipient": "y"}):
        assert (await nobody.call("POST", "/api/share", json=body))[0] == 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, '"recipient" is missing'),
        ({"recipient": " "}, "who it is for"),
        ({"recipient": "x" * 101}, "who it is for"),
        ({"recipient": "x", "expires": "2020-01-01T00:00:00Z"}, "a share lasts 90 days at most"),
        ({"recipient": "x", "expires": "2200-01-01T00:00:00Z"}, "a share lasts 90 days at most"),
        ({"recipient": "x", "sound": "yes"}, "neither true nor false"),
        ({"recipient": "x", "groups": []}, "unknown member"),
    ],
)
async def test_what_cannot_be_shared_is_refused_with_what_to_write(gateway, body, said):
    client = gateway.client()
    made = {"title": "x", "cameras": [CAMERA], "from": at(0), "to": at(5)}
    _, incident, _ = await client.call("POST", "/api/incidents", json=made)
    status, problem, _ = await client.call("POST", f"/api/incidents/{incident['id']}/shares", json=body)
    assert status == 400
    assert said in problem["detail"]


async def _playback_end(gateway: Running, share: int) -> Any:
    """The end of a share's view, once the audit has it."""
    async with asyncio.timeout(20):
        while True:
            for row in await gateway.audit():
                if row.action == "playback" and row.outcome == "ended" and row.actor.startswith(f"share {share}:"):
                    return row
            await asyncio.sleep(0.02)
