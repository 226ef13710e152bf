"""The Media service, first generation (`trt`), of a served device: its profiles and where their streams are.

Its schema knows no H.265: such streams are in `media2` alone. What a client may change is in `media_profiles`.

Source: ONVIF Media Service Specification, media.wsdl.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from onvif_protocol import audio_output
from onvif_protocol import media_elements as common
from onvif_protocol.device import Call, Operation, Operations, invalid_argument, refusing
from onvif_protocol.device_model import MediaModel, MediaProfile, Part, Transport
from onvif_protocol.media_profiles import (
    ENCODING_OF_MEDIA1,
    MAX_PROFILES,
    Built,
    Profiles,
    Uses,
    check_unchanged,
    streaming,
    user_of,
    uses_in,
)
from onvif_protocol.soap import NS, Element, Fault, FaultError, element, qname, text_of

_TRANSPORTS: Final = {"UDP": Transport.UDP, "RTSP": Transport.RTSP, "HTTP": Transport.HTTP}
_REFUSED: Final = (
    "CreateOSD",
    "DeleteOSD",
    "SetOSD",
    "SetVideoSourceMode",
    "StartMulticastStreaming",
    "StopMulticastStreaming",
)


class Media1:
    """The Media1 service of a device."""

    namespace = NS["trt"]
    path = "/onvif/media_service"
    version = (2, 60)

    def __init__(self, model: MediaModel, profiles: Profiles) -> None:
        self._model = model
        self._profiles = profiles.only("H264")
        self._built = Built(partial(_profile, "trt:Profiles"))

    def operations(self) -> Operations:  # noqa: D102
        table: dict[str, Operation] = {
            "GetServiceCapabilities": Operation(self._get_service_capabilities, open=True),
            "GetProfiles": Operation(self._get_profiles),
            "GetProfile": Operation(self._get_profile),
            "CreateProfile": Operation(self._create_profile),
            "DeleteProfile": Operation(self._delete_profile),
            "GetVideoSources": Operation(self._get_video_sources),
            "GetAudioSources": Operation(self._get_audio_sources),
            "GetGuaranteedNumberOfVideoEncoderInstances": Operation(self._get_guaranteed_number),
            "GetStreamUri": Operation(self._get_stream_uri),
            "GetSnapshotUri": Operation(self._get_snapshot_uri),
            "SetSynchronizationPoint": Operation(self._set_synchronization_point),
            "GetOSDs": Operation(lambda _: element("trt:GetOSDsResponse")),
            "GetOSDOptions": Operation(_get_osd_options),
        }
        for part in Part:
            table |= {
                f"Get{part.value}Configurations": Operation(partial(self._get_all, part)),
                f"Get{part.value}Configuration": Operation(partial(self._get_one, part)),
                f"GetCompatible{part.value}Configurations": Operation(partial(self._get_compatible, part)),
                f"Get{part.value}ConfigurationOptions": Operation(partial(self._get_options, part)),
                f"Set{part.value}Configuration": Operation(partial(self._set, part)),
                f"Add{part.value}Configuration": Operation(partial(self._add, part)),
                f"Remove{part.value}Configuration": Operation(partial(self._remove, part)),
            }
        operations = {qname(f"trt:{name}"): operation for name, operation in table.items()}
        outputs = audio_output.operations(lambda call: self._profiles.all(user_of(call)))
        return {**operations, **outputs, **refusing("trt", _REFUSED)}

    def capabilities(self) -> Element:  # noqa: D102
        return element(
            "trt:Capabilities",
            element("trt:ProfileCapabilities", MaximumNumberOfProfiles=MAX_PROFILES),
            element(
                "trt:StreamingCapabilities",
                RTPMulticast=False,
                RTP_TCP=False,
                RTP_RTSP_TCP=True,
                NonAggregateControl=False,
            ),
            SnapshotUri=True,
            Rotation=False,
            VideoSourceMode=False,
            OSD=False,
        )

    def _get_service_capabilities(self, _: Call) -> Element:
        return element("trt:GetServiceCapabilitiesResponse", self.capabilities())

    # ---- profiles

    async def _get_profiles(self, call: Call) -> Element:
        profiles = self._profiles.all(user_of(call))
        return element("trt:GetProfilesResponse", *await self._built.all(profiles, uses_in(profiles)))

    def _get_profile(self, call: Call) -> Element:
        profile = _profile("trt:Profile", self._asked_for(call), self._profiles.uses(user_of(call)))
        return element("trt:GetProfileResponse", profile)

    def _create_profile(self, call: Call) -> Element:
        name, token = text_of(call.request, "trt:Name"), text_of(call.request, "trt:Token")
        made = self._profiles.create(user_of(call), name, token)
        return element("trt:CreateProfileResponse", _profile("trt:Profile", made, self._profiles.uses(user_of(call))))

    def _delete_profile(self, call: Call) -> Element:
        self._profiles.delete(user_of(call), text_of(call.request, "trt:ProfileToken"))
        return element("trt:DeleteProfileResponse")

    # ---- sources and their configurations

    def _get_video_sources(self, call: Call) -> Element:
        sources = {p.source.token: p.source for p in self._profiles.all(user_of(call))}
        return element(
            "trt:GetVideoSourcesResponse",
            *(
                element(
                    "trt:VideoSources",
                    element("tt:Framerate", f"{source.frame_rate:g}"),
                    common.resolution("tt:Resolution", source.width, source.height),
                    token=source.token,
                )
                for source in sources.values()
            ),
        )

    def _get_audio_sources(self, call: Call) -> Element:
        return element(
            "trt:GetAudioSourcesResponse",
            *(
                element("trt:AudioSources", element("tt:Channels", str(p.audio.channels)), token=p.source.token)
                for p in self._profiles.configurations(user_of(call), Part.AUDIO_SOURCE)
                if p.audio is not None
            ),
        )

    def _get_all(self, part: Part, call: Call) -> Element:
        return self._listed(f"Get{part.value}", part, call, self._profiles.configurations(user_of(call), part))

    def _get_compatible(self, part: Part, call: Call) -> Element:
        profiles = self._profiles.compatible(user_of(call), part, text_of(call.request, "trt:ProfileToken"))
        return self._listed(f"GetCompatible{part.value}", part, call, profiles)

    def _listed(self, call_name: str, part: Part, call: Call, profiles: list[MediaProfile]) -> Element:
        uses = self._profiles.uses(user_of(call))
        configurations = (_BUILD[part]("trt:Configurations", profile, uses) for profile in profiles)
        return element(f"trt:{call_name}ConfigurationsResponse", *configurations)

    def _get_one(self, part: Part, call: Call) -> Element:
        token = text_of(call.request, "trt:ConfigurationToken")
        profile = self._profiles.configuration(user_of(call), part, token)
        configuration = _BUILD[part]("trt:Configuration", profile, self._profiles.uses(user_of(call)))
        return element(f"trt:Get{part.value}ConfigurationResponse", configuration)

    def _get_options(self, part: Part, call: Call) -> Element:
        user = user_of(call)
        configuration, profile = (text_of(call.request, f"trt:{name}Token") for name in ("Configuration", "Profile"))
        if configuration:
            profiles = [self._profiles.configuration(user, part, configuration)]
        elif profile:
            profiles = self._profiles.compatible(user, part, profile)
        else:
            profiles = self._profiles.configurations(user, part)
        if not profiles:
            raise invalid_argument("there is no such configuration", "ter:NoConfig")
        return element(f"trt:Get{part.value}ConfigurationOptionsResponse", _OPTIONS[part]("trt:Options", profiles))

    def _set(self, part: Part, call: Call) -> Element:
        wanted = call.request.find(qname("trt:Configuration"))
        if wanted is None:
            raise invalid_argument("there is no configuration", "ter:NoConfig")
        check_unchanged(part, self._profiles.configuration(user_of(call), part, wanted.get("token") or ""), wanted)
        return element(f"trt:Set{part.value}ConfigurationResponse")

    def _add(self, part: Part, call: Call) -> Element:
        profile, configuration = (text_of(call.request, f"trt:{name}Token") for name in ("Profile", "Configuration"))
        self._profiles.add(user_of(call), profile, part, configuration)
        return element(f"trt:Add{part.value}ConfigurationResponse")

    def _remove(self, part: Part, call: Call) -> Element:
        self._profiles.remove(user_of(call), text_of(call.request, "trt:ProfileToken"), part)
        return element(f"trt:Remove{part.value}ConfigurationResponse")

    def _get_guaranteed_number(self, call: Call) -> Element:
        """One stream of each source, for any number of clients."""
        token = text_of(call.request, "trt:ConfigurationToken")
        self._profiles.configuration(user_of(call), Part.VIDEO_SOURCE, token)
        return element(
            "trt:GetGuaranteedNumberOfVideoEncoderInstancesResponse",
            element("trt:TotalNumber", "1"),
            element("trt:H264", "1"),
        )

    # ---- streams

    def _get_stream_uri(self, call: Call) -> Element:
        profile = streaming(self._asked_for(call))
        stream = text_of(call.request, "trt:StreamSetup/tt:Stream")
        transport = _TRANSPORTS.get(text_of(call.request, "trt:StreamSetup/tt:Transport/tt:Protocol"))
        if stream != "RTP-Unicast" or transport is None:
            raise invalid_argument("this stream type or transport is not offered", "ter:InvalidStreamSetup")
        uri = self._model.stream_uri(profile, transport, call.base_url, user_of(call))
        if uri is None:
            raise invalid_argument("this stream is not to be had this way now", "ter:InvalidStreamSetup")
        return element("trt:GetStreamUriResponse", _media_uri(uri))

    def _get_snapshot_uri(self, call: Call) -> Element:
        uri = self._model.snapshot_uri(self._asked_for(call), call.base_url, user_of(call))
        if uri is None:
            raise FaultError(Fault("Receiver", "there is no snapshot", ("ter:ActionNotSupported",)))
        return element("trt:GetSnapshotUriResponse", _media_uri(uri))

    def _set_synchronization_point(self, call: Call) -> Element:
        self._model.set_synchronization_point(self._asked_for(call))
        return element("trt:SetSynchronizationPointResponse")

    def _asked_for(self, call: Call) -> MediaProfile:
        return self._profiles.find(user_of(call), text_of(call.request, "trt:ProfileToken"))


def _get_osd_options(_: Call) -> Element:
    return element("trt:GetOSDOptionsResponse", common.osd_options("trt:OSDOptions"))


def _profile(name: str, profile: MediaProfile, uses: Uses) -> Element:
    configurations = (_BUILD[part](f"tt:{part.value}Configuration", profile, uses) for part, _ in profile.held)
    parts = (element("tt:Name", profile.name), *configurations, *audio_output.extension(profile))
    return element(name, *parts, token=profile.token, fixed=profile.fixed)


def _video_encoder_configuration(name: str, profile: MediaProfile, uses: Uses) -> Element:
    video = profile.video
    return element(
        name,
        *common.named(profile, Part.VIDEO_ENCODER, uses),
        element("tt:Encoding", video.codec),
        common.resolution("tt:Resolution", video.width, video.height),
        element("tt:Quality", "1"),
        element(
            "tt:RateControl",
            element("tt:FrameRateLimit", str(round(video.frame_rate))),
            element("tt:EncodingInterval", "1"),
            element("tt:BitrateLimit", str(video.bitrate_kbps)),
        ),
        element("tt:H264", element("tt:GovLength", str(video.gov_length)), element("tt:H264Profile", video.profile)),
        common.no_multicast(),
        element("tt:SessionTimeout", common.SESSION_TIMEOUT),
        token=video.token,
    )


def _audio_encoder_configuration(name: str, profile: MediaProfile, uses: Uses) -> Element:
    audio = profile.audio
    assert audio is not None
    return element(
        name,
        *common.named(profile, Part.AUDIO_ENCODER, uses),
        element("tt:Encoding", ENCODING_OF_MEDIA1[audio.codec]),
        element("tt:Bitrate", str(audio.bitrate_kbps)),
        element("tt:SampleRate", str(audio.sample_rate_khz)),
        common.no_multicast(),
        element("tt:SessionTimeout", common.SESSION_TIMEOUT),
        token=audio.token,
    )


def _video_encoder_options(name: str, profiles: list[MediaProfile]) -> Element:
    videos = [profile.video for profile in profiles]
    lengths, rates = [video.gov_length for video in videos], [round(video.frame_rate) for video in videos]
    return element(
        name,
        common.int_range("tt:QualityRange", 1, 1),
        element(
            "tt:H264",
            *common.resolutions("tt:ResolutionsAvailable", profiles),
            common.int_range("tt:GovLengthRange", min(lengths), max(lengths)),
            common.int_range("tt:FrameRateRange", min(rates), max(rates)),
            common.int_range("tt:EncodingIntervalRange", 1, 1),
            *(element("tt:H264ProfilesSupported", each) for each in dict.fromkeys(video.profile for video in videos)),
        ),
    )


def _audio_encoder_options(name: str, profiles: list[MediaProfile]) -> Element:
    known = {(ENCODING_OF_MEDIA1[a.codec], a.bitrate_kbps, a.sample_rate_khz) for p in profiles if (a := p.audio)}
    return element(
        name,
        *(
            element(
                "tt:Options",
                element("tt:Encoding", encoding),
                element("tt:BitrateList", element("tt:Items", str(bitrate))),
                element("tt:SampleRateList", element("tt:Items", str(rate))),
            )
            for encoding, bitrate, rate in sorted(known)
        ),
    )


_BUILD: Final[dict[Part, Callable[[str, MediaProfile, Uses], Element]]] = {
    Part.VIDEO_SOURCE: common.video_source_configuration,
    Part.AUDIO_SOURCE: common.audio_source_configuration,
    Part.VIDEO_ENCODER: _video_encoder_configuration,
    Part.AUDIO_ENCODER: _audio_encoder_configuration,
    Part.METADATA: common.metadata_configuration,
}
_OPTIONS: Final[dict[Part, Callable[[str, list[MediaProfile]], Element]]] = {
    Part.VIDEO_SOURCE: common.video_source_options,
    Part.AUDIO_SOURCE: common.audio_source_options,
    Part.VIDEO_ENCODER: _video_encoder_options,
    Part.AUDIO_ENCODER: _audio_encoder_options,
    Part.METADATA: common.metadata_options,
}


def _media_uri(uri: str) -> Element:
    return element(
        "trt:MediaUri",
        element("tt:Uri", uri),
        element("tt:InvalidAfterConnect", "false"),
        element("tt:InvalidAfterReboot", "false"),
        element("tt:Timeout", "PT0S"),
    )
