"""Logging in at an OpenID Connect provider (Core 1.0): authorization code flow with PKCE, state and nonce.

What a log-in under way has to remember lies encrypted in the cookie of the browser that began it, so no other browser
can finish it, and nothing that anybody begins fills our memory. What claims mean here is in `gateway.access.claims`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError

from gateway.access.claims import granted
from gateway.access.fetch import Fetcher, IssuerUnreachableError
from gateway.access.keys import ALGORITHMS, FetchedKeys
from gateway.access.secrets import Vault, new_token
from gateway.access.users import Vouched
from gateway.base.clock import Clock
from gateway.base.errors import NotFoundError, RefusedError, StorageError
from gateway.base.issuers import Oidc, claim, issuer_url
from gateway.base.settings import Settings
from gateway.media.model import NS

DISCOVERY = "/.well-known/openid-configuration"
METADATA_SECONDS = 3600.0
PAUSE_SECONDS = 10.0
"""Between two tries to fetch metadata: whoever begins log-ins in a row causes no more than these."""
BEGUN_SECONDS = 600
"""How long one may take at the provider."""
LEEWAY = 60
"""Seconds that a provider's clock may be off."""
_CONTEXT = "a log-in under way"


@dataclass(frozen=True, slots=True)
class Begun:
    """A log-in under way, as its browser's cookie has it."""

    provider: str
    redirect_uri: str
    state: str
    nonce: str
    verifier: str
    begun_ns: int


@dataclass(slots=True)
class _Provider:
    settings: Oidc
    metadata: dict[str, Any]
    keys: FetchedKeys | None = None
    fetch_at: float = 0.0
    """Monotonic seconds of when the metadata may be fetched again."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Providers:
    """The providers of the settings."""

    def __init__(self, settings: Sequence[Oidc], fetcher: Fetcher, vault: Vault, clock: Clock) -> None:
        self._fetcher = fetcher
        self._vault = vault
        self._clock = clock
        self._providers = {one.name: _Provider(one, {}) for one in settings}

    async def prepare(self, settings: Settings) -> Callable[[], None]:
        """What takes over the providers of `settings`: for log-ins that begin or end from then on."""
        providers = {one.name: self._kept(one) for one in settings.oidc}

        def apply() -> None:
            self._providers = providers

        return apply

    def _kept(self, settings: Oidc) -> _Provider:
        """The provider as it is known already, if its settings are the same."""
        old = self._providers.get(settings.name)
        return old if old is not None and old.settings == settings else _Provider(settings, {})

    @property
    def names(self) -> list[str]:
        """In the order of the settings."""
        return list(self._providers)

    async def begin(self, name: str, redirect_uri: str) -> tuple[str, str]:
        """Where to send the browser, and what it has to keep until it comes back to `redirect_uri`.

        Raises:
            NotFoundError: there is no such provider.
            IssuerUnreachableError: it does not answer.
        """
        provider = await self._provider(name)
        begun = Begun(name, redirect_uri, new_token(), new_token(), new_token(), self._clock.utc_ns())
        url = prepare_grant_uri(
            provider.metadata["authorization_endpoint"],
            provider.settings.client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=" ".join(provider.settings.scopes),
            state=begun.state,
            nonce=begun.nonce,
            code_challenge=create_s256_code_challenge(begun.verifier),
            code_challenge_method="S256",
        )
        sealed = self._vault.encrypt(json.dumps(asdict(begun)), _CONTEXT)
        return str(url), base64.urlsafe_b64encode(sealed).decode()

    async def finish(self, name: str, kept: str, answer: Mapping[str, str]) -> Vouched:
        """Who has come back: `kept` is what `begin` gave to the browser, `answer` the query that it brings.

        Raises:
            RefusedError: the answer is not for this browser, or the provider or its claims refuse.
            NotFoundError: there is no such provider.
            IssuerUnreachableError: it does not answer.
        """
        begun = self._begun(name, kept)
        if not hmac.compare_digest(answer.get("state", "").encode(), begun.state.encode()):
            raise RefusedError("this log-in was not begun in this browser, or long ago: begin it again")
        provider = await self._provider(name)
        settings = provider.settings
        if answer.get("iss", settings.issuer) != settings.issuer:  # RFC 9207
            raise RefusedError("another provider has answered: begin the log-in again")
        if "code" not in answer:
            error = "".join(char for char in answer.get("error", "no code")[:80] if char.isprintable())
            raise RefusedError(f"{name} did not log you in: {error}")
        tokens = await self._redeem(provider, begun, answer["code"])
        claims = await self._id_token(provider, begun, tokens)
        claims = await self._with_userinfo(provider, tokens, claims)
        said = granted(settings, settings.name_claim, claims)
        return Vouched(name, settings.issuer, claims["sub"], said.name, said.role, said.groups)

    # ---- inside

    def _begun(self, name: str, kept: str) -> Begun:
        try:
            begun = Begun(**json.loads(self._vault.decrypt(base64.urlsafe_b64decode(kept.encode()), _CONTEXT)))
        except (binascii.Error, ValueError, StorageError):
            begun = None
        if begun is None or begun.provider != name or self._clock.utc_ns() - begun.begun_ns > BEGUN_SECONDS * NS:
            raise RefusedError("this log-in was not begun in this browser, or long ago: begin it again")
        return begun

    async def _provider(self, name: str) -> _Provider:
        """The provider, with metadata that is not too old."""
        provider = self._providers.get(name)
        if provider is None:
            raise NotFoundError(f'there is no provider "{name[:40]}"')
        async with provider.lock:
            now = self._clock.monotonic()
            if now >= provider.fetch_at:
                provider.fetch_at = now + PAUSE_SECONDS
                await self._learn(provider)
                provider.fetch_at = now + METADATA_SECONDS
        if provider.keys is None:
            raise IssuerUnreachableError(provider.settings.issuer, f"it is asked again in {PAUSE_SECONDS:.0f} seconds")
        return provider

    async def _learn(self, provider: _Provider) -> None:
        """Fetch what the provider says of itself (OpenID Connect Discovery 1.0, 4)."""
        issuer = provider.settings.issuer
        url = issuer.rstrip("/") + DISCOVERY
        metadata = await self._fetcher.get(url)
        if metadata.get("issuer") != issuer:
            raise IssuerUnreachableError(url, "it says that it is another issuer")
        for endpoint in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            try:
                issuer_url(str(metadata.get(endpoint)))
            except ValueError:
                raise IssuerUnreachableError(url, f"it names no {endpoint} that can be used") from None
        provider.metadata = metadata
        provider.keys = FetchedKeys(metadata["jwks_uri"], self._fetcher, self._clock)

    async def _redeem(self, provider: _Provider, begun: Begun, code: str) -> dict[str, Any]:
        """The tokens for a code (RFC 6749 4.1.3, RFC 7636 4.5)."""
        settings, url = provider.settings, provider.metadata["token_endpoint"]
        secret = settings.client_secret.get_secret_value()
        known = provider.metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        by_basic = "client_secret_basic" in known if isinstance(known, list) else True
        method = "none" if not secret else "client_secret_basic" if by_basic else "client_secret_post"
        body = prepare_token_request(
            "authorization_code", code=code, redirect_uri=begun.redirect_uri, code_verifier=begun.verifier
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        client = ClientAuth(settings.client_id, secret, method)
        url, headers, body = client.prepare("POST", url, headers, body)
        status, tokens = await self._fetcher.post(url, body, headers)
        if status != 200:
            error = str(tokens.get("error", f"status {status}"))[:80]
            raise RefusedError(f"{settings.name} did not redeem the log-in ({error}): begin it again")
        return tokens

    async def _id_token(self, provider: _Provider, begun: Begun, tokens: dict[str, Any]) -> dict[str, Any]:
        """The claims of an ID token that holds (Core 3.1.3.7)."""
        settings = provider.settings
        refused = RefusedError(f"what {settings.name} says does not hold; its operator has to look why")
        try:
            token = tokens["id_token"]
            header = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
            algorithm, kid = header["alg"], header.get("kid")
            assert provider.keys is not None
            key = await provider.keys.find(algorithm, kid) if algorithm in ALGORITHMS else None
            if key is None:
                raise refused
            claims = CodeIDToken(
                jwt.decode(token, key, algorithms=[algorithm]).claims,
                header,
                {"iss": {"essential": True, "value": settings.issuer}, "aud": {"value": settings.client_id}},
                {"nonce": begun.nonce, "client_id": settings.client_id, "access_token": tokens.get("access_token")},
            )
            claims.validate(now=self._clock.utc_ns() // NS, leeway=LEEWAY)
        except (JoseError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise refused from error
        return dict(claims)

    async def _with_userinfo(
        self, provider: _Provider, tokens: dict[str, Any], claims: dict[str, Any]
    ) -> dict[str, Any]:
        """With what the provider tells at its userinfo endpoint, if the ID token lacks a claim we go by (Core 5.3)."""
        settings, url = provider.settings, provider.metadata.get("userinfo_endpoint")
        wanted = (settings.name_claim, settings.role_claim, settings.groups_claim)
        if url is None or all(claim(claims, one) is not None for one in wanted if one is not None):
            return claims
        told = await self._fetcher.get(url, {"Authorization": f"Bearer {tokens.get('access_token')}"})
        if told.get("sub") != claims["sub"]:
            raise RefusedError(f"{settings.name} tells of somebody else; its operator has to look why")
        return told | claims
