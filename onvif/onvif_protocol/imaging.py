"""The Imaging service (`timg`) of a served device: nothing of a camera's picture can be set through the gateway.

Its operations are there as Profile T wants them; what they list is empty.

Source: ONVIF Imaging Service Specification 5, imaging.wsdl.
"""

from __future__ import annotations

from onvif_protocol.device import Call, Operation, Operations, invalid_argument, refusing
from onvif_protocol.device_model import Part
from onvif_protocol.media_profiles import Profiles, user_of
from onvif_protocol.soap import NS, Element, element, qname, text_of


class Imaging:
    """The Imaging service of a device."""

    namespace = NS["timg"]
    path = "/onvif/imaging_service"
    version = (21, 6)

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def operations(self) -> Operations:  # noqa: D102
        answers = {
            "GetImagingSettings": "ImagingSettings",
            "GetOptions": "ImagingOptions",
            "GetMoveOptions": "MoveOptions",
            "GetStatus": "Status",
        }
        table = {
            qname("timg:GetServiceCapabilities"): Operation(self._get_service_capabilities, open=True),
            qname("timg:SetImagingSettings"): Operation(self._set_imaging_settings),
        }
        for name, what in answers.items():
            table[qname(f"timg:{name}")] = Operation(lambda call, name=name, what=what: self._nothing(name, what, call))
        return table | refusing("timg", ("Move", "Stop"))

    def capabilities(self) -> Element:  # noqa: D102
        return element("timg:Capabilities", ImageStabilization=False, Presets=False)

    def _get_service_capabilities(self, _: Call) -> Element:
        return element("timg:GetServiceCapabilitiesResponse", self.capabilities())

    def _nothing(self, name: str, what: str, call: Call) -> Element:
        self._check_source(call)
        return element(f"timg:{name}Response", element(f"timg:{what}"))

    def _set_imaging_settings(self, call: Call) -> Element:
        """Settings that set nothing are as they are."""
        self._check_source(call)
        wanted = call.request.find(qname("timg:ImagingSettings"))
        if wanted is None or len(wanted):
            raise invalid_argument("nothing of the picture can be set here", "ter:SettingsInvalid")
        return element("timg:SetImagingSettingsResponse")

    def _check_source(self, call: Call) -> None:
        token = text_of(call.request, "timg:VideoSourceToken")
        if all(p.source.token != token for p in self._profiles.configurations(user_of(call), Part.VIDEO_SOURCE)):
            raise invalid_argument("there is no such video source", "ter:NoSource")
