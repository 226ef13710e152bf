from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import onvif
import pytest
import zeep.exceptions
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.clock import ManualClock, SystemClock
from onvif_protocol.authentication import (
    Credentials,
    HttpDigest,
    PasswordAuthenticator,
    SlowedError,
    StaleNonceError,
)
from onvif_protocol.device import MAX_REQUEST_BYTES, Device, Outcome, Request, Response
from onvif_protocol.soap import (
    NS,
    Element,
    Envelope,
    Fault,
    NotAuthorizedError,
    build_envelope,
    build_username_token,
    element,
    parse_envelope,
    parse_fault,
    qname,
    text_of,
)
from tests.onvif_calls import CALLS, CLOSED, NEWER, OPEN, call
from tests.onvif_device_model import MAIN, PASSWORDS, ExampleModel, make_device
from tests.onvif_http import device_handler, serving
from tests.onvif_schema import violations

CLOCK = ManualClock()
S = 1_000_000_000


def request(
    body: Element,
    *,
    user: str | None = "op",
    password: str = "secret",
    nonce: bytes = b"nonce",
    host: str = "10.0.0.1:8080",
    authorization: str = "",
) -> Request:
    headers = []
    if user is not None:
        headers = [build_username_token(user, password, nonce=nonce, utc_ns=CLOCK.utc_ns())]
    return Request("/onvif/device_service", build_envelope(body, headers), host, authorization)


async def ask(name: str, *content: Element, device: Device | None = None, **how: str) -> Envelope:
    answer = await (device or make_device(clock=CLOCK)).handle(request(element(name, *content), **how))
    assert answer.status == 200, answer.body
    return parse_envelope(answer.body)


def fault_of(answer: Response) -> Fault:
    fault = parse_fault(parse_envelope(answer.body))
    assert fault is not None
    return fault


# --- Who may ask what


@pytest.mark.parametrize("name", OPEN)
async def test_open_operations_answer_everybody(name: str) -> None:
    answer = await make_device(clock=CLOCK).handle(request(element(name), user=None))
    assert answer.status == 200
    assert parse_envelope(answer.body).name == qname(name) + "Response"


@pytest.mark.parametrize("name", [*CLOSED, "tds:SystemReboot", "tds:NoSuchOperation"])
async def test_everything_else_wants_credentials(name: str) -> None:
    device = make_device(clock=CLOCK)
    answer = await device.handle(request(element(name), user=None))
    assert answer.status == 401
    challenges = [value for header, value in answer.headers if header == "WWW-Authenticate"]
    assert [re.findall(r"algorithm=([\w-]+)", challenge) for challenge in challenges] == [["SHA-256"], ["MD5"]]
    assert fault_of(answer).subcodes == ("ter:NotAuthorized",)
    assert answer.outcome is Outcome.CHALLENGED


@pytest.mark.parametrize(("user", "password"), [("op", "wrong"), ("nobody", "secret"), ("", "")])
async def test_a_wrong_token_is_a_fault(user: str, password: str) -> None:
    answer = await make_device(clock=CLOCK).handle(request(element("tds:GetScopes"), user=user, password=password))
    assert answer.status == 400
    assert fault_of(answer).subcodes == ("ter:NotAuthorized",)


async def test_a_token_is_accepted_once() -> None:
    device = make_device(clock=CLOCK)
    message = request(element("tds:GetScopes"))
    assert (await device.handle(message)).status == 200
    assert (await device.handle(message)).status == 400


@pytest.mark.parametrize(
    ("name", "code", "subcode"),
    [("tds:GetSystemLog", "Receiver", "ter:ActionNotSupported"), ("tptz:Stop", "Sender", "ter:UnknownAction")],
)
async def test_what_is_in_no_table_is_not_supported(name: str, code: str, subcode: str) -> None:
    answer = await make_device(clock=CLOCK).handle(request(element(name)))
    assert (fault_of(answer).code, fault_of(answer).subcodes) == (code, (subcode,))
    assert answer.outcome is Outcome.UNSUPPORTED


@pytest.mark.parametrize("name", ["tds:SystemReboot", "tds:SetSystemFactoryDefault", "tds:CreateUsers", "timg:Move"])
async def test_what_would_change_the_device_is_prohibited(name: str) -> None:
    answer = await make_device(clock=CLOCK).handle(request(element(name)))
    assert answer.status == 400
    assert fault_of(answer).subcodes == ("ter:OperationProhibited",)
    assert answer.outcome is Outcome.FAULT


class Slow(PasswordAuthenticator):
    """An authenticator to whom everybody has guessed too often."""

    def authenticate(self, credentials: Credentials, now_ns: int) -> str | None:
        if credentials.claimed is None:
            return None
        raise SlowedError(11.5)


async def test_who_guesses_too_often_is_told_to_wait() -> None:
    authenticator = Slow(PASSWORDS.get, realm="Sightline", secret=b"0123456789abcdef")
    device = make_device(clock=CLOCK, authenticator=authenticator)
    answer = await device.handle(request(element("tds:GetScopes")))
    assert (answer.status, dict(answer.headers)["Retry-After"]) == (429, "12")
    assert fault_of(answer).subcodes == ("ter:NotAuthorized",)
    assert answer.outcome is Outcome.SLOWED
    assert (await device.handle(request(element("tds:GetScopes"), user=None))).outcome is Outcome.CHALLENGED


@pytest.mark.parametrize(("name", "action"), [("tds:GetScopes", "urn:a/GetScopesResponse"), ("tds:Foo", "soap/fault")])
async def test_who_addresses_a_message_is_answered_to_it(name: str, action: str) -> None:
    asked = request(element(name))
    headers = [element("wsa:Action", "urn:a/GetScopesRequest"), element("wsa:MessageID", "urn:uuid:1")]
    header = parse_envelope(asked.body).header
    assert header is not None
    answer = await make_device(clock=CLOCK).handle(
        replace(asked, body=build_envelope(element(name), [*header, *headers]))
    )
    envelope = parse_envelope(answer.body)
    assert envelope.header_text("wsa:Action").endswith(action)
    assert envelope.header_text("wsa:RelatesTo") == "urn:uuid:1"
    assert parse_envelope((await make_device(clock=CLOCK).handle(asked)).body).header is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"<html/>", 400),
        (b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', 400),
        (b" " * (MAX_REQUEST_BYTES + 1), 413),
    ],
)
async def test_what_is_no_request_is_a_fault(body: bytes, status: int) -> None:
    device = make_device(clock=CLOCK)
    answer = await device.handle(Request("/", body, "h"))
    assert answer.status == status
    assert fault_of(answer).subcodes == ("ter:WellFormed",)
    assert answer.outcome is Outcome.MALFORMED


@settings(max_examples=60)
@given(st.sampled_from([*OPEN, *CLOSED]), st.text('<>/:=" tokenRTSP', max_size=40), st.text(max_size=20))
async def test_any_content_gets_an_answer(name: str, content: str, host: str) -> None:
    message = request(element(name, element("trt:ProfileToken", "main")), host=host)
    damaged = message.body.replace(b"main", content.encode())
    answer = await make_device(clock=CLOCK).handle(Request(message.target, damaged, host))
    parse_envelope(answer.body)


# --- HTTP digest


def answer_challenge(
    challenge: str, *, user: str = "op", password: str = "secret", uri: str = "/x", nc: int = 1
) -> str:
    given = dict(re.findall(r'(\w+)="?([^",]+)', challenge))
    algorithm = given["algorithm"]

    def digest(text: str) -> str:
        return hashlib.new({"MD5": "md5", "SHA-256": "sha256"}[algorithm], text.encode()).hexdigest()

    ha1, ha2 = digest(f"{user}:{given['realm']}:{password}"), digest(f"POST:{uri}")
    response = digest(f"{ha1}:{given['nonce']}:{nc:08x}:c:auth:{ha2}")
    return (
        f'Digest username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", qop=auth, '
        f'nc={nc:08x}, cnonce="c", response="{response}", algorithm={algorithm}'
    )


@pytest.fixture
def digest() -> HttpDigest:
    return HttpDigest(PASSWORDS.get, realm="Sightline", secret=b"0123456789abcdef")


def verify(digest: HttpDigest, authorization: str, now_ns: int = CLOCK.utc_ns()) -> str:
    return digest.verify(authorization, method="POST", target="/x", now_ns=now_ns)


@pytest.mark.parametrize("number", [0, 1])
def test_a_good_digest_is_accepted_once_per_count(digest: HttpDigest, number: int) -> None:
    challenge = digest.challenges(CLOCK.utc_ns())[number]
    assert verify(digest, answer_challenge(challenge)) == "op"
    assert verify(digest, answer_challenge(challenge, nc=2)) == "op"
    with pytest.raises(StaleNonceError):
        verify(digest, answer_challenge(challenge))


def test_a_bad_digest_is_refused(digest: HttpDigest) -> None:
    challenge = digest.challenges(CLOCK.utc_ns())[0]
    good = answer_challenge(challenge)
    for bad in (
        answer_challenge(challenge, password="wrong"),
        answer_challenge(challenge, user="nobody", password=""),
        answer_challenge(challenge, uri="/y"),
        good.replace("qop=auth, ", ""),
        good.replace("SHA-256", "SHA-512"),
        good.replace("Sightline", "Other"),
        "Basic b3A6c2VjcmV0",
        "Digest",
        good + " " * 5000,
    ):
        with pytest.raises(NotAuthorizedError) as caught:
            verify(digest, bad)
        assert not isinstance(caught.value, StaleNonceError)


def test_an_old_or_foreign_nonce_is_stale(digest: HttpDigest) -> None:
    challenge = digest.challenges(CLOCK.utc_ns())[0]
    with pytest.raises(StaleNonceError):
        verify(digest, answer_challenge(challenge), CLOCK.utc_ns() + 301 * S)
    foreign = HttpDigest(PASSWORDS.get, realm="Sightline", secret=b"another secret..").challenges(CLOCK.utc_ns())[0]
    with pytest.raises(StaleNonceError):
        verify(digest, answer_challenge(foreign))


@given(st.text(max_size=100))
def test_any_authorization_is_refused(text: str) -> None:
    digest = HttpDigest(PASSWORDS.get, realm="Sightline", secret=b"0123456789abcdef")
    for authorization in (text, f"Digest {text}", f'Digest realm="Sightline", uri="/x", qop=auth, nonce="{text}"'):
        with pytest.raises(NotAuthorizedError):
            verify(digest, authorization)


async def test_a_stale_digest_is_challenged_again() -> None:
    device = make_device(clock=CLOCK)
    stale = answer_challenge('Digest realm="Sightline", algorithm=MD5, nonce="00"', uri="/onvif/device_service")
    answer = await device.handle(request(element("tds:GetScopes"), user=None, authorization=stale))
    assert answer.status == 401
    assert "stale=true" in dict(answer.headers)["WWW-Authenticate"]


async def test_aiohttp_logs_in_by_http_digest() -> None:
    device = make_device()
    body = build_envelope(element("tds:GetDeviceInformation"))
    async with (
        serving(device_handler(device)) as url,
        aiohttp.ClientSession(middlewares=(aiohttp.DigestAuthMiddleware("op", "secret"),)) as session,
        session.post(f"{url}/onvif/device_service", data=body) as response,
    ):
        assert response.status == 200


# --- What it says


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("cam.example:8080", "http://cam.example:8080"),
        ("[2001:db8::1]:80", "http://[2001:db8::1]:80"),
        ("", "http://localhost"),
        ('"><evil', "http://localhost"),
    ],
)
async def test_addresses_carry_the_host_the_request_came_to(host: str, origin: str) -> None:
    answer = await ask("tds:GetServices", host=host)
    services = {
        text_of(service, "tds:Namespace"): text_of(service, "tds:XAddr")
        for service in answer.body.findall(qname("tds:Service"))
    }
    assert services == {
        NS["tds"]: f"{origin}/onvif/device_service",
        NS["trt"]: f"{origin}/onvif/media_service",
        NS["tr2"]: f"{origin}/onvif/media2_service",
        NS["tmd"]: f"{origin}/onvif/deviceio_service",
        NS["timg"]: f"{origin}/onvif/imaging_service",
    }


async def test_the_time_is_the_clocks() -> None:
    answer = await ask("tds:GetSystemDateAndTime")
    date = "tds:SystemDateAndTime/tt:UTCDateTime/tt:Date"
    time = "tds:SystemDateAndTime/tt:UTCDateTime/tt:Time"
    assert [text_of(answer.body, f"{date}/tt:{part}") for part in ("Year", "Month", "Day")] == ["2023", "11", "14"]
    assert [text_of(answer.body, f"{time}/tt:{part}") for part in ("Hour", "Minute", "Second")] == ["22", "13", "20"]


@pytest.mark.parametrize(
    ("stream", "protocol", "token", "subcode"),
    [
        ("RTP-Unicast", "RTSP", "other", "ter:NoProfile"),
        ("RTP-Multicast", "UDP", "main", "ter:InvalidStreamSetup"),
        ("RTP-Unicast", "SRT", "main", "ter:InvalidStreamSetup"),
    ],
)
async def test_a_stream_that_is_not_there_is_a_fault(stream: str, protocol: str, token: str, subcode: str) -> None:
    setup = element(
        "trt:StreamSetup",
        element("tt:Stream", stream),
        element("tt:Transport", element("tt:Protocol", protocol)),
    )
    body = element("trt:GetStreamUri", setup, element("trt:ProfileToken", token))
    answer = await make_device(clock=CLOCK).handle(request(body))
    assert answer.status == 400
    assert fault_of(answer).subcodes == ("ter:InvalidArgVal", subcode)


@pytest.mark.parametrize("name", [name for name in CALLS if not name.startswith("tr2:") and name not in NEWER])
async def test_every_answer_is_valid_by_onvifs_schema(name: str) -> None:
    wanted = call(name)
    assert violations(wanted) == []
    answer = await ask(name, *wanted)
    assert answer.name == qname(name) + "Response"
    assert violations(answer.body) == []


async def test_the_metadata_track_streams_every_event() -> None:
    answer = await ask("trt:GetMetadataConfigurations")
    assert answer.body.find("trt:Configurations/tt:Events", dict(NS)) is not None


# --- An independent client: onvif-zeep-async itself


@pytest.fixture
async def client() -> AsyncIterator[tuple[onvif.ONVIFCamera, ExampleModel]]:
    model = ExampleModel()
    device = make_device(model, clock=SystemClock())
    async with serving(device_handler(device)) as url:
        port = int(url.rpartition(":")[2])
        camera = onvif.ONVIFCamera("127.0.0.1", port, "op", "secret", no_cache=True)
        try:
            await camera.update_xaddrs()
            yield camera, model
        finally:
            await camera.close()


async def test_onvif_zeep_async_reads_the_device(client: tuple[onvif.ONVIFCamera, ExampleModel]) -> None:
    camera, _ = client
    device = await camera.create_devicemgmt_service()
    information = await device.GetDeviceInformation()
    assert (information.Manufacturer, information.Model, information.SerialNumber) == ("Sightline", "BWC & Co", "S-12")
    interfaces = await device.GetNetworkInterfaces()
    assert interfaces[0].Info.HwAddress == "02:00:5e:00:00:12"
    scopes = [entry.ScopeItem for entry in await device.GetScopes()]
    assert "onvif://www.onvif.org/name/Unit%2012" in scopes
    assert "onvif://www.onvif.org/location/north" in scopes
    assert (await device.GetHostname()).Name == "unit-12"
    assert (await device.GetSystemDateAndTime()).UTCDateTime.Date.Year >= 2024
    capabilities = await device.GetCapabilities({"Category": ["All"]})
    assert capabilities.Media.StreamingCapabilities.RTP_RTSP_TCP is True
    assert capabilities.Device.Security.RELToken is False
    assert (await device.GetServiceCapabilities()).Security.HttpDigest is True
    assert [service.Namespace for service in await device.GetServices({"IncludeCapability": True})] == [
        NS["tds"],
        NS["trt"],
        NS["tr2"],
        NS["tmd"],
        NS["timg"],
    ]


async def test_onvif_zeep_async_reads_the_profiles(client: tuple[onvif.ONVIFCamera, ExampleModel]) -> None:
    camera, model = client
    media = await camera.create_media_service()
    profiles = await media.GetProfiles()
    assert [profile.token for profile in profiles] == ["small", "main"]
    main = profiles[1]
    assert main.VideoEncoderConfiguration.Encoding == "H264"
    assert main.VideoEncoderConfiguration.Resolution.Width == 1280
    assert main.VideoEncoderConfiguration.RateControl.BitrateLimit == 2000
    assert main.VideoSourceConfiguration.UseCount == 2
    assert main.AudioEncoderConfiguration.Encoding == "G711"
    assert main.MetadataConfiguration.token == "main_metadata"
    assert profiles[0].MetadataConfiguration is None
    assert (await media.GetProfile({"ProfileToken": "main"})).Name == "Main"
    assert [source.token for source in await media.GetVideoSources()] == ["source_0"]
    assert len(await media.GetVideoSourceConfigurations()) == 1
    assert len(await media.GetVideoEncoderConfigurations()) == 2
    assert len(await media.GetMetadataConfigurations()) == 1
    assert (await media.GetServiceCapabilities()).SnapshotUri is True
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    uri = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": "main"})
    assert uri.Uri == "rtsp://127.0.0.1:8554/main"
    assert await camera.get_snapshot_uri(MAIN.token) == f"http://127.0.0.1:{camera.port}/main.jpg"
    await media.SetSynchronizationPoint({"ProfileToken": "main"})
    assert model.keyframes == ["main"]
    with pytest.raises(zeep.exceptions.Fault, match="no such profile"):
        await media.GetProfile({"ProfileToken": "other"})
