"""What the ONVIF devices toward NVRs offer: a video source and a profile for each camera, as it is sent.

`GatewayModel` is the device of all cameras, `CameraModel` that of one. Each answers for a user: what an account may not
see is not in its answers. The words are `onvif_protocol`'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeAlias

import ifaddr

from gateway.access.authority import Authority
from gateway.access.portion import Portion
from gateway.access.rights import Right
from gateway.access.users import Principal
from gateway.base.clock import Clock
from gateway.ingest.fleet import Camera, Fleet
from gateway.media.model import NS
from gateway.nvr.identities import Numbered
from gateway.nvr.stream_facts import UNSEEN, StreamFacts, stream_facts
from gateway.nvr.tokens import profile_token, source_token
from onvif_protocol.device import host_of
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
from onvif_protocol.media_profiles import MAX_PROFILES

FACTS_SECONDS = 60.0
"""How long what was measured of a camera is told: an NVR that looks twice finds the same."""
SOONER_SECONDS = 2.0
"""The same, of what was measured when it had just begun to send."""
FRESH_NS = 60 * NS
"""A position older than that is no live one."""
SNAPSHOT_PATH = "/onvif/snapshot/"

Before: TypeAlias = Callable[[str], Awaitable[StreamFacts | None]]
"""What a camera sent before the start; None: nobody knows."""


class Accounts(Protocol):
    """Who NVRs log in as."""

    def principal(self, name: str) -> Principal | None:
        """Who it is that has proved to be `name`."""


@dataclass(frozen=True, slots=True)
class RtspPorts:
    """Where the streams are."""

    plain: int
    tls: int | None


def stream_url(ports: RtspPorts, transport: Transport, base_url: str, path: str) -> str:
    """The URL of what is served under `path`.

    `base_url` is `scheme://host:port` of the address that the request came to. Who came by HTTPS gets what goes over
    TCP by TLS, too.
    """
    over_tls = ports.tls is not None and transport is not Transport.UDP and base_url.startswith("https:")
    scheme = ("http" if transport is Transport.HTTP else "rtsp") + ("s" if over_tls else "")
    return f"{scheme}://{host_of(base_url)}:{ports.tls if over_tls else ports.plain}/{path}"


@dataclass(frozen=True, slots=True)
class Cameras:
    """What the models are made of."""

    fleet: Fleet
    authority: Authority
    accounts: Accounts
    rtsp: Callable[[], RtspPorts]
    announced: bool
    """Whether the devices answer to WS-Discovery."""
    clock: Clock


class Facts:
    """What the cameras send, measured at most once a minute; of those that are silent, what they sent before."""

    def __init__(self, clock: Clock, before: Before) -> None:
        self._clock = clock
        self._read_before = before
        self._known: dict[str, tuple[StreamFacts, tuple[object, ...], float]] = {}
        self._before: dict[str, StreamFacts | None] = {}

    def of(self, camera: Camera) -> StreamFacts:
        """What a camera sends."""
        now, tracks = self._clock.monotonic(), camera.hub.tracks
        known = self._known.get(camera.id)
        if known is not None and known[1] == tracks and now < known[2]:
            return known[0]
        facts = stream_facts(camera.hub)
        if facts is UNSEEN:
            facts = self._before.get(camera.id) or UNSEEN
        fresh = known is None or known[1] != tracks
        self._known[camera.id] = facts, tracks, now + (SOONER_SECONDS if fresh else FACTS_SECONDS)
        return facts

    async def remember(self, cameras: Iterable[Camera]) -> None:
        """Read what those sent before from which nothing has come yet; once for each."""
        for camera in cameras:
            if not camera.hub.tracks and camera.id not in self._before:
                self._before[camera.id] = await self._read_before(camera.id)
                self._known.pop(camera.id, None)

    def keep(self, cameras: Iterable[str]) -> None:
        """Forget all other cameras."""
        wanted = set(cameras)
        self._known = {camera: known for camera, known in self._known.items() if camera in wanted}
        self._before = {camera: facts for camera, facts in self._before.items() if camera in wanted}


class GatewayModel:
    """The device of all cameras: a `DeviceModel`."""

    def __init__(self, numbered: Numbered, cameras: Cameras, facts: Facts) -> None:
        self._numbered = numbered
        self._parts = cameras
        self._facts = facts

    @property
    def identity(self) -> DeviceIdentity:  # noqa: D102
        return self._numbered.identity("Sightline", "sightline", model="Gateway")

    @property
    def discoverable(self) -> bool:  # noqa: D102
        return self._parts.announced

    @property
    def rtsp_port(self) -> int:  # noqa: D102
        return self._parts.rtsp().plain

    @property
    def addresses(self) -> Sequence[NetworkAddress]:  # noqa: D102
        return [
            NetworkAddress(str(ip.ip), ip.network_prefix)
            for adapter in ifaddr.get_adapters()
            for ip in adapter.ips
            if ip.is_IPv4
        ]

    def profiles(self, user: str) -> Sequence[MediaProfile]:  # noqa: D102
        who = self._parts.accounts.principal(user)
        if who is None:
            return ()
        return [self._profile(camera, who) for camera in self._seen(who)]

    def stream_uri(  # noqa: D102
        self, profile: MediaProfile, transport: Transport, base_url: str, user: str
    ) -> str | None:
        camera = profile.source.token
        who, ports = self._parts.accounts.principal(user), self._parts.rtsp()
        if who is None or Right.LIVE not in self._parts.authority.lasting_rights(who, camera):
            return None
        return stream_url(ports, transport, base_url, camera)

    def snapshot_uri(self, profile: MediaProfile, base_url: str, user: str) -> str | None:  # noqa: D102
        who, camera = self._parts.accounts.principal(user), profile.source.token
        if who is None or Right.LIVE not in self._parts.authority.lasting_rights(who, camera):
            return None
        return f"{base_url}{SNAPSHOT_PATH}{camera}.jpg"

    def set_synchronization_point(self, profile: MediaProfile) -> None:  # noqa: D102
        camera = self._parts.fleet.cameras.get(profile.source.token)
        if camera is not None and camera.source is not None:
            camera.source.request_keyframe()

    def locations(self, user: str) -> Sequence[Location]:  # noqa: D102
        who = self._parts.accounts.principal(user)
        if who is None:
            return ()
        now, authority = self._parts.clock.utc_ns(), self._parts.authority
        return [
            Location(source_token(camera.id), fix.lat, fix.lon, fix.altitude_m)
            for camera in self._cameras()
            if (fix := camera.fix) is not None
            and now - fix.received_ns <= FRESH_NS
            and Portion.of(authority.rights(who, camera.id)).positions
        ]

    def _cameras(self) -> Iterable[Camera]:
        """By id, so that sources and profiles stay in their order."""
        return [camera for _, camera in sorted(self._parts.fleet.cameras.items())]

    def _seen(self, who: Principal) -> list[Camera]:
        return [camera for camera in self._cameras() if self._parts.authority.sees(who, camera.id)]

    def _profile(self, camera: Camera, who: Principal) -> MediaProfile:
        portion = Portion.of(self._parts.authority.lasting_rights(who, camera.id))
        return _described(camera.id, camera.settings.label[:64], self._facts.of(camera), portion)


@lru_cache(maxsize=MAX_PROFILES)
def _described(camera: str, name: str, facts: StreamFacts, portion: Portion) -> MediaProfile:
    """The profile of a camera that sends this, for who may have so much of it. To look it up costs a tenth."""
    token, video, audio = profile_token(camera), facts.video, facts.audio
    size = video.width, video.height
    return MediaProfile(
        token=token,
        name=name,
        source=VideoSource(source_token(camera), name, *size, video.frame_rate),
        video=VideoEncoding(token, video.codec, video.profile, *size, video.frame_rate, video.kbps, video.gov_length),
        audio=AudioEncoding(token, audio.codec, audio.kbps, audio.sample_rate_khz, audio.channels)
        if audio is not None and portion.sound
        else None,
        metadata=token if facts.has_metadata and portion.positions else None,
    )


class CameraModel(GatewayModel):
    """The device of one camera: a `DeviceModel`."""

    def __init__(self, numbered: Numbered, cameras: Cameras, facts: Facts, camera: str) -> None:
        super().__init__(numbered, cameras, facts)
        self._camera = camera

    @property
    def identity(self) -> DeviceIdentity:  # noqa: D102
        return self._numbered.identity(self._parts.fleet.label(self._camera), self._camera, model="Camera")

    def _cameras(self) -> Iterable[Camera]:
        camera = self._parts.fleet.cameras.get(self._camera)
        return () if camera is None else (camera,)
