"""A device with two profiles, for the tests of both sides of ONVIF."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.base.clock import ManualClock
from onvif_protocol.authentication import Authenticator, PasswordAuthenticator
from onvif_protocol.base import Clock
from onvif_protocol.device import Device
from onvif_protocol.device_management import DeviceManagement
from onvif_protocol.device_model import AudioEncoding, DeviceIdentity, MediaProfile, VideoSource
from onvif_protocol.media1 import Media1

PASSWORDS = {"op": "secret"}

SOURCE = VideoSource("source_0", 1280, 720, 30)
MAIN = MediaProfile("main", "Main", SOURCE, 1280, 720, 30, 2000, 60, audio=AudioEncoding("G711", 64, 8))
SMALL = MediaProfile("small", "Small", SOURCE, 640, 360, 15, 500, 30, has_metadata=False)


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

    def profiles(self) -> Sequence[MediaProfile]:
        return self._profiles

    def stream_uri(self, profile: MediaProfile, host: str) -> str:
        return f"rtsp://{host}:8554/{profile.token}"

    def snapshot_uri(self, profile: MediaProfile, base_url: str) -> str | None:
        return f"{base_url}/{profile.token}.jpg" if profile is MAIN else None

    def set_synchronization_point(self, profile: MediaProfile) -> None:
        self.keyframes.append(profile.token)


def passwords() -> PasswordAuthenticator:
    return PasswordAuthenticator(PASSWORDS.get, realm="Sightline", secret=b"0123456789abcdef")


def make_device(
    model: ExampleModel | None = None, *, clock: Clock | None = None, authenticator: Authenticator | None = None
) -> Device:
    model = model or ExampleModel()
    clock = clock or ManualClock()
    media = Media1(model)
    return Device([DeviceManagement(model, [media], clock), media], authenticator or passwords(), clock)
