"""The Media service, first generation (`trt`), of a served device: its profiles and where their streams are.

Read-only: every profile is fixed.

Source: ONVIF Media Service Specification, media.wsdl.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from onvif_protocol.device import Call, Operation, Operations, invalid_argument
from onvif_protocol.device_model import DeviceModel, MediaProfile, VideoSource
from onvif_protocol.soap import NS, Element, Fault, FaultError, element, qname, text_of

_SESSION_TIMEOUT = "PT60S"


class Media1:
    """The Media1 service of a device."""

    namespace = NS["trt"]
    path = "/onvif/media_service"
    version = (2, 60)

    def __init__(self, model: DeviceModel) -> None:
        self._model = model

    def operations(self) -> Operations:  # noqa: D102
        return {
            qname(f"trt:{name}"): operation
            for name, operation in {
                "GetServiceCapabilities": Operation(self._get_service_capabilities, open=True),
                "GetProfiles": Operation(self._get_profiles),
                "GetProfile": Operation(self._get_profile),
                "GetVideoSources": Operation(self._get_video_sources),
                "GetVideoSourceConfigurations": Operation(self._get_video_source_configurations),
                "GetVideoEncoderConfigurations": Operation(self._get_video_encoder_configurations),
                "GetMetadataConfigurations": Operation(self._get_metadata_configurations),
                "GetStreamUri": Operation(self._get_stream_uri),
                "GetSnapshotUri": Operation(self._get_snapshot_uri),
                "SetSynchronizationPoint": Operation(self._set_synchronization_point),
            }.items()
        }

    def capabilities(self) -> Element:  # noqa: D102
        profiles = self._model.profiles()
        return element(
            "trt:Capabilities",
            element("trt:ProfileCapabilities", MaximumNumberOfProfiles=max(1, len(profiles))),
            element(
                "trt:StreamingCapabilities",
                RTPMulticast=False,
                RTP_TCP=False,
                RTP_RTSP_TCP=True,
                NonAggregateControl=False,
            ),
            SnapshotUri=True,
            Rotation=False,
        )

    def _get_service_capabilities(self, _: Call) -> Element:
        return element("trt:GetServiceCapabilitiesResponse", self.capabilities())

    def _get_profiles(self, _: Call) -> Element:
        profiles = self._model.profiles()
        users = _users(profiles)
        return element("trt:GetProfilesResponse", *(_profile("trt:Profiles", profile, users) for profile in profiles))

    def _get_profile(self, call: Call) -> Element:
        profile = self._asked_for(call)
        return element("trt:GetProfileResponse", _profile("trt:Profile", profile, _users(self._model.profiles())))

    def _get_video_sources(self, _: Call) -> Element:
        return element(
            "trt:GetVideoSourcesResponse",
            *(
                element(
                    "trt:VideoSources",
                    element("tt:Framerate", f"{source.frame_rate:g}"),
                    _resolution(source.width, source.height),
                    token=source.token,
                )
                for source in _sources(self._model.profiles())
            ),
        )

    def _get_video_source_configurations(self, _: Call) -> Element:
        profiles = self._model.profiles()
        users = _users(profiles)
        return element(
            "trt:GetVideoSourceConfigurationsResponse",
            *(_source_configuration("trt:Configurations", source, users) for source in _sources(profiles)),
        )

    def _get_video_encoder_configurations(self, _: Call) -> Element:
        return element(
            "trt:GetVideoEncoderConfigurationsResponse",
            *(_encoder_configuration("trt:Configurations", profile) for profile in self._model.profiles()),
        )

    def _get_metadata_configurations(self, _: Call) -> Element:
        return element(
            "trt:GetMetadataConfigurationsResponse",
            *(
                _metadata_configuration("trt:Configurations", profile)
                for profile in self._model.profiles()
                if profile.has_metadata
            ),
        )

    def _get_stream_uri(self, call: Call) -> Element:
        profile = self._asked_for(call)
        stream = text_of(call.request, "trt:StreamSetup/tt:Stream")
        protocol = text_of(call.request, "trt:StreamSetup/tt:Transport/tt:Protocol")
        if stream != "RTP-Unicast" or protocol not in ("UDP", "RTSP", "HTTP"):
            raise invalid_argument("this stream type or transport is not offered", "ter:InvalidStreamSetup")
        return element("trt:GetStreamUriResponse", _media_uri(self._model.stream_uri(profile, call.host)))

    def _get_snapshot_uri(self, call: Call) -> Element:
        uri = self._model.snapshot_uri(self._asked_for(call), call.base_url)
        if uri is None:
            raise FaultError(Fault("Receiver", "there is no snapshot", ("ter:ActionNotSupported",)))
        return element("trt:GetSnapshotUriResponse", _media_uri(uri))

    def _set_synchronization_point(self, call: Call) -> Element:
        self._model.set_synchronization_point(self._asked_for(call))
        return element("trt:SetSynchronizationPointResponse")

    def _asked_for(self, call: Call) -> MediaProfile:
        token = text_of(call.request, "trt:ProfileToken")
        for profile in self._model.profiles():
            if profile.token == token:
                return profile
        raise invalid_argument("there is no such profile", "ter:NoProfile")


def _sources(profiles: Iterable[MediaProfile]) -> list[VideoSource]:
    return list({profile.source.token: profile.source for profile in profiles}.values())


def _users(profiles: Iterable[MediaProfile]) -> Mapping[str, int]:
    """How many profiles use each source, by its token."""
    return Counter(profile.source.token for profile in profiles)


def _profile(name: str, profile: MediaProfile, users: Mapping[str, int]) -> Element:
    made = element(
        name,
        element("tt:Name", profile.name),
        _source_configuration("tt:VideoSourceConfiguration", profile.source, users),
        token=profile.token,
        fixed=True,
    )
    if profile.audio is not None:
        made.append(
            element(
                "tt:AudioSourceConfiguration",
                element("tt:Name", f"{profile.name} audio source"),
                element("tt:UseCount", "1"),
                element("tt:SourceToken", f"{profile.source.token}_audio"),
                token=f"{profile.token}_audio_source",
            )
        )
    made.append(_encoder_configuration("tt:VideoEncoderConfiguration", profile))
    if profile.audio is not None:
        made.append(
            element(
                "tt:AudioEncoderConfiguration",
                element("tt:Name", f"{profile.name} audio"),
                element("tt:UseCount", "1"),
                element("tt:Encoding", profile.audio.encoding),
                element("tt:Bitrate", str(profile.audio.bitrate_kbps)),
                element("tt:SampleRate", str(profile.audio.sample_rate_khz)),
                _no_multicast(),
                element("tt:SessionTimeout", _SESSION_TIMEOUT),
                token=f"{profile.token}_audio",
            )
        )
    if profile.has_metadata:
        made.append(_metadata_configuration("tt:MetadataConfiguration", profile))
    return made


def _source_configuration(name: str, source: VideoSource, users: Mapping[str, int]) -> Element:
    return element(
        name,
        element("tt:Name", source.token),
        element("tt:UseCount", str(users[source.token])),
        element("tt:SourceToken", source.token),
        element("tt:Bounds", x=0, y=0, width=source.width, height=source.height),
        token=f"{source.token}_configuration",
    )


def _encoder_configuration(name: str, profile: MediaProfile) -> Element:
    return element(
        name,
        element("tt:Name", f"{profile.name} video"),
        element("tt:UseCount", "1"),
        element("tt:Encoding", "H264"),
        _resolution(profile.width, profile.height),
        element("tt:Quality", "5"),
        element(
            "tt:RateControl",
            element("tt:FrameRateLimit", str(profile.frame_rate)),
            element("tt:EncodingInterval", "1"),
            element("tt:BitrateLimit", str(profile.bitrate_kbps)),
        ),
        element(
            "tt:H264",
            element("tt:GovLength", str(profile.gov_length)),
            element("tt:H264Profile", profile.h264_profile),
        ),
        _no_multicast(),
        element("tt:SessionTimeout", _SESSION_TIMEOUT),
        token=f"{profile.token}_video",
    )


def _metadata_configuration(name: str, profile: MediaProfile) -> Element:
    return element(
        name,
        element("tt:Name", f"{profile.name} metadata"),
        element("tt:UseCount", "1"),
        element("tt:Events"),  # without a filter: every event is streamed, the position among them
        element("tt:Analytics", "false"),
        _no_multicast(),
        element("tt:SessionTimeout", _SESSION_TIMEOUT),
        token=f"{profile.token}_metadata",
    )


def _no_multicast() -> Element:
    """The schema wants an address even from a device that never sends multicast."""
    return element(
        "tt:Multicast",
        element("tt:Address", element("tt:Type", "IPv4"), element("tt:IPv4Address", "0.0.0.0")),  # noqa: S104
        element("tt:Port", "0"),
        element("tt:TTL", "0"),
        element("tt:AutoStart", "false"),
    )


def _resolution(width: int, height: int) -> Element:
    return element("tt:Resolution", element("tt:Width", str(width)), element("tt:Height", str(height)))


def _media_uri(uri: str) -> Element:
    return element(
        "trt:MediaUri",
        element("tt:Uri", uri),
        element("tt:InvalidAfterConnect", "false"),
        element("tt:InvalidAfterReboot", "false"),
        element("tt:Timeout", "PT0S"),
    )
