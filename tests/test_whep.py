"""WHEP over HTTP as players that are not ours speak it: a whole gateway, a simulated camera, aiortc and aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.simulator import Simulation
from gateway.webrtc.sdp_fragment import parse_fragment
from gateway.webrtc.tcp import Deframer, framed
from tests.running import Client, Running, running
from tests.webrtc_samples import CHROMIUM_OFFER, AiortcViewer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDPOINT = "/api/cameras/cam/whep"
SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
RESTART = f"a=ice-ufrag:another\r\na=ice-pwd:{'x' * 22}\r\n"
NOBODY = CameraSettings(id="absent", url="rtsp://127.0.0.1:1/s")
SERVERS = [
    {"urls": "stun:stun.example.org:3478"},
    {
        "urls": ["turn:turn.example.org?transport=udp", "turns:turn.example.org"],
        "username": "ann",
        "credential": 'a "b" \\',
    },
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    async with Simulation(count=1, interfaces=("lo",), password="hush", width=320, height=180) as simulation:
        camera = simulation.cameras[0]
        live = CameraSettings.model_validate(
            {"id": "cam", "url": camera.rtsp_url, "username": camera.username, "password": camera.password}
        )
        webrtc = {"listen": "127.0.0.1:0", "ice_servers": SERVERS, "max_sessions": 3}
        async with running(tmp_path_factory.mktemp("gateway"), live, NOBODY, webrtc=webrtc) as gateway:
            await gateway.camera("cam")
            yield gateway


@pytest.fixture
def client(gateway: Running) -> Client:
    return gateway.client(Role.DISPATCHER)


async def post(client: Client, offer: str = CHROMIUM_OFFER, path: str = ENDPOINT):
    return await client.call("POST", path, data=offer, headers=client.headers | SDP)


@pytest_asyncio.fixture(loop_scope="module")
async def session(client: Client) -> AsyncIterator[tuple[str, str]]:
    """Location and ETag of a session that nobody connects to."""
    status, body, response = await post(client)
    assert status == 201, body
    yield response.headers["Location"], response.headers["ETag"]
    await client.call("DELETE", response.headers["Location"])


async def patch(client: Client, location: str, fragment: str, **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.call("PATCH", location, data=fragment, headers=client.headers | FRAGMENT | named)


async def test_a_player_that_is_not_ours_plays_restarts_ice_and_leaves(client: Client) -> None:
    viewer = AiortcViewer("video")
    status, answer, response = await post(client, await viewer.offer())
    assert (status, response.content_type) == (201, "application/sdp")
    location = response.headers["Location"]
    await viewer.accept(answer.decode())
    await pictures(viewer, 5)
    status, fragment, again = await patch(client, location, RESTART, If_Match="*")
    assert (status, again.content_type) == (200, "application/trickle-ice-sdpfrag")
    assert again.headers["ETag"] != response.headers["ETag"]
    assert parse_fragment(fragment.decode()).credentials is not None
    await pictures(viewer, viewer.received["video"] + 5)  # the old credentials hold until the new ones are used
    assert (await client.call("GET", location))[:2] == (204, b"")
    assert (await client.call("DELETE", location))[0] == 200
    assert (await client.call("GET", location))[0] == 404
    async with asyncio.timeout(5):
        while viewer.connection.connectionState not in ("closed", "failed"):
            await asyncio.sleep(0.02)
    await viewer.close()


async def test_how_well_a_viewer_is_served_can_be_seen(gateway: Running, client: Client, session) -> None:
    overseer = gateway.client(Role.AUDITOR)
    path = "/api/cameras/cam/viewers"
    assert await overseer.get(path) == {"viewers": []}, "nobody who is connected"
    viewer = AiortcViewer("video")
    _, answer, response = await post(client, await viewer.offer())
    await viewer.accept(answer.decode())
    async with asyncio.timeout(20):
        while not (told := (await overseer.get(path))["viewers"]) or told[0]["round_trip_s"] is None:
            await asyncio.sleep(0.05)
    (seen,) = told
    assert (seen["quality"], seen["trouble"]) == ("original", None)
    assert 0 <= seen["round_trip_s"] < 1
    assert seen["packets_sent"] > 0
    assert (await client.call("GET", path))[0] == 403
    await client.call("DELETE", response.headers["Location"])
    await viewer.close()


async def pictures(viewer: AiortcViewer, count: int) -> None:
    """Returns when the viewer has had so many."""
    async with asyncio.timeout(20):
        while viewer.received["video"] < count:
            await asyncio.sleep(0.02)


class Bridge(asyncio.DatagramProtocol):
    """Where no UDP gets through: what a player sends by UDP goes on by TCP, and back."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.player: tuple[str, int] | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.player = addr
        self.writer.write(framed(data))


async def test_a_player_behind_a_firewall_plays_by_tcp_on_the_same_number(client: Client) -> None:
    viewer = AiortcViewer("video")
    _, raw, response = await post(client, await viewer.offer())
    answer = raw.decode()
    candidate = re.compile(r"a=candidate:\d+ 1 (udp|tcp) \d+ 127\.0\.0\.1 (\d+) typ host( tcptype passive)?\r\n")
    found = candidate.findall(answer)
    assert [(transport, more) for transport, _, more in found] == [("udp", ""), ("tcp", " tcptype passive")]
    assert len({number for _, number, _ in found}) == 1
    reader, writer = await asyncio.open_connection("127.0.0.1", int(found[0][1]))
    loop, frames = asyncio.get_running_loop(), Deframer()
    transport, bridge = await loop.create_datagram_endpoint(lambda: Bridge(writer), local_addr=("127.0.0.1", 0))

    async def back() -> None:
        with contextlib.suppress(ConnectionResetError):  # how a hang-up looks while something is on its way
            while data := await reader.read(65536):
                for datagram in frames.push(data):
                    transport.sendto(datagram, bridge.player)

    returning = asyncio.create_task(back())
    try:
        number = transport.get_extra_info("sockname")[1]
        own = f"a=candidate:1 1 udp 2130706431 127.0.0.1 {number} typ host\r\n"
        await viewer.accept(candidate.sub("", answer).replace("a=end-of-candidates", own + "a=end-of-candidates"))
        await pictures(viewer, 20)
        assert (await client.call("DELETE", response.headers["Location"]))[0] == 200
        async with asyncio.timeout(5):
            await returning  # the gateway hangs up
    finally:
        returning.cancel()
        await asyncio.gather(returning, return_exceptions=True)
        await viewer.close()
        transport.close()
        writer.close()


async def test_stun_and_turn_servers_are_told_with_the_answer_only(client: Client) -> None:
    _, _, response = await post(client)
    secret = 'username="ann"; credential="a \\"b\\" \\\\"; credential-type="password"'
    assert response.headers.getall("Link") == [
        '<stun:stun.example.org:3478>; rel="ice-server"',
        f'<turn:turn.example.org?transport=udp>; rel="ice-server"; {secret}',
        f'<turns:turn.example.org>; rel="ice-server"; {secret}',
    ]
    await client.call("DELETE", response.headers["Location"])
    _, _, preflight = await client.call("OPTIONS", ENDPOINT, headers={})
    assert "Link" not in preflight.headers


async def test_candidates_are_taken_and_passed_over(client: Client, session: tuple[str, str]) -> None:
    location, etag = session
    fragment = "a=candidate:1 1 udp 1 someone.local 9 typ host\r\na=end-of-candidates\r\n"
    status, body, response = await patch(client, location, fragment, If_Match=etag)
    assert (status, body) == (204, b"")
    assert "ETag" not in response.headers


@pytest.mark.parametrize(
    ("headers", "fragment", "status"),
    [
        ({}, RESTART, 428),
        ({"If-Match": '"outdated"'}, RESTART, 412),
        ({"If-Match": "*"}, "a=ice-ufrag:only", 400),
        ({"If-Match": "*"}, b"\xff", 400),
        ({"If-Match": "*"}, "a" * 40_000, 400),
        ({"If-Match": "*", "Content-Type": "application/sdp"}, RESTART, 415),
    ],
)
async def test_a_patch_that_cannot_be_followed_is_a_problem_and_changes_nothing(
    client: Client, session: tuple[str, str], headers: dict[str, str], fragment: str, status: int
) -> None:
    location, etag = session
    found, problem, response = await client.call(
        "PATCH", location, data=fragment, headers=client.headers | FRAGMENT | headers
    )
    assert (found, problem["status"], response.content_type) == (status, status, "application/problem+json"), problem
    assert (await patch(client, location, "a=end-of-candidates", If_Match=etag))[0] == 204


@pytest.mark.parametrize(
    ("path", "offer", "more", "status", "says"),
    [
        (ENDPOINT, "no SDP", {}, 400, "no SDP offer"),
        (ENDPOINT, b"\xff\xfe", {}, 400, "not UTF-8"),
        (ENDPOINT, "v=0\r\n" + "a=x\r\n" * 20_000, {}, 400, "larger than 64 KiB"),
        (ENDPOINT, CHROMIUM_OFFER, {"Content-Type": "text/plain"}, 415, "application/sdp"),
        (ENDPOINT, CHROMIUM_OFFER.replace("H264", "VP9"), {}, 422, "the camera sends H264"),
        (ENDPOINT.replace("cam/", "none/"), CHROMIUM_OFFER, {}, 404, "none"),
        (ENDPOINT.replace("cam/", "absent/"), CHROMIUM_OFFER, {}, 409, "port 1"),
    ],
)
async def test_an_offer_that_cannot_be_answered_is_a_problem_that_a_script_of_any_site_can_read(
    client: Client, monkeypatch, path: str, offer: str, more: dict[str, str], status: int, says: str
) -> None:
    monkeypatch.setattr("web.live.CONNECT_SECONDS", 2.0)  # nobody's patience is tried
    headers = client.headers | SDP | {"Origin": "null"} | more
    found, problem, response = await client.call("POST", path, data=offer, headers=headers)
    assert (found, problem["status"], response.content_type) == (status, status, "application/problem+json"), problem
    assert says in problem["detail"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert ("Retry-After" in response.headers) == (status == 409)


async def test_who_comes_when_all_places_are_taken_is_asked_to_come_back(client: Client) -> None:
    answers = [await post(client) for _ in range(4)]
    assert [status for status, _, _ in answers] == [201, 201, 201, 503]
    assert int(answers[-1][2].headers["Retry-After"]) >= 1
    for _, _, response in answers[:3]:
        await client.call("DELETE", response.headers["Location"])


async def test_a_session_is_its_owners_alone(gateway: Running, session: tuple[str, str]) -> None:
    location, etag = session
    other = gateway.client(Role.SUPERVISOR)
    assert (await patch(other, location, RESTART, If_Match=etag))[0] == 404
    assert (await other.call("DELETE", location))[0] == 404
    assert (await other.call("GET", location))[0] == 404
    assert (await patch(gateway.client(Role.AUDITOR), location, RESTART, If_Match=etag))[0] == 403
    assert (await patch(gateway.client(None), location, RESTART, If_Match=etag))[0] == 401


@pytest.mark.parametrize("path", [ENDPOINT, "/api/whep/any"])
async def test_a_browser_may_ask_from_any_site_but_not_with_cookies(gateway: Running, path: str) -> None:
    headers = {"Origin": "https://player.example", "Access-Control-Request-Method": "PATCH"}
    status, _, response = await gateway.client(None).call("OPTIONS", path, headers=headers)
    assert status == 200
    allowed = response.headers
    assert allowed["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in allowed
    assert set(allowed["Access-Control-Allow-Headers"].split(", ")) == {
        "Authorization",
        "Content-Type",
        "If-Match",
        "X-Reason",
    }
    assert {"POST", "PATCH", "DELETE"} <= set(allowed["Access-Control-Allow-Methods"].split(", "))
    assert {"Location", "ETag", "Link"} <= set(allowed["Access-Control-Expose-Headers"].split(", "))
    assert allowed["Accept-Post"] == "application/sdp"


async def test_other_routes_are_closed_to_other_sites(client: Client) -> None:
    _, _, response = await client.call("GET", "/api/cameras")
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_the_endpoint_shows_nothing(client: Client) -> None:
    assert (await client.call("GET", ENDPOINT))[:2] == (204, b"")
    assert (await client.call("HEAD", ENDPOINT))[0] == 204
