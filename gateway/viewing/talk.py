"""Talks: one person at a browser speaks, one camera's loudspeaker says it (WHIP, RFC 9725, in; backchannel out).

Here belongs who talks to which camera, that only one does at a time, and how it ends. The HTTP around it is `web.talk`;
what becomes of the sound is `speech`; how a camera is reached is given (`Open`), since that is the fleet's business.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeAlias

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, ConflictError, NotFoundError
from gateway.base.metrics import TALK_DROPPED, TALK_PACKETS, TALKS
from gateway.base.supervise import TaskOwner, cancel_once
from gateway.media.model import NS, Codec
from gateway.rtsp.client import RtspClient
from gateway.viewing.speech import Speech
from gateway.webrtc.dtls import Certificate
from gateway.webrtc.peer import Peer, PeerListener
from gateway.webrtc.port import Port
from gateway.webrtc.sdp import LocalTransport, parse_offer
from gateway.webrtc.sdp_inbound import build_inbound_answer, negotiate_inbound

log = logging.getLogger(__name__)

MOST_SECONDS = 600.0
"""A talk ends after this: a latch that was forgotten must not keep others from the camera."""
REPORT_SECONDS = 5.0
EXPIRY_CHECK_SECONDS = 1.0

Open: TypeAlias = Callable[[Sequence[Codec]], Awaitable[RtspClient]]
"""Opens the backchannel of a camera, which plays already, for one of these laws or whatever the camera takes."""


class TalkingError(ConflictError):
    """Somebody else talks to the camera. Answered with 409, which names them."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is talking to this camera: wait until they have finished")
        self.name = name


class Talk(PeerListener):
    """One that is under way. Its id is a secret: who knows it and is its owner can end it."""

    def __init__(self, camera_id: str, owner: bytes, name: str) -> None:
        self.id = secrets.token_urlsafe(16)
        self.camera_id = camera_id
        self.owner = owner
        """The log-in that talks."""
        self.name = name
        """The user's."""
        self.answer = ""
        """The SDP answer, once there is one."""
        self.heard = False
        """Whether the speaker's connection came about."""
        self.why_ended = "the speaker ended it"
        """Once it has: a clause."""
        self.peer: Peer
        self._line: RtspClient
        self._speech: Speech
        self._clock: Clock

    def begin(self, peer: Peer, line: RtspClient, speech: Speech, clock: Clock) -> None:
        """What it goes by: from here on `run` is due."""
        self.peer, self._line, self._speech, self._clock = peer, line, speech, clock

    def connected(self) -> None:
        """See `webrtc.peer.PeerListener`."""
        self.heard = True

    def said(self, speech: Speech, line: RtspClient, packet: bytes, now_ns: int) -> None:
        """An RTP packet of the speaker came."""
        for made in speech.push(packet, now_ns):
            if not line.send(made):
                speech.dropped["camera takes nothing"] += 1

    async def run(self, hold: Callable[[], AbstractContextManager[object]]) -> None:
        """Until the speaker, the camera, the time or whoever cancels this ends it."""
        ways = (self.peer.run(self), self._camera_gone(), self._time_is_over())
        with hold():
            tasks = [asyncio.ensure_future(way) for way in ways]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                self.why_ended = next(task for task in tasks if task in done).result()
                log.info("a talk to %s ended: %s", self.camera_id, self.why_ended)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self._count()
                self._line.send_report(self._speech.bye())
                await self._line.close()

    def _count(self) -> None:
        speech = self._speech
        TALK_PACKETS.labels(self.camera_id).inc(speech.packets)
        for why, number in {**speech.dropped, "lost": speech.lost}.items():
            if number:
                TALK_DROPPED.labels(self.camera_id, why).inc(number)

    async def _camera_gone(self) -> str:
        try:
            await self._line.wait_closed()
        except CameraError as error:
            return f"the camera ended it: {error.reason}"
        return "the camera ended it"

    async def _time_is_over(self) -> str:
        until = self._clock.monotonic() + MOST_SECONDS
        while (left := until - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(left, REPORT_SECONDS))
            if self._speech.packets:
                self._line.send_report(self._speech.report(self._clock.utc_ns()))
        return f"it lasted {MOST_SECONDS / 60:.0f} minutes, the most that is allowed"


class Talks:
    """All talks of the gateway, by the port of its viewers. Run `run`, and end with `close` before the port."""

    def __init__(self, port: Port, clock: Clock) -> None:
        self.on_changed: list[Callable[[str], None]] = []
        """Called with a camera's id when somebody begins or ends to talk to it."""
        self.on_ended: list[Callable[[Talk], None]] = []
        """Called when a talk is over, whoever ended it."""
        self._port = port
        self._clock = clock
        self._certificate = Certificate()
        self._tasks = TaskOwner("talking")
        self._talks: dict[str, tuple[Talk, asyncio.Task[None]]] = {}
        """By camera."""
        self._claimed: dict[str, str] = {}
        """Who is about to talk to a camera, while it is being reached."""

    @property
    def talks(self) -> tuple[Talk, ...]:
        """Those under way."""
        return tuple(talk for talk, _ in self._talks.values())

    def talker(self, camera_id: str) -> str | None:
        """Who talks to a camera, or is about to."""
        talk, _ = self._talks.get(camera_id, (None, None))
        return self._claimed.get(camera_id) if talk is None else talk.name

    async def create(
        self,
        camera_id: str,
        offer: str,
        open_line: Open,
        *,
        owner: bytes,
        name: str,
        hold: Callable[[], AbstractContextManager[object]] = nullcontext,
        take_over: bool = False,
    ) -> Talk:
        """Answer `offer`, and say what comes from then on. `hold()` is entered for as long as the talk lasts.

        The camera is reached first, so that one that refuses is told of before anybody speaks. With `take_over` whoever
        talks to it now is cut off.

        Raises:
            BadRequestError: the offer cannot be used.
            NoCodecError: it has no G.711.
            TalkingError: somebody else talks to the camera.
            CameraError: the camera would not.
        """
        parsed = parse_offer(offer)
        inbound = negotiate_inbound(parsed)
        with self._claim(camera_id, name, take_over=take_over):
            if (other := self._talks.get(camera_id)) is not None:
                await self.end(other[0], f"{name} took over")
            line = await open_line(inbound.laws)
            try:
                described = line.tracks[0]
                spoken, format_ = inbound.format(described.track.codec)
                speech = Speech(format_.payload_type, spoken, described.payload_type, described.track.codec)
                talk = Talk(camera_id, owner, name)
                peer = Peer(
                    self._port,
                    self._certificate,
                    inbound.fingerprints,
                    self._clock,
                    on_rtp=lambda packet: talk.said(speech, line, packet, self._monotonic_ns()),
                )
                local = LocalTransport(peer.credentials, self._certificate.fingerprint, self._port.candidates())
                number = self._clock.utc_ns() // 1000
                talk.answer = build_inbound_answer(parsed, inbound, format_, local, session_id=number)
            except BaseException:
                await line.close()
                raise
            talk.begin(peer, line, speech, self._clock)
            task = self._tasks.start(talk.run(hold), name=f"talk to {camera_id}")
            task.add_done_callback(lambda _: self._forget(talk))
            self._talks[camera_id] = talk, task
            await asyncio.sleep(0)  # it begins: whoever cancels it from here on has the line closed, too
        TALKS.set(len(self._talks))
        return talk

    def talk(self, talk_id: str, owner: bytes) -> Talk:
        """One that is under way.

        Raises:
            NotFoundError: there is none of that id, or it is somebody else's.
        """
        for talk, _ in self._talks.values():
            if talk.id == talk_id and talk.owner == owner:
                return talk
        raise NotFoundError("there is no such talk, or it has ended")

    async def end(self, talk: Talk, why: str) -> None:
        """End a talk, unless it has ended; returns when nothing of it remains. `why` is a clause."""
        current, task = self._talks.get(talk.camera_id, (None, None))
        if current is talk and task is not None:
            if not task.done():
                talk.why_ended = why
                cancel_once(task)
            await asyncio.wait([task])

    async def run(self) -> None:
        """End talks whose speakers are gone. Never returns."""
        while True:
            await self._clock.sleep(EXPIRY_CHECK_SECONDS)
            for talk in self.talks:
                talk.peer.expire()

    async def close(self) -> None:
        """End every talk."""
        await self._tasks.close()

    def _monotonic_ns(self) -> int:
        return round(self._clock.monotonic() * NS)

    @contextmanager
    def _claim(self, camera_id: str, name: str, *, take_over: bool) -> Iterator[None]:
        """Keep others from `camera_id` while it is being reached."""
        talker = self.talker(camera_id)
        if talker is not None and (camera_id in self._claimed or not take_over):
            raise TalkingError(talker)
        self._claimed[camera_id] = name
        try:
            self._tell(camera_id)
            yield
        finally:
            del self._claimed[camera_id]
            self._tell(camera_id)

    def _forget(self, talk: Talk) -> None:
        del self._talks[talk.camera_id]
        TALKS.set(len(self._talks))
        for listener in self.on_ended:
            listener(talk)
        self._tell(talk.camera_id)

    def _tell(self, camera_id: str) -> None:
        for listener in self.on_changed:
            listener(camera_id)
