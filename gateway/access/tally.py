"""Refusals that come in floods: at most one audit row a minute for each kind and source, with a count.

The first of a kind from a source is written at once, so that it is there when the answer goes out. What follows within
the minute is only counted, and one row at the minute's end says how many there were and whom they named; nothing of
it touches the disk before. Single events that matter each (a view, a change) do not belong here but in `Audit.record`.
"""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass, field
from typing import Any

from gateway.access.audit import Action, Audit, Outcome
from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.supervise import to_end

log = logging.getLogger(__name__)

WINDOW_SECONDS = 60.0
LOOK_SECONDS = 1.0
MAX_WINDOWS = 2000
"""Kinds and sources told apart at a time; what comes beyond them is counted together, by kind."""
MAX_NAMES = 20
"""Actors told by name in the row of a minute."""
MANY = "many"
"""The source of what came from more sources than are told apart."""


@dataclass(frozen=True, slots=True)
class _Key:
    action: Action
    kind: str
    source: str
    principal: str | None
    camera: str | None


@dataclass(slots=True)
class _Window:
    """What one key did since its last row."""

    opened: float
    """Monotonic seconds."""
    first_ns: int = 0
    """UTC of the first that is counted and not written yet."""
    count: int = 0
    actors: dict[str, None] = field(default_factory=dict)

    def note(self, actor: str, utc_ns: int) -> None:
        """Count one."""
        self.first_ns = self.first_ns or utc_ns
        self.count += 1
        if len(self.actors) < MAX_NAMES:
            self.actors[actor[:64]] = None


class Tally:
    """Writes refusals to the audit. Run `run`, and end with `flush`."""

    def __init__(self, audit: Audit, clock: Clock, *, limit: int = MAX_WINDOWS) -> None:
        self._audit = audit
        self._clock = clock
        self._limit = limit
        self._windows: dict[_Key, _Window] = {}

    async def refused(
        self,
        action: Action,
        kind: str,
        *,
        actor: str,
        address: str,
        principal: str | None = None,
        camera: str | None = None,
        **detail: Any,
    ) -> None:
        """Note that `action` was refused to `address` because of `kind` ("password", "right", "csrf", …).

        `actor` is who it claims to be. `principal` is who it has proved to be, and is told apart from others of the
        same source; `camera` likewise, so give only one that exists. `detail` is that of the first, as in
        `Audit.record`.

        Raises:
            StorageError: the first could not be written. It is refused all the same.
        """
        key = self._key(_Key(action, kind, source(address), principal, camera))
        window = self._windows.get(key)
        if window is not None:
            window.note(actor, self._clock.utc_ns())
            return
        window = self._windows[key] = _Window(self._clock.monotonic())
        try:
            await self._audit.record(
                action, actor=actor, address=address, outcome=Outcome.REFUSED, camera=camera, kind=kind, **detail
            )
        except StorageError:
            window.note(actor, self._clock.utc_ns())  # the minute's row will tell
            raise

    async def run(self) -> None:
        """Write the counts of the minutes that have passed. Never returns."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            now = self._clock.monotonic()
            over = [k for k, window in self._windows.items() if now - window.opened >= WINDOW_SECONDS]
            await to_end(self._write(over))

    async def flush(self) -> None:
        """Write every count there is: the gateway stops."""
        await self._write(list(self._windows))

    def _key(self, key: _Key) -> _Key:
        if key in self._windows or len(self._windows) < self._limit:
            return key
        return _Key(key.action, key.kind, MANY, None, None)

    async def _write(self, keys: list[_Key]) -> None:
        """Forget the windows in which nothing more came; write a row for each other, and open its next."""
        rows = []
        now = self._clock.monotonic()
        for key in keys:
            window = self._windows.pop(key)
            if not window.count:
                continue
            self._windows[key] = _Window(now)
            rows.append((key, window, self._row(key, window)))
        if not rows:
            return
        try:
            await self._audit.append_all([row for _, _, row in rows])
        except StorageError as error:
            log.error("%d counts of refusals wait for the next minute: %s", len(rows), error)
            for key, window, _ in rows:
                since = self._windows[key]
                since.first_ns = window.first_ns
                since.count += window.count
                since.actors = window.actors | since.actors

    def _row(self, key: _Key, window: _Window) -> dict[str, Any]:
        actor = key.principal or (next(iter(window.actors)) if len(window.actors) == 1 else "several")
        names: dict[str, Any] = {"actors": list(window.actors)} if key.principal is None else {}
        return self._audit.row(
            key.action,
            actor=actor,
            address=key.source,
            outcome=Outcome.REFUSED,
            camera=key.camera,
            kind=key.kind,
            count=window.count,
            seconds=round((self._clock.utc_ns() - window.first_ns) / 1e9),
            **names,
        )


def source(address: str) -> str:
    """What counts as one source: an IPv4 address, or the 64 bits that one IPv6 subscriber has all to himself."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip.packed[:8] + bytes(8), 64)))
    return str(ip)
