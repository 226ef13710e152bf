"""What Media1 says of a loudspeaker that clients can talk to: outputs, and the configurations of output and decoder.

Only reading: one device has one loudspeaker at one volume. How sound gets there is RTSP's business (ONVIF Streaming
Specification 5.3).

Source: ONVIF Media Service Specification 5.10, 5.11; onvif.xsd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from onvif_protocol.device import Call, Operation, Operations, invalid_argument
from onvif_protocol.device_model import MediaProfile
from onvif_protocol.soap import Element, element, qname, text_of

_LEVEL = "100"
"""Of the volume, in percent."""
Profiles = Callable[[Call], Iterable[MediaProfile]]


def operations(profiles: Profiles) -> Operations:
    """The operations, over the profiles that who calls may see."""

    def outputs(call: Call) -> Element:
        tokens = dict.fromkeys(token for profile in profiles(call) if (token := profile.output) is not None)
        return element("trt:GetAudioOutputsResponse", *(element("trt:AudioOutputs", token=token) for token in tokens))

    table = {"GetAudioOutputs": Operation(outputs)}
    for part, build in (("AudioOutput", output_configuration), ("AudioDecoder", decoder_configuration)):
        table |= {
            f"Get{part}Configurations": Operation(_listing(f"Get{part}", profiles, build)),
            f"GetCompatible{part}Configurations": Operation(_listing(f"GetCompatible{part}", profiles, build)),
            f"Get{part}Configuration": Operation(_one(part, profiles, build)),
        }
    return {qname(f"trt:{name}"): operation for name, operation in table.items()}


def extension(profile: MediaProfile) -> list[Element]:
    """What a profile ends with, where it has a loudspeaker."""
    if profile.output is None:
        return []
    return [
        element(
            "tt:Extension",
            output_configuration("tt:AudioOutputConfiguration", profile),
            decoder_configuration("tt:AudioDecoderConfiguration", profile),
        )
    ]


def output_configuration(name: str, profile: MediaProfile) -> Element:
    """The loudspeaker, as loud as it is."""
    token = profile.output or ""
    return element(
        name,
        element("tt:Name", profile.source.name),
        element("tt:UseCount", "1"),
        element("tt:OutputToken", token),
        element("tt:OutputLevel", _LEVEL),
        token=token,
    )


def decoder_configuration(name: str, profile: MediaProfile) -> Element:
    """What decodes the sound; what it takes, the session's description says."""
    return element(
        name, element("tt:Name", profile.source.name), element("tt:UseCount", "1"), token=f"{profile.output}_decoder"
    )


Build = Callable[[str, MediaProfile], Element]


def _with_output(profiles: Iterable[MediaProfile]) -> list[MediaProfile]:
    """One profile for each loudspeaker."""
    return list({profile.output: profile for profile in profiles if profile.output is not None}.values())


def _listing(call_name: str, profiles: Profiles, build: Build) -> Callable[[Call], Element]:
    def listed(call: Call) -> Element:
        built = (build("trt:Configurations", profile) for profile in _with_output(profiles(call)))
        return element(f"trt:{call_name}ConfigurationsResponse", *built)

    return listed


def _one(part: str, profiles: Profiles, build: Build) -> Callable[[Call], Element]:
    def one(call: Call) -> Element:
        token = text_of(call.request, "trt:ConfigurationToken")
        for profile in _with_output(profiles(call)):
            found = build("trt:Configuration", profile)
            if found.get("token") == token:
                return element(f"trt:Get{part}ConfigurationResponse", found)
        raise invalid_argument("there is no such configuration", "ter:NoConfig")

    return one
