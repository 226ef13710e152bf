"""The DeviceIO service (`tmd`) of a served device: which sources it has. It has no outputs or relays.

Each source has one digital input of the same token: by it the unit with the camera calls for help.

Source: ONVIF DeviceIO Service Specification 5, deviceio.wsdl.
"""

from __future__ import annotations

from onvif_protocol.device import Call, Operation, Operations
from onvif_protocol.device_model import Part
from onvif_protocol.media_profiles import Profiles, user_of
from onvif_protocol.soap import NS, Element, element, qname


class DeviceIo:
    """The DeviceIO service of a device."""

    namespace = NS["tmd"]
    path = "/onvif/deviceio_service"
    version = (21, 6)

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def operations(self) -> Operations:  # noqa: D102
        return {
            qname("tmd:GetServiceCapabilities"): Operation(self._get_service_capabilities, open=True),
            qname("tmd:GetVideoSources"): Operation(lambda call: self._sources(Part.VIDEO_SOURCE, call)),
            qname("tmd:GetAudioSources"): Operation(lambda call: self._sources(Part.AUDIO_SOURCE, call)),
            qname("tmd:GetVideoOutputs"): Operation(lambda _: element("tmd:GetVideoOutputsResponse")),
            qname("tmd:GetAudioOutputs"): Operation(lambda _: element("tmd:GetAudioOutputsResponse")),
            qname("tmd:GetDigitalInputs"): Operation(self._get_digital_inputs),
            # The Device service has it as well: its name is the same there (DeviceIO 5.7.1).
            qname("tds:GetRelayOutputs"): Operation(lambda _: element("tds:GetRelayOutputsResponse")),
        }

    def capabilities(self) -> Element:
        """One source at least; who wants to know how many asks for them, and logs in."""
        return element(
            "tmd:Capabilities",
            VideoSources=1,
            VideoOutputs=0,
            AudioSources=1,
            AudioOutputs=0,
            RelayOutputs=0,
            SerialPorts=0,
            DigitalInputs=1,
        )

    def _get_service_capabilities(self, _: Call) -> Element:
        return element("tmd:GetServiceCapabilitiesResponse", self.capabilities())

    def _get_digital_inputs(self, call: Call) -> Element:
        profiles = self._profiles.configurations(user_of(call), Part.VIDEO_SOURCE)
        inputs = (element("tmd:DigitalInputs", token=profile.source.token) for profile in profiles)
        return element("tmd:GetDigitalInputsResponse", *inputs)

    def _sources(self, part: Part, call: Call) -> Element:
        profiles = self._profiles.configurations(user_of(call), part)
        tokens = (element("tmd:Token", profile.source.token) for profile in profiles)
        return element(f"tmd:Get{part.value}sResponse", *tokens)
