"""The aiohttp application: every route behind its right, problem documents, and the headers browsers want."""

from __future__ import annotations

from aiohttp import web

from web import (
    accounts,
    alerts,
    archive,
    assignments,
    audit,
    camera_tests,
    cameras,
    channels,
    downloads,
    events,
    evidence,
    exports,
    fleet,
    geofences,
    groups,
    holds,
    incident_exports,
    incident_shares,
    incidents,
    live,
    live_positions,
    log_ins,
    nearby,
    nvr,
    oidc,
    onvif,
    operations,
    page,
    playback,
    policy,
    position_reports,
    privacy,
    recording,
    session,
    settings,
    storage,
    talk,
    timeline,
    trajectory,
    viewers,
    visits,
    walls,
)
from web.camera_tests import CAMERA_TESTS, CameraTests
from web.download_views import DOWNLOADS, DownloadViews
from web.events import EVENTS, Events
from web.guard import guarded
from web.live_positions import LIVE_POSITIONS, LivePositions
from web.moments import THUMBNAILS, Thumbnails
from web.operations import openapi
from web.page import CONTENT_SECURITY_POLICY
from web.position_reports import REPORTS, Reports
from web.problems import problems
from web.routes import Body, Route
from web.services import ROUTE, SERVICES, Services
from web.talking import TALKING, Talking
from web.tickets import TICKETS, Tickets
from web.watching import WATCHING, Watching

MAX_BODY = 1 << 20
EXPOSED = "Location, ETag, Link, Retry-After"
"""What a script of another site may read beside the few headers that it always may (Fetch, CORS protocol)."""
PERMISSIONS = ", ".join(
    ["microphone=(self)", "fullscreen=(self)", "autoplay=(self)"]
    + [f"{feature}=()" for feature in ("camera", "display-capture", "geolocation", "midi", "payment", "serial", "usb")]
)
"""The microphone is for talking to a unit; where a unit is says the unit (W3C Permissions Policy, 9.1)."""


def all_routes() -> list[Route]:
    """Every route of the gateway. The page's catch-all comes last."""
    described = [
        *session.ROUTES,
        *oidc.ROUTES,
        *log_ins.ROUTES,
        *accounts.ROUTES,
        *cameras.ROUTES,
        *camera_tests.ROUTES,
        *fleet.ROUTES,
        *groups.ROUTES,
        *walls.ROUTES,
        *live.ROUTES,
        *talk.ROUTES,
        *viewers.ROUTES,
        *nvr.ROUTES,
        *privacy.ROUTES,
        *recording.ROUTES,
        *policy.ROUTES,
        *archive.ROUTES,
        *trajectory.ROUTES,
        *position_reports.ROUTES,
        *playback.ROUTES,
        *downloads.ROUTES,
        *timeline.ROUTES,
        *holds.ROUTES,
        *storage.ROUTES,
        *assignments.ROUTES,
        *alerts.ROUTES,
        *channels.ROUTES,
        *geofences.ROUTES,
        *exports.ROUTES,
        *incidents.ROUTES,
        *incident_exports.ROUTES,
        *incident_shares.ROUTES,
        *visits.ROUTES,
        *nearby.ROUTES,
        *audit.ROUTES,
        *evidence.ROUTES,
        *events.ROUTES,
        *live_positions.ROUTES,
        *onvif.ROUTES,
        *settings.ROUTES,
        *operations.ROUTES,
        *page.ROUTES,
    ]

    async def document(_: web.Request) -> web.Response:
        return web.json_response(openapi(described))

    own = Route("GET", "/api/openapi.json", document, "Describe these calls", "operations", answers={200: Body()})
    described.insert(0, own)
    return described


def application(parts: Services) -> web.Application:
    """The application over `parts`, not yet listening.

    Raises:
        RefusedError: a route stands in no row of the table of rights.
    """
    app = web.Application(middlewares=[problems], client_max_size=MAX_BODY)
    app[SERVICES] = parts
    app[EVENTS] = Events(parts)
    audit.prepare(app)
    app[TICKETS] = Tickets(parts)
    app[DOWNLOADS] = DownloadViews(parts.views, parts.clock)
    app[LIVE_POSITIONS] = LivePositions(parts)
    app[TALKING] = Talking(parts, app[EVENTS])
    app[WATCHING] = Watching(parts, app[EVENTS], app[LIVE_POSITIONS], app[TICKETS], app[TALKING])
    app[THUMBNAILS] = Thumbnails()
    app[REPORTS] = Reports(parts.clock)
    app[CAMERA_TESTS] = CameraTests()
    app.on_shutdown.append(_end_tests)
    app.on_cleanup.append(_end_watching)
    for route in all_routes():
        app.router.add_route(route.method, route.path, guarded(route))
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, guarded(route))
    app.on_response_prepare.append(_headers)
    return app


async def _end_tests(app: web.Application) -> None:
    await app[CAMERA_TESTS].close()


async def _end_watching(app: web.Application) -> None:
    app[TICKETS].close()
    app[DOWNLOADS].close()
    await app[WATCHING].close()
    await app[TALKING].close()


async def _headers(request: web.Request, response: web.StreamResponse) -> None:
    headers = response.headers
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Permissions-Policy"] = PERMISSIONS
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if request.secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"  # RFC 6797
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    if request.path.startswith("/api/"):
        headers.setdefault("Cache-Control", "no-store")
    route = request.get(ROUTE)
    if route is not None and route.cross_origin:
        # On errors too: a script could not read why it was refused otherwise.
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = EXPOSED
