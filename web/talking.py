"""Who talks to cameras right now, and the end of it when the right goes away or a privacy mode begins.

Here belongs which log-in each talk is of, and what the audit and the page are told at its end. The routes are
`web.talk`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from gateway.access.explain import ruling
from gateway.access.rights import Right
from gateway.access.users import Principal
from gateway.access.views import View
from gateway.base.metrics import RIGHTS_ENDED
from gateway.base.supervise import TaskOwner
from gateway.ingest.fleet import Camera
from gateway.viewing.talk import Talk
from web.events import Events
from web.services import Services

PRIVATE = "the wearer's privacy mode is on: nobody talks to this unit while it lasts"


@dataclass(frozen=True, slots=True)
class _Speaker:
    talk: Talk
    who: Principal
    noted: View


class Talking:
    """Every talk, and who may go on with it. All calls from the event loop's thread."""

    def __init__(self, parts: Services, events: Events) -> None:
        self._parts = parts
        self._events = events
        self._speakers: dict[str, _Speaker] = {}
        self._tasks = TaskOwner("talking")
        parts.talks.on_ended.append(self._ended)
        parts.fleet.on_removed.append(self._camera_removed)

    @property
    def principals(self) -> Iterator[Principal]:
        """Who talks."""
        return (speaker.who for speaker in self._speakers.values())

    def opened(self, talk: Talk, who: Principal, noted: View) -> None:
        """A talk of `who` has begun, and stands in the audit."""
        self._speakers[talk.id] = _Speaker(talk, who, noted)

    def log_ins_changed(self, holding: Mapping[bytes, Principal], why: str) -> None:
        """Users changed: `holding` has the log-ins that still hold. `why` the others' talks end, as a clause."""
        for talk_id, speaker in list(self._speakers.items()):
            who = holding.get(speaker.who.key)
            if who is None:
                self._end(speaker, Right.LOGGED_IN, why)
            else:
                self._speakers[talk_id] = replace(speaker, who=who)

    def rights_changed(self) -> None:
        """End every talk that its speaker may not go on with, and those to units whose privacy mode has begun."""
        for speaker in list(self._speakers.values()):
            if (why := hindrance(self._parts, speaker.who, speaker.talk.camera_id)) is not None:
                self._end(speaker, Right.RESPOND, why)

    async def close(self) -> None:
        """Wait for what is ending."""
        await self._tasks.close()

    def _end(self, speaker: _Speaker, right: Right, why: str) -> None:
        RIGHTS_ENDED.labels(right.value).inc()
        self._let_go(speaker, why)

    def _let_go(self, speaker: _Speaker, why: str) -> None:
        talk = speaker.talk
        self._tasks.start(self._parts.talks.end(talk, why), name=f"end of {talk.camera_id}")

    def _camera_removed(self, camera: Camera) -> None:
        for speaker in list(self._speakers.values()):
            if speaker.talk.camera_id == camera.id:
                self._let_go(speaker, "the camera was removed")

    def _ended(self, talk: Talk) -> None:
        if (speaker := self._speakers.pop(talk.id, None)) is not None:
            self._parts.views.end(speaker.noted, talk.why_ended, shown=talk.heard)
            self._events.talk_ended(talk.owner, talk.id, talk.camera_id, talk.why_ended)


TALKING: web.AppKey[Talking] = web.AppKey("talking", Talking)


def hindrance(parts: Services, who: Principal, camera_id: str) -> str | None:
    """Why `who` may not talk to a camera; a clause, or None: they may."""
    private = parts.authority.private(camera_id)
    if private is not None and private.hides_stream:
        return PRIVATE
    if Right.RESPOND not in parts.authority.rights(who, camera_id):
        return ruling(parts.authority, who, Right.RESPOND, camera_id).why
    return None
