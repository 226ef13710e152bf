"""WS-Discovery messages: who is there, said and understood. Sans-IO.

Here belong the messages (Probe, ProbeMatches, Resolve, ResolveMatches, Hello, Bye), what they say about a device, and
whether a device matches a Probe. The sockets that carry them are in `discovery`.

Sources: WS-Discovery (April 2005) 4 to 6; ONVIF Core Specification 7 (discovery, scopes).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias
from urllib.parse import quote, unquote, urlsplit

from onvif_protocol.soap import (
    NS,
    Element,
    Envelope,
    SoapError,
    build_envelope,
    element,
    parse_envelope,
    qname,
    resolve_qname,
    text_of,
)

GROUP: Final = "239.255.255.250"
PORT: Final = 3702
MAX_DATAGRAM: Final = 32_767
"""MAX_UDP_ENVELOPE_SIZE of SOAP-over-UDP 1.1, appendix I. Longer ones are not looked at."""

NETWORK_VIDEO_TRANSMITTER: Final = qname("dn:NetworkVideoTransmitter")
DEVICE: Final = qname("tds:Device")

_TO_ALL: Final = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
_ANONYMOUS: Final = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
_ACTION: Final = NS["d"] + "/"
_RFC3986: Final = _ACTION + "rfc3986"
_STRCMP0: Final = _ACTION + "strcmp0"
_SCOPE: Final = "onvif://www.onvif.org/"
_MAX_ITEMS: Final = 64
"""Types, scopes, addresses or matches taken from one message."""


@dataclass(frozen=True, slots=True)
class DiscoveredDevice:
    """What a device says of itself in ProbeMatches, ResolveMatches or Hello. All of it is hearsay."""

    endpoint: str
    """Its stable address, `urn:uuid:…`: what makes two answers the same device."""
    xaddrs: tuple[str, ...] = ()
    """URLs of its device service, in its order."""
    scopes: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    """`{namespace}local`."""
    metadata_version: int = 1
    address: str = ""
    """Where the datagram came from: the address that certainly reaches it."""

    @property
    def name(self) -> str:
        """The scope `name`, decoded; empty when it has none."""
        return self._scope("name")

    @property
    def hardware(self) -> str:
        """The scope `hardware`, usually the model."""
        return self._scope("hardware")

    @property
    def location(self) -> str:
        """The scope `location`, its levels joined with slashes."""
        return self._scope("location")

    def _scope(self, category: str) -> str:
        prefix = f"{_SCOPE}{category}/"
        values = (unquote(scope[len(prefix) :]) for scope in self.scopes if scope.lower().startswith(prefix))
        return next((value.strip() for value in values if value.strip("/ ")), "")


def scope(category: str, value: str) -> str:
    """An ONVIF scope such as `onvif://www.onvif.org/name/Unit%2012` (Core 7.3.3.1)."""
    return f"{_SCOPE}{category}/{quote(value, safe='')}"


# --- Messages -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Probe:
    """Looks for devices of all of `types` and all of `scopes`; empty: any."""

    message_id: str
    types: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    match_by: str = _RFC3986


@dataclass(frozen=True, slots=True)
class Resolve:
    """Asks for the XAddrs of one endpoint."""

    message_id: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Matches:
    """The answer to a Probe (`ProbeMatches`) or a Resolve (`ResolveMatches`)."""

    message_id: str
    relates_to: str
    devices: tuple[DiscoveredDevice, ...]


@dataclass(frozen=True, slots=True)
class Hello:
    """A device came, or changed."""

    message_id: str
    device: DiscoveredDevice


@dataclass(frozen=True, slots=True)
class Bye:
    """A device leaves."""

    message_id: str
    endpoint: str


Message: TypeAlias = Probe | Resolve | Matches | Hello | Bye


@dataclass(frozen=True, slots=True)
class Sequencing:
    """The AppSequence of a device's messages (WS-Discovery 6): `instance` grows with every start."""

    instance: int
    number: int


def parse(datagram: bytes, address: str = "") -> Message:
    """Understand one datagram that came from `address`. Raises SoapError for anything that is not one of `Message`."""
    envelope = parse_envelope(datagram, max_bytes=MAX_DATAGRAM)
    message_id = envelope.header_text("wsa04:MessageID")
    body = envelope.body
    if envelope.name == qname("d:Probe"):
        match_by = body.find(qname("d:Scopes"))
        rule = (match_by.get("MatchBy") if match_by is not None else None) or _RFC3986
        return Probe(message_id, _types(body), _words(text_of(body, "d:Scopes")), rule)
    if envelope.name == qname("d:Resolve"):
        return Resolve(message_id, _endpoint(body))
    if envelope.name in (qname("d:ProbeMatches"), qname("d:ResolveMatches")):
        return Matches(message_id, envelope.header_text("wsa04:RelatesTo"), _matches(envelope, address))
    if envelope.name == qname("d:Hello"):
        return Hello(message_id, _device(body, address))
    if envelope.name == qname("d:Bye"):
        return Bye(message_id, _endpoint(body))
    raise SoapError("not a WS-Discovery message")


def _matches(envelope: Envelope, address: str) -> tuple[DiscoveredDevice, ...]:
    single = qname("d:ProbeMatch") if envelope.name == qname("d:ProbeMatches") else qname("d:ResolveMatch")
    found = envelope.body.findall(single)
    return tuple(_device(match, address) for match in found[:_MAX_ITEMS])


def _device(parent: Element, address: str) -> DiscoveredDevice:
    version = text_of(parent, "d:MetadataVersion")
    return DiscoveredDevice(
        endpoint=_endpoint(parent),
        xaddrs=tuple(word for word in _words(text_of(parent, "d:XAddrs")) if _is_http(word)),
        scopes=_words(text_of(parent, "d:Scopes")),
        types=_types(parent),
        metadata_version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 1,
        address=address,
    )


def _endpoint(parent: Element) -> str:
    endpoint = text_of(parent, "wsa04:EndpointReference/wsa04:Address")
    if not endpoint:
        raise SoapError("the message names no endpoint")
    return endpoint


def _types(parent: Element) -> tuple[str, ...]:
    holder = parent.find(qname("d:Types"))
    if holder is None:
        return ()
    return tuple(resolve_qname(holder, word) for word in _words(holder.text or ""))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split()[:_MAX_ITEMS])


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def build_probe(message: Probe) -> bytes:
    """The datagram that looks for devices."""
    scopes = element("d:Scopes", " ".join(message.scopes)) if message.scopes else None
    if scopes is not None and message.match_by != _RFC3986:
        scopes.set("MatchBy", message.match_by)
    body = element("d:Probe", _types_element(message.types) if message.types else None, scopes)
    return _build("Probe", body, message.message_id, to=_TO_ALL)


def build_resolve(message: Resolve) -> bytes:
    """The datagram that asks for one endpoint's XAddrs."""
    return _build("Resolve", element("d:Resolve", _reference(message.endpoint)), message.message_id, to=_TO_ALL)


def build_probe_matches(message: Matches, sequencing: Sequencing) -> bytes:
    """The answer to a Probe."""
    body = element("d:ProbeMatches", *(element("d:ProbeMatch", *_describe(d)) for d in message.devices))
    return _answer("ProbeMatches", body, message, sequencing)


def build_resolve_matches(message: Matches, sequencing: Sequencing) -> bytes:
    """The answer to a Resolve."""
    body = element("d:ResolveMatches", *(element("d:ResolveMatch", *_describe(d)) for d in message.devices))
    return _answer("ResolveMatches", body, message, sequencing)


def build_hello(message: Hello, sequencing: Sequencing) -> bytes:
    """The datagram of a device that comes."""
    body = element("d:Hello", *_describe(message.device))
    return _build("Hello", body, message.message_id, to=_TO_ALL, sequencing=sequencing)


def build_bye(message: Bye, sequencing: Sequencing) -> bytes:
    """The datagram of a device that leaves."""
    body = element("d:Bye", _reference(message.endpoint))
    return _build("Bye", body, message.message_id, to=_TO_ALL, sequencing=sequencing)


def _answer(action: str, body: Element, message: Matches, sequencing: Sequencing) -> bytes:
    return _build(action, body, message.message_id, to=_ANONYMOUS, relates_to=message.relates_to, sequencing=sequencing)


def _build(
    action: str, body: Element, message_id: str, *, to: str, relates_to: str = "", sequencing: Sequencing | None = None
) -> bytes:
    headers = [
        element("wsa04:MessageID", message_id),
        element("wsa04:To", to),
        element("wsa04:Action", _ACTION + action),
    ]
    if relates_to:
        headers.append(element("wsa04:RelatesTo", relates_to))
    if sequencing is not None:
        headers.append(
            element("d:AppSequence", InstanceId=sequencing.instance, MessageNumber=sequencing.number),
        )
    return build_envelope(body, headers, keep=("dn", "tds"))


def _describe(device: DiscoveredDevice) -> Iterable[Element]:
    yield _reference(device.endpoint)
    yield _types_element(device.types)
    yield element("d:Scopes", " ".join(device.scopes))
    if device.xaddrs:
        yield element("d:XAddrs", " ".join(device.xaddrs))
    yield element("d:MetadataVersion", str(device.metadata_version))


def _reference(endpoint: str) -> Element:
    return element("wsa04:EndpointReference", element("wsa04:Address", endpoint))


def _types_element(types: Sequence[str]) -> Element:
    prefixes = {f"{{{uri}}}": prefix for prefix, uri in NS.items()}
    written = []
    for name in types:
        namespace, brace, local = name.rpartition("}")
        if namespace + brace not in prefixes:
            raise ValueError(f"no prefix is known for the type {name}")
        written.append(f"{prefixes[namespace + brace]}:{local}")
    return element("d:Types", " ".join(written))


# --- Matching (WS-Discovery 5.1, ONVIF Core 7.3.4) ----------------------------------------------------------------


def is_match(device: DiscoveredDevice, probe: Probe) -> bool:
    """Whether `device` has every type and every scope the Probe asks for. Unknown matching rules match nothing."""
    if not set(probe.types) <= set(device.types):
        return False
    if probe.match_by.rstrip("/") == _STRCMP0:
        return set(probe.scopes) <= set(device.scopes)
    if probe.match_by.rstrip("/") != _RFC3986:
        return not probe.scopes
    offered = [_scope_parts(scope) for scope in device.scopes]
    return all(any(_is_prefix(wanted, have) for have in offered) for wanted in map(_scope_parts, probe.scopes))


def _scope_parts(scope: str) -> tuple[str, str, list[str]]:
    scheme, _, rest = scope.partition(":")
    authority, _, path = rest.removeprefix("//").partition("/")
    return scheme.lower(), authority.lower(), [unquote(part) for part in path.split("?")[0].split("/") if part]


def _is_prefix(wanted: tuple[str, str, list[str]], have: tuple[str, str, list[str]]) -> bool:
    return wanted[:2] == have[:2] and have[2][: len(wanted[2])] == wanted[2]


def merge(known: DiscoveredDevice | None, heard: DiscoveredDevice) -> DiscoveredDevice:
    """What is known of an endpoint after one more answer: the first stands, further XAddrs are added behind its own."""
    if known is None:
        return heard
    xaddrs = tuple(dict.fromkeys(known.xaddrs + heard.xaddrs))[:_MAX_ITEMS]
    scopes = tuple(dict.fromkeys(known.scopes + heard.scopes))[:_MAX_ITEMS]
    types = tuple(dict.fromkeys(known.types + heard.types))[:_MAX_ITEMS]
    return replace(known, xaddrs=xaddrs, scopes=scopes, types=types)
