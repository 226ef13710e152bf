"""Settings that change while the gateway runs: read again as a whole, checked, and applied as one, or not at all.

Which keys can change so, and how, is said by whoever builds the parts (`gateway.departments`). What else changed in
the file waits for the next start, and is named. What a setting means is no concern of this module.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from gateway.access.audit import Action, Audit, Outcome
from gateway.base.clock import Clock
from gateway.base.differences import Difference, Mark, differences, flatten
from gateway.base.errors import SettingsError, SightlineError, StorageError
from gateway.base.metrics import SETTINGS_PENDING, SETTINGS_READ
from gateway.base.settings import Settings
from gateway.ingest.registry import change_rows
from gateway.media.model import UtcNs
from gateway.settings_preview import note

log = logging.getLogger(__name__)

Apply: TypeAlias = Callable[[], None]
"""Lets prepared settings take effect: at once, as a plain call that does not fail."""
Prepare: TypeAlias = Callable[[Settings], Awaitable[Apply]]
"""Does whatever can fail or takes time, and raises SightlineError when the settings cannot be had; changes nothing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading the settings once more."""

    utc_ns: UtcNs
    problem: str | None = None
    """Why they could not be used; then everything stayed as it was."""
    applied: tuple[Difference, ...] = ()
    pending: tuple[Difference, ...] = ()
    """What waits for the next start."""


class LiveSettings:
    """The settings that hold now. Name what can change with `on`, then `reload` whenever asked to."""

    def __init__(
        self, settings: Settings, read: Callable[[], Settings] | None, audit: Audit, clock: Clock, mark: Mark
    ) -> None:
        self.running = settings
        """What holds: the file as it was read last, but for what waits for a restart."""
        self.last = Reading(clock.utc_ns())
        """Of the last time they were read."""
        self.turn = asyncio.Lock()
        """Held while settings or cameras change, so that one change follows another."""
        self._read = read
        self._audit = audit
        self._clock = clock
        self._mark = mark
        self._keys: list[str] = []
        self._prepares: list[Prepare] = []

    def on(self, *keys: str, prepare: Prepare | None = None) -> None:
        """Let these keys (`section.key`, or a whole section) change at once: by `prepare`, at every reading.

        Without it: whoever uses them looks at `running` each time.
        """
        self._keys += keys
        if prepare is not None:
            self._prepares.append(prepare)

    async def note(self) -> None:
        """Note beside the data what holds, for `sightline settings check`."""
        flat = flatten(self.running, self._mark)
        try:
            await asyncio.to_thread(note, self.running.data_dir, flat, self._keys)
        except StorageError as error:
            log.error("%s", error)

    async def run(self, asked: asyncio.Event) -> None:
        """Read the settings again whenever `asked` is set (SIGHUP). Runs until cancelled."""
        while True:
            await asked.wait()
            asked.clear()
            with contextlib.suppress(SightlineError):  # told where it was found out
                await self.reload(actor="shell", address="local")

    async def reload(self, *, actor: str, address: str) -> Reading:
        """Read the settings and apply what can be applied: all of it, or when anything is wrong nothing.

        Raises:
            SettingsError: they cannot be read, or do not hold.
            StorageError: the change could not be written to the audit, so it was not made.
        """
        async with self.turn:
            try:
                reading, after, applies = await self._prepare()
                await self._audit.append_all(self._rows(reading, after, actor, address))
            except SightlineError as error:
                await self._refuse(error, actor, address)
                raise
            for apply in applies:
                apply()
            self.running, self.last = after, reading
            SETTINGS_READ.labels("applied").inc()
            SETTINGS_PENDING.set(len(reading.pending))
            _tell(reading)
            await self.note()
            return reading

    # ---- inside

    async def _prepare(self) -> tuple[Reading, Settings, list[Apply]]:
        if self._read is None:
            raise SettingsError("this gateway was started without settings that could be read again")
        settings = await asyncio.to_thread(self._read)
        applies = [await prepare(settings) for prepare in self._prepares]
        after = _taken(self.running, settings, self._keys)
        before, between, wanted = (flatten(state, self._mark) for state in (self.running, after, settings))
        reading = Reading(
            self._clock.utc_ns(),
            applied=tuple(differences(before, between)),
            pending=tuple(differences(between, wanted)),
        )
        return reading, after, applies

    def _rows(self, reading: Reading, after: Settings, actor: str, address: str) -> list[dict[str, Any]]:
        """For the audit: one for each camera of the file, for the policy, and for everything else, if it changes."""
        rows = change_rows(self._audit, self.running.cameras, after.cameras, actor=actor, address=address)
        others = [change for change in reading.applied if not change.key.startswith("cameras[")]
        policy = [change.json() for change in others if change.key.startswith("policy.")]
        settings = [change.json() for change in others if not change.key.startswith("policy.")]
        pending = [change.json() for change in reading.pending]
        if policy:
            rows.append(self._audit.row(Action.POLICY, actor=actor, address=address, applied=policy))
        if settings or pending:
            rows.append(
                self._audit.row(Action.SETTINGS, actor=actor, address=address, applied=settings, pending=pending)
            )
        return rows

    async def _refuse(self, error: SightlineError, actor: str, address: str) -> None:
        log.error("the settings stay as they are: %s", error)
        SETTINGS_READ.labels("refused").inc()
        self.last = replace(self.last, utc_ns=self._clock.utc_ns(), problem=str(error), applied=())
        try:
            await self._audit.record(
                Action.SETTINGS, actor=actor, address=address, outcome=Outcome.REFUSED, problem=str(error)
            )
        except StorageError as unwritten:
            log.error("that could not be written to the audit: %s", unwritten)


def _taken(running: Settings, wanted: Settings, keys: Iterable[str]) -> Settings:
    """`running`, with what `wanted` says for `keys`."""
    changes: dict[str, Any] = {}
    for key in keys:
        section, _, name = key.partition(".")
        value = getattr(wanted, section)
        if name:
            value = changes.get(section, getattr(running, section)).model_copy(update={name: getattr(value, name)})
        changes[section] = value
    return running.model_copy(update=changes)


def _tell(reading: Reading) -> None:
    if not reading.applied:
        log.info("read the settings again: nothing to change")
    for difference in reading.applied:
        log.info("changed by the settings: %s", difference)
    for difference in reading.pending:
        log.warning("changes at the next start only: %s", difference)
