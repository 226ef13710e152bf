"""What `sightline camera assign` and `sightline camera wearers` do: who wore a camera, and what is recorded of it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator

from gateway.access.audit import Action
from gateway.base.errors import ConflictError, NotFoundError
from gateway.base.rfc3339 import format_utc
from gateway.commands.audit import interval
from gateway.commands.state import State, open_state, table, who
from gateway.ledger.journal import Journals
from gateway.recording.assignments import Assignments, recorded
from gateway.recording.catalog import Catalog

NOBODY = 'Nobody of that name wore a camera. Say who does: sightline camera assign ID "NAME"'


async def camera_assign(arguments: argparse.Namespace) -> int:
    """`sightline camera assign`: `--from` is now where it is not given."""
    from_ns, to_ns = interval(arguments)
    by, address = who()["actor"], who()["address"]
    async with _open(arguments) as (state, assignments):
        if arguments.id not in {camera.settings.id for camera in await state.registry.all()}:
            raise NotFoundError(f'there is no camera "{arguments.id}"')
        at_ns = state.clock.utc_ns() if from_ns is None else from_ns
        if arguments.wearer is None:
            worn = [one for one in await assignments.of(arguments.id, at_ns) if one.start_ns < at_ns]
            if not worn:
                raise ConflictError(f"nobody wears {arguments.id} then")
            ended = await assignments.change(arguments.id, worn[0].id, to_ns=at_ns, by=by, address=address)
            print(f"{ended.wearer} wore {arguments.id} until {format_utc(at_ns)}.")
        else:
            made = await assignments.assign(arguments.id, arguments.wearer, at_ns, to_ns, by=by, address=address)
            until = "" if to_ns is None else f" to {format_utc(to_ns)}"
            print(f"{made.wearer} wears {arguments.id} from {format_utc(at_ns)}{until}.")
    return 0


async def camera_wearers(arguments: argparse.Namespace) -> int:
    """`sightline camera wearers`: that somebody looked is a row of the audit."""
    async with _open(arguments) as (state, assignments):
        found = await assignments.search(arguments.name)
        cameras = sorted({one.camera for one in found})
        await state.audit.record(Action.WEARERS, **who(), asked=arguments.name, cameras=cameras)
        catalog = Catalog(state.database)
        rows = [(one, await recorded(catalog, one)) for one in found]
    if arguments.json:
        shown = [
            {
                "wearer": one.wearer,
                "camera": one.camera,
                "from": format_utc(one.start_ns),
                "to": None if one.end_ns is None else format_utc(one.end_ns),
                "recordings": [{"start": format_utc(span.start_ns), "end": format_utc(span.end_ns)} for span in spans],
            }
            for one, spans in rows
        ]
        print(json.dumps(shown, indent=2))
    elif rows:
        cells = [
            [
                one.wearer,
                one.camera,
                format_utc(one.start_ns),
                "" if one.end_ns is None else format_utc(one.end_ns),
                f"{sum(span.end_ns - span.start_ns for span in spans) / 60e9:.1f}",
            ]
            for one, spans in rows
        ]
        table(["WEARER", "CAMERA", "FROM", "TO", "RECORDED (MIN)"], cells)
    else:
        print(NOBODY, file=sys.stderr)
    return 0


@contextlib.asynccontextmanager
async def _open(arguments: argparse.Namespace) -> AsyncIterator[tuple[State, Assignments]]:
    settings = arguments.settings
    async with open_state(settings) as state:
        journals = await asyncio.to_thread(Journals.open, settings.data_dir, state.clock)
        try:
            yield state, Assignments(state.database, state.audit, journals, state.clock)
        finally:
            journals.close()
