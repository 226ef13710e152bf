"""Who watches what right now, and the end of it when the right goes away.

Each WHEP session is remembered with who opened it. When rights, users or the policy change, those that their viewers
may not have any more end at once, and their pages are told why. The audit is told of every end. What a socket of
events or positions may tell is `web.events`' and `web.live_positions`' own; who plays what is recorded, `web.tickets`';
who talks, `web.talk`'s.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from gateway.access.explain import ruling
from gateway.access.portion import Portion
from gateway.access.rights import Right
from gateway.access.users import Principal
from gateway.access.views import View
from gateway.base.errors import NotFoundError
from gateway.base.metrics import RIGHTS_ENDED
from gateway.base.supervise import TaskOwner
from gateway.viewing.whep import Session
from web.events import Events
from web.live_positions import LivePositions
from web.services import Services
from web.talking import Talking
from web.tickets import Tickets

LOG_IN_ENDED = "the log-in has ended"


@dataclass(frozen=True, slots=True)
class _View:
    session: Session
    who: Principal
    given: frozenset[Right]
    """What it shows, and so needs for as long as it lasts."""
    noted: View
    """As the audit knows it."""


class Watching:
    """Every open WHEP session. All calls from the event loop's thread."""

    def __init__(
        self, parts: Services, events: Events, live_positions: LivePositions, tickets: Tickets, talking: Talking
    ) -> None:
        self._parts = parts
        self._events = events
        self._live_positions = live_positions
        self._tickets = tickets
        self._talking = talking
        self._views: dict[str, _View] = {}
        self._tasks = TaskOwner("watching")
        parts.whep.on_ended.append(self._ended)
        parts.authority.on_changed.append(self.look)

    @property
    def log_ins(self) -> set[bytes]:
        """The log-ins that watch, talk, play what is recorded, or follow events."""
        return {who.key for who in self._principals}

    def some_expired(self, now_ns: int) -> bool:
        """Whether one of `log_ins` has come to its end, unless it was renewed."""
        return any(who.ends_ns is not None and who.ends_ns <= now_ns for who in self._principals)

    @property
    def _principals(self) -> Iterator[Principal]:
        yield from self._events.principals
        yield from self._live_positions.principals
        yield from self._tickets.principals
        yield from self._talking.principals
        yield from (view.who for view in self._views.values())

    def opened(self, session: Session, who: Principal, noted: View) -> None:
        """A session of `who` has begun, and so stands in the audit."""
        portion = Portion(sound=session.viewer.audio is not None, positions=session.tells_positions)
        self._views[session.id] = _View(session, who, portion.rights | {Right.LIVE}, noted)

    def log_ins_changed(self, holding: Mapping[bytes, Principal]) -> None:
        """Users changed: `holding` has the log-ins that still hold, each with who it is now."""
        for session_id, view in list(self._views.items()):
            who = holding.get(view.who.key)
            if who is None:
                self._end(view, Right.LOGGED_IN, LOG_IN_ENDED)
            else:
                self._views[session_id] = replace(view, who=who)
        self._events.log_ins_changed(holding)
        self._live_positions.log_ins_changed(holding)
        self._tickets.log_ins_changed(holding, LOG_IN_ENDED)
        self._talking.log_ins_changed(holding, LOG_IN_ENDED)
        self.look()

    def look(self) -> None:
        """End every session that shows what its viewer may not see any more, and tell the pages what they may see."""
        authority = self._parts.authority
        for view in list(self._views.values()):
            camera = view.session.camera_id
            lost = view.given - authority.rights(view.who, camera)
            if lost:
                right = Right.LIVE if Right.LIVE in lost else min(lost)
                self._end(view, right, ruling(authority, view.who, right, camera).why)
        self._talking.rights_changed()
        self._events.rights_changed()
        self._live_positions.rights_changed()

    async def close(self) -> None:
        """Wait for what is ending."""
        await self._tasks.close()

    def _ended(self, session: Session) -> None:
        if (view := self._views.pop(session.id, None)) is not None:
            self._parts.views.end(view.noted, session.why_ended)

    def _end(self, view: _View, right: Right, why: str) -> None:
        session = view.session
        if self._views.pop(session.id, None) is not None:
            self._parts.views.end(view.noted, why)
            RIGHTS_ENDED.labels(right.value).inc()
            self._events.ended(session.owner, session.id, session.camera_id, right, why)
            self._tasks.start(self._delete(session), name=f"end of {session.camera_id}")

    async def _delete(self, session: Session) -> None:
        with contextlib.suppress(NotFoundError):  # its viewer has just ended it
            await self._parts.whep.delete(session.id, session.owner)


WATCHING: web.AppKey[Watching] = web.AppKey("watching", Watching)
