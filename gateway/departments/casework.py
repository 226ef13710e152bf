"""What people make of what was recorded: alerts and incidents, bookmarks, and packages of evidence."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from gateway.base.clock import Clock
from gateway.base.duration import parse_duration
from gateway.base.settings import Settings
from gateway.departments.field import Field
from gateway.departments.people import People
from gateway.departments.records import Records
from gateway.departments.state import State
from gateway.evidence.jobs import Exports
from gateway.evidence.left_holds import release_left
from gateway.evidence.making import Making
from gateway.evidence.parts import ExportParts
from gateway.incidents.desk import Desk, DeskParts
from gateway.incidents.watch import RecordingState
from gateway.recording.bookmarks import Bookmarks
from gateway.recording.disk_space import limits

EXPORTS = "exports"


@dataclass(frozen=True, slots=True)
class Casework:
    """The desk of alerts and incidents, bookmarks, and exports."""

    bookmarks: Bookmarks
    desk: Desk
    exports: Exports


async def open_casework(
    settings: Settings,
    state: State,
    people: People,
    records: Records,
    field: Field,
    clock: Clock,
    stack: contextlib.AsyncExitStack,
) -> Casework:
    """Know which alerts, incidents and exports there are. Call it before the fleet has cameras."""
    live, keeping, recorders = people.live, records.keeping, field.recorders
    bookmarks = Bookmarks(state.catalog, people.audit, clock)
    desk = Desk(
        DeskParts(
            state.catalog,
            people.audit,
            people.tally,
            people.authority,
            clock,
            field.fleet,
            bookmarks,
            keeping.holds,
            records.positions,
            keeping.believed_ns,
            people.privacy,
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
    live.on("alerts", prepare=desk.prepare)
    parts = ExportParts(
        settings.data_dir,
        state.catalog,
        records.archive,
        records.positions,
        people.privacy,
        state.disk_threads,
        clock,
        label=field.fleet.label,
        incident=lambda asked: desk.incidents.document(asked.incident or 0, asked.cameras, asked.positions),
    )
    making = Making(parts, keeping.holds, keep_free=lambda total: limits(live.running.storage, total).keep)
    await release_left(keeping.holds, settings.data_dir)
    exports = Exports(
        state.catalog,
        people.audit,
        clock,
        settings.data_dir / EXPORTS,
        making,
        keep_seconds=lambda: parse_duration(live.running.storage.keep_exports),
        believed_ns=keeping.believed_ns,
    )
    stack.push_async_callback(exports.close)
    await exports.load()
    return Casework(bookmarks, desk, exports)
