"""The Device service (`tds`) of a served device: who it is, what time it has, which services there are.

Read-only: what would change or restart the device is in no table, and so refused.

Source: ONVIF Core Specification 8 (device management), devicemgmt.wsdl.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from onvif_protocol.base import Clock
from onvif_protocol.device import Call, Operation, Operations, Service, invalid_argument
from onvif_protocol.device_model import DeviceModel
from onvif_protocol.soap import NS, Element, element, qname, text_of

_CATEGORIES: Final = ("All", "Analytics", "Device", "Events", "Imaging", "Media", "PTZ")


class DeviceManagement:
    """The Device service. `others` are the services it announces besides itself."""

    namespace = NS["tds"]
    path = "/onvif/device_service"
    version = (2, 42)

    def __init__(self, model: DeviceModel, others: Sequence[Service], clock: Clock) -> None:
        self._model = model
        self._services: tuple[Service, ...] = (self, *others)
        self._clock = clock

    def operations(self) -> Operations:  # noqa: D102
        return {
            qname(f"tds:{name}"): operation
            for name, operation in {
                "GetSystemDateAndTime": Operation(self._get_system_date_and_time, open=True),
                "GetServices": Operation(self._get_services, open=True),
                "GetCapabilities": Operation(self._get_capabilities, open=True),
                "GetServiceCapabilities": Operation(self._get_service_capabilities, open=True),
                "GetHostname": Operation(self._get_hostname, open=True),
                "GetEndpointReference": Operation(self._get_endpoint_reference, open=True),
                "GetDeviceInformation": Operation(self._get_device_information),
                "GetScopes": Operation(self._get_scopes),
                "GetNetworkInterfaces": Operation(self._get_network_interfaces),
            }.items()
        }

    def capabilities(self) -> Element:  # noqa: D102
        return element(
            "tds:Capabilities",
            element("tds:Network", IPFilter=False, ZeroConfiguration=False, IPVersion6=False, DynDNS=False, NTP=0),
            element(
                "tds:Security",
                **{"TLS1.0": False, "TLS1.1": False, "TLS1.2": False},
                UsernameToken=True,
                HttpDigest=True,
                RELToken=False,
            ),
            element("tds:System", DiscoveryResolve=True, DiscoveryBye=True, RemoteDiscovery=False),
        )

    def _get_system_date_and_time(self, _: Call) -> Element:
        now = datetime.fromtimestamp(self._clock.utc_ns() // 1_000_000_000, UTC)
        time = element(
            "tt:Time",
            element("tt:Hour", str(now.hour)),
            element("tt:Minute", str(now.minute)),
            element("tt:Second", str(now.second)),
        )
        date = element(
            "tt:Date",
            element("tt:Year", str(now.year)),
            element("tt:Month", str(now.month)),
            element("tt:Day", str(now.day)),
        )
        return element(
            "tds:GetSystemDateAndTimeResponse",
            element(
                "tds:SystemDateAndTime",
                element("tt:DateTimeType", "NTP"),
                element("tt:DaylightSavings", "false"),
                element("tt:TimeZone", element("tt:TZ", "UTC0")),
                element("tt:UTCDateTime", time, date),
            ),
        )

    def _get_services(self, call: Call) -> Element:
        with_capabilities = text_of(call.request, "tds:IncludeCapability") in ("true", "1")
        answer = element("tds:GetServicesResponse")
        for service in self._services:
            capabilities = element("tds:Capabilities", service.capabilities()) if with_capabilities else None
            major, minor = service.version
            answer.append(
                element(
                    "tds:Service",
                    element("tds:Namespace", service.namespace),
                    element("tds:XAddr", call.base_url + service.path),
                    capabilities,
                    element("tds:Version", element("tt:Major", str(major)), element("tt:Minor", str(minor))),
                )
            )
        return answer

    def _get_capabilities(self, call: Call) -> Element:
        """The old way to find services (Core 8.1.2.3): only those it knows, in the schema's order."""
        wanted = {(entry.text or "").strip() for entry in call.request.findall(qname("tds:Category"))} or {"All"}
        if not wanted <= set(_CATEGORIES):
            raise invalid_argument("there is no such category", "ter:NoSuchService")
        media = next((service for service in self._services if service.namespace == NS["trt"]), None)
        capabilities = element("tds:Capabilities")
        if wanted & {"All", "Device"}:
            capabilities.append(self._device_capabilities(call))
        if media is not None and wanted & {"All", "Media"}:
            streaming = element(
                "tt:StreamingCapabilities",
                element("tt:RTPMulticast", "false"),
                element("tt:RTP_TCP", "false"),
                element("tt:RTP_RTSP_TCP", "true"),
            )
            capabilities.append(element("tt:Media", element("tt:XAddr", call.base_url + media.path), streaming))
        return element("tds:GetCapabilitiesResponse", capabilities)

    def _device_capabilities(self, call: Call) -> Element:
        system = element("tt:System", element("tt:DiscoveryResolve", "true"), element("tt:DiscoveryBye", "true"))
        for name in ("RemoteDiscovery", "SystemBackup", "SystemLogging", "FirmwareUpgrade"):
            system.append(element(f"tt:{name}", "false"))
        major, minor = self.version
        system.append(element("tt:SupportedVersions", element("tt:Major", str(major)), element("tt:Minor", str(minor))))
        security = element("tt:Security")
        for name in (
            "TLS1.1",
            "TLS1.2",
            "OnboardKeyGeneration",
            "AccessPolicyConfig",
            "X.509Token",
            "SAMLToken",
            "KerberosToken",
            "RELToken",
        ):
            security.append(element(f"tt:{name}", "false"))
        return element("tt:Device", element("tt:XAddr", call.base_url + self.path), system, security)

    def _get_service_capabilities(self, _: Call) -> Element:
        return element("tds:GetServiceCapabilitiesResponse", self.capabilities())

    def _get_hostname(self, _: Call) -> Element:
        information = element(
            "tds:HostnameInformation",
            element("tt:FromDHCP", "false"),
            element("tt:Name", self._model.identity.hostname),
        )
        return element("tds:GetHostnameResponse", information)

    def _get_endpoint_reference(self, _: Call) -> Element:
        return element("tds:GetEndpointReferenceResponse", element("tds:GUID", self._model.identity.endpoint))

    def _get_device_information(self, _: Call) -> Element:
        identity = self._model.identity
        return element(
            "tds:GetDeviceInformationResponse",
            element("tds:Manufacturer", identity.manufacturer),
            element("tds:Model", identity.model),
            element("tds:FirmwareVersion", identity.firmware),
            element("tds:SerialNumber", identity.serial),
            element("tds:HardwareId", identity.hardware_id),
        )

    def _get_scopes(self, _: Call) -> Element:
        return element(
            "tds:GetScopesResponse",
            *(
                element("tds:Scopes", element("tt:ScopeDef", "Fixed"), element("tt:ScopeItem", item))
                for item in self._model.identity.scopes
            ),
        )

    def _get_network_interfaces(self, call: Call) -> Element:
        """One interface with the device's own MAC: Home Assistant takes that for the device's key."""
        identity = self._model.identity
        interface = element(
            "tds:NetworkInterfaces",
            element("tt:Enabled", "true"),
            element("tt:Info", element("tt:Name", "eth0"), element("tt:HwAddress", identity.mac)),
            token="eth0",  # noqa: S106
        )
        return element("tds:GetNetworkInterfacesResponse", interface)
