"""What cameras and what is recorded of them are called over ONVIF. The same everywhere, so that NVRs can match them.

Tokens have at most 64 characters (ONVIF `tt:ReferenceToken`), as ids of cameras have.
"""

from __future__ import annotations

from gateway.media.model import TrackKind
from onvif_protocol.recordings_model import TrackType

TRACKS = {
    TrackKind.VIDEO: ("VIDEO001", TrackType.VIDEO),
    TrackKind.AUDIO: ("AUDIO001", TrackType.AUDIO),
    TrackKind.METADATA: ("META001", TrackType.METADATA),
}
"""Token and type of a recording's tracks, in the order in which they are told."""


def source_token(camera: str) -> str:
    """Of a camera's video source, which events, recordings and profiles name."""
    return camera


def profile_token(camera: str) -> str:
    """Of the profile that is the camera as it is sent and recorded."""
    return camera


def recording_token(camera: str) -> str:
    """Of all that is recorded of a camera."""
    return camera


def job_token(camera: str) -> str:
    """Of what records a camera."""
    return camera
