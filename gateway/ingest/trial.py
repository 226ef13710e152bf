"""Trying one camera out, without a gateway around it: what `sightline camera test` does."""

from __future__ import annotations

import asyncio

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, Fault
from gateway.base.settings import CameraSettings
from gateway.base.workers import Threads
from gateway.hub import Start, Subscription
from gateway.ingest.camera import CameraSource, IngestParts
from gateway.ingest.fleet import Camera
from gateway.ingest.registry import Configured, Origin
from gateway.media.model import AccessUnit, Track, TrackKind, VideoParameters
from onvif_protocol.camera import Wsdls

TRIAL_SECONDS = 20.0


async def try_camera(settings: CameraSettings, clock: Clock) -> list[str]:
    """Connect to a camera once and say what it sends, up to its first keyframe.

    Raises:
        CameraError: it did not work; says why and what to do.
    """
    threads = Threads("xml", 1)
    camera = Camera(Configured(settings, Origin.FILE), clock)
    parts = IngestParts(clock, Wsdls(threads.run), threads)
    source = CameraSource(camera, parts)
    subscription = camera.hub.subscribe("test", start=Start.LIVE)
    attempt = asyncio.create_task(source.run_once(), name="camera test")
    try:
        async with asyncio.timeout(TRIAL_SECONDS):
            keyframe = asyncio.create_task(_first_keyframe(subscription), name="camera test: keyframe")
            await asyncio.wait({attempt, keyframe}, return_when=asyncio.FIRST_COMPLETED)
            keyframe.cancel()
            if attempt.done():
                attempt.result()
    except TimeoutError:
        if not camera.hub.tracks:
            raise CameraError(Fault.TIMEOUT, f"Nothing usable came within {TRIAL_SECONDS:.0f} s.") from None
        raise CameraError(Fault.NO_KEYFRAME, f"It connects, but sent no keyframe in {TRIAL_SECONDS:.0f} s.") from None
    finally:
        attempt.cancel()
        await asyncio.wait({attempt})
        subscription.close()
        threads.close()
    lines = [f"{settings.label}: connected."]
    for track in camera.hub.tracks:
        lines.append(f"  {track.kind.value}: {track.label}{_size(track)}")
    if settings.position == "metadata" and not any(track.kind is TrackKind.METADATA for track in camera.hub.tracks):
        lines.append("  no metadata track: the position will not be known")
    return lines


async def _first_keyframe(subscription: Subscription) -> None:
    async for item in subscription:
        if isinstance(item, AccessUnit) and item.track.kind is TrackKind.VIDEO and item.is_keyframe:
            return


def _size(track: Track) -> str:
    parameters = track.parameters
    if isinstance(parameters, VideoParameters) and parameters.width:
        return f", {parameters.width}x{parameters.height}"
    return ""
