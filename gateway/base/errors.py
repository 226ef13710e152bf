"""Errors that say whose fault it is and what to do.

`SightlineError` is the only exception that crosses a layer on purpose. Anything else that escapes is a bug and is
logged with its traceback.
"""

from __future__ import annotations

from enum import StrEnum


class SightlineError(Exception):
    """Base of all errors the gateway raises on purpose. `str(error)` is a sentence a person can act on."""


class Fault(StrEnum):
    """What went wrong with a camera: the label of the metric `sightline_camera_errors_total`."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    AUTHENTICATION = "authentication"
    NOT_RTSP = "not_rtsp"
    REFUSED = "refused"
    """A status code of RTSP, HTTP or SOAP that says no."""
    BAD_SDP = "bad_sdp"
    NO_VIDEO = "no_video"
    BAD_STREAM = "bad_stream"
    TLS = "tls"
    ENDED = "ended"
    """BYE, TEARDOWN or end of the connection."""
    STALLED = "stalled"
    NO_KEYFRAME = "no_keyframe"
    BAD_METADATA = "bad_metadata"
    ONVIF = "onvif"
    SETTINGS = "settings"


class CameraError(SightlineError):
    """The camera, or the way to it, is at fault. Ends one attempt; the supervisor retries.

    `where` names connection and place (`10.1.2.3:554 channel 0 seq 4711`), so that it can be found in a capture.
    """

    def __init__(self, fault: Fault, reason: str, *, where: str = "") -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason
        self.where = where


class SettingsError(SightlineError):
    """The settings do not hold: names the key and what to write instead. Exit code 2."""


class StorageError(SightlineError):
    """The disk or the database refused. Exit code 1."""


class RefusedError(SightlineError):
    """The right that this needs is missing."""


class NotFoundError(SightlineError):
    """What was named does not exist."""


class GoneError(SightlineError):
    """What was named is no more, and does not come back."""


class ConflictError(SightlineError):
    """What was asked contradicts what is there."""


class LaterError(SightlineError):
    """Impossible now, and worth another try in `retry_after` seconds."""

    def __init__(self, reason: str, *, retry_after: int) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class BadRequestError(SightlineError):
    """What was sent cannot be used. `pointer` is a JSON pointer to the member at fault, when there is one."""

    def __init__(self, reason: str, *, pointer: str = "") -> None:
        super().__init__(reason)
        self.pointer = pointer
