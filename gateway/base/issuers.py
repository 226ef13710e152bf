"""Settings of who else vouches for people (`[[oidc]]`, OpenID Connect) and for machines (`[[jwt]]`)."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateway.base.duration import parse_duration
from gateway.base.errors import SettingsError
from gateway.base.roles import Role
from gateway.base.section import Section

PROVIDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


def issuer_url(text: str) -> str:
    """Check that `text` is a URL of an issuer: `https`, or `http` on this machine.

    Raises:
        ValueError: it is not.
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        fine = bool(host) and not parts.query and not parts.fragment and parts.username is None and parts.port != 0
    except ValueError:
        fine = False
    if fine and parts.scheme == "http":
        try:
            fine = host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            fine = False
    elif fine:
        fine = parts.scheme == "https"
    if not fine:
        raise ValueError("write an https:// URL without query: what it vouches for is believed")
    return text


def _provider_name(text: str) -> str:
    if not PROVIDER_NAME.fullmatch(text):
        raise ValueError(f'"{text}" cannot name a provider: use up to 32 letters, digits, "-", "_" or "."')
    return text


def _span(text: str) -> str:
    parse_duration(text)
    return text


IssuerUrl: TypeAlias = Annotated[str, AfterValidator(issuer_url)]
Claim: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]


class Issuer(Section):
    """What an issuer's claims mean here."""

    issuer: IssuerUrl
    """Exactly as it names itself (`iss`)."""
    role_claim: Claim = "roles"
    """Where the roles stand: a claim, or a way into one, as in `realm_access.roles`."""
    roles: dict[str, Role]
    """What a value of that claim is here; of several that fit the first."""
    groups_claim: Claim | None = None
    """Where the camera groups stand that one is limited to. None: nobody is limited."""

    @model_validator(mode="after")
    def _somebody_may(self) -> Issuer:
        if not self.roles:
            raise ValueError('"roles" is empty: nobody could log in; write what a value of "role_claim" is here')
        return self


class Oidc(Issuer):
    """An OpenID Connect provider that people log in at."""

    name: Annotated[str, AfterValidator(_provider_name)]
    """On the page's button, and in the redirect URI that the provider has to know."""
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: SecretStr = SecretStr("")
    client_secret_file: Path | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: Claim = "preferred_username"
    """What a user is called here."""

    @model_validator(mode="after")
    def _holds(self) -> Oidc:
        if self.client_secret.get_secret_value() and self.client_secret_file is not None:
            raise ValueError('write either "client_secret" or "client_secret_file"')
        if "openid" not in self.scopes:
            raise ValueError('"scopes" needs "openid"')
        return self


class Jwt(Issuer):
    """An issuer of JSON Web Tokens that machines bring."""

    audience: Annotated[str, Field(min_length=1)]
    """What the tokens must be meant for (`aud`)."""
    jwks_url: IssuerUrl | None = None
    key_file: Path | None = None
    """Its public keys: a JWK Set, or one key as PEM."""
    name_claim: Claim = "sub"
    """What a machine is called here."""
    max_lifetime: Annotated[str, AfterValidator(_span)] = "1h"
    """The longest from `iat` to `exp`: a token that was stolen is of no use after it."""

    @model_validator(mode="after")
    def _one_way_to_the_keys(self) -> Jwt:
        if (self.jwks_url is None) == (self.key_file is None):
            raise ValueError('write either "jwks_url" or "key_file"')
        return self


def check_distinct(providers: tuple[Oidc, ...], issuers: tuple[Jwt, ...]) -> None:
    """Raises ValueError when two providers or issuers could not be told apart."""
    for what, names in (
        ("providers are called", [provider.name for provider in providers]),
        ("providers have the issuer", [provider.issuer for provider in providers]),
        ("[[jwt]] have the issuer", [issuer.issuer for issuer in issuers]),
    ):
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f'two {what} "{name}"')


def with_secret(provider: Oidc, base: Path) -> Oidc:
    """The provider with its secret read from the file, which is relative to `base`.

    Raises:
        SettingsError: the file cannot be read.
    """
    if provider.client_secret_file is None:
        return provider
    file = base / provider.client_secret_file.expanduser()
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f'oidc "{provider.name}": client_secret_file {file} cannot be read: {error}') from error
    return provider.model_copy(update={"client_secret": SecretStr(secret)})


def claim(claims: dict[str, Any], path: str) -> Any:
    """The claim of that name, or what lies in one where `path` leads; None when there is nothing."""
    if path in claims:
        return claims[path]
    place: Any = claims
    for step in path.split("."):
        place = place.get(step) if isinstance(place, dict) else None
    return place
