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

from gateway.access.audit import CHAIN as AUDIT_CHAIN
from gateway.access.audit import Action, Audit
from gateway.access.authority import Authority, Privacy
from gateway.access.browsers import Browsers
from gateway.access.fetch import Fetcher
from gateway.access.jwt import Machines
from gateway.access.log_ins import LogIns
from gateway.access.nvr_accounts import NvrAccounts
from gateway.access.oidc import Providers
from gateway.access.position_keys import REVISION as POSITION_KEYS
from gateway.access.position_keys import PositionKeys
from gateway.access.privacy import PrivacyModes
from gateway.access.secrets import Vault
from gateway.access.tally import Tally
from gateway.access.users import REVISION as USERS
from gateway.access.users import Users
from gateway.access.views import Views
from gateway.base.clock import Clock
from gateway.base.duration import parse_duration
from gateway.base.errors import StorageError
from gateway.base.lock import hold
from gateway.base.metrics import LOOP_LAG
from gateway.base.settings import Settings
from gateway.base.supervise import TaskOwner, forever
from gateway.base.workers import Processes, Threads
from gateway.cot_feeds import CotFeeds
from gateway.evidence.jobs import Exports
from gateway.evidence.left_holds import release_left
from gateway.evidence.making import Making
from gateway.evidence.parts import ExportParts
from gateway.incidents.desk import Desk, DeskParts
from gateway.incidents.geofences import REVISION as GEOFENCES
from gateway.incidents.incident_steps import REVISION as INCIDENTS
from gateway.incidents.shares import REVISION as SHARES
from gateway.incidents.shares import Shares
from gateway.incidents.watch import RecordingState
from gateway.ingest.camera import CameraSource, IngestParts
from gateway.ingest.discovery import Finder, hellos
from gateway.ingest.fleet import Fleet
from gateway.ingest.geo_location import GeoLocationPoller
from gateway.ingest.position_sources import PositionSources
from gateway.ingest.registry import REVISION as CAMERAS
from gateway.ingest.registry import Registry, groups_of_cameras
from gateway.ingest.roster import Roster
from gateway.ledger.anchors import Anchors
from gateway.ledger.heads import head
from gateway.ledger.journal import Journals
from gateway.ledger.timestamp import ANSWER_TYPE, REQUEST_TYPE
from gateway.listeners import listen_http, listen_rtsp, open_certificate, open_whep, serve_onvif
from gateway.live_settings import LiveSettings
from gateway.nvr.consumers import HttpConsumers
from gateway.nvr.devices import Devices
from gateway.nvr.happenings import Happenings, OpenAlerts
from gateway.nvr.identities import Identities
from gateway.nvr.last_recorded import LastRecorded
from gateway.nvr.log_in import NvrLogIn
from gateway.nvr.more_services import MoreServices
from gateway.nvr.profiles import Cameras, RtspPorts
from gateway.nvr.recordings import Recordings
from gateway.nvr.replay import Replays
from gateway.nvr.restream import Restream
from gateway.positions.store import PositionStore
from gateway.recorders import Recorders
from gateway.recording.archive import RECORDINGS, Archive
from gateway.recording.assignments import Assignments
from gateway.recording.bookmarks import Bookmarks
from gateway.recording.catalog import Catalog
from gateway.recording.disk_space import limits
from gateway.recording.files import SystemFiles
from gateway.recording.holds import REVISION as HOLDS
from gateway.recording.keeping import Keeping
from gateway.recording.moment import Moments
from gateway.recording.timeline import Timelines
from gateway.rtsp.batches import Batches
from gateway.rtsp.server import STOPS
from gateway.settings_preview import LOCK_FILE
from gateway.store.engine import Database, open_catalog, open_positions
from gateway.store.watch import Watcher
from gateway.viewing.snapshot import Snapshots
from onvif_protocol.camera import Wsdls
from web.app import application
from web.download_views import DOWNLOADS
from web.events import EVENTS
from web.live_positions import LIVE_POSITIONS
from web.refusals import ServerLog
from web.services import Services
from web.tickets import TICKETS
from web.watching import WATCHING, Watching

log = logging.getLogger(__name__)

EXPORTS = "exports"
DISK_THREADS = 4
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
        catalog_database, positions_database = await _open_state(settings, stack)
        xml_threads, disk_threads = Threads("xml", 1, limit=8), Threads("disk", DISK_THREADS, together=8)
        playback_threads = Threads("playback", DISK_THREADS)
        for threads in (xml_threads, disk_threads, playback_threads):
            stack.callback(threads.close)
        processes, moment_processes = Processes(), Processes()
        for pool in (processes, moment_processes):
            stack.callback(pool.close)

        audit = Audit(catalog_database, clock)
        tally = Tally(audit, clock)
        stack.push_async_callback(tally.flush)
        views = Views(catalog_database, audit, clock)
        if left := await views.close_left():
            log.warning("the gateway was killed while %d views were open: the audit says so", left)
        stack.push_async_callback(views.flush)
        vault = Vault.open(settings.data_dir)
        users = Users(catalog_database, vault, audit, clock)
        stack.callback(users.close)
        browsers = Browsers(vault, clock)
        fetcher = Fetcher()
        stack.push_async_callback(fetcher.close)
        machines = Machines(settings.jwt, fetcher, clock)
        providers = Providers(settings.oidc, fetcher, vault, clock)
        log_ins = LogIns(catalog_database, users, browsers, audit, tally, clock, machines)
        nvr_accounts = NvrAccounts(catalog_database, vault, audit, tally, clock)
        stack.push_async_callback(nvr_accounts.close)
        live = LiveSettings(settings, read_settings, audit, clock, vault.mark)
        watcher = Watcher(catalog_database, clock)
        await watcher.look()
        await nvr_accounts.load()
        registry = Registry(catalog_database, vault, audit, clock, settings.cameras)
        positions = PositionStore(positions_database, clock)
        position_keys = PositionKeys(catalog_database, audit, clock)
        await position_keys.load()
        catalog = Catalog(catalog_database)
        configured = await registry.all()
        authority = Authority(settings.policy, groups_of_cameras(configured))
        privacy = PrivacyModes(catalog_database, audit, clock, authority)
        privacy.on_ending.append(lambda camera, was: _forget_hidden(fleet, camera, was))
        await privacy.load()

        journals = await asyncio.to_thread(Journals.open, settings.data_dir, clock)
        stack.callback(journals.close)
        root = settings.data_dir / RECORDINGS
        files = SystemFiles(root)
        keeping = Keeping(
            settings.data_dir,
            catalog_database,
            positions,
            files,
            journals,
            audit,
            authority,
            clock,
            lambda: live.running.storage,
        )
        stack.callback(keeping.close)
        archive = Archive(root, catalog, journals, disk_threads, clock, files=files, has_room=keeping.has_room)
        await keeping.start()
        await archive.adopt()
        batches = Batches()
        stack.callback(batches.close)
        ingest = IngestParts(
            clock, Wsdls(xml_threads.run), xml_threads, batches, sos_events=lambda: live.running.alerts.sos_events
        )
        fleet = Fleet(lambda camera: CameraSource(camera, ingest), clock)
        for told in (fleet.on_fix, fleet.on_late_fix):
            told.append(lambda camera, fix: positions.add(camera.id, fix))
        recorders = Recorders(
            fleet,
            archive.recorder,
            clock,
            private=authority.unrecorded,
            rest=catalog.rest,
            pre_roll_sound=lambda: authority.policy.pre_roll_sound,
        )
        authority.on_changed.append(recorders.look)
        whep = await open_whep(settings, clock, fleet, ingest, live)
        stack.push_async_callback(whep.close)
        fleet.on_fix.append(lambda camera, fix: whep.positions.tell(camera.id, fix))
        restream = Restream(fleet, authority, nvr_accounts, views, tally, clock)
        stack.push_async_callback(restream.close)
        replays = Replays(
            catalog,
            archive.finder,
            files,
            playback_threads,
            privacy,
            authority,
            nvr_accounts,
            views,
            tally,
            clock,
        )
        stack.push_async_callback(replays.close)
        restream.past = replays.find
        happenings = Happenings(
            fleet,
            recorders.recording,
            nvr_accounts.principal,
            authority,
            views,
            clock,
            lambda camera: OpenAlerts(desk.sos.is_open(camera), desk.alerts.is_urgent(camera)),
        )
        recorders.on_changed.append(happenings.look)
        recordings = Recordings(
            fleet,
            recorders.recording,
            catalog_database,
            catalog,
            archive.finder,
            files,
            playback_threads,
            nvr_accounts.principal,
            authority,
            audit,
            lambda: RtspPorts(restream.port, restream.tls_port),
            clock,
        )
        more = MoreServices(happenings, recordings, HttpConsumers(lambda: live.running.onvif.notify_networks), clock)
        stack.push_async_callback(more.close)

        roster = Roster(registry, fleet, authority, live.turn)
        live.on("cameras", "policy", prepare=roster.prepare)
        live.on("storage.keep_free", "storage.warn_free")
        anchors = Anchors(
            journals,
            lambda: catalog_database.read(lambda connection: head(connection, AUDIT_CHAIN)),
            disk_threads,
            lambda url, asked: fetcher.exchange(url, asked, REQUEST_TYPE, ANSWER_TYPE),
            clock,
            lambda: live.running.evidence,
        )
        stack.callback(anchors.close)
        live.on("evidence")
        cot_feeds = CotFeeds(fleet, authority, clock)
        live.on("positions", prepare=cot_feeds.prepare)
        await cot_feeds.start(settings)
        stack.push_async_callback(cot_feeds.close)
        live.on("jwt", prepare=machines.prepare)
        live.on("oidc", prepare=providers.prepare)
        # Whoever needs these looks each time.
        live.on(
            "http.public_url", "http.proxies", "webrtc.ice_servers", "storage.keep_exports", "onvif.notify_networks"
        )
        parts = ExportParts(
            settings.data_dir,
            catalog_database,
            archive,
            positions,
            privacy,
            disk_threads,
            clock,
            label=lambda camera: _label(fleet, camera),
            incident=lambda asked: desk.incidents.document(asked.incident or 0, asked.cameras, asked.positions),
        )
        making = Making(parts, keeping.holds, keep_free=lambda total: limits(live.running.storage, total).keep)
        await release_left(keeping.holds, settings.data_dir)
        moments = archive.moments(playback_threads, moment_processes)
        exports = Exports(
            catalog_database,
            audit,
            clock,
            settings.data_dir / EXPORTS,
            making,
            keep_seconds=lambda: parse_duration(live.running.storage.keep_exports),
            believed_ns=keeping.believed_ns,
        )
        stack.push_async_callback(exports.close)
        await exports.load()
        bookmarks = Bookmarks(catalog_database, audit, clock)
        desk = Desk(
            DeskParts(
                catalog_database,
                audit,
                tally,
                authority,
                clock,
                fleet,
                bookmarks,
                keeping.holds,
                positions,
                keeping.believed_ns,
                privacy,
                settings=lambda: live.running.alerts,
                page=lambda: live.running.http.public_url,
                recording=RecordingState(
                    recorders.due, recorders.recording, recorders.problem, lambda: not keeping.has_room()
                ),
                record=lambda camera, by: recorders.request(camera, True, by=by),
            )
        )
        stack.push_async_callback(desk.close)
        await desk.load()
        desk.alerts.on_changed.append(lambda alert: happenings.look(alert.camera or ""))
        live.on("alerts", prepare=desk.prepare)
        onvif = Devices(
            Identities(catalog_database),
            Cameras(
                fleet,
                authority,
                nvr_accounts,
                lambda: RtspPorts(restream.port, restream.tls_port),
                announced=settings.onvif.announce,
                clock=clock,
            ),
            NvrLogIn(nvr_accounts, clock),
            shape=settings.onvif.devices,
            base_port=settings.onvif.base_port,
            more=more,
            before=LastRecorded(catalog, archive.finder, files, playback_threads, clock).of,
        )
        services = Services(
            live=live,
            clock=clock,
            users=users,
            log_ins=log_ins,
            browsers=browsers,
            providers=providers,
            audit=audit,
            authority=authority,
            privacy=privacy,
            tally=tally,
            views=views,
            registry=registry,
            fleet=fleet,
            whep=whep,
            nvr_accounts=nvr_accounts,
            restream=restream,
            replays=replays,
            onvif=onvif,
            catalog=catalog,
            archive=archive,
            playback=archive.playback(playback_threads, processes),
            clips=archive.clips(playback_threads),
            moments=moments,
            timelines=Timelines(catalog_database, catalog),
            bookmarks=bookmarks,
            keeping=keeping,
            anchors=anchors,
            assignments=Assignments(catalog_database, audit, journals, clock),
            positions=positions,
            position_keys=position_keys,
            exports=exports,
            desk=desk,
            snapshots=Snapshots(processes),
            finder=Finder(settings.discovery.interfaces, clock, ours=lambda: onvif.endpoints),
            ingest=ingest,
            on_event=recorders,
            recording=recorders.recording,
            recording_problem=recorders.problem,
            reconcile=roster.reconcile,
        )
        app = application(services)
        events = app[EVENTS]
        recorders.on_changed.append(events.camera_touched)

        position_sources = PositionSources(
            fleet, clock, {"onvif": lambda camera: GeoLocationPoller(camera, clock, ingest.wsdls)}
        )

        async def stop_cameras() -> None:
            """Sources first, then Hubs, then what is on its way to the disk. A start that fails needs it, too."""
            await position_sources.close()
            await fleet.stop_sources()
            fleet.close_hubs()
            await recorders.finish()

        stack.push_async_callback(stop_cameras)
        fleet.apply(configured)
        certificate = open_certificate(settings, live)
        tasks = TaskOwner("gateway")

        def malformed(address: str, why: str) -> None:
            refused = tally.refused(Action.REFUSAL, "malformed", actor="", address=address, why=why)
            tasks.start(refused, name="refusal")

        server_log = ServerLog(malformed)
        url = await listen_http(app, settings, certificate, server_log, stack)
        rtsp_port, rtsps_port = await listen_rtsp(restream, settings, certificate)

        sites = await serve_onvif(services, settings, certificate, server_log, url, stack)
        await stack.enter_async_context(
            hellos(settings.discovery.interfaces, fleet.device_appeared, ours=lambda: onvif.endpoints)
        )
        watcher.on(CAMERAS, roster.reconcile)
        watcher.on(HOLDS, keeping.holds.load)
        watcher.on(GEOFENCES, desk.geofences.load)
        watcher.on(POSITION_KEYS, position_keys.load)
        machines.on_changed.append(partial(watcher.wake, USERS))
        look = partial(_look_at_log_ins, log_ins, desk.shares, app[WATCHING])
        for subject in (USERS, INCIDENTS, SHARES):
            watcher.on(subject, look)
        watcher.on(USERS, nvr_accounts.load)
        for name, work in (
            ("fleet", fleet.run),
            ("recorders", recorders.watch),
            ("viewing", whep.run),
            ("restream", restream.run),
            ("onvif", partial(onvif.run, sites)),
            ("positions", positions.run),
            ("position sources", position_sources.run),
            ("tally", tally.run),
            ("views", views.run),
            ("playback", app[TICKETS].run),
            ("downloads", app[DOWNLOADS].run),
            ("exports", exports.run),
            ("old exports", exports.expire),
            ("disk space", keeping.space.run),
            ("retention", keeping.keeper.run),
            ("anchors", anchors.run),
            ("revisions", watcher.run),
            ("loop lag", lambda: _measure_lag(clock)),
            ("log-ins", partial(_end_expired, look, app[WATCHING], clock)),
        ):
            tasks.start(forever(name, work, clock), name=name)
        for name, work in desk.work:
            tasks.start(forever(name, work, clock), name=name)
        if certificate is not None:
            tasks.start(forever("certificate", partial(certificate.watch, clock), clock), name="certificate")
        if reload is not None:
            tasks.start(forever("settings", partial(live.run, reload), clock), name="settings")
        tasks.start(_prepare_pictures(moments, clock), name="pictures")
        await live.note()
        # What was built lives as long as the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        if not await users.list():
            log.warning('nobody can log in yet: run "sightline user add NAME --role administrator"')
        try:
            on_ready(Gateway(url, fleet, rtsp_port, rtsps_port))
            await stop.wait()
        finally:
            log.info("stopping")
            events.close()
            app[LIVE_POSITIONS].close()
            onvif.close()
            restream.end_all(STOPS)
            await stop_cameras()
            await tasks.close()
            await positions.flush()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_ANCHOR_SECONDS):
                    await anchors.anchor(stamped=False)


# ---- parts that need more than a line


async def _open_state(settings: Settings, stack: contextlib.AsyncExitStack) -> tuple[Database, Database]:
    """The two databases, and a lock that keeps a second gateway away from them."""
    catalog = await asyncio.to_thread(open_catalog, settings.data_dir, settings.database)
    stack.callback(catalog.close)
    lock = hold(settings.data_dir / LOCK_FILE)
    if lock is None:
        raise StorageError(f"another gateway runs on {settings.data_dir}: stop it, or set another data_dir")
    stack.enter_context(lock)
    positions = await asyncio.to_thread(open_positions, settings.data_dir, settings.database)
    stack.callback(positions.close)
    return catalog, positions


def _label(fleet: Fleet, camera_id: str) -> str:
    """The name that people see; of a camera that was removed its id."""
    camera = fleet.cameras.get(camera_id)
    return camera_id if camera is None else camera.settings.label


def _forget_hidden(fleet: Fleet, camera_id: str, private: Privacy) -> None:
    """Keep what a privacy mode that ends has hidden from who comes then: the ring holds the last half minute."""
    camera = fleet.cameras.get(camera_id)
    if camera is None:
        return
    if not private.recording:
        camera.hub.forget()
    elif private.hides_stream:
        camera.hub.start_anew()


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
