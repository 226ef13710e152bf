from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.clock import ManualClock
from onvif_protocol.authentication import Credentials, HttpDigest
from onvif_protocol.base import ErrorKind, OnvifError
from onvif_protocol.camera import OnvifCamera, Wsdls
from onvif_protocol.camera_media import DeviceInformation, StreamProfile, origin, playable, reachable
from onvif_protocol.soap import Fault, parse_envelope
from tests.data import shared
from tests.onvif_device_model import PASSWORDS, ExampleModel, make_device
from tests.onvif_http import Handler, RecordedCamera, ScriptedCamera, device_handler, serving

WSDLS = Wsdls()
NOT_SUPPORTED = Fault("Receiver", "not supported", ("ter:ActionNotSupported",))
NOT_AUTHORIZED = Fault("Sender", "Sender not Authorized", ("ter:NotAuthorized",))
PATH = "/onvif/device_service"


@asynccontextmanager
async def connected(
    handler: Handler, *, password: str = "secret", username: str = "op", clock: ManualClock | None = None
) -> AsyncIterator[OnvifCamera]:
    async with (
        serving(handler) as url,
        await OnvifCamera.connect(
            url + PATH, username, password, clock=clock or ManualClock(), wsdls=WSDLS, timeout=30
        ) as camera,
    ):
        yield camera


async def failure(handler: Handler, *, password: str = "secret", timeout: float = 30) -> OnvifError:
    async with serving(handler) as url:
        with pytest.raises(OnvifError) as caught:
            await OnvifCamera.connect(url + PATH, "op", password, clock=ManualClock(), wsdls=WSDLS, timeout=timeout)
    return caught.value


# --- Recorded cameras


async def test_axis_p3818_has_its_h264_profile_chosen_through_media1() -> None:
    recorded = RecordedCamera(shared("onvif/axis-p3818.tar.gz"))
    async with connected(recorded.handle) as camera:
        assert camera.device_information == DeviceInformation("AXIS", "P3818-PVE", "11.9.60", "B8A44FA04F26", "7DB")
        assert camera.profile == StreamProfile("profile_1_h264", "profile_1 h264", "H264", 1920, 960, True)
        assert [profile.encoding for profile in camera.profiles] == ["H264", "JPEG"]
        # The recording says 192.168.2.82: the host that answered stands in, here as behind NAT.
        assert await camera.stream_uri() == (
            "rtsp://127.0.0.1/onvif-media/media.amp?profile=profile_1_h264&sessiontimeout=60&streamtype=unicast"
        )
        assert await camera.snapshot_uri() == (
            f"{camera.xaddr.removesuffix(PATH)}/onvif-cgi/jpg/image.cgi?resolution=1920x960&compression=30"
        )
        # Media2 is offered, but was not recorded: that it fails leads to Media1.
        assert camera.media_version == 1
    assert recorded.calls[:5] == [
        "Device.GetSystemDateAndTime",
        "Device.GetServices",
        "Device.GetDeviceInformation",
        "Media2.GetProfiles",
        "Media.GetProfiles",
    ]


async def test_reolink_e1_has_its_larger_profile_chosen() -> None:
    recorded = RecordedCamera(shared("onvif/reolink-e1.tar.gz"))
    async with connected(recorded.handle) as camera:
        assert camera.device_information.model == "E1 Zoom"
        assert camera.profile == StreamProfile("000", "Profile000_MainStream", "H264", 2048, 1536, True)
        assert await camera.stream_uri() == "rtsp://127.0.0.1:554/"


# --- Our own device


async def test_our_own_device_is_signed_on_to() -> None:
    model = ExampleModel()
    async with connected(device_handler(make_device(model))) as camera:
        assert camera.device_information == DeviceInformation("Sightline", "BWC & Co", "1.0", "S-12", "sim")
        assert camera.profile == StreamProfile("main", "Main", "H264", 1280, 720, True)
        assert await camera.stream_uri() == "rtsp://127.0.0.1:8554/main"
        assert (await camera.snapshot_uri()).endswith("/main.jpg")
        await camera.set_synchronization_point()
        assert model.keyframes == ["main"]
        with pytest.raises(OnvifError, match="refused GetSnapshotUri: there is no snapshot") as caught:
            await camera.snapshot_uri(camera.profiles[0])
        assert caught.value.kind is ErrorKind.REFUSED


@pytest.mark.parametrize("ahead_s", [-7200, 0, 7200])
async def test_messages_are_signed_with_the_cameras_clock(ahead_s: int) -> None:
    """A device refuses tokens more than five minutes off its own time."""
    ours, theirs = ManualClock(), ManualClock()
    theirs.set_utc_ns(ours.utc_ns() + ahead_s * 1_000_000_000)
    async with connected(device_handler(make_device(clock=theirs)), clock=ours) as camera:
        assert camera.skew_ns == ahead_s * 1_000_000_000


class DigestOnly:
    """An authenticator of a camera that does not know WS-UsernameToken."""

    def __init__(self, algorithm: str) -> None:
        self._digest = HttpDigest(PASSWORDS.get, realm="r", secret=b"0123456789abcdef", algorithms=[algorithm])
        self.accepted = 0

    def authenticate(self, credentials: Credentials, now_ns: int) -> str | None:
        given = credentials
        if not given.authorization:
            return None
        user = self._digest.verify(given.authorization, method=given.method, target=given.target, now_ns=now_ns)
        self.accepted += 1
        return user

    def challenges(self, now_ns: int, *, stale: bool = False) -> Sequence[str]:
        return self._digest.challenges(now_ns, stale=stale)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_a_camera_that_wants_http_digest_gets_it(algorithm: str) -> None:
    authenticator = DigestOnly(algorithm)
    async with connected(device_handler(make_device(authenticator=authenticator))) as camera:
        await camera.stream_uri()
    assert authenticator.accepted == 3  # device information, profiles, stream


@pytest.mark.parametrize("authenticator", [None, DigestOnly("MD5")])
async def test_a_wrong_password_is_said_so(authenticator: DigestOnly | None) -> None:
    handler = device_handler(make_device(authenticator=authenticator))
    error = await failure(handler, password="hunter2")
    assert error.kind is ErrorKind.AUTHENTICATION
    assert "refuses the user name or password" in error.reason
    assert "hunter2" not in error.reason


async def test_no_credentials_are_sent_without_a_user_name() -> None:
    camera = scripted()
    async with connected(camera.handle, username="", password=""):
        assert all(b"Security" not in body for _, body in camera.requests)


# --- Cameras with a quirk


def scripted(**changes: str | Fault) -> ScriptedCamera:
    """A camera with Media2 and one H.264 profile without metadata; a change is named `trt_GetProfiles`."""
    script: dict[str, str | Fault] = {
        "tds:GetSystemDateAndTime": (
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"
            "<tt:DaylightSavings>false</tt:DaylightSavings><tt:UTCDateTime><tt:Time><tt:Hour>0</tt:Hour>"
            "<tt:Minute>0</tt:Minute><tt:Second>0</tt:Second></tt:Time><tt:Date><tt:Year>2024</tt:Year>"
            "<tt:Month>1</tt:Month><tt:Day>1</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime>"
            "</tds:GetSystemDateAndTimeResponse>"
        ),
        "tds:GetServices": "<tds:GetServicesResponse>"
        + service("http://www.onvif.org/ver10/media/wsdl", "/m1")
        + service("http://www.onvif.org/ver20/media/wsdl", "/m2")
        + "</tds:GetServicesResponse>",
        "tds:GetDeviceInformation": (
            "<tds:GetDeviceInformationResponse><tds:Manufacturer>Acme</tds:Manufacturer><tds:Model>B1</tds:Model>"
            "<tds:FirmwareVersion/><tds:SerialNumber>1</tds:SerialNumber><tds:HardwareId/>"
            "</tds:GetDeviceInformationResponse>"
        ),
        "tr2:GetProfiles": media2_profiles(("p1", "H264", 640, 480, False)),
        "tr2:GetMetadataConfigurations": (
            '<tr2:GetMetadataConfigurationsResponse><tr2:Configurations token="plain"/>'
            '<tr2:Configurations token="events"><tt:Events/></tr2:Configurations>'
            "</tr2:GetMetadataConfigurationsResponse>"
        ),
        "tr2:AddConfiguration": "<tr2:AddConfigurationResponse/>",
        "tr2:GetStreamUri": (
            "<tr2:GetStreamUriResponse><tr2:Uri>rtsp://u:pw@10.9.9.9:8554/s</tr2:Uri></tr2:GetStreamUriResponse>"
        ),
        "tr2:GetSnapshotUri": (
            "<tr2:GetSnapshotUriResponse><tr2:Uri>{origin}/i.jpg</tr2:Uri></tr2:GetSnapshotUriResponse>"
        ),
        "tr2:SetSynchronizationPoint": "<tr2:SetSynchronizationPointResponse/>",
        "trt:GetProfiles": media1_profiles(("q1", "H264", 320, 240)),
    }
    return ScriptedCamera(script | {name.replace("_", ":"): answer for name, answer in changes.items()})


def service(namespace: str, path: str) -> str:
    return (
        f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>http://10.9.9.9:81{path}</tds:XAddr>"
        "<tds:Version><tt:Major>2</tt:Major><tt:Minor>0</tt:Minor></tds:Version></tds:Service>"
    )


def media2_profiles(*profiles: tuple[str, str, int, int, bool]) -> str:
    entries = [
        f'<tr2:Profiles token="{token}" fixed="false"><tr2:Name>{token}</tr2:Name><tr2:Configurations>'
        f'<tr2:VideoEncoder token="v"><tt:Encoding>{encoding}</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width>'
        f"<tt:Height>{height}</tt:Height></tt:Resolution></tr2:VideoEncoder>"
        f"{'<tr2:Metadata/>' if metadata else ''}</tr2:Configurations></tr2:Profiles>"
        for token, encoding, width, height, metadata in profiles
    ]
    return f"<tr2:GetProfilesResponse>{''.join(entries)}</tr2:GetProfilesResponse>"


def media1_profiles(*profiles: tuple[str, str, int, int]) -> str:
    entries = [
        f'<trt:Profiles token="{token}"><tt:Name>{token}</tt:Name><tt:VideoEncoderConfiguration token="v">'
        f"<tt:Encoding>{encoding}</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}"
        "</tt:Height></tt:Resolution></tt:VideoEncoderConfiguration></trt:Profiles>"
        for token, encoding, width, height in profiles
    ]
    return f"<trt:GetProfilesResponse>{''.join(entries)}</trt:GetProfilesResponse>"


async def test_media2_is_preferred_and_a_profile_is_given_metadata() -> None:
    script = scripted()
    async with connected(script.handle) as camera:
        assert camera.media_version == 2
        assert camera.profile == StreamProfile("p1", "p1", "H264", 640, 480, True)
        assert camera.profiles == (camera.profile,)
        assert "<tr2:Type>Metadata</tr2:Type><tr2:Token>events</tr2:Token>" in script.last("tr2:AddConfiguration")
        assert await camera.stream_uri() == "rtsp://127.0.0.1:8554/s"
        assert "<tr2:Protocol>RTSP</tr2:Protocol>" in script.last("tr2:GetStreamUri")
        await camera.stream_uri(transport="udp")
        assert "<tr2:Protocol>RtspUnicast</tr2:Protocol>" in script.last("tr2:GetStreamUri")
        assert (await camera.snapshot_uri()).endswith("/i.jpg")
        await camera.set_synchronization_point()
        assert "tr2:SetSynchronizationPoint" in script.calls


async def test_media1_gives_a_profile_metadata_too() -> None:
    added = scripted(
        tds_GetServices="<tds:GetServicesResponse>"
        + service("http://www.onvif.org/ver10/media/wsdl", "/m1")
        + "</tds:GetServicesResponse>",
        trt_GetMetadataConfigurations=(
            '<trt:GetMetadataConfigurationsResponse><trt:Configurations token="m7"><tt:Name>m</tt:Name>'
            "<tt:UseCount>0</tt:UseCount></trt:Configurations></trt:GetMetadataConfigurationsResponse>"
        ),
        trt_AddMetadataConfiguration="<trt:AddMetadataConfigurationResponse/>",
    )
    async with connected(added.handle) as camera:
        assert camera.profile == StreamProfile("q1", "q1", "H264", 320, 240, True)
    assert ">m7<" in added.last("trt:AddMetadataConfiguration")


@pytest.mark.parametrize("refusal", [NOT_SUPPORTED, NOT_AUTHORIZED])
async def test_a_camera_that_lets_nothing_be_added_is_used_through_the_profile_that_has_metadata(
    refusal: Fault,
) -> None:
    script = scripted(
        tr2_GetProfiles=media2_profiles(("large", "H264", 1920, 1080, False), ("small", "H264", 640, 480, True)),
        tr2_AddConfiguration=refusal,
    )
    async with connected(script.handle) as camera:
        assert camera.profile.token == "small"


async def test_a_camera_without_any_metadata_is_still_watched() -> None:
    script = scripted(tr2_AddConfiguration=NOT_SUPPORTED)
    async with connected(script.handle) as camera:
        assert camera.profile == StreamProfile("p1", "p1", "H264", 640, 480, False)


async def test_a_camera_that_wants_credentials_for_its_time_gets_them() -> None:
    """Some Axis models (frigate issue 12352)."""
    script = scripted()
    date = script.script["tds:GetSystemDateAndTime"]

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        signed = b"UsernameToken" in await request.read()
        script.script["tds:GetSystemDateAndTime"] = date if signed else NOT_AUTHORIZED
        return await script.handle(request)

    clock = ManualClock(1_704_067_200_000_000_000 - 3_600_000_000_000)
    async with connected(handle, clock=clock) as camera:
        assert camera.skew_ns == 3_600_000_000_000
    assert script.calls[:2] == ["tds:GetSystemDateAndTime"] * 2


@pytest.mark.parametrize("date", [NOT_SUPPORTED, "<tds:GetSystemDateAndTimeResponse/>"])
async def test_a_camera_that_does_not_tell_its_time_is_signed_for_with_ours(date: str | Fault) -> None:
    async with connected(scripted(tds_GetSystemDateAndTime=date).handle) as camera:
        assert camera.skew_ns == 0


async def test_an_old_camera_is_found_through_get_capabilities() -> None:
    script = scripted(
        tds_GetServices=NOT_SUPPORTED,
        tds_GetCapabilities=(
            "<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Media><tt:XAddr>http://10.9.9.9/m1</tt:XAddr>"
            "</tt:Media></tds:Capabilities></tds:GetCapabilitiesResponse>"
        ),
    )
    async with connected(script.handle) as camera:
        assert camera.media_version == 1
        assert camera.profile.token == "q1"


async def test_addressing_headers_are_left_out() -> None:
    """They break ordinary calls on some devices (python-onvif-zeep-async issue 155)."""
    script = scripted(tr2_GetProfiles=NOT_SUPPORTED)
    async with connected(script.handle):
        headers = [parse_envelope(body).header for _, body in script.requests]
        assert all(header is None or header.find("{*}Action") is None for header in headers)
        assert any(header is not None for header in headers)


@pytest.mark.parametrize("path", ["", "/", "/onvif/device_service"])
async def test_an_address_without_a_path_means_the_usual_one(path: str) -> None:
    async with serving(scripted().handle) as url:
        connecting = OnvifCamera.connect(url + path, "", "", clock=ManualClock(), wsdls=WSDLS)
        async with await connecting as camera:
            assert camera.xaddr == url + PATH


# --- What goes wrong


async def test_a_camera_without_h264_says_what_it_has() -> None:
    error = await failure(
        scripted(
            tr2_GetProfiles=media2_profiles(("p", "H265", 1, 1, True)),
            trt_GetProfiles=media1_profiles(("q", "JPEG", 1, 1)),
        ).handle
    )
    assert error.kind is ErrorKind.NO_PROFILE
    assert "only JPEG" in error.reason


async def test_a_device_without_media_says_so() -> None:
    error = await failure(scripted(tds_GetServices="<tds:GetServicesResponse/>").handle)
    assert error.kind is ErrorKind.NO_PROFILE


async def test_a_fault_does_not_give_the_password_away() -> None:
    error = await failure(scripted(tds_GetDeviceInformation=Fault("Sender", "what is secret?")).handle)
    assert error.kind is ErrorKind.REFUSED
    assert error.reason.endswith("refused GetDeviceInformation: what is …?")


def answering(status: int, body: bytes, **headers: str) -> Handler:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

    return handle


@pytest.mark.parametrize(
    ("handler", "kind", "said"),
    [
        (answering(404, b"<html>Not found"), ErrorKind.NOT_ONVIF, "HTTP status 404"),
        (answering(200, b"hello"), ErrorKind.NOT_ONVIF, "not an ONVIF device"),
        (answering(200, b"<a/>"), ErrorKind.NOT_ONVIF, "not a SOAP 1.2 envelope"),
        (answering(200, b'<!DOCTYPE a [<!ENTITY e "e">]><a>&e;</a>'), ErrorKind.NOT_ONVIF, "DTD"),
        (answering(200, b"<" * 5_000_000), ErrorKind.NOT_ONVIF, "longer than"),
        (answering(401, b"<html>Log in"), ErrorKind.AUTHENTICATION, "user name or password"),
        (answering(307, b"", Location="http://192.0.2.1/"), ErrorKind.NOT_ONVIF, "redirects"),
    ],
)
async def test_what_is_no_camera_is_told_apart(handler: Handler, kind: ErrorKind, said: str) -> None:
    error = await failure(handler)
    assert error.kind is kind
    assert said in error.reason


async def test_what_speaks_no_http_is_told() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(OnvifError, match="does not speak HTTP") as caught:
            await OnvifCamera.connect(f"http://127.0.0.1:{port}", "", "", clock=ManualClock(), wsdls=WSDLS)
    assert caught.value.kind is ErrorKind.NOT_ONVIF


async def test_a_closed_port_is_unreachable() -> None:
    async with serving(answering(200, b"")) as url:
        pass
    with pytest.raises(OnvifError, match=f"{url.removeprefix('http://')} cannot be reached") as caught:
        await OnvifCamera.connect(url.replace("//", "//op:secret@"), "op", "secret", clock=ManualClock(), wsdls=WSDLS)
    assert caught.value.kind is ErrorKind.UNREACHABLE
    assert "secret" not in str(caught.value)


async def test_a_silent_camera_times_out() -> None:
    released = asyncio.Event()

    async def silent(request: web.BaseRequest) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    async with serving(silent) as url:
        with pytest.raises(OnvifError) as caught:
            await OnvifCamera.connect(url, "", "", clock=ManualClock(), wsdls=WSDLS, timeout=0.05)
        released.set()
    assert caught.value.kind is ErrorKind.TIMEOUT


@pytest.mark.parametrize("url", ["", "10.1.2.3", "rtsp://10.1.2.3/", "http://", "http://a:b/", "http://[::1"])
async def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(OnvifError, match="not a URL"):
        await OnvifCamera.connect(url, "", "", clock=ManualClock(), wsdls=WSDLS)


ELEMENTS = st.recursive(
    st.sampled_from(["", "x", "-1", "<tt:Name/>", "<tt:Uri>http://[</tt:Uri>", '<trt:Profiles token=""/>']),
    lambda inner: st.builds(
        lambda name, content: f"<{name}>{content}</{name}>",
        st.sampled_from(["trt:Profiles", "tds:Service", "tds:SystemDateAndTime", "tt:UTCDateTime", "tt:Resolution"]),
        st.lists(inner, max_size=3).map("".join),
    ),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["tds:GetSystemDateAndTime", "tds:GetServices", "tds:GetDeviceInformation", "trt:GetProfiles"]),
    ELEMENTS,
)
def test_any_answer_is_used_or_refused(operation: str, content: str) -> None:
    async def attempt() -> None:
        script = scripted(tr2_GetProfiles=NOT_SUPPORTED)
        script.script[operation] = f"<{operation}Response>{content}</{operation}Response>"
        try:
            async with connected(script.handle):
                pass
        except OnvifError as error:
            assert error.reason  # noqa: PT017

    asyncio.run(attempt())


# --- Choosing and addressing


def test_the_best_profile_has_h264_the_most_pixels_and_then_metadata() -> None:
    h265 = StreamProfile("h265", "", "H265", 4000, 3000, True)
    small = StreamProfile("small", "", "H264", 640, 480, True)
    bare = StreamProfile("bare", "", "H264", 1920, 1080, False)
    full = StreamProfile("full", "", "H264", 1920, 1080, True)
    assert playable([h265, small, bare, full]) == [full, bare, small]


@pytest.mark.parametrize(
    ("advertised", "via", "expected"),
    [
        ("http://10.0.0.1/media", "http://cam.example:8080/onvif", "http://cam.example:8080/media"),
        ("http://10.0.0.1:8899/media", "http://10.0.0.1/onvif", "http://10.0.0.1:8899/media"),
        ("https://10.0.0.1/media", "http://1.2.3.4:81/onvif", "http://1.2.3.4:81/media"),
        ("http://CAM.local/media", "http://cam.local:80/onvif", "http://cam.local/media"),
        ("http://known/media", "http://10.0.0.1:81/onvif", "http://known/media"),
        ("http://10.0.0.1:8106:8106/media", "http://10.0.0.1/onvif", "http://10.0.0.1:8106/media"),
        ("rtsp://op:secret@10.0.0.1:8554/s?user=a", "http://1.2.3.4:81/", "rtsp://1.2.3.4:8554/s?user=a"),
        ("rtsp://10.0.0.1/s", "http://[2001:db8::1]:81/", "rtsp://[2001:db8::1]/s"),
        (" http://10.0.0.1/a#b ", "http://10.0.0.1/", "http://10.0.0.1/a"),
    ],
)
def test_the_host_that_worked_is_kept(advertised: str, via: str, expected: str) -> None:
    assert reachable(advertised, via, ["known"]) == expected


@pytest.mark.parametrize("advertised", ["", "file:///etc/passwd", "/media", "http://[::1", "http://a:x/"])
def test_what_is_no_url_is_a_value_error(advertised: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        reachable(advertised, "http://10.0.0.1/")


@given(st.text(alphabet="htpsr:/@[]?#%a1.", max_size=40))
def test_any_text_is_a_url_or_a_value_error(text: str) -> None:
    try:
        url = reachable(text, "http://10.0.0.1/")
    except ValueError:
        return
    assert "@" not in url.split("/")[2]
    assert "@" not in origin(url)


_T = TypeVar("_T")


async def test_service_descriptions_are_read_once_and_off_the_loop() -> None:
    runs = 0

    async def run(function: Callable[[], _T]) -> _T:
        nonlocal runs
        runs += 1
        return await asyncio.to_thread(function)

    wsdls = Wsdls(run)
    first, second = await asyncio.gather(wsdls.load("devicemgmt"), wsdls.load("devicemgmt"))
    assert first is second
    assert runs == 1
