"""WHEP sessions (draft-ietf-wish-whep-03): one person watching one camera, from the offer to the end.

Here belongs who watches what, how many may, and how sessions end. The HTTP around it is `web.live`; how a camera's
units reach its viewers is `broadcast`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, LaterError, NotFoundError
from gateway.base.metrics import VIEWERS
from gateway.base.supervise import TaskOwner, cancel_once
from gateway.hub import Hub
from gateway.media.model import Codec, Fix, TrackKind, UtcNs
from gateway.media.rtcp import ReportBlock
from gateway.viewing.budget import Budget, BusyError
from gateway.viewing.ice_session import IceSession
from gateway.viewing.playable import PLAYABLE, forms
from gateway.viewing.positions import Positions
from gateway.viewing.renditions import Lower, Place, Quality, Renditions, Trouble
from gateway.viewing.sound import Sound
from gateway.viewing.stats import ViewerStats, stats_of
from gateway.viewing.transcode import Transcode
from gateway.viewing.viewer import Viewer
from gateway.webrtc.datachannel import DataChannels
from gateway.webrtc.dtls import Certificate
from gateway.webrtc.fanout import FanOut
from gateway.webrtc.ice import Credentials
from gateway.webrtc.outlet import Outlet
from gateway.webrtc.peer import Peer
from gateway.webrtc.port import Port
from gateway.webrtc.rtx import Retransmissions
from gateway.webrtc.sdp import (
    CNAME,
    Agreement,
    LocalTransport,
    NoCodecError,
    Stream,
    build_answer,
    negotiate,
    parse_offer,
)
from gateway.webrtc.sdp_fragment import tagged_media

__all__ = ["NoCodecError", "Session", "Whep"]

log = logging.getLogger(__name__)

DEFAULT_MAX_SESSIONS = 2000
EXPIRY_CHECK_SECONDS = 1.0
NOT_LIVE_RETRY_SECONDS = 2
FULL_RETRY_SECONDS = 10
UNPLAYABLE_RETRY_SECONDS = 30
"""A camera that could not be made playable is tried again after this long."""


class NotLiveError(LaterError):
    """The camera sends nothing yet, or not now. Answered with 409 and Retry-After (draft-ietf-wish-whep 4.2)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, retry_after=NOT_LIVE_RETRY_SECONDS)


class FullError(LaterError):
    """As many watch as may. Answered with 503 and Retry-After (draft-ietf-wish-whep 4.6)."""

    def __init__(self, limit: int) -> None:
        reason = f"{limit} people are watching already, the most that are allowed"
        super().__init__(reason, retry_after=FULL_RETRY_SECONDS)


class UnplayableError(LaterError):
    """What the camera sends was tried just now, and cannot be decoded. Answered with 502 and Retry-After."""


class Session:
    """One viewer of one camera. Its id is a secret: who knows it and is its owner can end it."""

    def __init__(
        self,
        id_: str,
        camera_id: str,
        owner: bytes,
        answer: str,
        ice: IceSession,
        renditions: Renditions,
        viewer: Viewer,
        sound: Sound,
        follow: Callable[[DataChannels], Callable[[], None]] | None,
        *,
        small: bool,
        slow: bool,
    ) -> None:
        self.id = id_
        self.camera_id = camera_id
        self.owner = owner
        self.answer = answer
        """The SDP answer."""
        self.ice = ice
        self.renditions = renditions
        self.viewer = viewer
        self.place: Place | None = None
        """Which stream of the camera it sees; None until it is connected."""
        self.why_ended = "the viewer ended it"
        """Once it has: a clause."""
        self._sound = sound
        self._follow = follow
        self._small = small
        self._slow = slow
        self._unfollow: Callable[[], None] | None = None

    @property
    def peer(self) -> Peer:
        """Its transport."""
        return self.viewer.video.peer

    @property
    def tells_positions(self) -> bool:
        """Whether its viewer may open data channels, which tell positions."""
        return self._follow is not None

    @property
    def stats(self) -> ViewerStats | None:
        """How its viewer is doing; None until it is connected."""
        return None if self.place is None else stats_of(self.place)

    def resize(self, *, small: bool) -> None:
        """Its viewer shows the picture small from now on, or large: see `Renditions.resize`."""
        self._small = small
        if self.place is not None:
            self.renditions.resize(self.place, small=small)

    async def run(self, hold: Callable[[], AbstractContextManager[object]]) -> None:
        """Until the viewer, or whoever cancels this, ends it."""
        with hold():
            try:
                self.why_ended = await self.peer.run(self)
                log.info("a session of %s ended: %s", self.camera_id, self.why_ended)
            finally:
                if self._unfollow is not None:
                    self._unfollow()
                self._sound.remove(self.viewer)
                if self.place is not None:
                    self.renditions.leave(self.place)

    def connected(self) -> None:
        """See `webrtc.peer.PeerListener`."""
        self.place = self.renditions.join(self.viewer, small=self._small, slow=self._slow)
        self._sound.add(self.viewer)
        if self.peer.data is not None and self._follow is not None:
            self._unfollow = self._follow(self.peer.data)

    def keyframe_wanted(self) -> None:
        """See `webrtc.peer.PeerListener`."""
        if self.place is not None:
            self.renditions.keyframe_wanted(self.place)

    def packets_wanted(self, outlet: Outlet, count: int) -> int:
        """See `webrtc.peer.PeerListener`."""
        if self.place is None or outlet is not self.viewer.video:
            return count
        return self.renditions.packets_wanted(self.place, count)

    def reported(self, outlet: Outlet, block: ReportBlock) -> None:
        """See `webrtc.peer.PeerListener`."""
        if self.place is not None and outlet is self.viewer.video:
            self.renditions.received(self.place, block)

    def estimated(self, bitrate: int) -> None:
        """See `webrtc.peer.PeerListener`."""
        if self.place is not None:
            self.renditions.estimated(self.place, bitrate)


class Whep:
    """All sessions of the gateway. Run `run`, and end with `close`."""

    def __init__(
        self,
        port: Port,
        clock: Clock,
        *,
        request_keyframe: Callable[[str], bool] = lambda _: False,
        lower: Callable[[str, Hub, Codec], Sequence[Lower]] = lambda *_: (),
        budget: Budget,
        max_sessions: int = DEFAULT_MAX_SESSIONS,
    ) -> None:
        self.on_anchor: list[Callable[[bytes, str, int, UtcNs], None]] = []
        """Called with owner, session, an RTP timestamp as the session's viewer sees it, and its UTC."""
        self.on_viewers: list[Callable[[str], None]] = []
        """Called with a camera's id when the number of its viewers has changed."""
        self.on_quality: list[Callable[[bytes, str, Quality, Trouble | None], None]] = []
        """Called with owner and session when its viewer sees another stream of the camera, and why."""
        self.on_ended: list[Callable[[Session], None]] = []
        """Called when a session is over, whoever ended it."""
        self.positions = Positions()
        """Those who are told of positions; tell it each one that is accepted."""
        self._port = port
        self._clock = clock
        self._request_keyframe = request_keyframe
        self._lower = lower
        self._budget = budget
        self.max_sessions = max_sessions
        """How many may watch at a time. Lowered, it cuts nobody off."""
        self._certificate = Certificate()
        self._fanout = FanOut(port, clock)
        self._tasks = TaskOwner("viewing")
        self._sessions: dict[str, tuple[Session, asyncio.Task[None]]] = {}
        self._renditions: dict[tuple[str, Codec], tuple[Renditions, asyncio.Task[None]]] = {}
        self._using: Counter[Renditions] = Counter()
        self._unplayable: dict[tuple[str, Codec], tuple[Hub, float, str]] = {}
        """Why what a Hub holds cannot be played with a codec, and until when that is believed."""
        self._sounds: dict[str, Sound] = {}
        self._viewers: Counter[str] = Counter()

    @property
    def port(self) -> Port:
        """Where viewers come in, and those who talk."""
        return self._port

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Those that are open."""
        return tuple(session for session, _ in self._sessions.values())

    def viewers(self, camera_id: str) -> int:
        """How many watch a camera."""
        return self._viewers[camera_id]

    async def create(
        self,
        camera_id: str,
        hub: Hub,
        offer: str,
        *,
        owner: bytes,
        hold: Callable[[], AbstractContextManager[object]] = nullcontext,
        position: Callable[[], Fix | None] | None = None,
        sound: bool = True,
        small: bool = False,
        slow: bool = False,
    ) -> Session:
        """Answer `offer` with what fits the camera. `hold()` is entered for as long as the session lasts.

        `position` says where the camera was last; None: this viewer may not know, and gets no data channel. Without
        `sound` it may not hear, and its answer has no audio. `small`: its picture is shown small.
        `slow`: it says that its link carries little.

        Raises:
            BadRequestError: the offer cannot be used.
            NoCodecError: the viewer plays none of what the camera sends.
            NotLiveError: the camera is not live yet.
            FullError: too many watch already.
            BusyError: it would have to be transcoded, and too much is already.
            UnplayableError: what the camera sends cannot be decoded.
        """
        if hub.closed or not hub.tracks:
            raise NotLiveError(f"{camera_id} is not live yet: try again in a moment")
        if len(self._sessions) >= self.max_sessions:
            raise FullError(self.max_sessions)
        parsed = parse_offer(offer)
        agreement = negotiate(parsed, tuple(form for form in forms(hub) if sound or form.kind is not TrackKind.AUDIO))
        # Before anything is made for this viewer: it may be refused.
        renditions = self._renditions_of(camera_id, hub, agreement.video.track.codec)
        if position is None:
            agreement = replace(agreement, data=None)
        session_id = secrets.token_urlsafe(16)
        sctp_port = None if agreement.data is None else agreement.data.sctp_port
        peer = Peer(self._port, self._certificate, agreement.fingerprints, self._clock, sctp_port=sctp_port)
        viewer, ssrcs = _streams(session_id, peer, agreement)
        local = self._local(peer.credentials)
        ice = IceSession(
            tagged_media(parsed, agreement), agreement.credentials, lambda: self._local(peer.restart_ice())
        )
        rtx = viewer.video.rtx
        answer = build_answer(
            parsed,
            agreement,
            local,
            session_id=self._clock.utc_ns() // 1000,
            ssrcs=ssrcs,
            rtx_ssrc=None if rtx is None else rtx.ssrc,
        )

        def follow(channels: DataChannels) -> Callable[[], None]:
            return self.positions.follow(camera_id, channels, position() if position is not None else None)

        session = Session(
            session_id,
            camera_id,
            owner,
            answer,
            ice,
            renditions,
            viewer,
            self._sound_of(camera_id, hub),
            follow if agreement.data is not None else None,
            small=small,
            slow=slow,
        )
        task = self._tasks.start(session.run(hold), name=f"session of {camera_id}")
        task.add_done_callback(lambda _: self._forget(session))
        self._sessions[session_id] = (session, task)
        self._using[renditions] += 1
        self._count(camera_id, 1)
        return session

    def session(self, session_id: str, owner: bytes) -> Session:
        """An open session.

        Raises:
            NotFoundError: there is none of that id, or it is somebody else's.
        """
        return self._find(session_id, owner)[0]

    async def delete(self, session_id: str, owner: bytes) -> None:
        """End a session; returns when nothing of it remains.

        Raises:
            NotFoundError: see `session`.
        """
        _, task = self._find(session_id, owner)
        cancel_once(task)
        await asyncio.wait([task])

    async def run(self) -> None:
        """End sessions whose viewers are gone. Never returns."""
        while True:
            await self._clock.sleep(EXPIRY_CHECK_SECONDS)
            self._expire()

    async def close(self) -> None:
        """End every session, and the port."""
        await self._tasks.close()
        await self._fanout.close()
        self._port.close()

    # ---- inside

    def _expire(self) -> None:
        # Not in `run`, which would hold on to the last session while it sleeps.
        self._port.expire()
        for session in self.sessions:
            session.peer.expire()

    def _find(self, session_id: str, owner: bytes) -> tuple[Session, asyncio.Task[None]]:
        session, task = self._sessions.get(session_id, (None, None))
        if session is None or task is None or session.owner != owner:
            raise NotFoundError("there is no such WHEP session, or it has ended")
        return session, task

    def _local(self, credentials: Credentials) -> LocalTransport:
        return LocalTransport(credentials, self._certificate.fingerprint, self._port.candidates())

    def _sound_of(self, camera_id: str, hub: Hub) -> Sound:
        sound = self._sounds.get(camera_id)
        if sound is None or sound.hub is not hub:
            sound = self._sounds[camera_id] = Sound(hub, self._fanout, self._clock, self._tasks)
        return sound

    def _renditions_of(self, camera_id: str, hub: Hub, codec: Codec) -> Renditions:
        key = camera_id, codec
        entry = self._renditions.get(key)
        if entry is not None and entry[0].hub is hub:
            return entry[0]
        of, until, reason = self._unplayable.pop(key, (None, 0.0, ""))
        left = until - self._clock.monotonic()
        if of is hub and left > 0:
            self._unplayable[key] = (hub, until, reason)
            raise UnplayableError(reason, retry_after=math.ceil(left))

        def ask() -> bool:
            return self._request_keyframe(camera_id)

        def make_playable() -> Transcode:
            return Transcode(hub, self._clock, PLAYABLE, work="playable", budget=self._budget, ask_camera=ask)

        renditions = Renditions(
            hub,
            self._fanout,
            self._clock,
            codec=codec,
            make_playable=make_playable if codec is Codec.H264 else None,
            lower=self._lower(camera_id, hub, codec),
            on_anchor=self._anchor,
            on_quality=self._quality,
            request_keyframe=ask,
        )
        task = self._tasks.start(self._run_renditions(key, renditions), name=f"renditions of {camera_id}")
        task.add_done_callback(lambda _: renditions.close())  # also if it never began
        self._renditions[key] = (renditions, task)
        return renditions

    async def _run_renditions(self, key: tuple[str, Codec], renditions: Renditions) -> None:
        try:
            reason = await renditions.run()
            log.info("the viewers of %s are sent away: %s", key[0], reason)
        except CameraError as error:
            log.warning("the viewers of %s are sent away: %s", key[0], error)
            self._unplayable[key] = (renditions.hub, self._clock.monotonic() + UNPLAYABLE_RETRY_SECONDS, str(error))
        except BusyError as error:
            log.warning("the viewers of %s are sent away: %s", key[0], error)
        finally:
            if key in self._renditions and self._renditions[key][0] is renditions:
                del self._renditions[key]
            for session, task in self._sessions.values():
                if session.renditions is renditions:
                    cancel_once(task)

    def _forget(self, session: Session) -> None:
        del self._sessions[session.id]
        self._count(session.camera_id, -1)
        for listener in self.on_ended:
            listener(session)
        if not self._viewers[session.camera_id]:
            self._sounds.pop(session.camera_id, None)
        renditions = session.renditions
        self._using[renditions] -= 1
        if self._using[renditions]:
            return
        del self._using[renditions]
        running, task = self._renditions.get((session.camera_id, renditions.codec), (None, None))
        if running is renditions and task is not None:
            del self._renditions[session.camera_id, renditions.codec]
            renditions.close()
            cancel_once(task)

    def _quality(self, session_id: str, quality: Quality, trouble: Trouble | None) -> None:
        session, _ = self._sessions.get(session_id, (None, None))
        if session is not None:
            for listener in self.on_quality:
                listener(session.owner, session_id, quality, trouble)

    def _anchor(self, session_id: str, rtp: int, utc_ns: UtcNs) -> None:
        session, _ = self._sessions.get(session_id, (None, None))
        if session is not None:
            for listener in self.on_anchor:
                listener(session.owner, session_id, rtp, utc_ns)

    def _count(self, camera_id: str, change: int) -> None:
        self._viewers[camera_id] += change
        VIEWERS.labels(camera_id).set(self._viewers[camera_id])
        for listener in self.on_viewers:
            listener(camera_id)


def _streams(session_id: str, peer: Peer, agreement: Agreement) -> tuple[Viewer, dict[int, int]]:
    """The viewer's streams, and their SSRCs by m-line."""

    def outlet(stream: Stream) -> Outlet:
        made = Outlet(
            peer,
            payload_type=stream.format.payload_type,
            clock_rate=stream.format.clock_rate,
            cname=CNAME,
            playout_delay=stream.playout_delay,
            rtx=None if stream.rtx is None else Retransmissions(stream.rtx),
        )
        peer.add_outlet(made)
        ssrcs[stream.index] = made.ssrc
        return made

    ssrcs: dict[int, int] = {}
    audio = agreement.audio
    viewer = Viewer(
        session_id,
        outlet(agreement.video),
        outlet(audio) if audio is not None else None,
        audio.track.codec if audio is not None else None,
    )
    return viewer, ssrcs
