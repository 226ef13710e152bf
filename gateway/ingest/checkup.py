"""The steps of a trial, told of a camera that is live: from what its connection has shown, without another one.

A camera serves few viewers, and one that is being recorded is not to be disturbed.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway.ingest.camera import CameraSource
from gateway.ingest.fleet import Camera
from gateway.ingest.trial import PICTURE_SECONDS, TrialParts, pictured
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
from gateway.media.model import TrackKind


async def check_up(camera: Camera, parts: TrialParts, tell: Tell) -> None:
    """Tell of each step what is known by now; only the picture is made.

    Raises:
        CameraError: the picture took too long, which has been told.
    """
    steps, settings = Steps(tell, parts.ingest.clock), camera.settings
    host = urlsplit(settings.onvif or settings.url or "").hostname or ""
    steps.note(StepName.ADDRESS, Found(f"It is connected to {host}: what follows is from that connection."))
    source = camera.source
    if settings.onvif is not None and camera.clock_skew_ns is not None:
        steps.note(StepName.ANSWER, clock_found(camera.clock_skew_ns))
    steps.note(StepName.LOG_IN, log_in_found(camera.device, settings.username))
    if isinstance(source, CameraSource) and source.onvif is not None:
        onvif = source.onvif
        steps.note(StepName.PROFILES, profiles_found(onvif.profiles, onvif.profile, onvif.second_profile))
    steps.note(StepName.STREAM, tracks_found(camera.hub.tracks, settings.transport))
    await steps.take(StepName.PICTURE, _picture(camera, parts), PICTURE_SECONDS)
    steps.note(StepName.POSITION, _position(camera, parts.ingest.clock.utc_ns()))
    if parts.recorded is not None:
        steps.note(StepName.RECORDING, parts.recorded(settings))


async def _picture(camera: Camera, parts: TrialParts) -> Found:
    video = next((track_label(track) for track in camera.hub.tracks if track.kind is TrackKind.VIDEO), "video")
    rate = camera.intake.bits_per_second
    says = f"{video}." if rate is None else f"{video}, {rate_text(rate)} with sound and metadata."
    return await pictured(says, camera.hub, parts.picture)


def _position(camera: Camera, now_ns: int) -> Found:
    if camera.fix is not None:
        return fix_found(camera.fix, now_ns)
    if camera.settings.position != "metadata":
        return elsewhere_found(camera.settings.position)
    if not any(track.kind is TrackKind.METADATA for track in camera.hub.tracks):
        return no_metadata_found()
    return no_position_found(camera.position_problem or camera.remark)
