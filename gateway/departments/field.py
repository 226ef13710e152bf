"""The cameras in the field: their sources, their recorders, and where their positions come from and go to."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial

from gateway.access.authority import Privacy
from gateway.base.clock import Clock
from gateway.base.settings import Settings
from gateway.cot_feeds import CotFeeds
from gateway.departments.people import People
from gateway.departments.records import Records
from gateway.departments.state import State
from gateway.ingest.camera import CameraSource, IngestParts
from gateway.ingest.fleet import Fleet
from gateway.ingest.geo_location import GeoLocationPoller
from gateway.ingest.position_sources import PositionSources
from gateway.ingest.roster import Roster
from gateway.recorders import Recorders
from gateway.rtsp.batches import Batches
from onvif_protocol.camera import Wsdls


@dataclass(frozen=True, slots=True)
class Field:
    """The fleet, without cameras yet, and what hears of them."""

    ingest: IngestParts
    fleet: Fleet
    recorders: Recorders
    roster: Roster
    position_sources: PositionSources

    async def stop(self) -> None:
        """Sources first, then Hubs, then what is on its way to the disk. A start that fails needs it, too."""
        await self.position_sources.close()
        await self.fleet.stop_sources()
        self.fleet.close_hubs()
        await self.recorders.finish()


async def open_field(
    settings: Settings,
    state: State,
    people: People,
    records: Records,
    clock: Clock,
    stack: contextlib.AsyncExitStack,
) -> Field:
    """Make the fleet, and have its positions kept and told. The cameras come last: `Fleet.apply`.

    Raises:
        SettingsError: a certificate of a feed cannot be read.
    """
    live, authority = people.live, people.authority
    batches = Batches()
    stack.callback(batches.close)
    ingest = IngestParts(
        clock,
        Wsdls(state.xml_threads.run),
        state.xml_threads,
        batches,
        sos_events=lambda: live.running.alerts.sos_events,
    )
    fleet = Fleet(lambda camera: CameraSource(camera, ingest), clock)
    for told in (fleet.on_fix, fleet.on_late_fix):
        told.append(lambda camera, fix: records.positions.add(camera.id, fix))
    people.privacy.on_ending.append(partial(_forget_hidden, fleet))
    recorders = Recorders(
        fleet,
        records.archive.recorder,
        clock,
        private=authority.unrecorded,
        rest=records.catalog.rest,
        pre_roll_sound=lambda: authority.policy.pre_roll_sound,
    )
    authority.on_changed.append(recorders.look)
    roster = Roster(people.registry, fleet, authority, live.turn)
    live.on("cameras", "policy", prepare=roster.prepare)
    cot_feeds = CotFeeds(fleet, authority, clock)
    live.on("positions", prepare=cot_feeds.prepare)
    await cot_feeds.start(settings)
    stack.push_async_callback(cot_feeds.close)
    position_sources = PositionSources(
        fleet, clock, {"onvif": lambda camera: GeoLocationPoller(camera, clock, ingest.wsdls)}
    )
    return Field(ingest, fleet, recorders, roster, position_sources)


def _forget_hidden(fleet: Fleet, camera_id: str, private: Privacy) -> None:
    """Keep what a privacy mode that ends has hidden from who comes then: the ring holds the last half minute."""
    camera = fleet.cameras.get(camera_id)
    if camera is None:
        return
    if not private.recording:
        camera.hub.forget()
    elif private.hides_stream:
        camera.hub.start_anew()
