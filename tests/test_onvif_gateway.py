"""The gateway as an ONVIF device: who logs in, what each account is told of which camera, and what strangers get."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from io import BytesIO

import aiohttp
import pytest
import pytest_asyncio

from gateway.access.audit import Action
from gateway.base.clock import SystemClock
from gateway.base.metrics import ONVIF_REQUESTS
from gateway.base.settings import CameraSettings
from gateway.media.model import Codec, Fix, MetadataParameters, Track, TrackKind
from gateway.nvr.profiles import RtspPorts, stream_url
from onvif_protocol.device import MAX_REQUEST_BYTES
from onvif_protocol.device_model import Transport
from onvif_protocol.discovery import probe
from onvif_protocol.soap import (
    NS,
    Element,
    build_envelope,
    build_username_token,
    element,
    parse_envelope,
    parse_fault,
    parse_xml,
    qname,
    text_of,
)
from tests.accounts import PASSWORD
from tests.onvif_schema import violations
from tests.running import Running, running
from tests.webrtc_samples import audio_track, encoded

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDLE = {"url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
CAMERAS = [
    CameraSettings.model_validate({"id": "unit-12", "name": "Unit 12", "groups": ["north"], **IDLE}),
    CameraSettings.model_validate({"id": "unit-7", "groups": ["south"], **IDLE}),
]
POLICY = {
    "allow": [
        {"role": "nvr", "groups": ["north"], "rights": ["live", "position", "audio"]},
        {"role": "nvr", "groups": ["south"], "rights": ["live"]},
    ]
}
METADATA = Track(2, TrackKind.METADATA, Codec.ONVIF_METADATA, 90_000, MetadataParameters())
NONCES = itertools.count()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """A gateway whose two cameras have sent two seconds of picture, and are where they are."""
    announced = {"announce": True}
    async with running(tmp_path_factory.mktemp("gateway"), *CAMERAS, policy=POLICY, onvif=announced) as gateway:
        for number, camera_id in enumerate(("unit-12", "unit-7")):
            camera = gateway.fleet.camera(camera_id)
            units = encoded(60, 15)
            camera.hub.open((units[0].track, audio_track(Codec.PCMU), METADATA))
            for unit in units:
                camera.hub.publish(unit)
            now = SystemClock().utc_ns()
            assert camera.tracker.push(Fix(now, 50.0 + number, 8.5, altitude_m=120.0, received_ns=now), now) is None
        limited = {"name": "only-7", "role": "nvr", "password": PASSWORD, "cameras": ["unit-7"]}
        status, body, _ = await gateway.client().call("POST", "/api/users", json=limited)
        assert status == 201, body
        yield gateway


@dataclass
class Nvr:
    """Asks by WS-UsernameToken."""

    gateway: Running
    user: str = "nvr"
    password: str = PASSWORD

    async def post(self, body: bytes, path: str = "/onvif/device_service") -> tuple[int, Element]:
        async with self.gateway.http.post(path, data=BytesIO(body)) as response:
            assert response.content_type == "application/soap+xml"
            return response.status, parse_envelope(await response.read()).body

    def message(self, name: str, inner: str = "") -> bytes:
        prefix = name.partition(":")[0]
        declared = " ".join(f'xmlns:{known}="{uri}"' for known, uri in NS.items())
        body = parse_xml(f'<{name} {declared} xmlns="{NS[prefix]}">{inner}</{name}>'.encode())
        nonce = str(next(NONCES)).encode()
        token = build_username_token(self.user, self.password, nonce=nonce, utc_ns=SystemClock().utc_ns())
        return build_envelope(body, [token])

    async def ask(self, name: str, inner: str = "") -> Element:
        status, body = await self.post(self.message(name, inner))
        assert status == 200, body
        return body

    async def fault(self, name: str, inner: str = "") -> str:
        _, body = await self.post(self.message(name, inner))
        return subcode(body)


def subcode(body: Element) -> str:
    fault = parse_fault(parse_envelope(build_envelope(body, keep=("ter",))))
    assert fault is not None
    return fault.subcodes[-1].removeprefix("ter:")


def kinds(profile: Element) -> list[str]:
    held = profile.find(qname("tr2:Configurations"))
    return [] if held is None else [str(child.tag).partition("}")[2] for child in held]


def tokens(body: Iterable[Element]) -> list[str | None]:
    return [child.get("token") for child in body]


def counted(outcome: str) -> float:
    return ONVIF_REQUESTS.labels(outcome)._value.get()


# ---- what an account is told


async def test_there_is_a_profile_of_each_camera_as_it_is_sent(gateway: Running) -> None:
    profiles = list(await Nvr(gateway).ask("tr2:GetProfiles", "<Type>All</Type>"))
    assert tokens(profiles) == ["unit-12", "unit-7"]
    assert [text_of(profile, "tr2:Name") for profile in profiles] == ["Unit 12", "unit-7"]
    encoder = profiles[0].find("tr2:Configurations/tr2:VideoEncoder", dict(NS))
    assert encoder is not None
    assert (encoder.get("Profile"), encoder.get("GovLength")) == ("Baseline", "15")
    assert text_of(encoder, "tt:Encoding") == "H264"
    assert text_of(encoder, "tt:Resolution/tt:Width") == "320"
    assert text_of(encoder, "tt:RateControl/tt:FrameRateLimit") == "30"
    assert text_of(profiles[0], "tr2:Configurations/tr2:AudioEncoder/tt:Encoding") == "PCMU"


async def test_what_an_account_may_not_have_is_not_in_its_profiles(gateway: Running) -> None:
    north, south = await Nvr(gateway).ask("tr2:GetProfiles", "<Type>All</Type>")
    assert kinds(north) == ["VideoSource", "AudioSource", "VideoEncoder", "AudioEncoder", "Metadata"]
    assert kinds(south) == ["VideoSource", "VideoEncoder"]


async def test_an_account_of_one_camera_knows_of_no_other(gateway: Running) -> None:
    nvr = Nvr(gateway, "only-7")
    assert tokens(await nvr.ask("trt:GetProfiles")) == ["unit-7"]
    assert tokens(await nvr.ask("trt:GetVideoSources")) == ["unit-7"]
    assert await nvr.fault("tr2:GetSnapshotUri", "<ProfileToken>unit-12</ProfileToken>") == "NoProfile"
    inner = "<Protocol>RTSP</Protocol><ProfileToken>unit-12</ProfileToken>"
    assert await nvr.fault("tr2:GetStreamUri", inner) == "NoProfile"


async def test_positions_are_told_to_who_may_know_them(gateway: Running) -> None:
    located = list(await Nvr(gateway).ask("tds:GetGeoLocation"))
    assert [entry.get("Token") for entry in located] == ["unit-12"]
    assert dict(located[0][0].attrib) == {"lat": "50.0000000", "lon": "8.5000000", "elevation": "120.0"}
    assert list(await Nvr(gateway, "only-7").ask("tds:GetGeoLocation")) == []


@pytest.mark.parametrize(("protocol", "scheme"), [("RTSP", "rtsp"), ("RtspUnicast", "rtsp"), ("RtspOverHttp", "http")])
async def test_the_stream_is_the_rtsp_servers(gateway: Running, protocol: str, scheme: str) -> None:
    inner = f"<Protocol>{protocol}</Protocol><ProfileToken>unit-12</ProfileToken>"
    answer = await Nvr(gateway).ask("tr2:GetStreamUri", inner)
    assert text_of(answer, "tr2:Uri") == f"{scheme}://127.0.0.1:{gateway.rtsp_port}/unit-12"


@pytest.mark.parametrize(
    ("transport", "base_url", "url"),
    [
        (Transport.UDP, "https://gw:8443", "rtsp://gw:8554/unit-12"),
        (Transport.RTSP, "https://gw:8443", "rtsps://gw:8322/unit-12"),
        (Transport.HTTP, "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8322/unit-12"),
        (Transport.RTSP, "http://gw", "rtsp://gw:8554/unit-12"),
    ],
)
async def test_who_comes_by_https_gets_streams_over_tls(transport: Transport, base_url: str, url: str) -> None:
    assert stream_url(RtspPorts(8554, 8322), transport, base_url, "unit-12") == url


async def test_who_the_device_is_stays_the_same(gateway: Running) -> None:
    nvr = Nvr(gateway)
    before = await nvr.ask("tds:GetDeviceInformation")
    assert text_of(before, "tds:Manufacturer") == "Sightline"
    interfaces = await nvr.ask("tds:GetNetworkInterfaces")
    mac = text_of(interfaces, "tds:NetworkInterfaces/tt:Info/tt:HwAddress")
    assert mac.replace(":", "")[2:].upper() in text_of(before, "tds:SerialNumber")
    assert text_of(interfaces, "tds:NetworkInterfaces/tt:IPv4/tt:Config/tt:Manual/tt:Address") == "127.0.0.1"
    ports = {text_of(p, "tt:Name"): text_of(p, "tt:Port") for p in await nvr.ask("tds:GetNetworkProtocols")}
    assert ports == {"HTTP": gateway.url.rpartition(":")[2], "RTSP": str(gateway.rtsp_port)}


async def test_it_is_found_on_the_network(gateway: Running) -> None:
    answer = await Nvr(gateway).ask("tds:GetEndpointReference")
    found = {device.endpoint: device for device in await probe(["lo"], 1, clock=SystemClock())}
    own = found[text_of(answer, "tds:GUID")]
    assert own.xaddrs == (f"{gateway.url}/onvif/device_service",)
    assert "onvif://www.onvif.org/Profile/T" in own.scopes


async def test_every_service_is_listed_both_ways(gateway: Running) -> None:
    nvr = Nvr(gateway)
    services = await nvr.ask("tds:GetServices", "<IncludeCapability>true</IncludeCapability>")
    listed = {text_of(service, "tds:Namespace"): text_of(service, "tds:XAddr") for service in services}
    assert listed.keys() == {NS[p] for p in ("tds", "trt", "tr2", "tmd", "timg", "tev", "tse", "trc", "trp")}
    assert len(set(listed.values())) == len(listed)
    assert violations(services) == []
    answer = await nvr.ask("tds:GetCapabilities", "<Category>All</Category>")
    assert violations(answer) == []
    old = {address.text for address in answer.iter(qname("tt:XAddr"))}
    assert old == set(listed.values()) - {listed[NS["tr2"]]}, "which it has no word for"


# ---- snapshots


async def test_a_snapshot_is_had_with_the_account_of_the_nvr(gateway: Running) -> None:
    answer = await Nvr(gateway).ask("trt:GetSnapshotUri", "<ProfileToken>unit-12</ProfileToken>")
    url = text_of(answer, "trt:MediaUri/tt:Uri")
    assert url == f"{gateway.url}/onvif/snapshot/unit-12.jpg"
    digest = aiohttp.DigestAuthMiddleware("nvr", PASSWORD)
    async with aiohttp.ClientSession(middlewares=(digest,)) as session:
        for _ in range(2):
            async with session.get(url) as response:
                assert (response.status, response.content_type) == (200, "image/jpeg")
                assert (await response.read()).startswith(b"\xff\xd8\xff")
    rows = [entry for entry in await gateway.audit() if entry.action == Action.SNAPSHOT]
    assert [(row.actor, row.camera) for row in rows] == [("nvr", "unit-12")], "once a minute"


@pytest.mark.parametrize(("user", "password"), [("only-7", PASSWORD), ("nvr", "wrong"), ("administrator", PASSWORD)])
async def test_a_snapshot_is_for_who_may_see_the_camera(gateway: Running, user: str, password: str) -> None:
    digest = aiohttp.DigestAuthMiddleware(user, password)
    async with (
        aiohttp.ClientSession(middlewares=(digest,)) as session,
        session.get(f"{gateway.url}/onvif/snapshot/unit-12.jpg") as response,
    ):
        assert response.status == (404 if user == "only-7" else 401)
        assert not (await response.read()).startswith(b"\xff\xd8")


# ---- strangers


async def test_who_has_no_account_is_told_how_to_log_in(gateway: Running) -> None:
    before = counted("challenged")
    message = build_envelope(element("tds:GetScopes"))
    async with gateway.http.post("/onvif/device_service", data=message) as response:
        assert response.status == 401
        assert [value[:6] for value in response.headers.getall("WWW-Authenticate")] == ["Digest", "Digest"]
    assert counted("challenged") == before + 1
    status, body = await Nvr(gateway).post(build_envelope(element("tds:GetSystemDateAndTime")))
    assert (status, body.tag) == (200, qname("tds:GetSystemDateAndTimeResponse"))


async def test_people_do_not_log_in_here(gateway: Running) -> None:
    assert await Nvr(gateway, "administrator").fault("tds:GetScopes") == "NotAuthorized"


async def test_a_token_is_accepted_once(gateway: Running) -> None:
    nvr = Nvr(gateway)
    message = nvr.message("tds:GetScopes")
    assert (await nvr.post(message))[0] == 200
    status, body = await nvr.post(message)
    assert (status, subcode(body)) == (400, "NotAuthorized")
    assert tokens(await nvr.ask("trt:GetProfiles")), "nobody is slowed for it"


BOMB = (
    b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>&c;</s:Body></s:Envelope>'
)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"GET / HTTP/1.1", 400),
        (BOMB, 400),
        (b"<a>" * 10_000, 400),
        (b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><a/></s:Body></s:Envelope>', 400),
        (b"<a>" + b" " * (10 << 20), 413),
    ],
)
async def test_what_is_no_request_is_a_fault_and_counted(gateway: Running, body: bytes, status: int) -> None:
    before = counted("malformed")
    got, answer = await Nvr(gateway).post(body)
    assert (got, subcode(answer)) == (status, "WellFormed")
    assert counted("malformed") == before + 1


async def test_a_body_without_a_length_is_read_only_so_far(gateway: Running) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(2 * MAX_REQUEST_BYTES // 65_536):
            yield b" " * 65_536

    async with gateway.http.post("/onvif/device_service", data=endless()) as response:
        assert response.status == 413


async def test_nothing_is_restarted_or_changed(gateway: Running) -> None:
    nvr = Nvr(gateway)
    for name in ("SystemReboot", "SetSystemFactoryDefault", "CreateUsers", "SetNetworkInterfaces", "SetUser"):
        assert await nvr.fault(f"tds:{name}") == "OperationProhibited"
    assert await nvr.fault("tds:GetSystemLog") == "ActionNotSupported"
    assert await nvr.fault("tan:GetRules") == "UnknownAction"


async def test_another_sites_page_cannot_ask(gateway: Running) -> None:
    headers = {"Origin": "https://evil.example"}
    message = build_envelope(element("tds:GetSystemDateAndTime"))
    async with gateway.http.post("/onvif/device_service", data=message, headers=headers) as response:
        assert response.status == 403


async def test_guessing_is_slowed_for_who_guesses(gateway: Running) -> None:
    """The last of this file: what is tried from here afterwards has to wait."""
    guesser, before = Nvr(gateway, "only-7", "guess"), counted("slowed")
    statuses = [(await guesser.post(guesser.message("tds:GetScopes")))[0] for _ in range(8)]
    assert statuses[0] == 400
    assert statuses[-1] == 429
    assert counted("slowed") > before
    status, body = await Nvr(gateway, "only-7").post(Nvr(gateway, "only-7").message("tds:GetScopes"))
    assert (status, subcode(body)) == (429, "NotAuthorized"), "the right password is refused unheard, too"
    assert tokens(await Nvr(gateway).ask("trt:GetProfiles")), "an account that was here before goes on"
