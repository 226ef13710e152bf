"""The Device service (`tds`) of a served device: who it is, what time it has, where it is, which services there are.

Read-only: what would change or restart the device, or the machine it runs on, is refused by name.

Source: ONVIF Core Specification 8 (device management), devicemgmt.wsdl.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from onvif_protocol.base import Clock
from onvif_protocol.device import Call, Operation, Operations, Service, invalid_argument, refusing
from onvif_protocol.device_model import DeviceModel, Location, NetworkAddress
from onvif_protocol.media_profiles import user_of
from onvif_protocol.soap import NS, Element, element, qname, text_of

_CATEGORIES: Final = ("All", "Analytics", "Device", "Events", "Imaging", "Media", "PTZ")
_PORTS: Final = {"http": 80, "https": 443}
_MAX_NAME: Final = 64
_REFUSED: Final = (
    *("AddIPAddressFilter", "AddScopes", "CreateCertificate", "CreateDot1XConfiguration", "CreateUsers"),
    *("DeleteCertificates", "DeleteDot1XConfiguration", "DeleteUsers", "GetSystemBackup", "LoadCACertificates"),
    *("LoadCertificateWithPrivateKey", "LoadCertificates", "RemoveIPAddressFilter", "RemoveScopes", "RestoreSystem"),
    *("SendAuxiliaryCommand", "SetAccessPolicy", "SetCertificatesStatus", "SetClientCertificateMode", "SetDNS"),
    *("SetDPAddresses", "SetDiscoveryMode", "SetDot1XConfiguration", "SetDynamicDNS", "SetGeoLocation", "SetHostname"),
    *("DeleteGeoLocation", "SetHostnameFromDHCP", "SetIPAddressFilter", "SetNTP", "SetNetworkDefaultGateway"),
    *("SetNetworkInterfaces", "SetNetworkProtocols", "SetRelayOutputSettings", "SetRelayOutputState", "SetRemoteUser"),
    *("SetRemoteDiscoveryMode", "SetScopes", "SetSystemDateAndTime", "SetSystemFactoryDefault", "SetUser"),
    *("SetZeroConfiguration", "StartFirmwareUpgrade", "StartSystemRestore", "SystemReboot", "UpgradeSystemFirmware"),
)


class DeviceManagement:
    """The Device service. `others` are the services it announces besides itself."""

    namespace = NS["tds"]
    path = "/onvif/device_service"
    version = (22, 12)

    def __init__(self, model: DeviceModel, others: Sequence[Service], clock: Clock) -> None:
        self._model = model
        self._services: tuple[Service, ...] = (self, *others)
        self._clock = clock

    def operations(self) -> Operations:  # noqa: D102
        table = {
            "GetSystemDateAndTime": Operation(self._get_system_date_and_time, open=True),
            "GetServices": Operation(self._get_services, open=True),
            "GetCapabilities": Operation(self._get_capabilities, open=True),
            "GetServiceCapabilities": Operation(self._get_service_capabilities, open=True),
            "GetHostname": Operation(self._get_hostname, open=True),
            "GetEndpointReference": Operation(self._get_endpoint_reference, open=True),
            "GetWsdlUrl": Operation(_get_wsdl_url, open=True),
            "GetDeviceInformation": Operation(self._get_device_information),
            "GetScopes": Operation(self._get_scopes),
            "GetDiscoveryMode": Operation(self._get_discovery_mode),
            "GetNetworkInterfaces": Operation(self._get_network_interfaces),
            "GetNetworkProtocols": Operation(self._get_network_protocols),
            "GetNetworkDefaultGateway": Operation(_get_network_default_gateway),
            "GetDNS": Operation(_get_dns),
            "GetNTP": Operation(_get_ntp),
            "GetUsers": Operation(_get_users),
            "GetGeoLocation": Operation(self._get_geo_location),
        }
        return {qname(f"tds:{name}"): operation for name, operation in table.items()} | refusing("tds", _REFUSED)

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
                HashingAlgorithms="SHA-256,MD5",
            ),
            element(
                "tds:System",
                DiscoveryResolve=True,
                DiscoveryBye=True,
                RemoteDiscovery=False,
                GeoLocationEntries=1,
                AutoGeo="Location",
                NetworkConfigNotSupported=True,
                UserConfigNotSupported=True,
            ),
        )

    # ---- what there is

    def _get_services(self, call: Call) -> Element:
        with_capabilities = text_of(call.request, "tds:IncludeCapability") in ("true", "1")
        answer = element("tds:GetServicesResponse")
        for service in self._services:
            capabilities = element("tds:Capabilities", service.capabilities()) if with_capabilities else None
            answer.append(
                element(
                    "tds:Service",
                    element("tds:Namespace", service.namespace),
                    element("tds:XAddr", call.base_url + service.path),
                    capabilities,
                    element("tds:Version", *_version(service)),
                )
            )
        return answer

    def _get_service_capabilities(self, _: Call) -> Element:
        return element("tds:GetServiceCapabilitiesResponse", self.capabilities())

    def _get_capabilities(self, call: Call) -> Element:
        """The old way to find services (Core 8.1.2.3): only those it knows, in the schema's order."""
        wanted = {(entry.text or "").strip() for entry in call.request.findall(qname("tds:Category"))} or {"All"}
        if not wanted <= set(_CATEGORIES):
            raise invalid_argument("there is no such category", "ter:NoSuchService")
        capabilities = element("tds:Capabilities")
        if wanted & {"All", "Device"}:
            capabilities.append(self._device_capabilities(call))
        for category, namespace, build in _OLD:
            address = self._address(namespace, call)
            if address is not None and wanted & {"All", category}:
                capabilities.append(build(address))
        if "All" in wanted:
            addresses = [(build, self._address(namespace, call)) for namespace, build in _OLD_EXTENSIONS]
            extensions = [build(address) for build, address in addresses if address is not None]
            if extensions:
                capabilities.append(element("tt:Extension", *extensions))
        return element("tds:GetCapabilitiesResponse", capabilities)

    def _address(self, namespace: str, call: Call) -> Element | None:
        """The XAddr of a service; None: there is none."""
        path = next((service.path for service in self._services if service.namespace == namespace), None)
        return None if path is None else element("tt:XAddr", call.base_url + path)

    def _device_capabilities(self, call: Call) -> Element:
        system = element("tt:System", element("tt:DiscoveryResolve", "true"), element("tt:DiscoveryBye", "true"))
        for name in ("RemoteDiscovery", "SystemBackup", "SystemLogging", "FirmwareUpgrade"):
            system.append(element(f"tt:{name}", "false"))
        system.append(element("tt:SupportedVersions", *_version(self)))
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

    # ---- who it is

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

    def _get_discovery_mode(self, _: Call) -> Element:
        mode = "Discoverable" if self._model.discoverable else "NonDiscoverable"
        return element("tds:GetDiscoveryModeResponse", element("tds:DiscoveryMode", mode))

    # ---- when and where

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

    def _get_geo_location(self, call: Call) -> Element:
        """Core 8.3.23: where each video source is now, by its own measurement."""
        locations = self._model.locations(user_of(call))
        return element("tds:GetGeoLocationResponse", *(_location(location) for location in locations))

    # ---- the network

    def _get_network_interfaces(self, call: Call) -> Element:
        """One interface with the device's own MAC, which Home Assistant takes for the device's key, and the address
        that the request came to.
        """
        own = next((known for known in self._model.addresses if known.address == call.host), None)
        interface = element(
            "tds:NetworkInterfaces",
            element("tt:Enabled", "true"),
            element("tt:Info", element("tt:Name", "eth0"), element("tt:HwAddress", self._model.identity.mac)),
            None if own is None else _ipv4(own),
            token="eth0",  # noqa: S106
        )
        return element("tds:GetNetworkInterfacesResponse", interface)

    def _get_network_protocols(self, call: Call) -> Element:
        parts = urlsplit(call.base_url)
        protocols = [(parts.scheme.upper(), parts.port or _PORTS[parts.scheme]), ("RTSP", self._model.rtsp_port)]
        return element(
            "tds:GetNetworkProtocolsResponse",
            *(
                element(
                    "tds:NetworkProtocols",
                    element("tt:Name", name),
                    element("tt:Enabled", "true"),
                    element("tt:Port", str(port)),
                )
                for name, port in protocols
            ),
        )


def _version(service: Service) -> tuple[Element, Element]:
    major, minor = service.version
    return element("tt:Major", str(major)), element("tt:Minor", str(minor))


def _location(location: Location) -> Element:
    degrees = {"lon": f"{location.lon:.7f}", "lat": f"{location.lat:.7f}"}
    elevation = None if location.elevation_m is None else f"{location.elevation_m:.1f}"
    return element(
        "tds:Location",
        element("tt:GeoLocation", **degrees, elevation=elevation),
        Entity="VideoSource",
        Token=location.source,
        Fixed=False,
        AutoGeo=True,
    )


def _ipv4(own: NetworkAddress) -> Element:
    manual = element("tt:Manual", element("tt:Address", own.address), element("tt:PrefixLength", str(own.prefix)))
    return element("tt:IPv4", element("tt:Enabled", "true"), element("tt:Config", manual, element("tt:DHCP", "false")))


def _get_wsdl_url(_: Call) -> Element:
    return element("tds:GetWsdlUrlResponse", element("tds:WsdlUrl", "https://www.onvif.org/specs/srv"))


def _get_network_default_gateway(_: Call) -> Element:
    """The machine's business: nothing is said of it."""
    return element("tds:GetNetworkDefaultGatewayResponse", element("tds:NetworkGateway"))


def _get_dns(_: Call) -> Element:
    return element("tds:GetDNSResponse", element("tds:DNSInformation", element("tt:FromDHCP", "false")))


def _get_ntp(_: Call) -> Element:
    return element("tds:GetNTPResponse", element("tds:NTPInformation", element("tt:FromDHCP", "false")))


def _get_users(call: Call) -> Element:
    """Who asks, and nobody else: the names of others are not theirs to know."""
    user = element("tds:User", element("tt:Username", user_of(call)), element("tt:UserLevel", "User"))
    return element("tds:GetUsersResponse", user)


# ---- GetCapabilities: what the services that it knows are described by


def _named(name: str, address: Element, **values: str) -> Element:
    return element(name, address, *(element(f"tt:{key}", value) for key, value in values.items()))


def _events(address: Element) -> Element:
    return _named(
        "tt:Events",
        address,
        WSSubscriptionPolicySupport="false",
        WSPullPointSupport="true",
        WSPausableSubscriptionManagerInterfaceSupport="false",
    )


def _media(address: Element) -> Element:
    streaming = element(
        "tt:StreamingCapabilities",
        element("tt:RTPMulticast", "false"),
        element("tt:RTP_TCP", "false"),
        element("tt:RTP_RTSP_TCP", "true"),
    )
    return element("tt:Media", address, streaming)


def _device_io(address: Element) -> Element:
    """One source at least; who wants to know how many asks the service, and logs in."""
    return _named(
        "tt:DeviceIO",
        address,
        VideoSources="1",
        VideoOutputs="0",
        AudioSources="1",
        AudioOutputs="0",
        RelayOutputs="0",
    )


def _recording(address: Element) -> Element:
    return _named(
        "tt:Recording",
        address,
        ReceiverSource="false",
        MediaProfileSource="true",
        DynamicRecordings="false",
        DynamicTracks="false",
        MaxStringLength=str(_MAX_NAME),
    )


_OLD: Final[tuple[tuple[str, str, Callable[[Element], Element]], ...]] = (
    ("Events", NS["tev"], _events),
    ("Imaging", NS["timg"], lambda address: _named("tt:Imaging", address)),
    ("Media", NS["trt"], _media),
)
_OLD_EXTENSIONS: Final[tuple[tuple[str, Callable[[Element], Element]], ...]] = (
    (NS["tmd"], _device_io),
    (NS["trc"], _recording),
    (NS["tse"], lambda address: _named("tt:Search", address, MetadataSearch="false")),
    (NS["trp"], lambda address: _named("tt:Replay", address)),
)
