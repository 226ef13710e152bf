"""What the routes may call: the gateway's services, built by gateway.departments and joined in gateway.app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Protocol

from aiohttp import web

from gateway.access.audit import Audit
from gateway.access.authority import Authority
from gateway.access.browsers import Browsers
from gateway.access.log_ins import LogIns
from gateway.access.nvr_accounts import NvrAccounts
from gateway.access.oidc import Providers
from gateway.access.position_keys import PositionKeys
from gateway.access.privacy import PrivacyModes
from gateway.access.tally import Tally
from gateway.access.users import Principal, Users
from gateway.access.views import Views
from gateway.access.walls import Walls
from gateway.base.clock import Clock
from gateway.base.settings import Settings
from gateway.evidence.jobs import Exports
from gateway.incidents.desk import Desk
from gateway.ingest.camera import IngestParts
from gateway.ingest.discovery import Finder
from gateway.ingest.fleet import Fleet
from gateway.ingest.registry import Registry
from gateway.ledger.anchors import Anchors
from gateway.live_settings import LiveSettings
from gateway.nvr.devices import Devices
from gateway.nvr.replay import Replays
from gateway.nvr.restream import Restream
from gateway.positions.store import PositionStore
from gateway.recording.archive import Archive
from gateway.recording.assignments import Assignments
from gateway.recording.bookmarks import Bookmarks
from gateway.recording.catalog import Catalog
from gateway.recording.clips import Clips
from gateway.recording.keeping import Keeping
from gateway.recording.moment import Moments
from gateway.recording.playback.media import PlaybackMedia
from gateway.recording.timeline import Timelines
from gateway.viewing.snapshot import Snapshots
from gateway.viewing.talk import Talks
from gateway.viewing.whep import Whep
from web.routes import Route


class OnEvent(Protocol):
    """What sets off the recording of cameras that record on an event."""

    def check_request(self, camera_id: str) -> None:
        """Raise NotFoundError or ConflictError when a request would be of no use."""

    def request(self, camera_id: str, on: bool, *, by: str) -> None:
        """Have it recorded from now on, or not any more; raises as `check_request`."""

    def cause(self, camera_id: str) -> str | None:
        """What keeps it on record, as a clause."""

    def why_not(self, camera_id: str) -> str | None:
        """Why it is not on record now, be that as it should or not, as a sentence."""


@dataclass(frozen=True, slots=True)
class Services:
    """The parts a route works with. Nothing here is specific to HTTP."""

    live: LiveSettings
    clock: Clock
    users: Users
    log_ins: LogIns
    browsers: Browsers
    providers: Providers
    audit: Audit
    authority: Authority
    privacy: PrivacyModes
    tally: Tally
    """Where refusals go that may come in floods."""
    views: Views
    registry: Registry
    fleet: Fleet
    whep: Whep
    talks: Talks
    nvr_accounts: NvrAccounts
    restream: Restream
    replays: Replays
    onvif: Devices
    catalog: Catalog
    archive: Archive
    playback: PlaybackMedia
    clips: Clips
    moments: Moments
    timelines: Timelines
    bookmarks: Bookmarks
    keeping: Keeping
    anchors: Anchors
    """Holds, and the room on the disk."""
    assignments: Assignments
    positions: PositionStore
    walls: Walls
    """What people have saved of how their screens are arranged."""
    position_keys: PositionKeys
    """What phones report positions with."""
    exports: Exports
    desk: Desk
    """Alerts, and what else a control room works with."""
    snapshots: Snapshots
    finder: Finder
    ingest: IngestParts
    """What cameras are connected to with."""
    on_event: OnEvent
    """Cameras that record on an event."""
    recording: Callable[[str], bool]
    """Whether this camera's media goes to disk right now."""
    recording_problem: Callable[[str], str | None]
    """Why it does not although it should, as a sentence."""
    reconcile: Callable[[], Awaitable[None]]
    """Make the running cameras those of the registry."""

    @property
    def settings(self) -> Settings:
        """What holds now."""
        return self.live.running


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
PRINCIPAL = web.RequestKey("principal", Principal)
ROUTE = web.RequestKey("route", Route)
"""Which of the described routes answers."""


def services(request: web.Request) -> Services:
    """The services behind a request."""
    return request.app[SERVICES]


def principal(request: web.Request) -> Principal:
    """Who is asking, on a route that needs a log-in."""
    return request[PRINCIPAL]


def address(request: web.Request) -> str:
    """Where a request came from, for the audit: behind proxies that the settings name, who asked the first of them."""
    proxies = [ip_network(proxy) for proxy in request.app[SERVICES].settings.http.proxies]
    told = request.headers.getall("X-Forwarded-For", []) if proxies else []
    hops = [hop.strip() for line in told for hop in line.split(",")]
    found = request.remote or "unknown"
    while hops and _is_one_of(found, proxies):
        found = hops.pop()[:64]
    return found


def _is_one_of(text: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    try:
        return any(ip_address(text) in network for network in networks)
    except ValueError:
        return False
