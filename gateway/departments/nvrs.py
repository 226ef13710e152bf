"""What NVRs see of the gateway: the streams by RTSP, live and recorded, and the ONVIF devices that name them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from gateway.base.clock import Clock
from gateway.base.settings import Settings
from gateway.departments.casework import Casework
from gateway.departments.field import Field
from gateway.departments.people import People
from gateway.departments.records import Records
from gateway.departments.state import State
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


@dataclass(frozen=True, slots=True)
class Nvrs:
    """The RTSP server's two halves, live and recorded, and the ONVIF devices."""

    restream: Restream
    replays: Replays
    onvif: Devices


def open_nvrs(
    settings: Settings,
    state: State,
    people: People,
    records: Records,
    field: Field,
    casework: Casework,
    clock: Clock,
    stack: contextlib.AsyncExitStack,
) -> Nvrs:
    """Make what NVRs are served by; it listens when `gateway.listeners` has it listen."""
    fleet, recorders, desk = field.fleet, field.recorders, casework.desk
    accounts, authority, live = people.nvr_accounts, people.authority, people.live
    restream = Restream(fleet, authority, accounts, people.views, people.tally, clock)
    stack.push_async_callback(restream.close)
    replays = Replays(
        records.catalog,
        records.archive.finder,
        records.files,
        state.playback_threads,
        people.privacy,
        authority,
        accounts,
        people.views,
        people.tally,
        clock,
    )
    stack.push_async_callback(replays.close)
    restream.past = replays.find
    happenings = Happenings(
        fleet,
        recorders.recording,
        accounts.principal,
        authority,
        people.views,
        clock,
        lambda camera: OpenAlerts(desk.sos.is_open(camera), desk.alerts.is_urgent(camera)),
    )
    recorders.on_changed.append(happenings.look)
    desk.alerts.on_changed.append(lambda alert: happenings.look(alert.camera or ""))

    def ports() -> RtspPorts:
        return RtspPorts(restream.port, restream.tls_port)

    recordings = Recordings(
        fleet,
        recorders.recording,
        state.catalog,
        records.catalog,
        records.archive.finder,
        records.files,
        state.playback_threads,
        accounts.principal,
        authority,
        people.audit,
        ports,
        clock,
    )
    more = MoreServices(happenings, recordings, HttpConsumers(lambda: live.running.onvif.notify_networks), clock)
    stack.push_async_callback(more.close)
    onvif = Devices(
        Identities(state.catalog),
        Cameras(fleet, authority, accounts, ports, announced=settings.onvif.announce, clock=clock),
        NvrLogIn(accounts, clock),
        shape=settings.onvif.devices,
        base_port=settings.onvif.base_port,
        more=more,
        before=LastRecorded(records.catalog, records.archive.finder, records.files, state.playback_threads, clock).of,
    )
    return Nvrs(restream, replays, onvif)
