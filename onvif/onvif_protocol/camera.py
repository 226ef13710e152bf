"""The client toward one camera: signs on, finds its services, chooses a profile, asks for its stream.

The only module that imports `onvif` (onvif-zeep-async) and zeep. Device and Media1 are called through the WSDLs that
onvif-zeep-async brings, Media2 through the messages in `camera_media`. Everything goes through one `Channel`, which
limits size and time, checks the XML before zeep sees it, and turns what can go wrong into OnvifError.

What cameras in the field make necessary is said where it is done; the sources are in docs/interfaces.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self, TypeVar

import onvif
import zeep.exceptions
from lxml import etree
from onvif.client import ZeepAsyncClient
from onvif.settings import DEFAULT_SETTINGS
from onvif.transport import ASYNC_TRANSPORT
from zeep.transports import Transport
from zeep.wsdl import Document

from onvif_protocol import camera_media as media2
from onvif_protocol.base import Clock, ErrorKind, OnvifError
from onvif_protocol.camera_media import DeviceInformation, StreamProfile, origin, playable, reachable
from onvif_protocol.channel import Channel, Credentials
from onvif_protocol.geo_location import GeoLocation, get_geo_location, own, parse_locations
from onvif_protocol.metadata import MetadataDocument
from onvif_protocol.pull_point import PullPoint
from onvif_protocol.soap import (
    CONTENT_TYPE,
    NS,
    Element,
    FaultError,
    qname,
)

_T = TypeVar("_T")
_WSDL_DIR: Final = Path(onvif.__file__).parent / "wsdl"


class Run(Protocol):
    """Calls a blocking function off the event loop and awaits its result, as `asyncio.to_thread` does."""

    def __call__(self, function: Callable[[], _T], /) -> Awaitable[_T]:  # noqa: D102
        ...


class Wsdls:
    """The service descriptions, each read once for all cameras: reading takes half a second of CPU.

    `run` takes the reading off the event loop.
    """

    def __init__(self, run: Run = asyncio.to_thread) -> None:
        self._run = run
        self._documents: dict[str, Document] = {}
        self._lock = asyncio.Lock()

    async def load(self, service: str) -> Document:
        """The description of `devicemgmt` or `media`."""
        async with self._lock:
            if service not in self._documents:
                path = str(_WSDL_DIR / onvif.SERVICES[service]["wsdl"])
                # The transport reads local files only: nothing is fetched. (zeep annotates an instance as a class.)
                self._documents[service] = await self._run(
                    lambda: Document(path, ASYNC_TRANSPORT, settings=DEFAULT_SETTINGS)  # type: ignore[arg-type]
                )
            return self._documents[service]


class _Signature:
    """zeep's hook for WS-Security."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def apply(self, envelope: Element, headers: dict[str, str]) -> tuple[Element, dict[str, str]]:
        token = self._credentials.header()
        if token is not None:
            header = envelope.find(qname("s:Header"))
            if header is None:
                header = etree.Element(qname("s:Header"))
                envelope.insert(0, header)
            header.append(token)
        return envelope, headers

    def verify(self, envelope: Element) -> None:
        """Cameras do not sign their answers."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What zeep reads of a response."""

    content: bytes
    status_code: int = 200
    encoding: str = "utf-8"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": CONTENT_TYPE})


class _ZeepTransport(Transport):
    """Hands zeep's messages to the channel."""

    def __init__(self, channel: Channel, *, signed: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._channel = channel
        self._signed = signed

    async def post_xml(self, address: str, envelope: Element, headers: dict[str, str]) -> _Answer:
        message = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
        return _Answer(await self._channel.post(address, message, headers["Content-Type"], signed=self._signed))


class _Service:
    """One ONVIF service of the camera, called through its WSDL."""

    def __init__(self, document: Document, service: str, url: str, channel: Channel, *, signed: bool = True) -> None:
        self._url = url
        client = ZeepAsyncClient(  # type: ignore[no-untyped-call]
            wsdl=document,
            wsse=_Signature(channel.credentials) if signed else None,
            transport=_ZeepTransport(channel, signed=signed),
            settings=DEFAULT_SETTINGS,
        )
        definition = onvif.SERVICES[service]
        binding = f"{{{definition['ns']}}}{definition['binding']}"
        self._proxy = client.create_service(binding, url)  # type: ignore[no-untyped-call]

    async def call(self, operation: str, **arguments: Any) -> Any:
        """The answer's content, None for an empty one. Raises OnvifError, FaultError."""
        try:
            return await self._proxy[operation](**arguments)
        except (zeep.exceptions.Error, etree.LxmlError, AttributeError, LookupError, TypeError, ValueError) as error:
            reason = f"the answer of {origin(self._url)} to {operation} cannot be understood"
            raise OnvifError(reason, ErrorKind.NOT_ONVIF) from error


class OnvifCamera:
    """One camera that has been signed on to. Made by `connect`; an async context manager that closes it.

    Every method raises OnvifError, whose kind says who is at fault.
    """

    def __init__(self, channel: Channel, xaddr: str, wsdls: Wsdls) -> None:
        self.xaddr = xaddr
        self.device_information = DeviceInformation()
        self.profiles: tuple[StreamProfile, ...] = ()
        self._channel = channel
        self._wsdls = wsdls
        self._services: dict[str, str] = {}
        """Namespace to URL."""
        self._media: _Media | None = None
        self._chosen: StreamProfile | None = None

    @classmethod
    async def connect(
        cls,
        xaddr: str,
        username: str,
        password: str,
        *,
        clock: Clock,
        wsdls: Wsdls,
        timeout: float = 10.0,
        add_metadata: bool = True,
    ) -> OnvifCamera:
        """Sign on to the device service at `xaddr` (an `http` or `https` URL) and choose a profile.

        A URL without a path means `/onvif/device_service`, where ONVIF Core 5.1.1 puts the service.
        `timeout` is for each call, in seconds. With `add_metadata`, a profile without a metadata track is given one
        when the camera allows it, which changes that profile in the camera. An empty `username` sends no credentials.
        """
        camera = cls.at(xaddr, username, password, clock=clock, wsdls=wsdls, timeout=timeout)
        try:
            await camera.answer()
            await camera.log_in()
            await camera.choose_profile(add_metadata=add_metadata)
        except BaseException:
            await camera.close()
            raise
        return camera

    @classmethod
    def at(
        cls, xaddr: str, username: str, password: str, *, clock: Clock, wsdls: Wsdls, timeout: float = 10.0
    ) -> OnvifCamera:
        """One that nothing was asked of yet: `answer`, `log_in` and `choose_profile` follow, in this order.

        For who wants to know how far it comes; everybody else takes `connect`, whose parameters these are.
        """
        try:
            url = reachable(xaddr, xaddr)
        except ValueError:
            url = ""
        if not url.startswith(("http://", "https://")):
            raise OnvifError("the ONVIF address is not a URL of http or https with a host", ErrorKind.NOT_ONVIF)
        if url.rstrip("/").count("/") == 2:
            url = url.rstrip("/") + "/onvif/device_service"
        return cls(Channel(Credentials(username, password, clock), timeout), url, wsdls)

    async def close(self) -> None:
        """Close the connections."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def skew_ns(self) -> int:
        """How far the camera's clock is ahead of ours, in nanoseconds, to a second or so."""
        return self._channel.credentials.skew_ns

    @property
    def media_version(self) -> int:
        """2 when the camera is used through Media2, 1 for Media1."""
        return self._used_media.version

    @property
    def profile(self) -> StreamProfile:
        """The profile that was chosen."""
        assert self._chosen is not None
        return self._chosen

    @property
    def second_profile(self) -> StreamProfile | None:
        """The best H.264 profile with a smaller picture than the chosen one's; None: the camera has none."""
        pixels = self.profile.width * self.profile.height
        return next((p for p in playable(self.profiles) if 0 < p.width * p.height < pixels), None)

    async def stream_uri(
        self, profile: StreamProfile | None = None, *, transport: Literal["tcp", "udp"] = "tcp"
    ) -> str:
        """The RTSP URL of `profile` (default: the chosen one), with the host that worked and without credentials."""
        token = (profile or self.profile).token
        uri = await self._understand("GetStreamUri", self._used_media.stream_uri(token, transport))
        return self._reachable("GetStreamUri", uri)

    async def snapshot_uri(self, profile: StreamProfile | None = None) -> str:
        """The URL of a still picture of `profile` (default: the chosen one)."""
        token = (profile or self.profile).token
        uri = await self._understand("GetSnapshotUri", self._used_media.snapshot_uri(token))
        return self._reachable("GetSnapshotUri", uri)

    async def set_synchronization_point(self, profile: StreamProfile | None = None) -> None:
        """Ask for a keyframe on the streams of `profile` (default: the chosen one)."""
        token = (profile or self.profile).token
        await self._understand("SetSynchronizationPoint", self._used_media.set_synchronization_point(token))

    async def geo_location(self) -> GeoLocation | None:
        """Where the source of the chosen profile is now, by the camera's own word; None: it does not know."""
        answer = await self._understand("GetGeoLocation", self._channel.call(self.xaddr, get_geo_location()))
        return own(parse_locations(answer.body), self.profile.source)

    async def pull_point(self) -> PullPoint:
        """A subscription to the events of the chosen profile's source: positions, and how the battery is."""
        service = self._services.get(NS["tev"], self.xaddr)
        others = {profile.source for profile in self.profiles} - {self.profile.source}
        made = PullPoint.create(self._channel, service, self.xaddr, others)
        return await self._understand("CreatePullPointSubscription", made)

    async def pull(self, events: PullPoint) -> MetadataDocument:
        """Wait some seconds for what comes next through `events`."""
        return await self._understand("PullMessages", events.pull())

    @property
    def _used_media(self) -> _Media:
        assert self._media is not None, "only `connect` makes an OnvifCamera"
        return self._media

    # --- Signing on

    async def answer(self) -> None:
        """Find out whether it speaks ONVIF, and what its clock says."""
        document = await self._wsdls.load("devicemgmt")
        signed = _Service(document, "devicemgmt", self.xaddr, self._channel)
        await self._read_clock(_Service(document, "devicemgmt", self.xaddr, self._channel, signed=False), signed)

    async def log_in(self) -> None:
        """Find out which services it has, and who made it: by then it has taken user name and password."""
        device = _Service(await self._wsdls.load("devicemgmt"), "devicemgmt", self.xaddr, self._channel)
        self._services = await self._find_services(device)
        said = await self._understand("GetDeviceInformation", device.call("GetDeviceInformation"))
        self.device_information = DeviceInformation(
            *(
                str(getattr(said, name, None) or "").strip()
                for name in ("Manufacturer", "Model", "FirmwareVersion", "SerialNumber", "HardwareId")
            )
        )

    async def _read_clock(self, unsigned: _Service, signed: _Service) -> None:
        """Learn the camera's time. Without credentials first, as the skew is not known yet; some cameras want them
        even here. A camera that does not tell is signed for with our own time.
        """
        clock = self._channel.credentials.clock
        for service in (unsigned, signed):
            try:
                before = clock.utc_ns()
                answer = await service.call("GetSystemDateAndTime")
                middle = (before + clock.utc_ns()) // 2
            except FaultError:
                continue
            except OnvifError as error:
                if error.kind is ErrorKind.AUTHENTICATION:
                    continue
                raise
            camera_ns = _utc_ns(answer)
            if camera_ns is not None:
                self._channel.credentials.skew_ns = camera_ns - middle
            return

    async def _find_services(self, device: _Service) -> dict[str, str]:
        """Namespace to URL. GetCapabilities knows fewer services, but older cameras know only that."""
        try:
            answer = await device.call("GetServices", IncludeCapability=False)
            listed = [(getattr(entry, "Namespace", None), getattr(entry, "XAddr", None)) for entry in _entries(answer)]
        except (FaultError, OnvifError) as error:
            if isinstance(error, OnvifError) and error.kind is not ErrorKind.NOT_ONVIF:
                raise
            answer = await self._understand("GetCapabilities", device.call("GetCapabilities", Category=["All"]))
            media = getattr(answer, "Media", None)
            listed = [(NS["trt"], getattr(media, "XAddr", None))]
        services = {}
        for namespace, url in listed:
            if namespace and url:
                try:
                    services[namespace] = reachable(url, self.xaddr, self._channel.peers)
                except ValueError:
                    continue  # an XAddr that is no URL: the service cannot be called
        return services

    async def choose_profile(self, *, add_metadata: bool = True) -> None:
        """Prefer Media2; Media1 when it is not offered, not working, or lists no H.264 profile."""
        services = self._services
        offered: list[_Media] = []
        if NS["tr2"] in services:
            offered.append(_Media2(services[NS["tr2"]], self._channel))
        if NS["trt"] in services:
            document = await self._wsdls.load("media")
            offered.append(_Media1(_Service(document, "media", services[NS["trt"]], self._channel)))
        where = origin(self.xaddr)
        if not offered:
            raise OnvifError(f"{where} offers no media service, so it has no video", ErrorKind.NO_PROFILE)
        for media in offered:
            try:
                profiles = await self._understand("GetProfiles", media.profiles())
            except OnvifError as error:
                if media is offered[-1] or error.kind not in (ErrorKind.REFUSED, ErrorKind.NOT_ONVIF):
                    raise
                continue
            if playable(profiles) or media is offered[-1]:
                break
        self._media = media
        self.profiles = tuple(profiles)
        candidates = playable(profiles)
        if not candidates:
            codecs = sorted({profile.encoding for profile in profiles if profile.encoding})
            found = f"only {', '.join(codecs)}" if codecs else "no video at all"
            raise OnvifError(f"no profile of {where} has H.264 video: it offers {found}", ErrorKind.NO_PROFILE)
        self._chosen = candidates[0]
        if not self._chosen.has_metadata and add_metadata:
            self._chosen = await self._with_metadata(media, candidates)

    async def _with_metadata(self, media: _Media, candidates: list[StreamProfile]) -> StreamProfile:
        """The best profile after a metadata track was added, else the best that has one, else the best."""
        best = candidates[0]
        try:
            tokens = await self._understand("GetMetadataConfigurations", media.metadata_tokens(best.token))
            if tokens:
                await self._understand("AddMetadataConfiguration", media.add_metadata(best.token, tokens[0]))
                added = replace(best, has_metadata=True)
                self.profiles = tuple(added if profile is best else profile for profile in self.profiles)
                return added
        except OnvifError as error:
            if error.kind not in (ErrorKind.REFUSED, ErrorKind.NOT_ONVIF, ErrorKind.AUTHENTICATION):
                raise
        return next((profile for profile in candidates if profile.has_metadata), best)

    # --- Turning what went wrong into sentences

    async def _understand(self, operation: str, call: Awaitable[_T]) -> _T:
        where = origin(self.xaddr)
        try:
            return await call
        except FaultError as error:
            if error.fault.not_authorized:
                reason = f"{where} refuses the user name or password"
                raise OnvifError(reason, ErrorKind.AUTHENTICATION) from None
            said = error.fault.reason
            password = self._channel.credentials.password
            if password:
                said = said.replace(password, "…")
            raise OnvifError(f"{where} refused {operation}: {said}", ErrorKind.REFUSED) from None

    def _reachable(self, operation: str, uri: str) -> str:
        try:
            return reachable(uri, self.xaddr, self._channel.peers)
        except ValueError:
            reason = f"the answer of {origin(self.xaddr)} to {operation} holds no usable URL"
            raise OnvifError(reason, ErrorKind.NOT_ONVIF) from None


def _entries(answer: Any) -> list[Any]:
    """The entries of a list-valued answer; zeep gives something else when the camera sent something else."""
    return answer if isinstance(answer, list) else []


def _utc_ns(answer: Any) -> int | None:
    """The camera's UTC, None when it does not say or says nonsense."""
    try:
        date, time = answer.UTCDateTime.Date, answer.UTCDateTime.Time
        moment = datetime(date.Year, date.Month, date.Day, time.Hour, time.Minute, min(time.Second, 59), tzinfo=UTC)
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None
    return int(moment.timestamp()) * 1_000_000_000


class _Media(Protocol):
    """What both generations of the media service can do. Each call raises OnvifError or FaultError."""

    version: int

    async def profiles(self) -> list[StreamProfile]: ...
    async def metadata_tokens(self, profile_token: str) -> list[str]: ...
    async def add_metadata(self, profile_token: str, configuration_token: str) -> None: ...
    async def stream_uri(self, profile_token: str, transport: str) -> str: ...
    async def snapshot_uri(self, profile_token: str) -> str: ...
    async def set_synchronization_point(self, profile_token: str) -> None: ...


class _Media1:
    version = 1

    def __init__(self, service: _Service) -> None:
        self._service = service

    async def profiles(self) -> list[StreamProfile]:
        answer = await self._service.call("GetProfiles")
        return [_media1_profile(profile) for profile in _entries(answer) if getattr(profile, "token", None)]

    async def metadata_tokens(self, profile_token: str) -> list[str]:
        try:
            answer = await self._service.call("GetCompatibleMetadataConfigurations", ProfileToken=profile_token)
        except FaultError:
            answer = await self._service.call("GetMetadataConfigurations")
        entries = [entry for entry in _entries(answer) if getattr(entry, "token", None)]
        entries.sort(key=lambda entry: getattr(entry, "Events", None) is None)
        return [str(entry.token) for entry in entries]

    async def add_metadata(self, profile_token: str, configuration_token: str) -> None:
        await self._service.call(
            "AddMetadataConfiguration", ProfileToken=profile_token, ConfigurationToken=configuration_token
        )

    async def stream_uri(self, profile_token: str, transport: str) -> str:
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "UDP" if transport == "udp" else "RTSP"}}
        answer = await self._service.call("GetStreamUri", StreamSetup=setup, ProfileToken=profile_token)
        return str(getattr(answer, "Uri", None) or "")

    async def snapshot_uri(self, profile_token: str) -> str:
        answer = await self._service.call("GetSnapshotUri", ProfileToken=profile_token)
        return str(getattr(answer, "Uri", None) or "")

    async def set_synchronization_point(self, profile_token: str) -> None:
        await self._service.call("SetSynchronizationPoint", ProfileToken=profile_token)


def _media1_profile(profile: Any) -> StreamProfile:
    encoder = getattr(profile, "VideoEncoderConfiguration", None)
    resolution = getattr(encoder, "Resolution", None)
    return StreamProfile(
        token=str(profile.token),
        name=str(getattr(profile, "Name", None) or ""),
        encoding=str(getattr(encoder, "Encoding", None) or "").upper(),
        width=_pixels(getattr(resolution, "Width", None)),
        height=_pixels(getattr(resolution, "Height", None)),
        has_metadata=getattr(profile, "MetadataConfiguration", None) is not None,
        source=str(getattr(getattr(profile, "VideoSourceConfiguration", None), "SourceToken", None) or ""),
    )


def _pixels(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


class _Media2:
    version = 2

    def __init__(self, url: str, channel: Channel) -> None:
        self._url = url
        self._channel = channel

    async def _call(self, request: Element) -> Element:
        return (await self._channel.call(self._url, request)).body

    async def profiles(self) -> list[StreamProfile]:
        return media2.parse_profiles(await self._call(media2.get_profiles()))

    async def metadata_tokens(self, profile_token: str) -> list[str]:
        answer = await self._call(media2.get_metadata_configurations(profile_token))
        return media2.parse_configuration_tokens(answer)

    async def add_metadata(self, profile_token: str, configuration_token: str) -> None:
        await self._call(media2.add_metadata(profile_token, configuration_token))

    async def stream_uri(self, profile_token: str, transport: str) -> str:
        protocol = "RtspUnicast" if transport == "udp" else "RTSP"
        return media2.parse_uri(await self._call(media2.get_stream_uri(profile_token, protocol)))

    async def snapshot_uri(self, profile_token: str) -> str:
        return media2.parse_uri(await self._call(media2.get_snapshot_uri(profile_token)))

    async def set_synchronization_point(self, profile_token: str) -> None:
        await self._call(media2.set_synchronization_point(profile_token))
