"""Tickets: who may fetch which media of the past, and the view in the audit that this is.

A playlist comes with a ticket, and so do the URLs in it: bound to a log-in, a camera, an interval and whether there is
sound. Without one no media is served, so none is seen past the audit. The view begins before the playlist is sent and
ends when nothing was fetched for a while; a player that goes on later begins another. When a right or a log-in ends,
what is under way stops at once. WHEP sessions are `web.watching`'s.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.explain import ruling
from gateway.access.portion import Portion
from gateway.access.rights import Right
from gateway.access.users import Principal
from gateway.access.views import View
from gateway.access.visitors import Visitor
from gateway.base.errors import RefusedError
from gateway.base.metrics import RIGHTS_ENDED
from gateway.media.model import UtcNs
from web.services import Services
from web.views import utc

IDLE_SECONDS = 60.0
"""A view has ended when nothing was fetched for so long: players fetch ahead by less."""
TICKET_SECONDS = 3600.0
"""How long after its last use a ticket holds: a paused player goes on with it."""
LOOK_SECONDS = 5.0
MAX_TICKETS = 5000
"""The one that was not used for the longest time goes first."""
MAC_BYTES = 12

_SHARE_ENDED = "the share has ended"
_IDLE, _STOPPED = "nothing was fetched any more", "the gateway stopped"
_OVER = "this playback has ended: load the playlist again"


@dataclass(frozen=True, slots=True)
class Showing:
    """What a ticket is for."""

    camera: str
    from_ns: UtcNs
    to_ns: UtcNs
    video_only: bool
    """As the player wants it."""
    reason: str | None
    address: str
    agent: str


@dataclass(slots=True)
class Ticket:
    """One that was issued."""

    number: int
    who: Principal
    showing: Showing
    sound: bool
    """Whether its media has sound."""
    more_follows: bool
    """Its playlist had no end at first: what a player has read of it must stay."""
    text: str
    """What URLs carry."""
    used: float
    """Monotonic seconds."""
    view: View | None = None
    """None: it has ended, and another begins with the next fetch."""
    ended: str | None = None
    """Why it holds no more; None: it holds."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Tickets:
    """Every ticket of this gateway. All calls from the event loop's thread."""

    def __init__(self, parts: Services) -> None:
        self._parts = parts
        self._key = secrets.token_bytes(32)
        self._number = 0
        self._tickets: OrderedDict[int, Ticket] = OrderedDict()
        """By number, the one used last at the end."""
        parts.authority.on_changed.append(self.look)

    @property
    def principals(self) -> Iterable[Principal]:
        """Who holds one."""
        return [ticket.who for ticket in self._tickets.values()]

    def was_told_more_follows(self, who: Principal, showing: Showing) -> bool:
        """Whether a player has a playlist of this that had no end yet."""
        return any(
            known.more_follows and (known.who.key, known.showing) == (who.key, showing)
            for known in self._tickets.values()
        )

    async def issue(self, who: Principal, showing: Showing, *, sound: bool, more_follows: bool) -> Ticket:
        """A ticket; for a player that loads its playlist again the one that it has.

        Raises:
            StorageError: the audit cannot be written, so nothing must be shown.
        """
        for known in self._tickets.values():
            if (known.who.key, known.showing, known.sound) == (who.key, showing, sound):
                await self._touch(known)
                return known
        self._number += 1
        ticket = Ticket(
            self._number, who, showing, sound, more_follows, self._text(self._number, who, showing, sound),
            self._now(),
        )  # fmt: skip
        await self._touch(ticket)
        self._tickets[ticket.number] = ticket
        while len(self._tickets) > MAX_TICKETS:
            self._end(next(iter(self._tickets.values())), _IDLE)
        return ticket

    async def use(self, text: str, who: Principal, camera: str) -> Ticket:
        """The ticket that a URL carries.

        Raises:
            RefusedError: it is none, somebody else's or for another camera, or holds no more.
            StorageError: the audit cannot be written, so nothing must be shown.
        """
        number = text.partition(".")[0]
        ticket = self._tickets.get(int(number)) if number.isascii() and number.isdigit() and len(number) < 16 else None
        if ticket is None or ticket.ended is not None:
            raise RefusedError(_OVER)
        wanted = self._text(ticket.number, who, ticket.showing, ticket.sound)
        if not hmac.compare_digest(text.encode(), wanted.encode()) or ticket.showing.camera != camera:
            raise RefusedError("this ticket is for somebody else, or for something else: load the playlist")
        await self._touch(ticket)
        return ticket

    def log_ins_changed(self, holding: Mapping[bytes, Principal], why: str) -> None:
        """Users or shares changed: `holding` has the log-ins that still hold, each with who it is now."""
        for ticket in list(self._tickets.values()):
            who = holding.get(ticket.who.key)
            if who is None:
                self._end(ticket, _SHARE_ENDED if isinstance(ticket.who, Visitor) else why, Right.LOGGED_IN)
            else:
                ticket.who = who
        self.look()

    def look(self) -> None:
        """End the tickets for what their holders may not see any more."""
        authority = self._parts.authority
        for ticket in list(self._tickets.values()):
            camera = ticket.showing.camera
            needs = Portion(sound=ticket.sound, positions=False).rights | {Right.RECORDED}
            if lost := needs - authority.rights(ticket.who, camera):
                right = Right.RECORDED if Right.RECORDED in lost else Right.AUDIO
                self._end(ticket, ruling(authority, ticket.who, right, camera).why, right)

    async def run(self) -> None:
        """End views and tickets that nobody uses. Never returns."""
        while True:
            await self._parts.clock.sleep(LOOK_SECONDS)
            for ticket in list(self._tickets.values()):
                unused = self._now() - ticket.used
                if unused >= TICKET_SECONDS:
                    self._end(ticket, _IDLE)
                elif unused >= IDLE_SECONDS and ticket.view is not None:
                    self._parts.views.end(ticket.view, _IDLE)
                    ticket.view = None

    def close(self) -> None:
        """End them all."""
        for ticket in list(self._tickets.values()):
            self._end(ticket, _STOPPED)

    # ----

    async def _touch(self, ticket: Ticket) -> None:
        """It is used now; its view begins unless it has."""
        async with ticket.lock:
            if ticket.view is None:
                showing = ticket.showing
                ticket.view = await self._parts.views.begin(
                    Action.PLAYBACK,
                    actor=ticket.who.name,
                    address=showing.address,
                    camera=showing.camera,
                    reason=showing.reason,
                    agent=showing.agent,
                    interval={"from": utc(showing.from_ns), "to": utc(showing.to_ns)},
                    sound=ticket.sound,
                )
        if ticket.ended is not None:  # while the audit was written
            self._parts.views.end(ticket.view, ticket.ended)
            raise RefusedError(_OVER)
        ticket.used = self._now()
        if ticket.number in self._tickets:
            self._tickets.move_to_end(ticket.number)

    def _end(self, ticket: Ticket, why: str, right: Right | None = None) -> None:
        self._tickets.pop(ticket.number, None)
        ticket.ended = why
        if ticket.view is not None:
            self._parts.views.end(ticket.view, why)
            if right is not None:
                RIGHTS_ENDED.labels(right.value).inc()

    def _text(self, number: int, who: Principal, showing: Showing, sound: bool) -> str:
        bound = f"{number} {who.key.hex()} {showing.camera} {showing.from_ns} {showing.to_ns} {sound}"
        return f"{number}.{hmac.digest(self._key, bound.encode(), 'sha256')[:MAC_BYTES].hex()}"

    def _now(self) -> float:
        return self._parts.clock.monotonic()


TICKETS: web.AppKey[Tickets] = web.AppKey("tickets", Tickets)
