"""One simulated body-worn camera: picture, sound and position into a Hub, and out by RTSP and ONVIF; and what it hears.

Here belongs what the camera does over time, its faults included. How a picture, a sound or a position is made belongs
to `encoder`, `sound` and `walk`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.base.clock import Clock
from gateway.base.supervise import TaskOwner
from gateway.hub import Hub, Start
from gateway.media.h264 import NalType, nal_type, split_annex_b, video_parameters
from gateway.media.model import (
    NS,
    AccessUnit,
    AudioParameters,
    Codec,
    Fix,
    MetadataParameters,
    TimeSource,
    Track,
    TrackKind,
    UtcNs,
    VideoParameters,
)
from gateway.rtsp.mount import Mount
from gateway.rtsp.presentation import Back, Client, Presentation
from gateway.rtsp.server import Server
from gateway.simulator.battery import battery_percent
from gateway.simulator.device import SERVICE_PATH, CameraModel, DeviceSite, identity
from gateway.simulator.encoder import Encoder, EncoderSettings
from gateway.simulator.loudspeaker import Loudspeaker
from gateway.simulator.sound import FRAME_SAMPLES, SAMPLE_RATE, Street
from gateway.simulator.walk import Walk
from onvif_protocol.discovery import Responder, Target
from onvif_protocol.metadata import Carrier, Position, battery_document, event_document, navigational_document

VIDEO, AUDIO, METADATA, BACK = range(4)
"""Ids of the tracks."""
VIDEO_RATE = 90_000
METADATA_RATE = 90_000
METADATA_SECONDS = 1.0
BATTERY_SECONDS = 10.0
RTSP_PATH = "live"
MAX_HELD_SECONDS = 60.0
"""What a camera without a link keeps for when it returns; older units are lost."""

_FRAME_NS = FRAME_SAMPLES * NS // SAMPLE_RATE
_HUB_SECONDS = 4.0
_HUB_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """Who a simulated camera is. `id` is url-safe; `seed` chooses its street, light, sound and walk."""

    id: str
    name: str
    seed: int
    username: str
    password: str
    carrier: Carrier = Carrier.MILESTONE
    """MILESTONE, which has speed and course, or EVENT, which has the time."""
    hears: tuple[Codec, ...] = (Codec.PCMU, Codec.PCMA)
    """What its loudspeaker takes by the backchannel; nothing: it has none."""


class SimulatedCamera:
    """Runs from `start` to `close`.

    `encoder` makes its pictures under the number `index`, and whoever owns the encoder hands them to `on_picture`.
    Faults can be asked for at any time: `vanish`, `hold`, `jump_clock`, and `sends_video`.
    """

    def __init__(
        self, settings: CameraSettings, picture: EncoderSettings, encoder: Encoder, index: int, clock: Clock
    ) -> None:
        self.settings = settings
        self.walk = Walk(settings.seed)
        self.hub = Hub(settings.id, cap_bytes=_HUB_BYTES, min_seconds=_HUB_SECONDS)
        self.sends_video = True
        """False: everything else goes on, as with a camera whose encoder hangs."""
        self.clock_offset_ns = 0
        """How far the camera's clock is ahead."""
        self._picture = picture
        self._encoder = encoder
        self._index = index
        self._clock = clock
        self._street = Street(settings.seed)
        self._owner = TaskOwner(f"simulated camera {settings.id}")
        self._host = "127.0.0.1"
        self._rtsp_port = self._http_port = 0
        self._rtsp: Server | None = None
        self._identity = identity(settings.id, settings.name)
        self._site = DeviceSite(self._model(), self._password_of, self._still, clock)
        self._responder: Responder | None = None
        subscribe = lambda: self.hub.subscribe("rtsp", start=Start.KEYFRAME)  # noqa: E731
        self.loudspeaker = Loudspeaker()
        back = Back(BACK, settings.hears, self.loudspeaker.play) if settings.hears else None
        self._mount = Mount(settings.id, lambda: self.hub.tracks, subscribe, clock, back=back)
        self._video = Track(VIDEO, TrackKind.VIDEO, Codec.H264, VIDEO_RATE, VideoParameters())
        self._audio = Track(AUDIO, TrackKind.AUDIO, Codec.PCMU, SAMPLE_RATE, AudioParameters(SAMPLE_RATE))
        self._metadata = Track(METADATA, TrackKind.METADATA, Codec.ONVIF_METADATA, METADATA_RATE, MetadataParameters())
        self._asked: deque[tuple[UtcNs, int]] = deque(maxlen=64)
        self._wants_keyframe = False
        self._held: deque[AccessUnit] | None = None
        self._closed = False

    # ---- who it is

    @property
    def id(self) -> str:
        """Url-safe."""
        return self.settings.id

    @property
    def name(self) -> str:
        """As burnt into its picture."""
        return self.settings.name

    @property
    def username(self) -> str:
        """For RTSP and ONVIF."""
        return self.settings.username

    @property
    def password(self) -> str:
        """For RTSP and ONVIF."""
        return self.settings.password

    @property
    def rtsp_url(self) -> str:
        """Of its only stream, without credentials."""
        return f"rtsp://{self._host}:{self._rtsp_port}/{RTSP_PATH}"

    @property
    def onvif_url(self) -> str:
        """Of its device service."""
        return f"http://{self._host}:{self._http_port}{SERVICE_PATH}"

    @property
    def is_filming(self) -> bool:
        """Whether its first keyframe was made: before, it has no stream."""
        return bool(self.hub.tracks)

    # ---- its life

    async def start(self, host: str = "127.0.0.1", interfaces: tuple[str, ...] = ("lo",)) -> None:
        """Listen on `host` at ports that the kernel chooses, answer discovery on `interfaces`, and film.

        Raises:
            OSError: the address cannot be had.
            OnvifError: one of `interfaces` does not exist.
        """
        self._host = host
        await self._appear()
        target = Target(self._identity.endpoint, self._http_port, self._identity.scopes, host=host, path=SERVICE_PATH)
        self._responder = Responder((target,), interfaces, clock=self._clock)
        await self._responder.__aenter__()
        self._owner.start(self._film(), name="film")

    async def close(self) -> None:
        """Say goodbye and stop, for good. Idempotent."""
        self._closed = True
        await self._owner.close()
        if self._responder is not None:
            responder, self._responder = self._responder, None
            await responder.__aexit__(None, None, None)
        self.hub.close()
        await self._mount.close()
        await self._disappear()

    # ---- faults

    async def vanish(self, seconds: float) -> None:
        """Switched off, as far as the network can tell: connections break and are refused until it returns."""
        await self._disappear()
        try:
            await self._clock.sleep(seconds)
        finally:
            await self._appear()

    async def hold(self, seconds: float) -> None:
        """No coverage: connections stay and nothing comes; then all that was kept meanwhile comes at once."""
        if self._held is not None:
            return
        self._held = deque()
        try:
            await self._clock.sleep(seconds)
        finally:
            held, self._held = self._held, None
            now_ns = self._clock.utc_ns()
            for unit in held:
                self.hub.publish(replace(unit, received_ns=now_ns))

    def jump_clock(self, seconds: float) -> None:
        """Its clock is set: from now on it is `seconds` further ahead. Media time goes on as before."""
        self.clock_offset_ns += round(seconds * NS)

    # ---- what it sees, hears and knows

    def on_picture(self, utc_ns: UtcNs, unit: bytes) -> None:
        """The encoder made the picture asked for at `utc_ns`: an H.264 access unit in Annex B."""
        while self._asked and self._asked[0][0] != utc_ns:
            self._asked.popleft()  # never made: the worker died meanwhile
        if not self._asked:
            return
        _, media_ns = self._asked.popleft()
        nals = tuple(split_annex_b(unit))
        is_keyframe = any(nal_type(nal) == NalType.IDR for nal in nals)
        if is_keyframe:
            assert isinstance(self._video.parameters, VideoParameters)
            parameters = video_parameters(nals, self._video.parameters)
            if parameters != self._video.parameters:
                self._video = replace(self._video, parameters=parameters)
        if not self.is_filming:
            if not is_keyframe:
                return
            self.hub.open((self._video, self._audio, self._metadata))
        self._publish(self._video, media_ns, utc_ns, nals, is_keyframe=is_keyframe)

    def fix(self, utc_ns: UtcNs) -> Fix:
        """What its receiver reports when its own clock shows `utc_ns`; the walk goes by the true time."""
        return replace(self.walk.fix(utc_ns - self.clock_offset_ns), utc_ns=utc_ns)

    async def _film(self) -> None:
        """Ask for pictures at an even pace; sound and positions go along, as each wake-up costs."""
        interval = 1 / self._picture.fps
        started, started_ns = self._clock.monotonic(), self._clock.utc_ns()
        due = started + interval * (self._index % 4) / 4  # cameras take turns
        heard_ns, said_ns, powered_ns = started_ns // _FRAME_NS * _FRAME_NS, 0, 0
        while True:
            await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
            now = self._clock.monotonic()
            due = due + interval if now - due < 1 else now + interval
            media_ns = started_ns + round((now - started) * NS)
            utc_ns = self._clock.utc_ns() + self.clock_offset_ns
            if self.sends_video and self._encoder.request(self._index, utc_ns, keyframe=self._wants_keyframe):
                self._asked.append((utc_ns, media_ns))
                self._wants_keyframe = False
            if not self.is_filming:
                heard_ns = media_ns // _FRAME_NS * _FRAME_NS
                continue
            if media_ns - heard_ns > NS:
                heard_ns = media_ns // _FRAME_NS * _FRAME_NS  # the machine slept
            while heard_ns + _FRAME_NS <= media_ns:
                at_ns = utc_ns - (media_ns - heard_ns)
                self._publish(self._audio, heard_ns, at_ns, (self._street.frame(at_ns),))
                heard_ns += _FRAME_NS
            if media_ns - said_ns >= METADATA_SECONDS * NS:
                said_ns = media_ns
                self._publish(self._metadata, media_ns, utc_ns, (self._document(utc_ns),))
            elif media_ns - powered_ns >= BATTERY_SECONDS * NS:
                powered_ns = media_ns
                percent = battery_percent(self.settings.seed, now - started)
                self._publish(self._metadata, media_ns, utc_ns, (battery_document(percent, utc_ns),))

    def _document(self, utc_ns: UtcNs) -> bytes:
        fix = self.fix(utc_ns)
        position = Position(
            lat=fix.lat,
            lon=fix.lon,
            carrier=self.settings.carrier,
            utc_ns=fix.utc_ns,
            elevation_m=fix.altitude_m,
            speed_mps=fix.speed_mps,
            course_deg=fix.course_deg,
            accuracy_m=fix.accuracy_m,
        )
        if self.settings.carrier is Carrier.EVENT:
            return event_document((position,))
        return navigational_document(position)

    def _publish(
        self, track: Track, media_ns: int, utc_ns: UtcNs, nals: tuple[bytes, ...], *, is_keyframe: bool = True
    ) -> None:
        pts = media_ns * track.clock_rate // NS
        unit = AccessUnit(
            track=track,
            pts=pts,
            dts=pts,
            utc_ns=utc_ns,
            time_source=TimeSource.RTCP,
            received_ns=self._clock.utc_ns(),
            nals=nals,
            is_keyframe=is_keyframe,
            size=sum(map(len, nals)),
        )
        if self._held is None:
            self.hub.publish(unit)
            return
        self._held.append(unit)
        if unit.received_ns - self._held[0].received_ns > MAX_HELD_SECONDS * NS:
            self._held.popleft()

    # ---- how it is reached

    async def _appear(self) -> None:
        if self._closed:
            return
        self._rtsp = Server(self._find, self._clock, passwords=self._password_of, realm=self._identity.manufacturer)
        self._rtsp_port = await self._rtsp.listen(self._host, self._rtsp_port)
        self._http_port = await self._site.start(self._host, self._http_port)

    async def _disappear(self) -> None:
        await self._site.stop()
        if self._rtsp is not None:
            server, self._rtsp = self._rtsp, None
            await server.close()

    async def _find(self, path: str, client: Client) -> Presentation | None:
        return self._mount if path == RTSP_PATH else None

    def _password_of(self, user: str) -> str | None:
        return self.settings.password if user == self.settings.username else None

    async def _still(self) -> bytes:
        return await self._encoder.still(self._index, self._clock.utc_ns() + self.clock_offset_ns)

    def _model(self) -> CameraModel:
        def ask_for_keyframe() -> None:
            self._wants_keyframe = True

        port: Callable[[], int] = lambda: self._rtsp_port  # noqa: E731
        return CameraModel(
            self._identity,
            self._picture,
            rtsp_port=port,
            rtsp_path=RTSP_PATH,
            wants_keyframe=ask_for_keyframe,
            hears=bool(self.settings.hears),
        )
