"""The composition root: builds every part of the gateway, owns its tasks, and ends them in the right order.

Stopping: Sources end, Hubs close (every Subscription ends), recorders finish their Segments, then the servers go.
A plain cancellation of everything at once would lose the recordings' tails.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from gateway.access.audit import Action
from gateway.access.log_ins import LogIns
from gateway.access.position_keys import REVISION as POSITION_KEYS
from gateway.access.users import REVISION as USERS
from gateway.access.walls import Walls
from gateway.base.clock import Clock
from gateway.base.metrics import LOOP_LAG
from gateway.base.settings import Settings
from gateway.base.supervise import TaskOwner, forever
from gateway.departments.casework import Casework, open_casework
from gateway.departments.field import Field, open_field
from gateway.departments.nvrs import Nvrs, open_nvrs
from gateway.departments.people import People, open_people
from gateway.departments.records import Records, open_records
from gateway.departments.state import State, open_state
from gateway.incidents.geofences import REVISION as GEOFENCES
from gateway.incidents.incident_steps import REVISION as INCIDENTS
from gateway.incidents.shares import REVISION as SHARES
from gateway.incidents.shares import Shares
from gateway.ingest.discovery import Finder, hellos
from gateway.ingest.fleet import Fleet
from gateway.ingest.registry import REVISION as CAMERAS
from gateway.ingest.talkback import Backchannels
from gateway.listeners import listen_http, listen_rtsp, open_certificate, open_whep, serve_onvif
from gateway.recording.assignments import Assignments
from gateway.recording.holds import REVISION as HOLDS
from gateway.recording.moment import Moments
from gateway.recording.timeline import Timelines
from gateway.rtsp.server import STOPS
from gateway.viewing.snapshot import Snapshots
from gateway.viewing.talk import Talks
from gateway.viewing.whep import Whep
from web.app import application
from web.download_views import DOWNLOADS
from web.events import EVENTS
from web.live_positions import LIVE_POSITIONS
from web.refusals import ServerLog
from web.services import Services
from web.tickets import TICKETS
from web.watching import WATCHING, Watching

log = logging.getLogger(__name__)

LAG_SECONDS = 0.1
EXPIRY_SECONDS = 0.5
PREPARE_SECONDS = 3.0
LAST_ANCHOR_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a running gateway shows to whoever started it."""

    url: str
    """Where the page is, as seen from this machine."""
    fleet: Fleet
    rtsp_port: int
    rtsps_port: int | None
    """None: there is no certificate."""


async def run(
    settings: Settings,
    clock: Clock,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[Gateway], None],
    reload: asyncio.Event | None = None,
    read_settings: Callable[[], Settings] | None = None,
) -> None:
    """Run a gateway until `stop` is set. Every task and part of it is made here, and ended here.

    Whenever `reload` is set, the settings are read again by `read_settings`.

    Raises:
        SightlineError: it cannot start with these settings, on this disk, or beside another gateway.
    """
    async with contextlib.AsyncExitStack() as stack:
        state = await open_state(settings, stack)
        people = await open_people(settings, read_settings, state, clock, stack)
        records = await open_records(settings, state, people, clock, stack)
        field = await open_field(settings, state, people, records, clock, stack)
        whep = await open_whep(settings, clock, field.fleet, field.ingest, people.live)
        stack.push_async_callback(whep.close)
        talks = Talks(whep.port, clock)
        stack.push_async_callback(talks.close)
        stack.push_async_callback(Backchannels(field.fleet, clock).close)
        field.fleet.on_fix.append(lambda camera, fix: whep.positions.tell(camera.id, fix))
        casework = await open_casework(settings, state, people, records, field, clock, stack)
        nvrs = open_nvrs(settings, state, people, records, field, casework, clock, stack)
        services = _services(settings, state, people, records, field, whep, talks, casework, nvrs, clock)
        app = application(services)
        events = app[EVENTS]
        field.recorders.on_changed.append(events.camera_touched)
        # Whoever needs these looks each time.
        people.live.on(
            "http.public_url", "http.proxies", "webrtc.ice_servers", "storage.keep_exports", "onvif.notify_networks"
        )

        stack.push_async_callback(field.stop)
        field.fleet.apply(people.configured)
        certificate = open_certificate(settings, people.live)
        tasks = TaskOwner("gateway")

        def malformed(address: str, why: str) -> None:
            refused = people.tally.refused(Action.REFUSAL, "malformed", actor="", address=address, why=why)
            tasks.start(refused, name="refusal")

        server_log = ServerLog(malformed)
        url = await listen_http(app, settings, certificate, server_log, stack)
        rtsp_port, rtsps_port = await listen_rtsp(nvrs.restream, settings, certificate)
        sites = await serve_onvif(services, settings, certificate, server_log, url, stack)
        await stack.enter_async_context(
            hellos(settings.discovery.interfaces, field.fleet.device_appeared, ours=lambda: nvrs.onvif.endpoints)
        )
        look = partial(_look_at_log_ins, people.log_ins, casework.desk.shares, app[WATCHING])
        _watch_others(people, records, field, casework, look)
        works: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("fleet", field.fleet.run),
            ("recorders", field.recorders.watch),
            ("viewing", whep.run),
            ("talking", talks.run),
            ("restream", nvrs.restream.run),
            ("onvif", partial(nvrs.onvif.run, sites)),
            ("positions", records.positions.run),
            ("position sources", field.position_sources.run),
            ("tally", people.tally.run),
            ("views", people.views.run),
            ("playback", app[TICKETS].run),
            ("downloads", app[DOWNLOADS].run),
            ("exports", casework.exports.run),
            ("old exports", casework.exports.expire),
            ("disk space", records.keeping.space.run),
            ("retention", records.keeping.keeper.run),
            ("anchors", records.anchors.run),
            ("revisions", people.watcher.run),
            ("loop lag", partial(_measure_lag, clock)),
            ("log-ins", partial(_end_expired, look, app[WATCHING], clock)),
            *casework.desk.work,
        )
        for name, work in works:
            tasks.start(forever(name, work, clock), name=name)
        if certificate is not None:
            tasks.start(forever("certificate", partial(certificate.watch, clock), clock), name="certificate")
        if reload is not None:
            tasks.start(forever("settings", partial(people.live.run, reload), clock), name="settings")
        tasks.start(_prepare_pictures(services.moments, clock), name="pictures")
        await people.live.note()
        # What was built lives as long as the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        if not await people.users.list():
            log.warning('nobody can log in yet: run "sightline user add NAME --role administrator"')
        try:
            on_ready(Gateway(url, field.fleet, rtsp_port, rtsps_port))
            await stop.wait()
        finally:
            log.info("stopping")
            events.close()
            app[LIVE_POSITIONS].close()
            nvrs.onvif.close()
            nvrs.restream.end_all(STOPS)
            await field.stop()
            await tasks.close()
            await records.positions.flush()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_ANCHOR_SECONDS):
                    await records.anchors.anchor(stamped=False)


def _services(
    settings: Settings,
    state: State,
    people: People,
    records: Records,
    field: Field,
    whep: Whep,
    talks: Talks,
    casework: Casework,
    nvrs: Nvrs,
    clock: Clock,
) -> Services:
    """All that routes may call, and what only they need."""
    archive, recorders = records.archive, field.recorders
    return Services(
        live=people.live,
        clock=clock,
        users=people.users,
        log_ins=people.log_ins,
        browsers=people.browsers,
        providers=people.providers,
        audit=people.audit,
        authority=people.authority,
        privacy=people.privacy,
        tally=people.tally,
        views=people.views,
        registry=people.registry,
        fleet=field.fleet,
        whep=whep,
        talks=talks,
        nvr_accounts=people.nvr_accounts,
        restream=nvrs.restream,
        replays=nvrs.replays,
        onvif=nvrs.onvif,
        catalog=records.catalog,
        archive=archive,
        playback=archive.playback(state.playback_threads, state.processes),
        clips=archive.clips(state.playback_threads),
        moments=archive.moments(state.playback_threads, state.moment_processes),
        timelines=Timelines(state.catalog, records.catalog),
        bookmarks=casework.bookmarks,
        keeping=records.keeping,
        anchors=records.anchors,
        assignments=Assignments(state.catalog, people.audit, records.journals, clock),
        positions=records.positions,
        position_keys=people.position_keys,
        walls=Walls(state.catalog, clock),
        exports=casework.exports,
        desk=casework.desk,
        snapshots=Snapshots(state.processes),
        finder=Finder(settings.discovery.interfaces, clock, ours=lambda: nvrs.onvif.endpoints),
        ingest=field.ingest,
        on_event=recorders,
        recording=recorders.recording,
        recording_problem=recorders.problem,
        reconcile=field.roster.reconcile,
    )


def _watch_others(
    people: People, records: Records, field: Field, casework: Casework, look: Callable[[], Awaitable[None]]
) -> None:
    """Hear of what the command line, or another process, has changed in the database."""
    watcher = people.watcher
    watcher.on(CAMERAS, field.roster.reconcile)
    watcher.on(HOLDS, records.keeping.holds.load)
    watcher.on(GEOFENCES, casework.desk.geofences.load)
    watcher.on(POSITION_KEYS, people.position_keys.load)
    people.machines.on_changed.append(partial(watcher.wake, USERS))
    for subject in (USERS, INCIDENTS, SHARES):
        watcher.on(subject, look)
    watcher.on(USERS, people.nvr_accounts.load)


# ---- what runs all the time


async def _look_at_log_ins(log_ins: LogIns, shares: Shares, watching: Watching) -> None:
    """End what was opened by log-ins and shares that no longer hold."""
    keys = watching.log_ins
    watching.log_ins_changed({**await log_ins.holding(keys), **await shares.holding(keys)})


async def _end_expired(look: Callable[[], Awaitable[None]], watching: Watching, clock: Clock) -> None:
    """End what was opened by log-ins and shares that have come to their end."""
    while True:
        await clock.sleep(EXPIRY_SECONDS)
        if watching.some_expired(clock.utc_ns()):
            await look()


async def _prepare_pictures(moments: Moments, clock: Clock) -> None:
    """Have the first picture of the past, and the first way of a day, come as soon as any other, after the start."""
    await clock.sleep(PREPARE_SECONDS)
    moments.prepare()
    await asyncio.to_thread(import_module, "gateway.positions.trajectory")  # numpy takes its time


async def _measure_lag(clock: Clock) -> None:
    """Measure how late the loop runs what is due."""
    while True:
        before = clock.monotonic()
        await clock.sleep(LAG_SECONDS)
        LOOP_LAG.observe(max(0.0, clock.monotonic() - before - LAG_SECONDS))


# ---- for single commands


def configure_logging(*, quiet: bool = False) -> None:
    """Log to standard error: what happens to cameras and viewers, and what went wrong."""
    logging.basicConfig(
        level=logging.ERROR if quiet else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        force=True,  # onvif-zeep-async configures logging when it is imported
    )
    # Libraries that tell of each request or state change.
    for name in ("httpx", "zeep", "aioice", "aiortc", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
