"""A wearer's privacy mode: since when it is on, what it hides, and what it hid before.

What it does is the policy's to say, and is fixed for as long as it is on: a wearer relies on it. What follows from it
for rights is `authority`'s; here is what outlives a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from gateway.access.audit import Action, Audit, append
from gateway.access.authority import Authority, Privacy
from gateway.base.clock import Clock
from gateway.base.errors import ConflictError
from gateway.media.model import Fix, UtcNs
from gateway.store.engine import Database
from gateway.store.tables import privacy


@dataclass(frozen=True, slots=True)
class Span:
    """From when (inclusive) to when (exclusive) something was hidden; `end_ns` None: it still is."""

    start_ns: UtcNs
    end_ns: UtcNs | None

    def covers(self, utc_ns: UtcNs) -> bool:
        """Whether this moment is hidden."""
        return self.start_ns <= utc_ns and (self.end_ns is None or utc_ns < self.end_ns)


def bounds(spans: Iterable[Span]) -> tuple[tuple[UtcNs, UtcNs | None], ...]:
    """The spans as pairs of plain values."""
    return tuple((span.start_ns, span.end_ns) for span in spans)


def shown(fixes: Iterable[Fix], hidden: Sequence[Span]) -> list[Fix]:
    """Those of `fixes` that no privacy mode hid at the time."""
    return [fix for fix in fixes if not any(span.covers(fix.utc_ns) for span in hidden)]


class PrivacyModes:
    """Switches privacy modes, and tells the authority. Call `load` before anybody may ask."""

    def __init__(self, database: Database, audit: Audit, clock: Clock, authority: Authority) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._authority = authority
        self.on_ending: list[Callable[[str, Privacy], None]] = []
        """Called with a camera's id and the mode that is about to end, before anything is shown again."""

    async def load(self) -> None:
        """Tell the authority which are on."""

        def work(connection: Connection) -> dict[str, Privacy]:
            rows = connection.execute(select(privacy).where(privacy.c.end_ns.is_(None)))
            return {
                row.camera: Privacy(row.start_ns, row.hides_position, row.hides_stream, row.recording) for row in rows
            }

        on = await self._database.read(work)
        for camera, private in self._authority.privacies.items():
            if camera not in on:
                for listener in self.on_ending:
                    listener(camera, private)
        self._authority.update(private=on)

    async def switch(self, camera: str, on: bool, *, reason: str, actor: str, address: str) -> None:
        """Switch a camera's mode on or off; when it is so already, nothing happens. It holds when this returns.

        Raises:
            ConflictError: the policy knows no privacy mode for this camera.
            StorageError: it could not be written, and is as it was.
        """
        modes = [mode for _, mode in self._authority.privacy_modes(camera)]
        if on and not modes:
            raise ConflictError(
                f"the policy has no privacy mode for {camera}: write [[policy.privacy]] in the settings file"
            )
        now = self._clock.utc_ns()
        meant = {
            "hides_position": any("position" in mode.hide for mode in modes),
            "hides_stream": any("stream" in mode.hide for mode in modes),
            "recording": any(mode.recording for mode in modes),
        }
        row = self._audit.row(
            Action.PRIVACY,
            actor=actor,
            address=address,
            camera=camera,
            reason=reason,
            on=on,
            meant=meant if on else None,
        )
        mine = (privacy.c.camera == camera) & privacy.c.end_ns.is_(None)

        def work(connection: Connection) -> None:
            if (connection.execute(select(privacy.c.id).where(mine)).first() is not None) == on:
                return
            if on:
                connection.execute(insert(privacy).values(camera=camera, start_ns=now, **meant))
            else:
                connection.execute(update(privacy).where(mine).values(end_ns=now))
            append(connection, row)

        await self._database.write(work)
        await self.load()

    async def hidden_positions(self, camera: str, start_ns: UtcNs | None, end_ns: UtcNs | None) -> list[Span]:
        """When a camera's position was hidden, of what overlaps [start_ns, end_ns); None: without that bound."""
        return await self._hidden(privacy.c.hides_position, camera, start_ns, end_ns)

    async def hidden_streams(self, camera: str, start_ns: UtcNs | None, end_ns: UtcNs | None) -> list[Span]:
        """When what a camera sends was hidden, as `hidden_positions`."""
        return await self._hidden(privacy.c.hides_stream, camera, start_ns, end_ns)

    async def unrecorded(self, camera: str) -> list[Span]:
        """When a mode kept a camera from being recorded, ever."""
        return await self._hidden(~privacy.c.recording, camera, None, None)

    async def _hidden(
        self, what: ColumnElement[bool], camera: str, start_ns: UtcNs | None, end_ns: UtcNs | None
    ) -> list[Span]:
        query = select(privacy.c.start_ns, privacy.c.end_ns).where(privacy.c.camera == camera, what)
        if start_ns is not None:
            query = query.where(or_(privacy.c.end_ns.is_(None), privacy.c.end_ns > start_ns))
        if end_ns is not None:
            query = query.where(privacy.c.start_ns < end_ns)
        return await self._database.read(lambda c: [Span(row.start_ns, row.end_ns) for row in c.execute(query)])
