"""Live cameras toward NVRs by RTSP: `rtsp://host/{camera id}` for every account that may see the camera live.

Here belongs what makes a camera's Hub a presentation of the RTSP server: who may have which of its tracks, the view
that stands in the audit, how long readers stay when the camera is away, and what of it `/metrics` tells. The protocol
is `gateway.rtsp`. What was recorded is played elsewhere.

Each camera has one Mount, whoever reads it: it is packetised once. A reader has the tracks that its account may have
when it comes: without POSITION no metadata, without AUDIO no sound. When that changes it is let go, as it is when its
account or the camera goes: NVRs connect again by themselves and are told what there is now.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields

from gateway.access.audit import Action
from gateway.access.authority import Authority
from gateway.access.explain import ruling
from gateway.access.nvr_accounts import NvrAccounts
from gateway.access.portion import Portion
from gateway.access.rights import Right
from gateway.access.tally import Tally
from gateway.access.users import Principal
from gateway.access.views import View, Views
from gateway.base.clock import Clock
from gateway.base.errors import RefusedError, SightlineError
from gateway.base.metrics import RIGHTS_ENDED, RTSP, RTSP_CONNECTIONS, RTSP_READERS
from gateway.base.settings import Address
from gateway.hub import Start
from gateway.ingest.fleet import Camera, CameraStatus, Fleet
from gateway.media.model import Track, UtcNs
from gateway.nvr.readers import Reader
from gateway.nvr.refusals import refuse
from gateway.rtsp.mount import Mount, check_live
from gateway.rtsp.presentation import LIVE, Client, Description, Playing, Presentation, Receiver, RefusalError
from gateway.rtsp.protocol import Headers
from gateway.rtsp.server import Find, Server

log = logging.getLogger(__name__)

CONNECT_SECONDS = 8.0
"""How long a reader waits for an on-demand camera to come up: NVRs give up after ten seconds or so."""
RETRY_SECONDS = 5
"""When a reader is told to ask again for a camera that is away."""
SILENT_SECONDS = 10.0
"""A reader stays for so long while nothing comes from the camera: over a short loss of coverage it goes on, and NVRs,
which show a frozen picture until then, say soon after that that the camera is lost."""
LOOK_SECONDS = 1.0


class RtspGuard:
    """The accounts as the RTSP server asks them about guesses."""

    def __init__(self, accounts: NvrAccounts) -> None:
        self._accounts = accounts

    def refusal(self, address: str, name: str) -> float | None:
        """See `gateway.rtsp.server.Guard`."""
        return self._accounts.refusal(address, name)

    def failed(self, address: str, name: str) -> None:
        """See `gateway.rtsp.server.Guard`."""
        self._accounts.failed(address, name, "rtsp")

    def succeeded(self, address: str, name: str) -> None:
        """See `gateway.rtsp.server.Guard`."""
        self._accounts.succeeded(address, name, "rtsp")


@dataclass(frozen=True, slots=True)
class _Reading:
    """One that plays."""

    receiver: Receiver
    who: Principal
    camera: Camera
    portion: Portion
    """What it has beside the picture, and so needs for as long as it lasts."""
    agent: str
    since_ns: UtcNs
    view: View
    """As the audit knows it."""
    release: Callable[[], None]
    """Lets go of the camera, which may be connected on demand."""


class LiveCamera:
    """One camera as one account may have it: a Presentation."""

    def __init__(self, restream: Restream, camera: Camera, mount: Mount, who: Principal, portion: Portion) -> None:
        self.camera = camera
        self.mount = mount
        self.who = who
        self.portion = portion
        self._restream = restream

    @property
    def tracks(self) -> tuple[Track, ...]:
        """See `Presentation`."""
        return tuple(track for track in self.mount.tracks if self.portion.has(track.kind))

    @property
    def description(self) -> Description:
        """See `Presentation`."""
        return LIVE

    @property
    def options(self) -> frozenset[str]:
        """See `Presentation`."""
        return frozenset()

    def ssrc(self, track_id: int) -> int:
        """See `Presentation`."""
        return self.mount.ssrc(track_id)

    async def play(self, receiver: Receiver, asked: Headers, client: Client) -> Playing:
        """See `Presentation`."""
        check_live(asked)
        return await self._restream.begin(self, receiver, client)

    def detach(self, receiver: Receiver, why: str) -> None:
        """See `Presentation`."""
        self.mount.detach(receiver, why)
        self._restream.ended(receiver, why)


class Restream:
    """The RTSP server of the gateway. `listen`, then run `run`, and end with `close`, before the views are flushed."""

    def __init__(
        self, fleet: Fleet, authority: Authority, accounts: NvrAccounts, views: Views, tally: Tally, clock: Clock
    ) -> None:
        self.on_viewers: list[Callable[[str], None]] = []
        """Called with a camera's id when the number of its readers has changed."""
        self.port = 0
        self.tls_port: int | None = None
        """Where it listens, once it does; None: not for RTSPS."""
        self.past: Find | None = None
        """Who has what lies below a camera's path: its recordings."""
        self.server = Server(self.find, clock, passwords=accounts.password, guard=RtspGuard(accounts))
        self._fleet = fleet
        self._authority = authority
        self._accounts = accounts
        self._views = views
        self._tally = tally
        self._clock = clock
        self._mounts: dict[str, tuple[Camera, Mount]] = {}
        self._readings: dict[Receiver, _Reading] = {}
        self._readers: Counter[str] = Counter()
        self._counted = Counter[str]()
        authority.on_changed.append(self.look)
        accounts.on_changed.append(self.look)

    async def listen(self, address: Address, *, tls: ssl.SSLContext | None = None) -> int:
        """Accept readers there; the port.

        Raises:
            OSError: the address cannot be had.
        """
        port = await self.server.listen(address.host, address.port, tls=tls)
        if tls is None:
            self.port = port
        else:
            self.tls_port = port
        return port

    def readers(self) -> list[Reader]:
        """Who reads now."""
        return [
            Reader.of(reading.view, reading.agent, reading.camera.id, reading.portion, reading.since_ns)
            for reading in self._readings.values()
        ]

    def end(self, reader_id: int, why: str) -> bool:
        """End one reader, which may come again; False: there is none of that id. `why` is a clause."""
        found = [reading for reading in self._readings.values() if reading.view.id == reader_id]
        for reading in found:
            reading.receiver.end(why)
        return bool(found)

    def viewers(self, camera_id: str) -> int:
        """How many read a camera."""
        return self._readers[camera_id]

    async def run(self) -> None:
        """Let readers of cameras that are away go, and move counts to the metrics. Never returns."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            for camera_id, (camera, mount) in list(self._mounts.items()):
                if mount.silent_seconds > SILENT_SECONDS:
                    mount.end("the camera sends nothing")
                if not mount.receivers and self._fleet.cameras.get(camera_id) is not camera:
                    del self._mounts[camera_id]
            self._count()

    def end_all(self, why: str) -> None:
        """Let every reader of a live camera go, with a goodbye."""
        for _, mount in list(self._mounts.values()):
            mount.end(why)

    async def close(self) -> None:
        """End every session."""
        for _, mount in list(self._mounts.values()):
            await mount.close()
        await self.server.close()

    # ---- what the server asks

    async def find(self, path: str, client: Client) -> Presentation | None:
        """What an account may have of the camera that `path` names; None: there is no such camera for it.

        Raises:
            RefusedError: it may not see it live.
            RefusalError: the camera is away.
        """
        if "/" in path and self.past is not None:
            return await self.past(path, client)
        camera, who = self._fleet.cameras.get(path), self._accounts.principal(client.user)
        if camera is None or who is None or not self._authority.sees(who, camera.id):
            return None
        rights = self._authority.rights(who, camera.id)
        if Right.LIVE not in rights:
            await refuse(who, Right.LIVE, camera.id, client, authority=self._authority, tally=self._tally)
        await self._be_live(camera)
        return LiveCamera(self, camera, self._mount(camera), who, Portion.of(rights))

    async def begin(self, live: LiveCamera, receiver: Receiver, client: Client) -> Playing:
        """Have `receiver` read; the audit says so first.

        Raises:
            RefusedError: what it was told that it may have, it may not have any more.
            RefusalError: the camera is away.
            StorageError: the audit cannot be written.
        """
        camera = live.camera
        if receiver in self._readings:
            return live.mount.attach(receiver)
        detail = {"agent": client.agent, "through": "rtsp"}
        view = await self._views.begin(
            Action.LIVE_VIEW, actor=live.who.name, address=client.address, camera=camera.id, **detail
        )
        with contextlib.ExitStack() as stack:
            stack.enter_context(camera.hold())
            try:
                await self._be_live(camera)
                who = self._accounts.holding(live.who)
                rights = frozenset() if who is None else self._authority.rights(who, camera.id)
                if who is None or Right.LIVE not in rights or Portion.of(rights) != live.portion:
                    raise RefusedError("what this account may see has changed: connect again")
                playing = live.mount.attach(receiver)
            except BaseException as error:
                why = str(error) if isinstance(error, SightlineError) else "the camera is away"
                self._views.end(view, f"nothing was shown: {why}", shown=False)
                raise
            release = stack.pop_all().close
        now = self._clock.utc_ns()
        self._readings[receiver] = _Reading(receiver, who, camera, live.portion, client.agent, now, view, release)
        self._touch(camera.id, 1)
        return playing

    def ended(self, receiver: Receiver, why: str) -> None:
        """`receiver` reads no more, or never did."""
        reading = self._readings.pop(receiver, None)
        if reading is not None:
            reading.release()
            self._views.end(reading.view, why)
            self._touch(reading.camera.id, -1)

    # ---- what changes

    def look(self) -> None:
        """Let those go whose account is not what it was, or may have more or less of their camera than they read."""
        for reading in list(self._readings.values()):
            who, camera = self._accounts.holding(reading.who), reading.camera.id
            if who is None:
                RIGHTS_ENDED.labels(Right.LOGGED_IN.value).inc()
                reading.receiver.end("the account was changed or removed")
                continue
            rights = self._authority.rights(who, camera)
            if lost := (reading.portion.rights | {Right.LIVE}) - rights:
                right = Right.LIVE if Right.LIVE in lost else min(lost)
                RIGHTS_ENDED.labels(right.value).inc()
                reading.receiver.end(ruling(self._authority, who, right, camera).why)
            elif Portion.of(rights) != reading.portion:
                reading.receiver.end("the account may have more of the camera now")

    # ---- inside

    async def _be_live(self, camera: Camera) -> None:
        """Wait for a camera that is about to come, or connects on demand.

        Raises:
            RefusalError: it is away.
        """
        if camera.hub.tracks and camera.status in {CameraStatus.LIVE, CameraStatus.STALE}:
            return
        with camera.hold():
            if camera.status is not CameraStatus.OFFLINE and await camera.live(CONNECT_SECONDS):
                return
        raise RefusalError(503, {"Retry-After": str(RETRY_SECONDS)})

    def _mount(self, camera: Camera) -> Mount:
        of, mount = self._mounts.get(camera.id, (None, None))
        if mount is None or of is not camera:
            hub = camera.hub
            mount = Mount(
                camera.id, lambda: hub.tracks, lambda: hub.subscribe("rtsp", start=Start.KEYFRAME), self._clock
            )
            self._mounts[camera.id] = camera, mount
        return mount

    def _touch(self, camera_id: str, by: int) -> None:
        self._readers[camera_id] += by
        RTSP_READERS.labels(camera_id).set(self._readers[camera_id])
        if not self._readers[camera_id]:
            del self._readers[camera_id]
        for listener in self.on_viewers:
            listener(camera_id)

    def _count(self) -> None:
        counters = self.server.counters
        for field in fields(counters):
            now = getattr(counters, field.name)
            RTSP.labels(field.name).inc(now - self._counted[field.name])
            self._counted[field.name] = now
        RTSP_CONNECTIONS.set(self.server.connections)
