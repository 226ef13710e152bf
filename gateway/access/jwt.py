"""JSON Web Tokens (RFC 7519) that machines bring as bearers, from issuers that the settings name.

A token is taken when its signature, issuer, audience and times hold, and it was made for no longer than the settings
allow. What it says of itself (`alg`, `jku`, `jwk`) chooses nothing but among the keys that the issuer publishes.
"""

from __future__ import annotations

import asyncio
import binascii
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.util import urlsafe_b64decode

from gateway.access.claims import granted
from gateway.access.fetch import Fetcher
from gateway.access.keys import ALGORITHMS, FetchedKeys, FileKeys, Keys
from gateway.access.secrets import digest
from gateway.access.users import Principal
from gateway.base.clock import Clock
from gateway.base.duration import parse_duration
from gateway.base.errors import SightlineError
from gateway.base.issuers import Jwt
from gateway.base.settings import Settings
from gateway.media.model import NS

LEEWAY = 60
"""Seconds that an issuer's clock may be off."""
MAX_BYTES = 8192
REMEMBERED = 10_000
"""Tokens whose signature need not be checked again, and whose sockets stay open."""


class BadTokenError(SightlineError):
    """A bearer token that proves nothing; the sentence says why."""


@dataclass(frozen=True, slots=True, eq=False)
class _Issuer:
    settings: Jwt
    keys: Keys
    max_lifetime: int


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    ends_ns: int
    issuer: _Issuer


class Machines:
    """Checks the tokens of machines."""

    def __init__(self, settings: Sequence[Jwt], fetcher: Fetcher, clock: Clock) -> None:
        """Raises SettingsError when a key file cannot be used."""
        self.on_changed: list[Callable[[], None]] = []
        """Called when issuers have changed: tokens that held may hold no longer."""
        self._clock = clock
        self._fetcher = fetcher
        self._issuers: dict[str, _Issuer] = {}
        self._issuers = self._made_of(settings)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def prepare(self, settings: Settings) -> Callable[[], None]:
        """What takes over the issuers of `settings`. Tokens of those that stay as they are go on holding.

        Raises:
            SettingsError: a key file cannot be used.
        """
        issuers = await asyncio.to_thread(self._made_of, settings.jwt)

        def apply() -> None:
            self._issuers = issuers
            stay = ((key, known) for key, known in self._known.items() if known.issuer in issuers.values())
            self._known = OrderedDict(stay)
            for callback in self.on_changed:
                callback()

        return apply

    def could_be(self, token: str) -> bool:
        """Whether it has the form of a JWT, which no token of ours has, and there is any issuer."""
        return bool(self._issuers) and token.count(".") == 2

    async def by_token(self, token: str) -> Principal:
        """Who brings it.

        Raises:
            BadTokenError: it does not hold.
            RefusedError: it does, but its claims make nobody of who brings it.
            IssuerUnreachableError: the issuer's keys cannot be fetched.
        """
        key = digest(token)
        if (known := self.holding([key]).get(key)) is not None:
            return known
        header, claims = _read(token)
        issuer = self._issuers.get(_text(claims.get("iss")))
        if issuer is None:
            raise BadTokenError("the token's issuer (iss) stands in no [[jwt]] of the settings")
        claims = await self._verified(issuer, header, token)
        who = granted(issuer.settings, issuer.settings.name_claim, claims)
        # A colon is in no account's name: nobody can be taken for a machine, and no machine for a user.
        name = f"jwt:{urlsplit(issuer.settings.issuer).hostname}:{who.name}"
        ends_ns = int((claims["exp"] + LEEWAY) * NS)
        principal = Principal(name, who.role, key, by_token=True, groups=who.groups, ends_ns=ends_ns)
        self._known[key] = _Known(principal, ends_ns, issuer)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return principal

    def holding(self, keys: Iterable[bytes]) -> dict[bytes, Principal]:
        """Of these log-ins (`Principal.key`) the machines' that still hold."""
        now = self._clock.utc_ns()
        known = ((key, self._known[key]) for key in keys if key in self._known)
        return {key: one.principal for key, one in known if one.ends_ns > now}

    def _made_of(self, settings: Sequence[Jwt]) -> dict[str, _Issuer]:
        """The issuers of the settings by name. One that is as it was stays, with the keys that were fetched."""
        made = {}
        for one in settings:
            old, keys = self._issuers.get(one.issuer), _keys(one, self._fetcher, self._clock)
            same = old is not None and old.settings == one and (one.key_file is None or old.keys == keys)
            made[one.issuer] = old if old and same else _Issuer(one, keys, parse_duration(one.max_lifetime))
        return made

    async def _verified(self, issuer: _Issuer, header: dict[str, Any], token: str) -> dict[str, Any]:
        algorithm, kid = _text(header.get("alg")), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise BadTokenError(f"the token is signed by none of {', '.join(ALGORITHMS)}")
        signer = await issuer.keys.find(algorithm, kid if isinstance(kid, str) else None)
        if signer is None:
            raise BadTokenError("the token is signed with a key that its issuer does not publish")
        now = self._clock.utc_ns() // NS
        try:
            claims = jwt.decode(token, signer, algorithms=[algorithm]).claims
            jwt.JWTClaimsRegistry(
                now=now,
                leeway=LEEWAY,
                iss={"essential": True, "value": issuer.settings.issuer},
                aud={"essential": True, "value": issuer.settings.audience},
                exp={"essential": True},
                iat={"essential": True},
            ).validate(claims)
        except ExpiredTokenError:
            raise BadTokenError("the token has expired") from None
        except MissingClaimError as error:
            raise BadTokenError(f"the token lacks a claim: {error.claim}") from None
        except InvalidClaimError as error:
            raise BadTokenError(f"the token's claim does not hold: {error.claim}") from None
        except (JoseError, ValueError, TypeError, OverflowError):
            raise BadTokenError("the token's signature does not hold") from None
        if not claims["exp"] - claims["iat"] <= issuer.max_lifetime:  # so that NaN, which JSON has not, is refused
            raise BadTokenError(
                f"the token was made for longer than {issuer.settings.max_lifetime} (max_lifetime in the settings)"
            )
        return claims


def _keys(settings: Jwt, fetcher: Fetcher, clock: Clock) -> Keys:
    if settings.key_file is not None:
        return FileKeys(settings.key_file)
    assert settings.jwks_url is not None
    return FetchedKeys(settings.jwks_url, fetcher, clock)


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, of which nothing is believed yet."""
    if len(token) > MAX_BYTES:
        raise BadTokenError("the token is too long")
    try:
        header, claims = (json.loads(urlsafe_b64decode(part.encode())) for part in token.split(".")[:2])
    except (ValueError, binascii.Error, RecursionError):
        raise BadTokenError("the token is no JSON Web Token") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise BadTokenError("the token is no JSON Web Token")
    return header, claims


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
