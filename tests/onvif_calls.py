"""A request to each operation that the device of `onvif_device_model` answers, for whoever holds its answers against a
schema."""

from __future__ import annotations

from onvif_protocol.device_model import Part
from onvif_protocol.soap import NS, Element, parse_xml

PROFILE, CONFIGURATION, SOURCE = "main", "main_video", "source_0"
TOKEN = {
    Part.VIDEO_SOURCE: SOURCE,
    Part.AUDIO_SOURCE: SOURCE,
    Part.VIDEO_ENCODER: CONFIGURATION,
    Part.AUDIO_ENCODER: "main_audio",
    Part.METADATA: "main_metadata",
}
SETUP = (
    "<trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol>"
    "</tt:Transport></trt:StreamSetup>"
)
MULTICAST = (
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address>"
    "<tt:Port>0</tt:Port><tt:TTL>0</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
)
NAME = "<tt:Name>n</tt:Name><tt:UseCount>1</tt:UseCount>"
SIZE = "<tt:Resolution><tt:Width>1280</tt:Width><tt:Height>720</tt:Height></tt:Resolution>"
TIMEOUT = "<tt:SessionTimeout>PT60S</tt:SessionTimeout>"
AS_IT_IS = {
    Part.VIDEO_SOURCE: (
        f'{NAME}<tt:SourceToken>{SOURCE}</tt:SourceToken><tt:Bounds x="0" y="0" width="1280" height="720"/>'
    ),
    Part.AUDIO_SOURCE: f"{NAME}<tt:SourceToken>{SOURCE}</tt:SourceToken>",
    Part.VIDEO_ENCODER: f"{NAME}<tt:Encoding>H264</tt:Encoding>{SIZE}<tt:Quality>3</tt:Quality>{MULTICAST}{TIMEOUT}",
    Part.AUDIO_ENCODER: (
        f"{NAME}<tt:Encoding>G711</tt:Encoding><tt:Bitrate>64</tt:Bitrate><tt:SampleRate>8</tt:SampleRate>"
        f"{MULTICAST}{TIMEOUT}"
    ),
    Part.METADATA: f"{NAME}<tt:Analytics>true</tt:Analytics>{MULTICAST}{TIMEOUT}",
}
AS_IT_IS_2 = AS_IT_IS | {
    Part.VIDEO_ENCODER: f"{NAME}<tt:Encoding>H264</tt:Encoding>{SIZE}<tt:Quality>3</tt:Quality>",
    Part.AUDIO_ENCODER: (
        f"{NAME}<tt:Encoding>PCMU</tt:Encoding><tt:Bitrate>64</tt:Bitrate><tt:SampleRate>8</tt:SampleRate>"
    ),
}


def _tag(prefix: str, **values: str) -> str:
    return "".join(f"<{prefix}:{name}>{value}</{prefix}:{name}>" for name, value in values.items())


OPEN = [
    "tds:GetSystemDateAndTime",
    "tds:GetServices",
    "tds:GetCapabilities",
    "tds:GetServiceCapabilities",
    "tds:GetHostname",
    "tds:GetEndpointReference",
    "tds:GetWsdlUrl",
    "trt:GetServiceCapabilities",
    "tr2:GetServiceCapabilities",
    "tmd:GetServiceCapabilities",
    "timg:GetServiceCapabilities",
]
CALLS = dict.fromkeys(OPEN, "") | {
    "tds:GetServices": _tag("tds", IncludeCapability="true"),
    "tds:GetDeviceInformation": "",
    "tds:GetScopes": "",
    "tds:GetDiscoveryMode": "",
    "tds:GetNetworkInterfaces": "",
    "tds:GetNetworkProtocols": "",
    "tds:GetNetworkDefaultGateway": "",
    "tds:GetDNS": "",
    "tds:GetNTP": "",
    "tds:GetUsers": "",
    "tds:GetGeoLocation": "",
    "tds:GetRelayOutputs": "",
    "trt:GetProfiles": "",
    "trt:GetProfile": _tag("trt", ProfileToken=PROFILE),
    "trt:CreateProfile": _tag("trt", Name="SynoProfile", Token="SynoProfile"),
    "trt:GetVideoSources": "",
    "trt:GetAudioSources": "",
    "trt:GetAudioOutputs": "",
    "trt:GetAudioOutputConfigurations": "",
    "trt:GetAudioOutputConfiguration": _tag("trt", ConfigurationToken="speaker"),
    "trt:GetCompatibleAudioOutputConfigurations": _tag("trt", ProfileToken=PROFILE),
    "trt:GetAudioDecoderConfigurations": "",
    "trt:GetAudioDecoderConfiguration": _tag("trt", ConfigurationToken="speaker_decoder"),
    "trt:GetCompatibleAudioDecoderConfigurations": _tag("trt", ProfileToken=PROFILE),
    "trt:GetGuaranteedNumberOfVideoEncoderInstances": _tag("trt", ConfigurationToken=SOURCE),
    "trt:GetStreamUri": SETUP + _tag("trt", ProfileToken=PROFILE),
    "trt:GetSnapshotUri": _tag("trt", ProfileToken=PROFILE),
    "trt:SetSynchronizationPoint": _tag("trt", ProfileToken=PROFILE),
    "trt:GetOSDs": "",
    "trt:GetOSDOptions": _tag("trt", ConfigurationToken=SOURCE),
    "tr2:GetProfiles": _tag("tr2", Type="All"),
    "tr2:CreateProfile": _tag("tr2", Name="Mine")
    + f"<tr2:Configuration>{_tag('tr2', Type='VideoSource', Token=SOURCE)}</tr2:Configuration>",
    "tr2:AddConfiguration": _tag("tr2", ProfileToken=PROFILE)
    + f"<tr2:Configuration>{_tag('tr2', Type='VideoEncoder', Token=CONFIGURATION)}</tr2:Configuration>",
    "tr2:GetVideoEncoderInstances": _tag("tr2", ConfigurationToken=SOURCE),
    "tr2:GetStreamUri": _tag("tr2", Protocol="RTSP", ProfileToken=PROFILE),
    "tr2:GetSnapshotUri": _tag("tr2", ProfileToken=PROFILE),
    "tr2:SetSynchronizationPoint": _tag("tr2", ProfileToken=PROFILE),
    "tr2:GetOSDs": "",
    "tr2:GetOSDOptions": _tag("tr2", ConfigurationToken=SOURCE),
    "tmd:GetVideoSources": "",
    "tmd:GetAudioSources": "",
    "tmd:GetVideoOutputs": "",
    "tmd:GetAudioOutputs": "",
    "tmd:GetDigitalInputs": "",
    "timg:GetImagingSettings": _tag("timg", VideoSourceToken=SOURCE),
    "timg:GetOptions": _tag("timg", VideoSourceToken=SOURCE),
    "timg:GetMoveOptions": _tag("timg", VideoSourceToken=SOURCE),
    "timg:GetStatus": _tag("timg", VideoSourceToken=SOURCE),
    "timg:SetImagingSettings": _tag("timg", VideoSourceToken=SOURCE) + "<timg:ImagingSettings/>",
}
for part, token in TOKEN.items():
    added = _tag("trt", ProfileToken=PROFILE, ConfigurationToken=token)
    settings = f'<trt:Configuration token="{token}">{AS_IT_IS[part]}</trt:Configuration>'
    CALLS |= {
        f"trt:Get{part.value}Configurations": "",
        f"trt:Get{part.value}Configuration": _tag("trt", ConfigurationToken=token),
        f"trt:GetCompatible{part.value}Configurations": _tag("trt", ProfileToken=PROFILE),
        f"trt:Get{part.value}ConfigurationOptions": _tag("trt", ProfileToken=PROFILE),
        f"trt:Set{part.value}Configuration": settings + _tag("trt", ForcePersistence="true"),
        f"trt:Add{part.value}Configuration": added,
        f"tr2:Get{part.value}Configurations": "",
        f"tr2:Get{part.value}ConfigurationOptions": "",
        f"tr2:Set{part.value}Configuration": (
            f'<tr2:Configuration token="{token}">{AS_IT_IS_2[part]}</tr2:Configuration>'
        ),
    }

ON_A_MADE_PROFILE = {
    "trt:DeleteProfile",
    "tr2:DeleteProfile",
    "tr2:RemoveConfiguration",
    *(f"trt:Remove{part.value}Configuration" for part in Part),
}
"""What can be asked of a profile that a client made, and is tested with one."""
CLOSED = sorted(CALLS.keys() - set(OPEN))
NEWER = {"tds:GetGeoLocation", "tmd:GetVideoSources", "tmd:GetAudioSources", "tmd:GetAudioOutputs"}
"""What the WSDLs that onvif-zeep-async bundles do not know, beside Media2."""


def call(name: str) -> Element:
    """The request."""
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())
    return parse_xml(f"<{name} {declared}>{CALLS[name]}</{name}>".encode())
