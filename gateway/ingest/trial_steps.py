"""The steps by which a camera is tried out, each with what was found or what to do, and the words of them.

Here belong the values and what several of them say alike. Who takes the steps is `trial` (one connection, made for it)
and `checkup` (a camera that is live already).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, Fault
from gateway.ingest.advice import ADVICE
from gateway.media.model import NS, Fix, Track, VideoParameters
from onvif_protocol.camera_media import DeviceInformation, StreamProfile

SKEW_TOLD_SECONDS = 5.0
"""A clock that is off by less is called right: what is measured is right to a second or so."""
SKEW_ADVICE = (
    "Set the camera's clock by NTP. The gateway allows for the difference, but what the camera writes into its "
    "pictures and metadata is off by it."
)


class StepName(StrEnum):
    """In the order in which they are taken; not every camera has all of them."""

    ADDRESS = "address"
    PORT = "port"
    ANSWER = "answer"
    LOG_IN = "log_in"
    PROFILES = "profiles"
    STREAM = "stream"
    PICTURE = "picture"
    POSITION = "position"
    RECORDING = "recording"


class StepState(StrEnum):
    """How far a step is."""

    RUNNING = "running"
    DONE = "done"
    REMARK = "remark"
    """Done, and something is not as it should be."""
    FAILED = "failed"
    """The last one that is told."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a step came to."""

    says: str
    advice: str = ""
    """What to do about it; empty: all is well."""
    picture: bytes | None = None
    """A JPEG."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step as it is now. Each is told twice: when it begins, and with what it came to."""

    name: StepName
    state: StepState
    seconds: float | None = None
    """How long it took; None: it is under way."""
    says: str = ""
    advice: str = ""
    picture: bytes | None = None


Tell = Callable[[Step], None]


class Steps:
    """Takes steps one after the other, and tells of each."""

    def __init__(self, tell: Tell, clock: Clock) -> None:
        self._tell = tell
        self._clock = clock

    async def take(self, name: StepName, work: Awaitable[Found], limit: float) -> None:
        """Take a step that may last `limit` seconds.

        Raises:
            CameraError: it failed, which has been told.
        """
        self._tell(Step(name, StepState.RUNNING))
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(limit):
                found = await work
        except TimeoutError:
            error = CameraError(Fault.TIMEOUT, f"Nothing came within {limit:.0f} s.")
            self._failed(name, error, began)
            raise error from None
        except CameraError as error:
            self._failed(name, error, began)
            raise
        self.note(name, found, self._clock.monotonic() - began)

    def note(self, name: StepName, found: Found, seconds: float = 0.0) -> None:
        """Tell of a step that is done."""
        state = StepState.REMARK if found.advice else StepState.DONE
        self._tell(Step(name, state, seconds, found.says, found.advice, found.picture))

    def _failed(self, name: StepName, error: CameraError, began: float) -> None:
        seconds = self._clock.monotonic() - began
        self._tell(Step(name, StepState.FAILED, seconds, error.reason, ADVICE[error.fault]))


# ---- what steps say


def clock_found(skew_ns: int) -> Found:
    """What the camera's clock, ahead of ours by so much, is called."""
    seconds = skew_ns / NS
    if abs(seconds) < SKEW_TOLD_SECONDS:
        return Found("It speaks ONVIF, and its clock is right.")
    way = "ahead" if seconds > 0 else "behind"
    return Found(f"It speaks ONVIF. Its clock is {_span(abs(seconds))} {way}.", SKEW_ADVICE)


def log_in_found(device: DeviceInformation | None, username: str) -> Found:
    """What the log-in told of the device."""
    taken = f"{username} is logged in." if username else "It asks for no password."
    if device is None:
        return Found(taken)
    made = " ".join(part for part in (device.manufacturer, device.model) if part)
    firmware = device.firmware and f"firmware {device.firmware}"
    serial = device.serial and f"serial number {device.serial}"
    said = ", ".join(fact for fact in (made, firmware, serial) if fact)
    return Found(f"{taken} {said}." if said else taken)


def profiles_found(profiles: Sequence[StreamProfile], chosen: StreamProfile, second: StreamProfile | None) -> Found:
    """Which profiles there are, and what they are used for."""
    used = f"{chosen.name or chosen.token} ({_described(chosen)}) is used"
    small = f", {second.name or second.token} ({_described(second)}) for small pictures" if second else ""
    count = "One profile" if len(profiles) == 1 else f"{len(profiles)} profiles"
    return Found(f"{count}: {used}{small}.")


def tracks_found(tracks: Iterable[Track], transport: str) -> Found:
    """What the stream is described as."""
    return Found(f"{', '.join(track_label(track) for track in tracks)}; by {transport.upper()}.")


def track_label(track: Track) -> str:
    """As in `video H.264 1280×720`."""
    parameters = track.parameters
    sized = isinstance(parameters, VideoParameters) and parameters.width
    size = f" {parameters.width}×{parameters.height}" if sized and isinstance(parameters, VideoParameters) else ""
    return f"{track.kind.value} {track.label}{size}"


def rate_text(bits_per_second: float) -> str:
    """As in `2.1 Mbit/s`."""
    if bits_per_second >= 1e6:
        return f"{bits_per_second / 1e6:.1f} Mbit/s"
    return f"{bits_per_second / 1e3:.0f} kbit/s"


def fix_found(fix: Fix, now_ns: int) -> Found:
    """That there is a position. Where it is, is for who has the right to positions."""
    near = "" if fix.accuracy_m is None else f", good to {fix.accuracy_m:.0f} m"
    old = max(0, now_ns - fix.utc_ns) / NS
    return Found(f"A position came, {_span(old)} old{near}.")


def no_metadata_found() -> Found:
    """The stream has no track that a position could come by."""
    return Found(
        "There is no metadata track.",
        "Its position will not be known. Switch GPS and ONVIF metadata on in the camera, or have a phone report it: "
        "Settings, Phones.",
    )


def no_position_found(problem: str | None) -> Found:
    """A metadata track brought no position; `problem`: what was wrong with what it brought."""
    if problem is not None:
        return Found(
            problem, "Look at the camera's receiver and its settings; picture and recording are as they should."
        )
    return Found(
        "There is a metadata track, and no position has come by it.",
        "Indoors that is as it should be. Otherwise look whether the camera's GPS is on, and sees the sky.",
    )


def elsewhere_found(position: str) -> Found:
    """Its position comes from elsewhere than its stream; `position` is the setting."""
    if position == "http":
        return Found("A phone reports its position: make a key for it under Settings, Phones.")
    source = "asking by ONVIF" if position == "onvif" else position
    return Found(f"Its position comes from {source}, which is not tried here.")


def _described(profile: StreamProfile) -> str:
    size = f" {profile.width}×{profile.height}" if profile.width else ""
    return f"{profile.encoding or 'no video'}{size}"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * 86_400 else f"{seconds / 86_400:.0f} days"
