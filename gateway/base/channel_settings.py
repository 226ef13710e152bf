"""Who outside is told of alerts: `[[alerts.webhook]]` and `[[alerts.mail]]`, and the secrets that they take."""

from __future__ import annotations

import base64
import binascii
import re
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateway.base.alert_words import Grade, Kind
from gateway.base.errors import SettingsError
from gateway.base.section import Groups, Section

CHANNEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
SECRET_PREFIX = "whsec_"  # noqa: S105 (what each begins with)
LEAST_SECRET, MOST_SECRET = 24, 64
"""Bytes of a web hook's secret (Standard Webhooks, "Signature scheme")."""
_ADDR_SPEC = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
ADDRESS = re.compile(rf"(?:([^<>@,;:\"\\\x00-\x1f\x7f]{{1,100}}?) *<({_ADDR_SPEC})>|({_ADDR_SPEC}))")
"""A mailbox (RFC 5322 3.4) in its plain forms: the name, the address after it, or an address alone."""


def signing_keys(secrets: str) -> tuple[bytes, ...]:
    """The keys that a web hook's secrets stand for, one or more with white space between.

    Raises:
        ValueError: one is no secret; says what to write, and nothing of what was written.
    """
    return tuple(_key(secret) for secret in secrets.split())


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not LEAST_SECRET <= len(key) <= MOST_SECRET:
        raise ValueError(
            f'a secret is "{SECRET_PREFIX}" and {LEAST_SECRET} to {MOST_SECRET} random bytes in Base64, as from '
            f"echo {SECRET_PREFIX}$(openssl rand -base64 32)"
        )
    return key


def _channel_name(text: str) -> str:
    if not CHANNEL_NAME.fullmatch(text):
        raise ValueError(f'"{text[:40]}" cannot be a name: use up to 32 letters, digits, "-", "_" or "."')
    return text


def _web_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        fine = fine and text.isascii() and text.isprintable() and " " not in text and not parts.fragment
    except ValueError:
        fine = False
    if not fine:
        raise ValueError("write a URL that begins with https:// (or http://) and names a host")
    return text


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text) or ".." in text:
        raise ValueError(
            f'"{text[:80]}" is no e-mail address: write "ann@example.org" or "Sightline <ann@example.org>"'
        )
    return text


Address: TypeAlias = Annotated[str, AfterValidator(_address)]


class Channel(Section):
    """A way by which people and programs outside are told of alerts."""

    name: Annotated[str, AfterValidator(_channel_name)]
    """What it is called everywhere. No two have the same, of whatever kind."""
    grades: tuple[Literal[Grade.HIGH, Grade.ACTIVITY], ...] = (Grade.HIGH, Grade.ACTIVITY)
    """Of these; and"""
    kinds: tuple[Kind, ...] = ()
    """of these kinds, (): of all; and"""
    groups: Groups = ()
    """about cameras in one of these, (): about any, and about the gateway."""
    resolved: bool = True
    """Whether it is told, too, that somebody has resolved an alert."""
    positions: bool = False
    """Whether where the wearer was is told, too."""

    def wants(self, kind: Kind, grade: Grade, groups: Iterable[str]) -> bool:
        """Whether it is told of such an alert, about a camera in these groups."""
        return (
            grade in self.grades
            and (not self.kinds or kind in self.kinds)
            and (not self.groups or not set(self.groups).isdisjoint(groups))
        )


class Webhook(Channel):
    """`[[alerts.webhook]]`: a POST for each alert, signed as Standard Webhooks has it."""

    url: Annotated[str, AfterValidator(_web_url)]
    secret: SecretStr = SecretStr("")
    """As `signing_keys` takes it. Of several all sign, so that one can be replaced without a gap."""
    secret_file: Path | None = None
    certificates: Path | None = None
    """PEM: the authorities that its certificate is checked against, instead of the system's."""

    @model_validator(mode="after")
    def _one_secret(self) -> Webhook:
        if bool(self.secret.get_secret_value()) == (self.secret_file is not None):
            raise ValueError('write either "secret" or "secret_file"')
        signing_keys(self.secret.get_secret_value())
        return self


class Mail(Channel):
    """`[[alerts.mail]]`: an e-mail for each alert, as long as there are few."""

    grades: tuple[Literal[Grade.HIGH, Grade.ACTIVITY], ...] = (Grade.HIGH,)
    resolved: bool = False
    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """None: that of `security`: 587, 465 with `tls`, 25 with `none`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    certificates: Path | None = None
    """As of a web hook."""
    sender: Annotated[Address, Field(alias="from")]
    to: Annotated[tuple[Address, ...], Field(min_length=1, max_length=50)]
    per_minute: Annotated[int, Field(ge=1, le=60)] = 6
    """Not more mails than this; what happens beyond it is put together in one."""

    @model_validator(mode="after")
    def _log_in(self) -> Mail:
        if self.password.get_secret_value() and self.password_file is not None:
            raise ValueError('write either "password" or "password_file"')
        with_password = bool(self.password.get_secret_value()) or self.password_file is not None
        if bool(self.username) != with_password:
            raise ValueError('a log-in takes "username" and "password" (or "password_file")')
        if with_password and self.security == "none":
            raise ValueError('a password is not sent in the clear: use "starttls" or "tls"')
        return self


C = TypeVar("C", Webhook, Mail)


def check_distinct(channels: Iterable[Channel]) -> None:
    """Raises ValueError when two channels have the same name."""
    names = [channel.name for channel in channels]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'two web hooks or mails are called "{name}"')


def with_secret(channel: C, base: Path) -> C:
    """The channel with its secret read from the file; relative paths start from `base`.

    Raises:
        SettingsError: a file cannot be read, or holds no secret.
    """
    changes: dict[str, Any] = {}
    if channel.certificates is not None:
        file = changes["certificates"] = base / channel.certificates.expanduser()
        try:
            ssl.create_default_context(cafile=file)
        except OSError as error:  # ssl.SSLError is one
            raise SettingsError(f'"{channel.name}": certificates {file} cannot be read: {error}') from error
    if isinstance(channel, Webhook) and channel.secret_file is not None:
        secret = _read(channel, "secret_file", base / channel.secret_file.expanduser())
        try:
            if not signing_keys(secret):
                raise ValueError("it is empty")
        except ValueError as error:
            raise SettingsError(f'web hook "{channel.name}": secret_file: {error}') from error
        changes["secret"] = SecretStr(secret)
    if isinstance(channel, Mail) and channel.password_file is not None:
        file = base / channel.password_file.expanduser()
        changes["password"] = SecretStr(_read(channel, "password_file", file).rstrip("\r\n"))
    return channel.model_copy(update=changes)


def _read(channel: Channel, key: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f'"{channel.name}": {key} {file} cannot be read: {error}') from error
