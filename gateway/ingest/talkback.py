"""Talking to cameras: which have a backchannel, and a connection to it for as long as somebody talks.

Always a connection of its own beside the one that brings the picture, so that neither watching nor recording notices.
A camera is asked once, when its picture has come, by DESCRIBE alone; what it said holds until its settings or its
connection are others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, Fault
from gateway.base.supervise import TaskOwner
from gateway.ingest.fleet import Camera, CameraStatus, Fleet
from gateway.media.model import Codec
from gateway.rtsp.backchannel import NoBackchannelError, choose_law
from gateway.rtsp.client import RtspClient

log = logging.getLogger(__name__)

MOST_AT_ONCE = 4
"""Cameras asked at a time: after a start all come together."""


class _Deaf:
    """Takes what a camera sends by a backchannel: reports, if anything."""

    def rtp(self, index: int, packets: list[bytes]) -> None:
        pass

    def rtcp(self, index: int, packets: list[bytes]) -> None:
        pass

    def end(self, error: CameraError) -> None:
        """Whoever talks waits for the session's end."""


async def open_backchannel(camera: Camera, laws: Sequence[Codec], clock: Clock) -> RtspClient:
    """A session that takes sound, in one of `laws` where the camera does. Close it in the end.

    Raises:
        NoBackchannelError: the camera cannot be talked to.
        CameraError: it did not come to that.
    """
    session = await _ask(camera, laws, clock)
    try:
        await session.play(_Deaf())
    except BaseException:
        await session.close()
        raise
    return session


async def _ask(camera: Camera, laws: Sequence[Codec], clock: Clock) -> RtspClient:
    settings, url = camera.settings, camera.stream_url
    if url is None:
        raise CameraError(Fault.ENDED, camera.reason or "The camera is not connected: try again in a moment.")
    return await RtspClient.open(
        url,
        username=settings.username,
        password=settings.password.get_secret_value(),
        transport=settings.transport,
        clock=clock,
        allow_basic=settings.basic_auth,
        tls_verify=settings.tls_verify,
        choose=lambda offered: [choose_law(offered, laws)],
        backchannel=True,
    )


class Backchannels:
    """Finds out which cameras of a fleet can be talked to. Close it in the end."""

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        self._clock = clock
        self._fleet = fleet
        self._asked: set[str] = set()
        """Cameras that are being asked, or gave no answer since they are live."""
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._tasks = TaskOwner("backchannels")
        fleet.on_changed.append(self._changed)
        fleet.on_removed.append(lambda camera: self._asked.discard(camera.id))

    async def close(self) -> None:
        """Ask no more."""
        self._fleet.on_changed.remove(self._changed)
        await self._tasks.close()

    def _changed(self, camera: Camera) -> None:
        if camera.status is not CameraStatus.LIVE:
            self._asked.discard(camera.id)
        elif camera.talk is None and camera.id not in self._asked:
            self._asked.add(camera.id)
            self._tasks.start(self._find_out(camera), name=camera.id)

    async def _find_out(self, camera: Camera) -> None:
        async with self._room:
            url = camera.stream_url
            try:
                session = await _ask(camera, (), self._clock)
            except NoBackchannelError:
                found = False
            except CameraError as error:
                log.debug("camera %s did not say whether it has a backchannel: %s", camera.id, error.reason)
                return
            else:
                await session.close()
                found = True
            if camera.stream_url == url:  # else its settings are others by now, and this was another's answer
                camera.set_talk(found)
