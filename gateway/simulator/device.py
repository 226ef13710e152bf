"""The ONVIF side of a simulated camera: what `onvif_protocol`'s device asks of it, over HTTP by aiohttp.

Only glue belongs here; SOAP, operations and authentication are `onvif_protocol`'s.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from gateway.base.clock import Clock
from gateway.base.errors import CameraError
from gateway.simulator.encoder import EncoderSettings
from onvif_protocol.authentication import Credentials, PasswordAuthenticator
from onvif_protocol.device import MAX_REQUEST_BYTES, Device, Request, host_of
from onvif_protocol.device_management import DeviceManagement
from onvif_protocol.device_model import (
    AudioEncoding,
    DeviceIdentity,
    Location,
    MediaProfile,
    NetworkAddress,
    Transport,
    VideoEncoding,
    VideoSource,
)
from onvif_protocol.media1 import Media1
from onvif_protocol.media_profiles import Profiles
from onvif_protocol.soap import NotAuthorizedError

SERVICE_PATH = "/onvif/device_service"
SNAPSHOT_PATH = "/snapshot.jpg"
REALM = "Sightline simulator"


def identity(camera_id: str, name: str) -> DeviceIdentity:
    """Who a simulated camera is. New at each start: two simulations on one machine must not look like one."""
    unique = uuid.uuid4()
    return DeviceIdentity(
        manufacturer="Sightline",
        model="Simulated body-worn camera",
        firmware="1.0",
        serial=unique.hex[:12].upper(),
        hardware_id="1.0",
        endpoint=f"urn:uuid:{unique}",
        mac="02:00:5e:" + ":".join(unique.hex[at : at + 2] for at in (0, 2, 4)),
        name=name,
        hostname=camera_id,
    )


class CameraModel:
    """A `DeviceModel` with one profile. `rtsp_path` is what follows the port in the stream's URL.

    One that `hears` has a loudspeaker with a backchannel.
    """

    def __init__(
        self,
        who: DeviceIdentity,
        settings: EncoderSettings,
        *,
        rtsp_port: Callable[[], int],
        rtsp_path: str,
        wants_keyframe: Callable[[], None],
        hears: bool,
    ) -> None:
        self._identity = who
        self._rtsp_port = rtsp_port
        self._rtsp_path = rtsp_path
        self._wants_keyframe = wants_keyframe
        source = VideoSource("VideoSource_0", who.name, settings.width, settings.height, float(settings.fps))
        self._profile = MediaProfile(
            token="main",  # noqa: S106 - the name of a profile
            name="Main stream",
            source=source,
            video=VideoEncoding(
                token="main_video",  # noqa: S106
                codec="H264",
                profile="Baseline",
                width=settings.width,
                height=settings.height,
                frame_rate=settings.fps,
                bitrate_kbps=settings.kbps,
                gov_length=round(settings.fps * settings.keyframe_seconds),
            ),
            audio=AudioEncoding("main_audio", "PCMU", 64, 8),
            metadata="main_metadata",
            output="AudioOutput_0" if hears else None,
        )

    @property
    def identity(self) -> DeviceIdentity:  # noqa: D102
        return self._identity

    @property
    def discoverable(self) -> bool:  # noqa: D102
        return True

    @property
    def addresses(self) -> Sequence[NetworkAddress]:  # noqa: D102
        return ()

    @property
    def rtsp_port(self) -> int:  # noqa: D102
        return self._rtsp_port()

    def profiles(self, user: str) -> Sequence[MediaProfile]:  # noqa: D102
        return (self._profile,)

    def stream_uri(  # noqa: D102
        self, profile: MediaProfile, transport: Transport, base_url: str, user: str
    ) -> str | None:
        if transport is Transport.HTTP:
            return None
        return f"rtsp://{host_of(base_url)}:{self._rtsp_port()}/{self._rtsp_path}"

    def snapshot_uri(self, profile: MediaProfile, base_url: str, user: str) -> str | None:  # noqa: D102
        return base_url + SNAPSHOT_PATH

    def locations(self, user: str) -> Sequence[Location]:
        """Its position is in its metadata alone."""
        return ()

    def set_synchronization_point(self, profile: MediaProfile) -> None:  # noqa: D102
        self._wants_keyframe()


class DeviceSite:
    """Serves a camera's ONVIF device and its snapshot on one port."""

    def __init__(
        self,
        model: CameraModel,
        password_of: Callable[[str], str | None],
        snapshot: Callable[[], Awaitable[bytes]],
        clock: Clock,
    ) -> None:
        media = Media1(model, Profiles(model))
        self._authenticator = PasswordAuthenticator(password_of, realm=REALM, secret=uuid.uuid4().bytes)
        self._device = Device((DeviceManagement(model, (media,), clock), media), self._authenticator, clock)
        self._snapshot = snapshot
        self._clock = clock
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int = 0) -> int:
        """Listen; the port, which 0 lets the kernel choose.

        Raises:
            OSError: the address cannot be had.
        """
        app = web.Application(client_max_size=2 * MAX_REQUEST_BYTES)
        app.router.add_post("/onvif/{service}", self._serve)
        app.router.add_get(SNAPSHOT_PATH, self._serve_snapshot)
        runner = self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        bound: int = runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        """Stop listening. Idempotent."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.Response:
        answer = await self._device.handle(
            Request(
                target=request.raw_path,
                body=await request.read(),
                host=request.host,
                authorization=request.headers.get("Authorization", ""),
                peer=request.remote or "",
            )
        )
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _serve_snapshot(self, request: web.Request) -> web.Response:
        now_ns = self._clock.utc_ns()
        authorization = request.headers.get("Authorization", "")
        try:
            user = self._authenticator.authenticate(
                Credentials(request.method, request.raw_path, authorization), now_ns
            )
        except NotAuthorizedError:
            user = None
        if user is None:
            challenges = self._authenticator.challenges(now_ns)
            return web.Response(status=401, headers=[("WWW-Authenticate", challenge) for challenge in challenges])
        try:
            return web.Response(body=await self._snapshot(), content_type="image/jpeg")
        except CameraError as error:
            return web.Response(status=503, text=error.reason)
