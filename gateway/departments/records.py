"""What is kept, and what proves it: recordings, positions, ledgers and their anchors."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from gateway.access.audit import CHAIN as AUDIT_CHAIN
from gateway.base.clock import Clock
from gateway.base.settings import Settings
from gateway.departments.people import People
from gateway.departments.state import State
from gateway.ledger.anchors import Anchors
from gateway.ledger.heads import head
from gateway.ledger.journal import Journals
from gateway.ledger.timestamp import ANSWER_TYPE, REQUEST_TYPE
from gateway.positions.store import PositionStore
from gateway.recording.archive import RECORDINGS, Archive
from gateway.recording.catalog import Catalog
from gateway.recording.files import Files, SystemFiles
from gateway.recording.keeping import Keeping


@dataclass(frozen=True, slots=True)
class Records:
    """The recordings and positions, how long they stay, and their ledgers."""

    journals: Journals
    files: Files
    positions: PositionStore
    catalog: Catalog
    keeping: Keeping
    archive: Archive
    anchors: Anchors


async def open_records(
    settings: Settings, state: State, people: People, clock: Clock, stack: contextlib.AsyncExitStack
) -> Records:
    """Open what was recorded, and adopt what a crash left."""
    live = people.live
    positions = PositionStore(state.positions, clock)
    catalog = Catalog(state.catalog)
    journals = await asyncio.to_thread(Journals.open, settings.data_dir, clock)
    stack.callback(journals.close)
    root = settings.data_dir / RECORDINGS
    files = SystemFiles(root)
    keeping = Keeping(
        settings.data_dir,
        state.catalog,
        positions,
        files,
        journals,
        people.audit,
        people.authority,
        clock,
        lambda: live.running.storage,
    )
    stack.callback(keeping.close)
    live.on("storage.keep_free", "storage.warn_free")
    archive = Archive(root, catalog, journals, state.disk_threads, clock, files=files, has_room=keeping.has_room)
    await keeping.start()
    await archive.adopt()
    anchors = Anchors(
        journals,
        lambda: state.catalog.read(lambda connection: head(connection, AUDIT_CHAIN)),
        state.disk_threads,
        lambda url, asked: people.fetcher.exchange(url, asked, REQUEST_TYPE, ANSWER_TYPE),
        clock,
        lambda: live.running.evidence,
    )
    stack.callback(anchors.close)
    live.on("evidence")
    return Records(journals, files, positions, catalog, keeping, archive, anchors)
