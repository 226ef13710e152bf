"""SOAP 1.2 as ONVIF uses it: safe parsing, envelopes, faults, WS-UsernameToken. Sans-IO.

Here belongs what every ONVIF service and WS-Discovery have in common, for either side of the wire. What the messages
mean belongs to the modules named after their services; sockets, HTTP and the clock belong elsewhere (time is an
argument).

Sources: SOAP 1.2 Part 1; ONVIF Core Specification 5 (SOAP, faults) and 5.9 (security); OASIS WSS UsernameToken Profile
1.0; WS-Addressing (2004/08 for discovery, 2005/08 for events).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeAlias

from lxml import etree

Element: TypeAlias = etree._Element

NS: Final[Mapping[str, str]] = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "wsa04": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "d": "http://schemas.xmlsoap.org/ws/2005/04/discovery",
    "dn": "http://www.onvif.org/ver10/network/wsdl",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "timg": "http://www.onvif.org/ver20/imaging/wsdl",
    "tmd": "http://www.onvif.org/ver10/deviceIO/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "tan": "http://www.onvif.org/ver20/analytics/wsdl",
    "trc": "http://www.onvif.org/ver10/recording/wsdl",
    "tse": "http://www.onvif.org/ver10/search/wsdl",
    "trp": "http://www.onvif.org/ver10/replay/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
    "ter": "http://www.onvif.org/ver10/error",
    "tns1": "http://www.onvif.org/ver10/topics",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "wstop": "http://docs.oasis-open.org/wsn/t-1",
    "wsrf-r": "http://docs.oasis-open.org/wsrf/r-2",
    "wsrf-bf": "http://docs.oasis-open.org/wsrf/bf-2",
    "xs": "http://www.w3.org/2001/XMLSchema",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
"""Prefix to namespace. The prefixes are those of the ONVIF specifications: some clients match names by text."""

MAX_XML_BYTES: Final = 4 * 1024 * 1024
"""Longer documents are refused unread. GetProfiles with 100 profiles is 300 kB."""

CONTENT_TYPE: Final = "application/soap+xml; charset=utf-8"

_DIGEST_TYPE: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
)
_BASE64_TYPE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"


class SoapError(Exception):
    """What came is not XML, not safe, or not a SOAP 1.2 envelope. The message is a sentence."""


class FaultError(Exception):
    """The other side answered with a Fault, or a handler wants to."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


class NotAuthorizedError(Exception):
    """The credentials do not hold. The message says why, for the log; the other side is not told."""


class StaleTokenError(NotAuthorizedError):
    """The password is right, but the message is too old, too new, or was here before."""


@lru_cache(maxsize=2048)
def qname(name: str) -> str:
    """`tds:Scope` as `{namespace}Scope`, the way lxml writes it."""
    prefix, _, local = name.rpartition(":")
    return f"{{{NS[prefix]}}}{local}" if prefix else local


def element(name: str, *content: Element | str | None, **attributes: str | int | bool | None) -> Element:
    """An element with a prefixed `name`, its text or children, and its attributes; None is left out."""
    prefix = name.partition(":")[0]
    made = etree.Element(qname(name), nsmap={prefix: NS[prefix]})
    for part in content:
        if isinstance(part, str):
            made.text = part
        elif part is not None:
            made.append(part)
    for key, value in attributes.items():
        if value is not None:
            made.set(key, str(value).lower() if isinstance(value, bool) else str(value))
    return made


def text_of(parent: Element, path: str, default: str = "") -> str:
    """The stripped text of the element at `path` (prefixed names, slashes), or `default`."""
    found = parent.findtext(path, namespaces=dict(NS))
    return found.strip() if found else default


def parse_xml(data: bytes, *, max_bytes: int = MAX_XML_BYTES) -> Element:
    """The root of a document that is safe to walk: no DTD, no entities, nothing fetched, at most `max_bytes`.

    Raises SoapError.
    """
    if len(data) > max_bytes:
        raise SoapError(f"the document has {len(data)} bytes; at most {max_bytes} are read")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SoapError(f"not well-formed XML: {error}") from None
    if root is None:
        raise SoapError("the document is empty")
    if root.getroottree().docinfo.internalDTD is not None:
        raise SoapError("the document has a DTD")
    return root


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed message. `body` is the first child of the Body."""

    header: Element | None
    body: Element

    @property
    def name(self) -> str:
        """The body's name as `{namespace}local`."""
        return str(self.body.tag)

    def header_text(self, name: str) -> str:
        """The text of a header block, empty when absent."""
        return text_of(self.header, name) if self.header is not None else ""


def parse_envelope(data: bytes, *, max_bytes: int = MAX_XML_BYTES) -> Envelope:
    """Take a SOAP 1.2 message apart. A Fault is a body like any other (see `raise_for_fault`). Raises SoapError."""
    root = parse_xml(data, max_bytes=max_bytes)
    if root.tag != qname("s:Envelope"):
        raise SoapError(f"not a SOAP 1.2 envelope but <{etree.QName(root).localname}>")
    body = root.find(qname("s:Body"))
    content = next((child for child in body if isinstance(child.tag, str)), None) if body is not None else None
    if content is None:
        raise SoapError("the SOAP envelope has no body")
    return Envelope(root.find(qname("s:Header")), content)


def build_envelope(body: Element, headers: Iterable[Element] = (), *, keep: Sequence[str] = ()) -> bytes:
    """A message with the conventional prefixes declared once, at the top.

    `keep` names prefixes that only occur inside text (`tns1` in topics, `dn` in Types), which XML tools cannot see.
    """
    root = etree.Element(qname("s:Envelope"), nsmap=dict(NS))
    blocks = list(headers)
    if blocks:
        etree.SubElement(root, qname("s:Header")).extend(blocks)
    etree.SubElement(root, qname("s:Body")).append(body)
    etree.cleanup_namespaces(root, keep_ns_prefixes=list(keep))
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


# --- Faults (SOAP 1.2 Part 1 5.4, ONVIF Core 5.8.2) ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault. `code` is `Sender`, `Receiver`, `VersionMismatch`, …; `subcodes` are ONVIF's, outermost first."""

    code: str
    reason: str
    subcodes: tuple[str, ...] = ()
    detail: Element | None = None
    """What WS-BaseNotification says in more than a code (SOAP 1.2 Part 1 5.4.5)."""

    @property
    def http_status(self) -> int:
        """The HTTP status that SOAP 1.2 Part 2 7.5.2.2 binds to the code."""
        return 400 if self.code == "Sender" else 500

    @property
    def not_authorized(self) -> bool:
        """Whether it is about the credentials. Few cameras send the code ONVIF asks for, so the words count too."""
        words = f"{' '.join(self.subcodes)} {self.reason}".lower()
        return any(word in words for word in ("notauthorized", "failedauthentication", "authori", "authenticat"))


def build_fault(fault: Fault, headers: Iterable[Element] = ()) -> bytes:
    """The message that carries `fault`."""
    code = element("s:Code", element("s:Value", f"s:{fault.code}"))
    parent = code
    for subcode in fault.subcodes:
        child = element("s:Subcode", element("s:Value", subcode))
        parent.append(child)
        parent = child
    text = element("s:Text", fault.reason)
    text.set(_XML_LANG, "en")
    prefixes = {subcode.partition(":")[0] for subcode in fault.subcodes} & NS.keys()
    detail = element("s:Detail", deepcopy(fault.detail)) if fault.detail is not None else None
    return build_envelope(element("s:Fault", code, element("s:Reason", text), detail), headers, keep=sorted(prefixes))


def parse_fault(envelope: Envelope) -> Fault | None:
    """The Fault in the body, or None when it is something else. Codes come back with the conventional prefixes."""
    body = envelope.body
    if body.tag != qname("s:Fault"):
        return None
    code = body.find(qname("s:Code"))
    value = text_of(code, "s:Value").rpartition(":")[2] if code is not None else ""
    subcodes = []
    inner = code.find(qname("s:Subcode")) if code is not None else None
    while inner is not None:
        value_element = inner.find(qname("s:Value"))
        if value_element is not None:
            subcodes.append(_with_conventional_prefix(value_element, (value_element.text or "").strip()))
        inner = inner.find(qname("s:Subcode"))
    reason = " ".join(text_of(body, "s:Reason/s:Text").split())[:300]
    return Fault(value or "Receiver", reason or "no reason given", tuple(filter(None, subcodes)))


def raise_for_fault(envelope: Envelope) -> Envelope:
    """The envelope, unless it is a Fault: that raises FaultError."""
    fault = parse_fault(envelope)
    if fault is not None:
        raise FaultError(fault)
    return envelope


def _with_conventional_prefix(context: Element, name: str) -> str:
    resolved = resolve_qname(context, name)
    namespace, _, local = resolved.rpartition("}")
    return next((f"{p}:{local}" for p, uri in NS.items() if uri == namespace[1:]), name)


def resolve_qname(context: Element, name: str) -> str:
    """A prefixed name in an element's text as `{namespace}local`; as it stands when its prefix is not declared."""
    prefix, _, local = name.rpartition(":")
    namespace = context.nsmap.get(prefix or None)
    return f"{{{namespace}}}{local}" if namespace else name


# --- WS-UsernameToken (WSS UsernameToken Profile 1.0 3; ONVIF Core 5.9.4) ----------------------------------------


def format_utc(utc_ns: int) -> str:
    """xs:dateTime to the millisecond, always in `Z`: some cameras refuse `+00:00`."""
    whole = datetime.fromtimestamp(utc_ns // 1_000_000_000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{utc_ns // 1_000_000 % 1000:03d}Z"


def parse_utc(text: str) -> int:
    """Nanoseconds since the epoch from an xs:dateTime; without an offset it is UTC. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000


def password_digest(nonce: bytes, created: str, password: str) -> str:
    """Base64(SHA-1(nonce + created + password))."""
    digest = hashlib.sha1(nonce + created.encode() + password.encode(), usedforsecurity=False)
    return base64.b64encode(digest.digest()).decode()


def build_username_token(username: str, password: str, *, nonce: bytes, utc_ns: int) -> Element:
    """The `wsse:Security` header block that signs a message. `utc_ns` is the camera's time, not ours."""
    created = format_utc(utc_ns)
    digest = element("wsse:Password", password_digest(nonce, created, password), Type=_DIGEST_TYPE)
    security = element(
        "wsse:Security",
        element(
            "wsse:UsernameToken",
            element("wsse:Username", username),
            digest,
            element("wsse:Nonce", base64.b64encode(nonce).decode(), EncodingType=_BASE64_TYPE),
            element("wsu:Created", created),
        ),
    )
    security.set(qname("s:mustUnderstand"), "1")
    return security


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """What a message's `wsse:UsernameToken` says."""

    username: str
    digest: str
    nonce: bytes
    created: str
    created_ns: int


def parse_username_token(header: Element | None) -> UsernameToken | None:
    """The token of a message, None when it has none. Raises NotAuthorizedError for one that cannot be verified:
    a plain password, no nonce, no time of creation (ONVIF Core 5.9.4 wants all three).
    """
    token = header.find("wsse:Security/wsse:UsernameToken", dict(NS)) if header is not None else None
    if token is None:
        return None
    password = token.find(qname("wsse:Password"))
    if password is None or not (password.get("Type") or "").endswith("#PasswordDigest"):
        raise NotAuthorizedError("the UsernameToken has no password digest")
    created = text_of(token, "wsu:Created")
    encoded = text_of(token, "wsse:Nonce")
    try:
        nonce = base64.b64decode(encoded, validate=True)
        created_ns = parse_utc(created)
    except (ValueError, binascii.Error):
        raise NotAuthorizedError("the UsernameToken's nonce or time of creation cannot be read") from None
    if not nonce:
        raise NotAuthorizedError("the UsernameToken has no nonce")
    return UsernameToken(text_of(token, "wsse:Username"), (password.text or "").strip(), nonce, created, created_ns)


class ReplayMemory:
    """Remembers what was accepted, so that nothing is accepted twice, in bounded memory.

    When it is full it forgets the entry that was accepted first, and from then on refuses everything as old as that
    entry: forgetting never opens the door to a replay.
    """

    def __init__(self, capacity: int = 65_536) -> None:
        self._capacity = capacity
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        self._floor_ns = -(2**63)

    def __len__(self) -> int:
        return len(self._seen)

    def accept(self, key: bytes, issued_ns: int, expired_ns: int) -> bool:
        """Whether `key`, made at `issued_ns`, is new. What was issued before `expired_ns` is forgotten: the caller
        refuses that by its age.
        """
        while self._seen and next(iter(self._seen.values())) < expired_ns:
            self._seen.popitem(last=False)
        if key in self._seen or issued_ns <= self._floor_ns:
            return False
        if len(self._seen) >= self._capacity:
            self._floor_ns = max(self._floor_ns, self._seen.popitem(last=False)[1])
        self._seen[key] = issued_ns
        return True


class TokenVerifier:
    """Checks WS-UsernameTokens: digest, age, and that none comes twice.

    `password_of` gives a user's password, None for an unknown one.
    """

    def __init__(
        self, password_of: Callable[[str], str | None], *, max_skew_s: int = 300, memory: ReplayMemory | None = None
    ) -> None:
        self._password_of = password_of
        self._max_skew_ns = max_skew_s * 1_000_000_000
        self._memory = memory or ReplayMemory()

    def verify(self, token: UsernameToken, now_ns: int) -> str:
        """The user's name. Raises NotAuthorizedError, StaleTokenError.

        Only a token whose digest holds is remembered, so strangers cannot fill the memory.
        """
        password = self._password_of(token.username)
        expected = password_digest(token.nonce, token.created, password if password is not None else "")
        if not hmac.compare_digest(expected.encode(), token.digest.encode()) or password is None:
            raise NotAuthorizedError("unknown user or wrong password")
        if abs(now_ns - token.created_ns) > self._max_skew_ns:
            raise StaleTokenError("the token was created too long ago, or in the future")
        key = hashlib.sha256(token.nonce + token.created.encode() + token.username.encode()).digest()
        if not self._memory.accept(key, token.created_ns, now_ns - self._max_skew_ns):
            raise StaleTokenError("the token was used before")
        return token.username
