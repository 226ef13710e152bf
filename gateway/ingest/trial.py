"""Trying a camera out step by step, by one connection that is made for it and leaves nothing behind.

What `sightline camera test` and the page's test do. The steps are those of adding the camera: the same ONVIF log-in,
the same attempt. Where a step fails, its CameraError says why, and none follows.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.base.errors import CameraError, Fault, SightlineError
from gateway.base.settings import CameraSettings
from gateway.base.supervise import TaskOwner
from gateway.hub import Hub, Start
from gateway.ingest.camera import CameraSource, IngestParts, camera_error, usable
from gateway.ingest.fleet import Camera
from gateway.ingest.registry import Configured, Origin
from gateway.ingest.trial_steps import (
    Found,
    StepName,
    Steps,
    Tell,
    clock_found,
    elsewhere_found,
    fix_found,
    log_in_found,
    no_metadata_found,
    no_position_found,
    profiles_found,
    rate_text,
    track_label,
    tracks_found,
)
from gateway.media.model import NS, AccessUnit, TrackKind
from gateway.rtsp.sdp import TrackDescription
from onvif_protocol.base import OnvifError
from onvif_protocol.camera import OnvifCamera

QUICK, SLOW = 6.0, 15.0
"""Seconds that a step may take: what a network answers, and what a camera has to think about."""
PICTURE_SECONDS = 20.0
MEASURED_NS = 2 * NS
"""How much of the stream is looked at for its rate."""
POSITION_SECONDS = 8.0
_LOOK_SECONDS = 0.1
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_BEYOND_LOG_IN = frozenset({Fault.BAD_SDP, Fault.NO_VIDEO})
"""What a camera can fail by only after it took the password;"""
_BEYOND_ANSWER = _BEYOND_LOG_IN | {Fault.AUTHENTICATION, Fault.REFUSED}
"""and only after it has shown that it speaks RTSP."""

Picture = Callable[[Hub], Awaitable[bytes]]
"""A JPEG of the newest picture in a Hub; raises SightlineError where there is none to be had."""


@dataclass(frozen=True, slots=True)
class TrialParts:
    """What a trial is made with."""

    ingest: IngestParts
    picture: Picture | None = None
    """None: nobody looks at it."""
    recorded: Callable[[CameraSettings], Found] | None = None
    """What becomes of its recording. None: nobody records."""


async def try_camera(settings: CameraSettings, parts: TrialParts, tell: Tell) -> None:
    """Connect to a camera once, and tell of each step.

    Raises:
        CameraError: it did not work; says why. The step it failed at has been told, with what to do.
    """
    steps = Steps(tell, parts.ingest.clock)
    way_in = settings.onvif or settings.url or ""
    await steps.take(StepName.ADDRESS, _resolve(way_in), QUICK)
    await steps.take(StepName.PORT, _knock(way_in), QUICK)
    url = settings.url if settings.onvif is None else await _sign_on(settings, settings.onvif, parts.ingest, steps)
    attempt = _Attempt(settings.model_copy(update={"url": url, "onvif": None}), parts.ingest)
    try:
        if settings.onvif is None:
            await steps.take(StepName.ANSWER, attempt.answered(), SLOW)
            await steps.take(StepName.LOG_IN, attempt.logged_in(), SLOW)
        await steps.take(StepName.STREAM, attempt.playing(), SLOW)
        await steps.take(StepName.PICTURE, attempt.picture(parts.picture), PICTURE_SECONDS)
        await steps.take(StepName.POSITION, attempt.position(), POSITION_SECONDS + QUICK)
    finally:
        await attempt.close()
    if parts.recorded is not None:
        steps.note(StepName.RECORDING, parts.recorded(settings))


async def _resolve(url: str) -> Found:
    host = urlsplit(url).hostname or ""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise CameraError(Fault.UNREACHABLE, f"The name {host} is not known here.") from None
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    return Found(f"{host} needs no name." if addresses == [host] else f"{host} is {', '.join(addresses[:3])}.")


async def _knock(url: str) -> Found:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        _, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        raise CameraError(Fault.UNREACHABLE, f"Nothing listens on port {port} of {host}.") from None
    except OSError as error:
        why = error.strerror or str(error) or "no connection"
        raise CameraError(Fault.UNREACHABLE, f"{host} cannot be reached on port {port}: {why}.") from None
    writer.transport.abort()
    return Found(f"Port {port} is open.")


async def _sign_on(settings: CameraSettings, xaddr: str, ingest: IngestParts, steps: Steps) -> str:
    """The ONVIF steps; returns the URL of the stream."""
    onvif = OnvifCamera.at(
        xaddr, settings.username, settings.password.get_secret_value(), clock=ingest.clock, wsdls=ingest.wsdls
    )
    url = ""

    async def answer() -> Found:
        await onvif.answer()
        return clock_found(onvif.skew_ns)

    async def log_in() -> Found:
        await onvif.log_in()
        return log_in_found(onvif.device_information, settings.username)

    async def profiles() -> Found:
        nonlocal url
        await onvif.choose_profile()
        url = await onvif.stream_uri(transport=settings.transport)
        return profiles_found(onvif.profiles, onvif.profile, onvif.second_profile)

    try:
        await steps.take(StepName.ANSWER, _by_onvif(answer(), xaddr), SLOW)
        await steps.take(StepName.LOG_IN, _by_onvif(log_in(), xaddr), SLOW)
        await steps.take(StepName.PROFILES, _by_onvif(profiles(), xaddr), SLOW)
    finally:
        await onvif.close()
    return url


async def _by_onvif(step: Awaitable[Found], xaddr: str) -> Found:
    try:
        return await step
    except OnvifError as error:
        raise camera_error(error, xaddr) from error


class _TriedCamera(Camera):
    """A camera that says when it was told to play, and agreed."""

    def __init__(self, configured: Configured, ingest: IngestParts) -> None:
        super().__init__(configured, ingest.clock)
        self.plays = asyncio.Event()

    def connected(self) -> None:
        super().connected()
        self.plays.set()


class _Attempt:
    """The attempt of a trial: the CameraSource that a fleet would make, begun at once, and how far it has come."""

    def __init__(self, settings: CameraSettings, ingest: IngestParts) -> None:
        self._clock = ingest.clock
        self._camera = _TriedCamera(Configured(settings, Origin.DATABASE), ingest)
        self._described = asyncio.Event()
        self._subscription = self._camera.hub.subscribe("trial", start=Start.LIVE)
        self._source = CameraSource(self._camera, ingest, choose=self._choose)
        self._tasks = TaskOwner("camera trial")
        self._run = self._tasks.start(self._once(), name="attempt")

    async def close(self) -> None:
        """Say goodbye to the camera."""
        await self._tasks.close()
        self._subscription.close()
        self._camera.hub.close()

    async def answered(self) -> Found:
        """It speaks RTSP."""
        error = await self._until(self._described)
        if error is not None and error.fault not in _BEYOND_ANSWER:
            raise error
        return Found("It speaks RTSP.")

    async def logged_in(self) -> Found:
        """It takes user name and password, or wants none."""
        error = await self._until(self._described)
        if error is not None and error.fault is Fault.REFUSED:
            return Found("It looks for the stream before it asks for a password.")
        if error is not None and error.fault not in _BEYOND_LOG_IN:
            raise error
        return log_in_found(None, self._camera.settings.username)

    async def playing(self) -> Found:
        """It describes its stream, and sends it."""
        if (error := await self._until(self._camera.plays)) is not None:
            raise error
        return tracks_found(self._camera.hub.tracks, self._camera.settings.transport)

    async def picture(self, make: Picture | None) -> Found:
        """Wait for a keyframe, and look at the stream for as long as its rate takes."""
        pictures = size = 0
        first_ns: int | None = None
        async for item in self._subscription:
            if not isinstance(item, AccessUnit) or item.track.kind is not TrackKind.VIDEO:
                continue
            if first_ns is None:
                if not item.is_keyframe:
                    continue
                first_ns = item.utc_ns
            elif (span := item.utc_ns - first_ns) >= MEASURED_NS:
                pace = f"{pictures * NS / span:.0f} pictures a second, {rate_text(size * 8 * NS / span)}"
                says = f"{track_label(item.track)}, {pace}."
                return await pictured(says, self._camera.hub, make)
            pictures += 1
            size += sum(map(len, item.nals))
        raise await self._run

    async def position(self) -> Found:
        """Wait for a position, where the stream is to bring it."""
        camera = self._camera
        if camera.settings.position != "metadata":
            return elsewhere_found(camera.settings.position)
        if not any(track.kind is TrackKind.METADATA for track in camera.hub.tracks):
            return no_metadata_found()
        until = self._clock.monotonic() + POSITION_SECONDS
        while camera.fix is None and not self._run.done() and self._clock.monotonic() < until:
            await self._clock.sleep(_LOOK_SECONDS)
        if camera.fix is None:
            return no_position_found(camera.position_problem or camera.remark)
        return fix_found(camera.fix, self._clock.utc_ns())

    async def _until(self, event: asyncio.Event) -> CameraError | None:
        """Wait for `event`; or what the attempt ended by, if it did before."""
        waiting = self._tasks.start(event.wait(), name="step")
        try:
            await asyncio.wait({waiting, self._run}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        return self._run.result() if self._run.done() else None

    async def _once(self) -> CameraError:
        try:
            await self._source.run_once()
        except CameraError as error:
            return error
        finally:
            self._camera.hub.close()  # whoever waits for a picture waits no longer
        return CameraError(Fault.ENDED, "The camera ended the stream.")

    def _choose(self, offered: Sequence[TrackDescription]) -> list[TrackDescription]:
        chosen = usable(offered)
        self._described.set()
        return chosen


async def pictured(says: str, hub: Hub, make: Picture | None) -> Found:
    """`says`, with the newest picture of `hub`."""
    if make is None:
        return Found(says)
    try:
        return Found(says, picture=await make(hub))
    except SightlineError as error:
        return Found(says, f"It is recorded and passed on, but it cannot be shown here: {error}")
