"""A device with two profiles, for the tests of both sides of ONVIF."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.base.clock import ManualClock
from onvif_protocol.authentication import Authenticator, PasswordAuthenticator
from onvif_protocol.base import Clock
from onvif_protocol.device import Device, host_of
from onvif_protocol.device_io import DeviceIo
from onvif_protocol.device_management import DeviceManagement
from onvif_protocol.device_model import (
    AudioEncoding,
    DeviceIdentity,
    Location,
    MediaProfile,
    NetworkAddress,
    Transport,
    VideoEncoding,
    VideoSource,
)
from onvif_protocol.imaging import Imaging
from onvif_protocol.media1 import Media1
from onvif_protocol.media2 import Media2
from onvif_protocol.media_profiles import Profiles

PASSWORDS = {"op": "secret"}

SOURCE = VideoSource("source_0", "Front", 1280, 720, 30)
MAIN = MediaProfile(
    "main",
    "Main",
    SOURCE,
    VideoEncoding("main_video", "H264", "Main", 1280, 720, 30, 2000, 60),
    AudioEncoding("main_audio", "PCMU", 64, 8),
    "main_metadata",
    output="speaker",
)
SMALL = MediaProfile("small", "Small", SOURCE, VideoEncoding("small_video", "H264", "Baseline", 640, 360, 15, 500, 30))
REAR = MediaProfile(
    "rear",
    "Rear",
    VideoSource("source_1", "Rear", 1920, 1080, 25),
    VideoEncoding("rear_video", "H265", "Main", 1920, 1080, 25, 4000, 50),
    AudioEncoding("rear_audio", "mpeg4-generic", 32, 16, channels=2),
    "rear_metadata",
)
"""Of H.265: only Media2 has words for it."""


class ExampleModel:
    identity = DeviceIdentity(
        manufacturer="Sightline",
        model="BWC & Co",
        firmware="1.0",
        serial="S-12",
        hardware_id="sim",
        endpoint="urn:uuid:00000000-0000-0000-0000-000000000012",
        mac="02:00:5e:00:00:12",
        name="Unit 12",
        hostname="unit-12",
        location="north",
    )

    def __init__(self, profiles: Sequence[MediaProfile] = (SMALL, MAIN)) -> None:
        self._profiles = profiles
        self.keyframes: list[str] = []

    discoverable = True
    addresses = (NetworkAddress("10.0.0.1", 24),)
    rtsp_port = 8554

    def profiles(self, user: str) -> Sequence[MediaProfile]:
        return self._profiles

    def stream_uri(self, profile: MediaProfile, transport: Transport, base_url: str, user: str) -> str | None:
        return f"rtsp://{host_of(base_url)}:8554/{profile.token}"

    def snapshot_uri(self, profile: MediaProfile, base_url: str, user: str) -> str | None:
        return f"{base_url}/{profile.token}.jpg" if profile.video is MAIN.video else None

    def locations(self, user: str) -> Sequence[Location]:
        return (Location("source_0", 52.5, -13.4, 34.0), Location("source_1", -1.25, 103.0))

    def set_synchronization_point(self, profile: MediaProfile) -> None:
        self.keyframes.append(profile.token)


def passwords() -> PasswordAuthenticator:
    return PasswordAuthenticator(PASSWORDS.get, realm="Sightline", secret=b"0123456789abcdef")


def make_device(
    model: ExampleModel | None = None, *, clock: Clock | None = None, authenticator: Authenticator | None = None
) -> Device:
    model = model or ExampleModel()
    clock = clock or ManualClock()
    profiles = Profiles(model)
    services = [Media1(model, profiles), Media2(model, profiles), DeviceIo(profiles), Imaging(profiles)]
    authenticator = authenticator or passwords()
    return Device([DeviceManagement(model, services, clock), *services], authenticator, clock)
