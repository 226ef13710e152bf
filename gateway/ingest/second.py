"""A camera's second, smaller stream: fetched for as long as somebody needs it, into a Hub of its own.

Here belongs one connection to the second media profile of an ONVIF camera. It is made once; whoever needs the stream
decides what to do when it ends. The stream is watched only: it is not recorded, and brings neither sound nor positions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, Fault
from gateway.hub import Hub
from gateway.ingest.camera import CameraSource, IngestParts, usable
from gateway.ingest.fleet import TICK, Camera
from gateway.ingest.registry import Configured
from gateway.media.model import TrackKind
from gateway.rtsp.sdp import TrackDescription
from onvif_protocol.base import OnvifError
from onvif_protocol.camera import OnvifCamera
from onvif_protocol.camera_media import StreamProfile

log = logging.getLogger(__name__)


class SecondStream:
    """Fills `hub` while `run` runs; `hub` is closed when it ends. Metrics name it `{camera id}/second`."""

    def __init__(self, camera: Camera, onvif: OnvifCamera, profile: StreamProfile, parts: IngestParts) -> None:
        self._onvif = onvif
        self._profile = profile
        self._parts = parts
        settings = camera.settings.model_copy(update={"id": f"{camera.id}/second"})
        self._camera = Camera(Configured(settings, camera.origin), parts.clock)
        self._wants_keyframe = asyncio.Event()

    @property
    def hub(self) -> Hub:
        """Where its pictures go."""
        return self._camera.hub

    def request_keyframe(self) -> bool:
        """Ask the camera for a keyframe on this stream; the caller takes care not to ask often."""
        self._wants_keyframe.set()
        return True

    def close(self) -> None:
        """Close `hub`, whether `run` has been begun or not. Idempotent."""
        self.hub.close()

    async def run(self) -> None:
        """Connect once, and publish until cancelled or the camera ends it.

        Raises:
            CameraError: with the reason.
        """
        camera = self._camera
        ask = asyncio.create_task(self._ask_for_keyframes(), name=f"{camera.id}: keyframes")
        try:
            try:
                url = await self._onvif.stream_uri(self._profile, transport=camera.settings.transport)
            except OnvifError as error:
                raise CameraError(Fault.ONVIF, error.reason) from error
            reached = camera.settings.model_copy(update={"url": url, "onvif": None})
            camera.configured = Configured(reached, camera.origin)
            await self._receive(CameraSource(camera, self._parts, choose=video_only), self._parts.clock)
        finally:
            self.close()
            ask.cancel()
            await asyncio.gather(ask, return_exceptions=True)

    async def _receive(self, source: CameraSource, clock: Clock) -> None:
        attempt = asyncio.ensure_future(source.run_once())
        try:
            while not attempt.done():
                pause = asyncio.ensure_future(clock.sleep(TICK))
                await asyncio.wait({attempt, pause}, return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
                source.count()
            attempt.result()
        finally:
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
            source.count()

    async def _ask_for_keyframes(self) -> None:
        while True:
            await self._wants_keyframe.wait()
            self._wants_keyframe.clear()
            try:
                await self._onvif.set_synchronization_point(self._profile)
            except OnvifError as error:
                log.debug("%s gave no keyframe: %s", self._camera.id, error.reason)


def second_stream(camera: Camera, parts: IngestParts) -> SecondStream | None:
    """The second stream of a camera that is connected by ONVIF and has one; else None."""
    onvif = camera.source.onvif if isinstance(camera.source, CameraSource) else None
    profile = onvif.second_profile if onvif is not None else None
    return None if onvif is None or profile is None else SecondStream(camera, onvif, profile, parts)


def video_only(offered: Sequence[TrackDescription]) -> list[TrackDescription]:
    """Of what a camera offers, the video.

    Raises:
        CameraError: there is none that can be used.
    """
    return [description for description in usable(offered) if description.track.kind is TrackKind.VIDEO]
