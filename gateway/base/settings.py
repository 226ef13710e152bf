"""The settings: one TOML file, overridable by environment variables, every key checked.

`SIGHTLINE_DATA_DIR`, `SIGHTLINE_HTTP_LISTEN`, … override the key of that section and name; lists are JSON. A key that
is not known, or a value that does not fit, is a `SettingsError` that names it and says what to write instead.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from gateway.base.alert_settings import Alerts
from gateway.base.channel_settings import with_secret as channel_with_secret
from gateway.base.duration import parse_duration
from gateway.base.errors import SettingsError
from gateway.base.issuers import Jwt, Oidc, check_distinct, with_secret
from gateway.base.policy import LINES, Policy, Span
from gateway.base.position_settings import Positions
from gateway.base.section import CameraId, Groups, Label, Section
from gateway.base.sizes import SizeOrShare, bytes_of
from gateway.base.toml_lines import key_lines

ICE_URL = re.compile(r"(stuns?|turns?):(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(\?transport=(udp|tcp))?")
"""RFC 7064, RFC 7065."""
ENVIRONMENT_PREFIX = "SIGHTLINE_"
# What Kubernetes puts into every container of a namespace that has a service named "sightline".
KUBERNETES_SERVICE = re.compile(r"SIGHTLINE_(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP)\w*)?)")

S = TypeVar("S", bound=Section)
Transport: TypeAlias = Literal["tcp", "udp"]
Connect: TypeAlias = Literal["always", "on_demand"]
RecordOn: TypeAlias = Literal["always", "event"]
POSITIONS_INSIDE = ("metadata", "onvif", "http")
"""Ways of a camera's position that need no address of their own."""
MAX_PRE_ROLL_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: an IP address (or host name) and a port; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`host:port` or `[v6]:port`.

    Raises:
        ValueError: it is neither.
    """
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.hostname is None or port is None or parts.path or parts.username:
        raise ValueError(f'write "address:port", as in "127.0.0.1:8080", instead of "{text}"')
    return Address(parts.hostname, port)


def public_address(text: str) -> Address:
    """An IP address that others reach this machine by, `[v6]:port` or `v4:port` where the number differs; else port 0.

    Raises:
        ValueError: it is neither.
    """
    try:
        return Address(str(ipaddress.ip_address(text)), 0)
    except ValueError:
        pass
    try:
        address = parse_address(text)
        return Address(str(ipaddress.ip_address(address.host)), address.port)
    except ValueError:
        raise ValueError(
            f'write an IP address, as in "203.0.113.7" or "203.0.113.7:9000", instead of "{text}"'
        ) from None


def _listen(text: str) -> str:
    parse_address(text)
    return text


def _url(*schemes: str) -> AfterValidator:
    def check(text: str) -> str:
        try:
            parts = urlsplit(text)
            fine = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fine = False
        if not fine:
            raise ValueError(f"write a URL that begins with {' or '.join(s + '://' for s in schemes)} and names a host")
        return text

    return AfterValidator(check)


def _split(url: object) -> SplitResult | None:
    try:
        return urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return None


def _public(text: str) -> str:
    public_address(text)
    return text


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError(f'write an address or network, as in "10.0.0.7" or "10.0.0.0/24", not "{text}"') from None


def _position(text: str) -> str:
    """A way of `CameraSettings.position`."""
    if text in POSITIONS_INSIDE:
        return text
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"udp", "tcp"} and bool(parts.hostname) and parts.port is not None
        fine = fine and not (parts.username or parts.path or parts.query or parts.fragment)
    except ValueError:
        fine = False
    if not fine:
        raise ValueError(
            'write "metadata", "onvif", "http", "udp://0.0.0.0:10110" or "tcp://10.1.2.3:10110" instead of '
            f'"{text[:80]}"'
        )
    return text


def _ice_url(text: str) -> str:
    if not ICE_URL.fullmatch(text):
        raise ValueError(f'write "stun:host:port" or "turn:host:port?transport=udp", instead of "{text}"')
    return text


def _header_text(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("use printable ASCII characters: it is sent in an HTTP header")
    return text


def _secret_header_text(secret: SecretStr) -> SecretStr:
    _header_text(secret.get_secret_value())
    return secret


Listen: TypeAlias = Annotated[str, AfterValidator(_listen)]


class Http(Section):
    """The page, the API and ONVIF's device service."""

    listen: Listen = "127.0.0.1:8080"
    public_url: str = ""
    """How browsers reach it behind a reverse proxy (`https://sightline.example`): its origin is accepted, and an
    `https` one makes the log-in cookie Secure."""
    tls_certificate: Path | None = None
    """PEM, with the intermediate ones; read again when the file changes."""
    tls_key: Path | None = None
    proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    """Reverse proxies, by address or network, that are believed who they ask for (X-Forwarded-For)."""

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Http:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError('TLS needs both "tls_certificate" and "tls_key"')
        return self


class IceServer(Section):
    """A STUN or TURN server that viewers are told of (RTCIceServer, W3C WebRTC 4.2.4)."""

    urls: tuple[Annotated[str, AfterValidator(_ice_url)], ...]
    username: Annotated[str, AfterValidator(_header_text)] = ""
    credential: Annotated[SecretStr, AfterValidator(_secret_header_text)] = SecretStr("")

    @field_validator("urls", mode="before")
    @classmethod
    def _one_is_enough(cls, urls: Any) -> Any:
        return [urls] if isinstance(urls, str) else urls

    @model_validator(mode="after")
    def _turn_knows_its_users(self) -> IceServer:
        if not self.urls:
            raise ValueError('"urls" is empty: name a server, as in "stun:stun.example.org"')
        if any(url.startswith("turn") for url in self.urls) and not (
            self.username and self.credential.get_secret_value()
        ):
            raise ValueError('a TURN server needs "username" and "credential"')
        return self


def _transcodes() -> int:
    """As many as there are processors for this process, and two at least: one takes up to three quarters of one."""
    return max(2, len(os.sched_getaffinity(0)))


class WebRtc(Section):
    """One port, UDP and TCP, for every viewer."""

    listen: Listen = "0.0.0.0:8189"
    ice_servers: tuple[IceServer, ...] = ()
    """What viewers may use to reach the port, beside going there straight."""
    public_addresses: tuple[Annotated[str, AfterValidator(_public)], ...] = ()
    """Where else viewers reach the port; with a number of its own where a published port differs."""
    max_sessions: Annotated[int, Field(ge=1, le=100_000)] = 2000
    max_transcodes: Annotated[int, Field(ge=0, le=1000)] = Field(default_factory=_transcodes)
    """Of video, at a time; sound costs next to nothing."""


class Rtsp(Section):
    """The RTSP server toward NVRs."""

    listen: Listen = "0.0.0.0:8554"
    tls_listen: Listen = "0.0.0.0:8322"
    """RTSPS, with the certificate of `http`; without one nobody listens there."""


class Onvif(Section):
    """The ONVIF devices toward NVRs."""

    devices: Literal["one", "port", "both"] = "one"
    base_port: Annotated[int, Field(ge=1, le=65535)] = 8600
    announce: bool = True
    """Whether the devices say hello and answer those who look for some (WS-Discovery)."""
    notify_networks: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    """Where events may be posted to, beside the address that subscribed to them."""


class Discovery(Section):
    """Finding cameras by WS-Discovery. No interface named: all."""

    interfaces: tuple[str, ...] = ()


class Storage(Section):
    """Room on the disk that recordings are on."""

    keep_free: SizeOrShare = "5 %"
    """With less than this, the oldest that may be deleted is."""
    warn_free: SizeOrShare = "15 %"
    """With less than this, people are told."""
    keep_exports: Span = "7d"
    """How long what was exported can be fetched."""

    @model_validator(mode="after")
    def _warns_before(self) -> Storage:
        # A share and an amount can be compared on a disk only: there the larger one warns.
        if ("%" in self.keep_free) == ("%" in self.warn_free) and bytes_of(self.warn_free, 10**9) < bytes_of(
            self.keep_free, 10**9
        ):
            raise ValueError('"warn_free" is less than "keep_free": nobody would be warned before')
        return self


class Evidence(Section):
    """Proof of what was recorded: where anchors of the ledgers go, and who stamps them."""

    anchor_file: Path | None = None
    """A second place, on another disk or machine: a file that only grows."""
    anchor_every: Span = "10m"
    timestamp_url: Annotated[str, _url("http", "https")] | None = None
    """A time stamp authority (RFC 3161, by HTTP)."""
    timestamp_certificates: Path | None = None
    """PEM: whom its answers are believed. Without them they are kept, and only whoever checks them later knows."""


class CameraSettings(Section):
    """One camera, from the file or the API."""

    id: CameraId
    name: Label = ""
    url: Annotated[str, _url("rtsp", "rtsps")] | None = None
    onvif: Annotated[str, _url("http", "https")] | None = None
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    transport: Transport = "tcp"
    record: bool = True
    record_on: RecordOn = "always"
    """`event`: only around what triggers it (an alarm, a motion, a digital input of the camera, or somebody)."""
    pre_roll: Span = "30s"
    """How much from before the trigger is recorded, as far as the ring holds it."""
    post_roll: Span = "60s"
    """How long recording goes on after the last trigger has ended."""
    position: Annotated[str, AfterValidator(_position)] = "metadata"
    """Where its position comes from: the metadata of its stream; `onvif`: asked for (GetGeoLocation); `http`: a phone
    reports it; `udp://` (listen there) and `tcp://` (connect there): NMEA 0183."""
    position_from: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    """Networks from which datagrams of `udp://` are taken; (): from anywhere."""
    connect: Connect = "always"
    basic_auth: bool = False
    """Answer a Basic challenge although the connection is not encrypted."""
    tls_verify: bool = False
    """Check the camera's certificate against the system's authorities (cameras mostly sign their own)."""
    groups: Groups = ()
    """What users and rows of the policy can be limited to."""

    @model_validator(mode="before")
    @classmethod
    def _user_out_of_url(cls, values: Any) -> Any:
        """Accept `rtsp://user:password@host/…`, but keep the secret out of what is shown."""
        if not isinstance(values, dict):
            return values
        for key in ("url", "onvif"):
            parts = _split(values.get(key))
            if parts is not None and "@" in parts.netloc:
                if values.get("username") or values.get("password"):
                    raise ValueError(f'write the user and password either into "{key}" or beside it, not both')
                values = {
                    **values,
                    key: urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])),
                    "username": unquote(parts.username or ""),
                    "password": unquote(parts.password or ""),
                }
        return values

    @model_validator(mode="after")
    def _one_way_in(self) -> CameraSettings:
        if (self.url is None) == (self.onvif is None):
            raise ValueError('write either "url" (rtsp://…) or "onvif" (http://…/onvif/device_service)')
        if self.password.get_secret_value() and self.password_file is not None:
            raise ValueError('write either "password" or "password_file"')
        if self.position == "onvif" and self.onvif is None:
            raise ValueError('"position" is "onvif", but the camera is known by "url": write its "onvif" address')
        if self.position_from and not self.position.startswith("udp://"):
            raise ValueError('"position_from" is for a position that comes by "udp://"')
        return self

    @field_validator("pre_roll")
    @classmethod
    def _fits_a_ring(cls, text: str) -> str:
        if parse_duration(text) > MAX_PRE_ROLL_SECONDS:
            raise ValueError("the ring of a camera is in memory: write ten minutes at most")
        return text

    @property
    def label(self) -> str:
        """The name people see."""
        return self.name or self.id


class Settings(Section):
    """All of them, checked. Relative paths start from the settings file's folder, or from the working directory."""

    data_dir: Path = Path("data")
    database: str = ""
    http: Http = Http()
    webrtc: WebRtc = WebRtc()
    rtsp: Rtsp = Rtsp()
    onvif: Onvif = Onvif()
    discovery: Discovery = Discovery()
    storage: Storage = Storage()
    evidence: Evidence = Evidence()
    cameras: tuple[CameraSettings, ...] = ()
    policy: Policy = Policy()
    alerts: Alerts = Alerts()
    positions: Positions = Positions()
    oidc: tuple[Oidc, ...] = ()
    jwt: tuple[Jwt, ...] = ()

    @model_validator(mode="after")
    def _distinct_cameras(self) -> Settings:
        seen: set[str] = set()
        for camera in self.cameras:
            # Recordings lie in a folder named after the id: two that differ in case only would share one on some disks.
            if camera.id.lower() in seen:
                raise ValueError(f'two cameras have the id "{camera.id}": ids are told apart without regard to case')
            seen.add(camera.id.lower())
        return self

    @model_validator(mode="after")
    def _distinct_issuers(self) -> Settings:
        check_distinct(self.oidc, self.jwt)
        return self


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read `path` (None: defaults only) and the environment (None: the process's own).

    Raises:
        SettingsError: the file cannot be read, or a key or value does not hold.
    """
    values: dict[str, Any] = {}
    base, text = Path.cwd(), ""
    if path is not None:
        base = path.resolve().parent
        try:
            text = path.read_text(encoding="utf-8")
            values = tomllib.loads(text)
        except OSError as error:
            raise SettingsError(f"the settings file {path} cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"the settings file {path} is not TOML: {error}") from error
    _override(values, os.environ if environment is None else environment)
    try:
        settings = Settings.model_validate(values, context={LINES: key_lines(text)})
    except ValidationError as error:
        raise SettingsError(_sentences(error, path, values)) from error
    settings = settings.model_copy(
        update={
            "data_dir": base / settings.data_dir.expanduser(),
            "cameras": tuple(_with_password(camera, base) for camera in settings.cameras),
            "http": _with_paths(settings.http, base, "tls_certificate", "tls_key"),
            "evidence": _with_paths(settings.evidence, base, "anchor_file", "timestamp_certificates"),
            "oidc": tuple(with_secret(provider, base) for provider in settings.oidc),
            "jwt": tuple(_with_paths(issuer, base, "key_file") for issuer in settings.jwt),
            "positions": Positions(
                cot=tuple(_with_paths(target, base, "certificate", "key", "ca") for target in settings.positions.cot)
            ),
            "alerts": settings.alerts.model_copy(
                update={
                    "webhook": tuple(channel_with_secret(hook, base) for hook in settings.alerts.webhook),
                    "mail": tuple(channel_with_secret(mail, base) for mail in settings.alerts.mail),
                }
            ),
        }
    )
    second = settings.evidence.anchor_file
    if second is not None and second.resolve().is_relative_to(settings.data_dir.resolve()):
        raise SettingsError(
            f'"evidence.anchor_file": {second} is inside the data directory: whoever changes the archive there changes '
            "the anchors with it; name a file on another disk or machine"
        )
    return settings


def _with_paths(section: S, base: Path, *keys: str) -> S:
    """The section with these paths, where they are given, starting from `base`."""
    given = {key: path for key in keys if (path := getattr(section, key)) is not None}
    return section.model_copy(update={key: base / path.expanduser() for key, path in given.items()})


def _with_password(camera: CameraSettings, base: Path) -> CameraSettings:
    if camera.password_file is None:
        return camera
    file = base / camera.password_file.expanduser()
    try:
        password = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f'camera "{camera.id}": password_file {file} cannot be read: {error}') from error
    return camera.model_copy(update={"password": SecretStr(password)})


def _override(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    known = _environment_names()
    for name, text in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        key = known.get(name.replace("__", "_"))
        if key is None and KUBERNETES_SERVICE.fullmatch(name):
            continue
        if key is None:
            names = ", ".join(sorted(known))
            raise SettingsError(f"the environment variable {name} names no setting; known are {names}")
        section, field, is_list = key
        value: Any = text
        if is_list:
            try:
                value = json.loads(text)
            except ValueError as error:
                raise SettingsError(f'{name} is a list: write JSON, as in ["a", "b"] ({error})') from error
        place = values.setdefault(section, {}) if section else values
        place[field] = value


def _environment_names() -> dict[str, tuple[str, str, bool]]:
    names: dict[str, tuple[str, str, bool]] = {}
    for name, field in Settings.model_fields.items():
        if field.annotation is Policy:
            continue  # it stands in the file alone, where people can read it
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            for inner, inner_field in field.annotation.model_fields.items():
                is_list = "tuple" in str(inner_field.annotation)
                names[f"{ENVIRONMENT_PREFIX}{name}_{inner}".upper()] = (name, inner, is_list)
        else:
            names[f"{ENVIRONMENT_PREFIX}{name}".upper()] = ("", name, "tuple" in str(field.annotation))
    return names


def _sentences(error: ValidationError, path: Path | None, values: dict[str, Any]) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        key = _key(problem["loc"], values)
        if problem["type"] == "extra_forbidden":
            lines.append(f'unknown key "{key}"')
        elif problem["type"] == "missing":
            lines.append(f'"{key}" is missing')
        else:
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f'"{key}": {message}' if key else message)
    where = f"the settings file {path}" if path is not None else "the settings"
    return f"{where}: " + "; ".join(lines)


def _key(location: tuple[int | str, ...], values: dict[str, Any]) -> str:
    parts: list[str] = []
    place: Any = values
    for step in location:
        try:
            place = place[step]
        except (KeyError, IndexError, TypeError):
            place = None
        if isinstance(step, int):
            name = place.get("id") if isinstance(place, dict) else None
            parts[-1:] = [f"{parts[-1] if parts else ''}[{name or step + 1}]"]
        else:
            parts.append(step)
    return ".".join(parts)
