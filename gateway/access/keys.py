"""Public keys of issuers: from a file, or fetched (JWK Set, RFC 7517) and fetched again when a new one is named.

Only keys that verify a signature are kept: RSA of 2048 bits or more, P-256, Ed25519. A symmetric one never is, so
nobody can sign with what everybody may read.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from gateway.access.fetch import Fetcher, IssuerUnreachableError
from gateway.base.clock import Clock
from gateway.base.errors import SettingsError

ALGORITHMS: dict[str, type[Key]] = {"RS256": RSAKey, "ES256": ECKey, "EdDSA": OKPKey, "Ed25519": OKPKey}
"""Signatures that are taken (RFC 7518, RFC 8037, RFC 9864), and the kind of key of each."""
KINDS: tuple[Literal["RSA", "EC", "OKP"], ...] = ("RSA", "EC", "OKP")
MIN_RSA_BITS = 2048
MAX_KEYS = 50
FRESH_SECONDS = 3600.0
"""After this they are fetched again, so that a key that was withdrawn is forgotten."""
STALE_SECONDS = 86400.0
"""For so long they hold while the issuer cannot be reached."""
PAUSE_SECONDS = 30.0
"""Between two fetches: tokens that name keys which do not exist cause no more than these."""


class Keys(Protocol):
    """The keys of one issuer."""

    async def find(self, algorithm: str, kid: str | None) -> Key | None:
        """The key for a signature by `algorithm`, one of `ALGORITHMS`; without `kid`, or for a key without one, only if
        there is no choice.

        Raises:
            IssuerUnreachableError: nothing is known, and nothing can be fetched.
        """


class FileKeys:
    """Keys from a file of the settings: a JWK Set, or one key as PEM."""

    def __init__(self, path: Path) -> None:
        """Raises SettingsError when the file cannot be read, or has no key that is taken."""
        try:
            text = self._text = path.read_text(encoding="utf-8")
            if text.lstrip().startswith("{"):
                self._keys = usable(json.loads(text))
            else:
                pem = (_imported(partial(import_key, text, kind)) for kind in KINDS)
                self._keys = [key for key in pem if key is not None]
        except (OSError, ValueError) as error:
            raise SettingsError(f"the key file {path} cannot be read: {error}") from error
        if not self._keys:
            raise SettingsError(
                f"the key file {path} has no key that is taken: RSA of {MIN_RSA_BITS} bits, P-256, Ed25519"
            )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileKeys) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    async def find(self, algorithm: str, kid: str | None) -> Key | None:  # noqa: D102
        return _the_one(self._keys, algorithm, kid)


class FetchedKeys:
    """The keys that an issuer publishes."""

    def __init__(self, url: str, fetcher: Fetcher, clock: Clock) -> None:
        self._url = url
        self._fetcher = fetcher
        self._clock = clock
        self._keys: list[Key] = []
        self._fetched: float | None = None
        self._tried: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, algorithm: str, kid: str | None) -> Key | None:  # noqa: D102
        async with self._lock:
            found = _the_one(self._keys, algorithm, kid)
            if self._age > FRESH_SECONDS or found is None:
                await self._fetch()
                found = _the_one(self._keys, algorithm, kid)
            return found

    @property
    def _age(self) -> float:
        return float("inf") if self._fetched is None else self._clock.monotonic() - self._fetched

    async def _fetch(self) -> None:
        now = self._clock.monotonic()
        if self._tried is not None and now - self._tried < PAUSE_SECONDS:
            if self._age > STALE_SECONDS:
                raise IssuerUnreachableError(self._url, "its keys could not be fetched")
            return
        self._tried = now
        try:
            self._keys = usable(await self._fetcher.get(self._url))
            self._fetched = now
        except IssuerUnreachableError:
            if self._age > STALE_SECONDS:
                raise


def usable(document: dict[str, Any]) -> list[Key]:
    """The keys of a JWK Set that are taken; others are passed over (RFC 7517 5)."""
    entries = document.get("keys")
    entries = entries[:MAX_KEYS] if isinstance(entries, list) else []
    read = (_imported(partial(import_key, entry)) for entry in entries if isinstance(entry, dict))
    return [key for key in read if key is not None]


def _the_one(keys: list[Key], algorithm: str, kid: str | None) -> Key | None:
    fit = [
        key
        for key in keys
        if isinstance(key, ALGORITHMS[algorithm])
        and (kid is None or key.kid in {None, kid})
        and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig"
    ]
    return fit[0] if len(fit) == 1 else None


def _imported(read: Callable[[], Key]) -> Key | None:
    """The key, if it is of a kind that is taken."""
    try:
        with warnings.catch_warnings(action="ignore", category=SecurityWarning):  # said of keys that we do not take
            key = read()
        if isinstance(key, RSAKey):
            return key if key.public_key.key_size >= MIN_RSA_BITS else None
        fits = isinstance(key, ECKey) and key.curve_name == "P-256"
        return key if fits or (isinstance(key, OKPKey) and key.curve_name == "Ed25519") else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
