"""The Media service, second generation (`tr2`), of a served device: H.265 beside H.264, RTSPS, and shorter answers.

What a client may change is in `media_profiles`.

Source: ONVIF Media2 Service Specification, ver20/media/wsdl/media.wsdl.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from onvif_protocol import media_elements as common
from onvif_protocol.device import Call, Operation, Operations, invalid_argument, refusing
from onvif_protocol.device_model import EVERY, MediaModel, MediaProfile, Part, Transport
from onvif_protocol.media_profiles import (
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

_TRANSPORTS: Final = {"RtspUnicast": Transport.UDP, "RTSP": Transport.RTSP, "RtspOverHttp": Transport.HTTP}
"""Of what clients ask for (Media2 5.5.1): there is no multicast, and no SRTP."""
_REFUSED: Final = (
    "CreateMask",
    "CreateOSD",
    "DeleteMask",
    "DeleteOSD",
    "SetMask",
    "SetOSD",
    "SetVideoSourceMode",
    "StartMulticastStreaming",
    "StopMulticastStreaming",
)


class Media2:
    """The Media2 service of a device."""

    namespace = NS["tr2"]
    path = "/onvif/media2_service"
    version = (22, 12)

    def __init__(self, model: MediaModel, profiles: Profiles) -> None:
        self._model = model
        self._profiles = profiles
        self._built = {parts: Built(partial(_profile, parts=parts)) for parts in (EVERY, frozenset[Part]())}
        """By which configurations are told: all, or none. Few ask for some."""

    def operations(self) -> Operations:  # noqa: D102
        table: dict[str, Operation] = {
            "GetServiceCapabilities": Operation(self._get_service_capabilities, open=True),
            "GetProfiles": Operation(self._get_profiles),
            "CreateProfile": Operation(self._create_profile),
            "DeleteProfile": Operation(self._delete_profile),
            "AddConfiguration": Operation(self._add),
            "RemoveConfiguration": Operation(self._remove),
            "GetVideoEncoderInstances": Operation(self._get_video_encoder_instances),
            "GetStreamUri": Operation(self._get_stream_uri),
            "GetSnapshotUri": Operation(self._get_snapshot_uri),
            "SetSynchronizationPoint": Operation(self._set_synchronization_point),
            "GetOSDs": Operation(lambda _: element("tr2:GetOSDsResponse")),
            "GetOSDOptions": Operation(_get_osd_options),
        }
        for part in Part:
            table |= {
                f"Get{part.value}Configurations": Operation(partial(self._get, part)),
                f"Get{part.value}ConfigurationOptions": Operation(partial(self._get_options, part)),
                f"Set{part.value}Configuration": Operation(partial(self._set, part)),
            }
        operations = {qname(f"tr2:{name}"): operation for name, operation in table.items()}
        return operations | refusing("tr2", _REFUSED)

    def capabilities(self) -> Element:  # noqa: D102
        return element(
            "tr2:Capabilities",
            element(
                "tr2:ProfileCapabilities",
                MaximumNumberOfProfiles=MAX_PROFILES,
                ConfigurationsSupported=" ".join(part.value for part in Part),
            ),
            element(
                "tr2:StreamingCapabilities",
                RTSPStreaming=True,
                RTPMulticast=False,
                RTP_RTSP_TCP=True,
                NonAggregateControl=False,
                AutoStartMulticast=False,
                SecureRTSPStreaming=False,
            ),
            SnapshotUri=True,
            Rotation=False,
            VideoSourceMode=False,
            OSD=False,
            TemporaryOSDText=False,
            Mask=False,
            SourceMask=False,
        )

    def _get_service_capabilities(self, _: Call) -> Element:
        return element("tr2:GetServiceCapabilitiesResponse", self.capabilities())

    # ---- profiles

    async def _get_profiles(self, call: Call) -> Element:
        user, token = user_of(call), text_of(call.request, "tr2:Token")
        everything = self._profiles.all(user)
        profiles = [self._profiles.find(user, token)] if token else everything
        types = {(entry.text or "").strip() for entry in call.request.findall(qname("tr2:Type"))}
        parts = frozenset(part for part in Part if types & {"All", part.value})
        built = self._built.get(parts) or Built(partial(_profile, parts=parts))
        return element("tr2:GetProfilesResponse", *await built.all(profiles, uses_in(everything)))

    def _create_profile(self, call: Call) -> Element:
        user = user_of(call)
        made = self._profiles.create(user, text_of(call.request, "tr2:Name"))
        try:
            self._put(call, made.token)
        except FaultError:
            self._profiles.delete(user, made.token)
            raise
        return element("tr2:CreateProfileResponse", element("tr2:Token", made.token))

    def _delete_profile(self, call: Call) -> Element:
        self._profiles.delete(user_of(call), text_of(call.request, "tr2:Token"))
        return element("tr2:DeleteProfileResponse")

    def _add(self, call: Call) -> Element:
        self._put(call, self._asked_for(call).token)
        return element("tr2:AddConfigurationResponse")

    def _put(self, call: Call, profile: str) -> None:
        for part, token in _references(call):
            if not token:
                fitting = self._profiles.compatible(user_of(call), part, profile)
                token = (fitting[0].configuration(part) or "") if fitting else ""
            self._profiles.add(user_of(call), profile, part, token)

    def _remove(self, call: Call) -> Element:
        profile = self._asked_for(call)
        for part, _ in _references(call):
            self._profiles.remove(user_of(call), profile.token, part)
        return element("tr2:RemoveConfigurationResponse")

    # ---- configurations

    def _get(self, part: Part, call: Call) -> Element:
        uses = self._profiles.uses(user_of(call))
        configurations = (_BUILD[part]("tr2:Configurations", p, uses) for p in self._chosen(part, call))
        return element(f"tr2:Get{part.value}ConfigurationsResponse", *configurations)

    def _get_options(self, part: Part, call: Call) -> Element:
        profiles = self._chosen(part, call)
        if not profiles:
            raise invalid_argument("there is no such configuration", "ter:NoConfig")
        return element(f"tr2:Get{part.value}ConfigurationOptionsResponse", *_OPTIONS[part](profiles))

    def _chosen(self, part: Part, call: Call) -> list[MediaProfile]:
        """Of each configuration that is asked about a profile that holds it (Media2 5.3.2)."""
        user = user_of(call)
        configuration, profile = (text_of(call.request, f"tr2:{name}Token") for name in ("Configuration", "Profile"))
        if configuration:
            return [self._profiles.configuration(user, part, configuration)]
        if profile:
            return self._profiles.compatible(user, part, profile)
        return self._profiles.configurations(user, part)

    def _set(self, part: Part, call: Call) -> Element:
        wanted = call.request.find(qname("tr2:Configuration"))
        if wanted is None:
            raise invalid_argument("there is no configuration", "ter:NoConfig")
        check_unchanged(part, self._profiles.configuration(user_of(call), part, wanted.get("token") or ""), wanted)
        return element(f"tr2:Set{part.value}ConfigurationResponse")

    def _get_video_encoder_instances(self, call: Call) -> Element:
        """One stream of each source, for any number of clients."""
        token = text_of(call.request, "tr2:ConfigurationToken")
        profile = self._profiles.configuration(user_of(call), Part.VIDEO_SOURCE, token)
        codec = element("tr2:Codec", element("tr2:Encoding", profile.video.codec), element("tr2:Number", "1"))
        info = element("tr2:Info", codec, element("tr2:Total", "1"))
        return element("tr2:GetVideoEncoderInstancesResponse", info)

    # ---- streams

    def _get_stream_uri(self, call: Call) -> Element:
        profile = streaming(self._asked_for(call))
        transport = _TRANSPORTS.get(text_of(call.request, "tr2:Protocol"))
        if transport is None:
            raise invalid_argument("this transport is not offered", "ter:InvalidStreamSetup")
        uri = self._model.stream_uri(profile, transport, call.base_url, user_of(call))
        if uri is None:
            raise invalid_argument("this stream is not to be had this way now", "ter:InvalidStreamSetup")
        return element("tr2:GetStreamUriResponse", element("tr2:Uri", uri))

    def _get_snapshot_uri(self, call: Call) -> Element:
        uri = self._model.snapshot_uri(self._asked_for(call), call.base_url, user_of(call))
        if uri is None:
            raise FaultError(Fault("Receiver", "there is no snapshot", ("ter:ActionNotSupported",)))
        return element("tr2:GetSnapshotUriResponse", element("tr2:Uri", uri))

    def _set_synchronization_point(self, call: Call) -> Element:
        self._model.set_synchronization_point(self._asked_for(call))
        return element("tr2:SetSynchronizationPointResponse")

    def _asked_for(self, call: Call) -> MediaProfile:
        return self._profiles.find(user_of(call), text_of(call.request, "tr2:ProfileToken"))


def _references(call: Call) -> Iterator[tuple[Part, str]]:
    """The configurations that a request names, by kind and token (tr2:ConfigurationRef)."""
    for reference in call.request.findall(qname("tr2:Configuration")):
        kind, token = text_of(reference, "tr2:Type"), text_of(reference, "tr2:Token")
        if kind == "All":
            yield from ((part, token) for part in Part)
        elif kind in {part.value for part in Part}:
            yield Part(kind), token
        else:
            raise invalid_argument("there are no configurations of this kind", "ter:NoConfig")


def _get_osd_options(_: Call) -> Element:
    return element("tr2:GetOSDOptionsResponse", common.osd_options("tr2:OSDOptions"))


def _profile(profile: MediaProfile, uses: Uses, *, parts: frozenset[Part]) -> Element:
    held = [part for part, _ in profile.held if part in parts]
    configurations = element("tr2:Configurations", *(_BUILD[part](f"tr2:{part.value}", profile, uses) for part in held))
    return element(
        "tr2:Profiles",
        element("tr2:Name", profile.name),
        configurations if held else None,
        token=profile.token,
        fixed=profile.fixed,
    )


def _video_encoder_configuration(name: str, profile: MediaProfile, uses: Uses) -> Element:
    video = profile.video
    return element(
        name,
        *common.named(profile, Part.VIDEO_ENCODER, uses),
        element("tt:Encoding", video.codec),
        common.resolution("tt:Resolution", video.width, video.height),
        element(
            "tt:RateControl",
            element("tt:FrameRateLimit", f"{video.frame_rate:g}"),
            element("tt:BitrateLimit", str(video.bitrate_kbps)),
            ConstantBitRate=False,
        ),
        element("tt:Quality", "1"),
        token=video.token,
        GovLength=video.gov_length,
        Profile=video.profile,
    )


def _audio_encoder_configuration(name: str, profile: MediaProfile, uses: Uses) -> Element:
    audio = profile.audio
    assert audio is not None
    return element(
        name,
        *common.named(profile, Part.AUDIO_ENCODER, uses),
        element("tt:Encoding", audio.codec),
        element("tt:Bitrate", str(audio.bitrate_kbps)),
        element("tt:SampleRate", str(audio.sample_rate_khz)),
        token=audio.token,
    )


def _video_encoder_options(profiles: list[MediaProfile]) -> list[Element]:
    """Options for each codec, each resolution of which is one camera's."""
    by_codec = {codec: [p for p in profiles if p.video.codec == codec] for codec in (p.video.codec for p in profiles)}
    return [_options_of_codec(codec, some) for codec, some in by_codec.items()]


def _options_of_codec(codec: str, profiles: list[MediaProfile]) -> Element:
    videos = [profile.video for profile in profiles]
    lengths, bitrates = [video.gov_length for video in videos], [video.bitrate_kbps for video in videos]
    return element(
        "tr2:Options",
        element("tt:Encoding", codec),
        common.int_range("tt:QualityRange", 1, 1),
        *common.resolutions("tt:ResolutionsAvailable", profiles),
        common.int_range("tt:BitrateRange", min(bitrates), max(bitrates)),
        GovLengthRange=f"{min(lengths)} {max(lengths)}",
        FrameRatesSupported=" ".join(f"{rate:g}" for rate in sorted({video.frame_rate for video in videos})),
        ProfilesSupported=" ".join(sorted({video.profile for video in videos})),
        ConstantBitRateSupported=False,
    )


def _audio_encoder_options(profiles: list[MediaProfile]) -> list[Element]:
    known = {(a.codec, a.bitrate_kbps, a.sample_rate_khz) for p in profiles if (a := p.audio)}
    return [
        element(
            "tr2:Options",
            element("tt:Encoding", codec),
            element("tt:BitrateList", element("tt:Items", str(bitrate))),
            element("tt:SampleRateList", element("tt:Items", str(rate))),
        )
        for codec, bitrate, rate in sorted(known)
    ]


_BUILD: Final[dict[Part, Callable[[str, MediaProfile, Uses], Element]]] = {
    Part.VIDEO_SOURCE: common.video_source_configuration,
    Part.AUDIO_SOURCE: common.audio_source_configuration,
    Part.VIDEO_ENCODER: _video_encoder_configuration,
    Part.AUDIO_ENCODER: _audio_encoder_configuration,
    Part.METADATA: common.metadata_configuration,
}
_OPTIONS: Final[dict[Part, Callable[[list[MediaProfile]], list[Element]]]] = {
    Part.VIDEO_SOURCE: lambda profiles: [common.video_source_options("tr2:Options", profiles)],
    Part.AUDIO_SOURCE: lambda profiles: [common.audio_source_options("tr2:Options", profiles)],
    Part.VIDEO_ENCODER: _video_encoder_options,
    Part.AUDIO_ENCODER: _audio_encoder_options,
    Part.METADATA: lambda profiles: [common.metadata_options("tr2:Options", profiles)],
}
