"""What a camera offers and how its answers are read: profiles and the choice among them, Media2, URLs. Sans-IO.

Here belong the values that `camera` hands out and the messages of the Media2 service, for which onvif-zeep-async brings
no WSDL. Calling the camera belongs to `camera`.

Sources: ONVIF Media Service Specification (Media1), Media2 Service Specification 5.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from onvif_protocol.soap import Element, element, qname, text_of


@dataclass(frozen=True, slots=True)
class DeviceInformation:
    """Who made the camera; empty where it does not say."""

    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    hardware_id: str = ""


@dataclass(frozen=True, slots=True)
class StreamProfile:
    """A media profile of a camera, as far as choosing one needs it."""

    token: str
    name: str
    encoding: str
    """`H264`, `H265`, `JPEG`, … in upper case; empty without a video encoder."""
    width: int = 0
    height: int = 0
    has_metadata: bool = False
    """Whether a MetadataConfiguration is part of it, so that its stream has a metadata track."""
    source: str = field(default="", compare=False)
    """The token of its video source; empty where the camera does not say."""


def playable(profiles: Sequence[StreamProfile]) -> list[StreamProfile]:
    """The H.264 profiles, best first: most pixels, then those with metadata, then the camera's own order."""
    fitting = [profile for profile in profiles if profile.encoding == "H264"]
    return sorted(fitting, key=lambda profile: (-profile.width * profile.height, not profile.has_metadata))


# --- Media2 messages (tr2) ----------------------------------------------------------------------------------------


def get_profiles() -> Element:
    """Asks for every profile with its configurations (Media2 5.2.2)."""
    return element("tr2:GetProfiles", element("tr2:Type", "All"))


def parse_profiles(answer: Element) -> list[StreamProfile]:
    """The profiles of a Media2 GetProfilesResponse; those without a token are left out."""
    return [_parse_profile(profile) for profile in answer.findall(qname("tr2:Profiles")) if profile.get("token")]


def _parse_profile(profile: Element) -> StreamProfile:
    encoder = "tr2:Configurations/tr2:VideoEncoder"
    return StreamProfile(
        token=profile.get("token") or "",
        name=text_of(profile, "tr2:Name"),
        encoding=text_of(profile, f"{encoder}/tt:Encoding").upper(),
        width=_number(text_of(profile, f"{encoder}/tt:Resolution/tt:Width")),
        height=_number(text_of(profile, f"{encoder}/tt:Resolution/tt:Height")),
        has_metadata=profile.find(f"{qname('tr2:Configurations')}/{qname('tr2:Metadata')}") is not None,
        source=text_of(profile, "tr2:Configurations/tr2:VideoSource/tt:SourceToken"),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def get_metadata_configurations(profile_token: str) -> Element:
    """Asks for the metadata configurations that fit a profile (Media2 5.3.2)."""
    return element("tr2:GetMetadataConfigurations", element("tr2:ProfileToken", profile_token))


def parse_configuration_tokens(answer: Element) -> list[str]:
    """The tokens of a Get…ConfigurationsResponse, those that stream events first: positions may be events."""
    found = [entry for entry in answer.findall(qname("tr2:Configurations")) if entry.get("token")]
    found.sort(key=lambda entry: entry.find(qname("tt:Events")) is None)
    return [entry.get("token") or "" for entry in found]


def add_metadata(profile_token: str, configuration_token: str) -> Element:
    """Adds a metadata configuration to a profile (Media2 5.2.3)."""
    return element(
        "tr2:AddConfiguration",
        element("tr2:ProfileToken", profile_token),
        element("tr2:Configuration", element("tr2:Type", "Metadata"), element("tr2:Token", configuration_token)),
    )


def get_stream_uri(profile_token: str, protocol: str) -> Element:
    """`protocol`: `RTSP` (interleaved) or `RtspUnicast` (UDP) (Media2 5.4.1)."""
    return element("tr2:GetStreamUri", element("tr2:Protocol", protocol), element("tr2:ProfileToken", profile_token))


def get_snapshot_uri(profile_token: str) -> Element:
    """Asks for the URL of a still picture (Media2 5.5.1)."""
    return element("tr2:GetSnapshotUri", element("tr2:ProfileToken", profile_token))


def set_synchronization_point(profile_token: str) -> Element:
    """Asks for a keyframe (Media2 5.4.2)."""
    return element("tr2:SetSynchronizationPoint", element("tr2:ProfileToken", profile_token))


def parse_uri(answer: Element) -> str:
    """The URL of a GetStreamUriResponse or GetSnapshotUriResponse."""
    return text_of(answer, "tr2:Uri")


# --- URLs ---------------------------------------------------------------------------------------------------------

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}


def origin(url: str) -> str:
    """`host:port` of a URL, for messages: never its user information, path or query. Raises ValueError."""
    host, port = _host_and_port(urlsplit(url))
    if not host:
        raise ValueError("a URL without a host")
    return _join(host, port if port is not None else _DEFAULT_PORTS.get(urlsplit(url).scheme.lower()))


def reachable(advertised: str, via: str, same_host: Collection[str] = ()) -> str:
    """The URL a camera advertised, as it can be reached by who reached its device service at `via`.

    A camera behind NAT, or with several addresses, advertises one that may not be reachable: then the host that worked
    stands in, for HTTP with its scheme and port, for RTSP with the port advertised. `same_host` are further names of
    the host that worked. User information is dropped: credentials do not travel in URLs. Raises ValueError when
    either is no URL.
    """
    parts = urlsplit(advertised.strip())
    base = urlsplit(via)
    host, port = _host_and_port(parts)
    base_host, base_port = _host_and_port(base)
    if not base_host:
        raise ValueError("a URL without a host")
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise ValueError("not a URL of http, https, rtsp or rtsps")
    known = {base_host.lower(), *(name.lower() for name in same_host)}
    if host.lower() not in known:
        if scheme in ("http", "https"):
            scheme, host, port = base.scheme, base_host, base_port
        else:
            host = base_host
    return urlunsplit((scheme, _join(host, port), parts.path, parts.query, ""))


def _host_and_port(parts: SplitResult) -> tuple[str, int | None]:
    host = parts.hostname or ""
    try:
        return host, parts.port
    except ValueError:
        # Some cameras write the port twice: http://10.0.0.1:8106:8106/onvif
        authority = parts.netloc.rpartition("@")[2]
        first = authority.split(":")[1:2]
        if authority.startswith("[") or not first or not first[0].isdecimal():
            raise
        return authority.split(":")[0], int(first[0])


def _join(host: str, port: int | None) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port is None else f"{bracketed}:{port}"
