"""Where a gateway listens: its ports for viewers, HTTP, ONVIF and RTSP, and the certificate that they share.

Each fails with the key of the settings that names what cannot be had. What is served there is built in `gateway.app`.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from aiohttp import web as aiohttp_web

from gateway.base.clock import Clock
from gateway.base.errors import SettingsError
from gateway.base.settings import Address, Settings, parse_address, public_address
from gateway.base.tls import Certificate
from gateway.hub import Hub
from gateway.ingest.camera import IngestParts
from gateway.ingest.fleet import Fleet
from gateway.ingest.second import second_stream
from gateway.live_settings import LiveSettings
from gateway.media.model import Codec
from gateway.nvr.restream import Restream
from gateway.viewing.budget import Budget
from gateway.viewing.decoding import DECODERS
from gateway.viewing.original import Rendition
from gateway.viewing.renditions import REDUCED, Lower, Quality
from gateway.viewing.transcode import Transcode
from gateway.viewing.whep import Whep
from gateway.webrtc.port import open_port
from web.onvif import OnvifSites
from web.refusals import ServerLog
from web.services import Services


async def open_whep(settings: Settings, clock: Clock, fleet: Fleet, ingest: IngestParts, live: LiveSettings) -> Whep:
    """The one port for viewers, and their sessions."""
    address = parse_address(settings.webrtc.listen)
    try:
        port = await open_port(address, clock, map(public_address, settings.webrtc.public_addresses))
    except OSError as error:
        raise _cannot_listen("webrtc.listen", settings.webrtc.listen, error) from error

    def request_keyframe(camera_id: str) -> bool:
        camera = fleet.cameras.get(camera_id)
        return camera is not None and camera.source is not None and camera.source.request_keyframe()

    budget = Budget(settings.webrtc.max_transcodes)

    def lower(camera_id: str, hub: Hub, codec: Codec) -> tuple[Lower, ...]:
        """What there is for links that do not carry what the camera sends, to players of `codec`."""

        def second() -> Rendition | None:
            camera = fleet.cameras.get(camera_id)
            return None if camera is None else second_stream(camera, ingest)

        def reduced() -> Rendition:
            return Transcode(
                hub,
                clock,
                replace(REDUCED, codec=DECODERS[codec]),
                work="reduced",
                budget=budget,
                ask_camera=lambda: request_keyframe(camera_id),
            )

        return (Lower(Quality.SECOND, second), Lower(Quality.REDUCED, reduced))

    whep = Whep(
        port,
        clock,
        request_keyframe=request_keyframe,
        lower=lower,
        budget=budget,
        max_sessions=settings.webrtc.max_sessions,
    )

    async def prepare(after: Settings) -> Callable[[], None]:
        addresses = [public_address(text) for text in after.webrtc.public_addresses]

        def apply() -> None:
            port.publish(addresses)
            whep.max_sessions = after.webrtc.max_sessions
            budget.limit = after.webrtc.max_transcodes

        return apply

    live.on("webrtc.public_addresses", "webrtc.max_sessions", "webrtc.max_transcodes", prepare=prepare)
    return whep


def open_certificate(settings: Settings, live: LiveSettings) -> Certificate | None:
    """What the HTTP server proves itself with, if TLS is wanted; SIGHUP looks at the files, too."""
    if settings.http.tls_certificate is None or settings.http.tls_key is None:
        return None
    certificate = Certificate(settings.http.tls_certificate, settings.http.tls_key)

    async def prepare(after: Settings) -> Callable[[], None]:
        files = after.http.tls_certificate, after.http.tls_key
        if files[0] is None or files[1] is None:
            raise SettingsError('TLS ends with a restart only: leave "http.tls_certificate" and "http.tls_key" for now')
        return certificate.prepared(files[0], files[1])

    live.on("http.tls_certificate", "http.tls_key", prepare=prepare)
    return certificate


async def listen_http(
    app: aiohttp_web.Application,
    settings: Settings,
    certificate: Certificate | None,
    server_log: ServerLog,
    stack: contextlib.AsyncExitStack,
) -> str:
    """Start the HTTP server; the URL of the page."""
    address = parse_address(settings.http.listen)
    runner = aiohttp_web.AppRunner(app, access_log=None, logger=server_log, handle_signals=False, shutdown_timeout=2.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    context = None if certificate is None else certificate.context
    site = aiohttp_web.TCPSite(runner, address.host, address.port, reuse_address=True, ssl_context=context)
    try:
        await site.start()
    except OSError as error:
        raise _cannot_listen("http.listen", settings.http.listen, error) from error
    bound = runner.addresses[0]
    host = "127.0.0.1" if bound[0] in {"0.0.0.0", "::"} else bound[0]  # noqa: S104 (compared, not bound)
    scheme = "http" if certificate is None else "https"
    return f"{scheme}://{Address(host, bound[1])}"


async def serve_onvif(
    services: Services,
    settings: Settings,
    certificate: Certificate | None,
    server_log: ServerLog,
    url: str,
    stack: contextlib.AsyncExitStack,
) -> OnvifSites:
    """Make the ONVIF devices, listen for those of single cameras, and announce all of them."""
    listen, own = parse_address(settings.http.listen), urlsplit(url)
    context = None if certificate is None else certificate.context
    sites = OnvifSites(services, listen.host, context, server_log)
    stack.push_async_callback(sites.close)
    await services.onvif.reconcile(sites)
    if settings.onvif.announce:
        assert own.port is not None
        announced = services.onvif.announced(settings.discovery.interfaces, Address(listen.host, own.port), own.scheme)
        await stack.enter_async_context(announced)
    return sites


async def listen_rtsp(
    restream: Restream, settings: Settings, certificate: Certificate | None
) -> tuple[int, int | None]:
    """Start the RTSP server, and RTSPS if there is a certificate; their ports."""
    key, listen = "rtsp.listen", settings.rtsp.listen
    try:
        port = await restream.listen(parse_address(listen))
        if certificate is None:
            return port, None
        key, listen = "rtsp.tls_listen", settings.rtsp.tls_listen
        return port, await restream.listen(parse_address(listen), tls=certificate.context)
    except OSError as error:
        raise _cannot_listen(key, listen, error) from error


def _cannot_listen(key: str, value: str, error: OSError) -> SettingsError:
    why = {
        errno.EADDRINUSE: "something else listens there; stop it, or choose another port",
        errno.EACCES: "this user may not; choose a port above 1023",
        errno.EADDRNOTAVAIL: "this machine has no such address",
    }.get(error.errno or 0, error.strerror or str(error))
    return SettingsError(f'"{key}": cannot listen on {value}: {why}')
