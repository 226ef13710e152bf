"""What everything else stands on: the two databases, locked against a second gateway, and the threads and processes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from gateway.base.errors import StorageError
from gateway.base.lock import hold
from gateway.base.settings import Settings
from gateway.base.workers import Processes, Threads
from gateway.settings_preview import LOCK_FILE
from gateway.store.engine import Database, open_catalog, open_positions

DISK_THREADS = 4


@dataclass(frozen=True, slots=True)
class State:
    """Databases, and where work goes that the event loop must not wait for."""

    catalog: Database
    positions: Database
    xml_threads: Threads
    disk_threads: Threads
    """For what is written."""
    playback_threads: Threads
    """For what is read: however much that is, it delays nothing written."""
    processes: Processes
    moment_processes: Processes


async def open_state(settings: Settings, stack: contextlib.AsyncExitStack) -> State:
    """Open the state in the data directory, brought to the newest schema.

    Raises:
        StorageError: another gateway runs on it, or it cannot be read or written.
    """
    catalog = await asyncio.to_thread(open_catalog, settings.data_dir, settings.database)
    stack.callback(catalog.close)
    lock = hold(settings.data_dir / LOCK_FILE)
    if lock is None:
        raise StorageError(f"another gateway runs on {settings.data_dir}: stop it, or set another data_dir")
    stack.enter_context(lock)
    positions = await asyncio.to_thread(open_positions, settings.data_dir, settings.database)
    stack.callback(positions.close)
    state = State(
        catalog,
        positions,
        Threads("xml", 1, limit=8),
        Threads("disk", DISK_THREADS, together=8),
        Threads("playback", DISK_THREADS),
        Processes(),
        Processes(),
    )
    for threads in (state.xml_threads, state.disk_threads, state.playback_threads):
        stack.callback(threads.close)
    for pool in (state.processes, state.moment_processes):
        stack.callback(pool.close)
    return state
