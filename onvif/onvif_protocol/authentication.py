"""Who is asking: HTTP digest and WS-UsernameToken, on the side that checks them. Sans-IO.

Here belongs checking credentials; who may do what belongs to whoever serves the device.

Sources: RFC 7616 (HTTP digest); ONVIF Core Specification 5.9.1 (both are accepted, HTTP first).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from onvif_protocol.soap import Element, NotAuthorizedError, ReplayMemory, TokenVerifier, parse_username_token

_HASHES: Final = {"MD5": "md5", "SHA-256": "sha256"}
_PARAMETER: Final = re.compile(r'([A-Za-z0-9_-]{1,32})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_MAX_AUTHORIZATION: Final = 4096


class StaleNonceError(NotAuthorizedError):
    """The password may be right, but the nonce is too old: the client should try again with a new one."""


class SlowedError(NotAuthorizedError):
    """Too many wrong passwords came before: these were not looked at, and may be tried again in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many wrong passwords: try again in {seconds:.0f} seconds")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brings to prove who sent it."""

    method: str
    target: str
    """Path and query of the request."""
    authorization: str = ""
    """The HTTP header's value."""
    header: Element | None = None
    """The SOAP header."""
    peer: str = ""
    """The client's address."""

    @property
    def claimed(self) -> str | None:
        """Who the client says it is; None: it has no credentials. Raises NotAuthorizedError for what has no name."""
        if self.authorization:
            return _parse_authorization(self.authorization).get("username", "")
        token = parse_username_token(self.header)
        return None if token is None else token.username


class Authenticator(Protocol):
    """Decides whether a request's credentials hold."""

    def authenticate(self, credentials: Credentials, now_ns: int) -> str | None:
        """The user's name, None when the request has no credentials at all. Raises NotAuthorizedError."""

    def challenges(self, now_ns: int, *, stale: bool = False) -> Sequence[str]:
        """The values of the `WWW-Authenticate` headers of a 401, best first."""


class HttpDigest:
    """The server's side of RFC 7616 with `qop=auth`. Keeps no state for those who have not proved who they are.

    `secret` makes nonces that only this server can have made: at least 16 random bytes.
    """

    def __init__(
        self,
        password_of: Callable[[str], str | None],
        *,
        realm: str,
        secret: bytes,
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
        max_age_s: int = 300,
    ) -> None:
        self._password_of = password_of
        self._realm = realm
        self._secret = secret
        self._algorithms = tuple(algorithms)
        self._max_age_ns = max_age_s * 1_000_000_000
        self._memory = ReplayMemory()

    def challenges(self, now_ns: int, *, stale: bool = False) -> list[str]:
        """One challenge for each algorithm, in the order given."""
        nonce = self._nonce(now_ns)
        end = ", stale=true" if stale else ""
        return [
            f'Digest realm="{self._realm}", qop="auth", algorithm={algorithm}, nonce="{nonce}"{end}'
            for algorithm in self._algorithms
        ]

    def verify(self, authorization: str, *, method: str, target: str, now_ns: int) -> str:
        """The user's name. Raises NotAuthorizedError, StaleNonceError."""
        given = _parse_authorization(authorization)
        algorithm = given.get("algorithm", "MD5").upper()
        if algorithm not in self._algorithms or given.get("qop") != "auth":
            raise NotAuthorizedError("the digest uses an algorithm or protection that was not offered")
        if given.get("realm") != self._realm or given.get("uri") != target:
            raise NotAuthorizedError("the digest is for another realm or another address")
        issued_ns = self._issued(given.get("nonce", ""))
        username = given.get("username", "")
        password = self._password_of(username)
        expected = self._response(algorithm, username, password or "", method, given)
        if not hmac.compare_digest(expected.encode(), given.get("response", "").encode()) or password is None:
            raise NotAuthorizedError("unknown user or wrong password")
        if now_ns - issued_ns > self._max_age_ns:
            raise StaleNonceError("the nonce is too old")
        key = "\n".join((given["nonce"], given.get("cnonce", ""), given.get("nc", ""))).encode()
        if not self._memory.accept(hashlib.sha256(key).digest(), issued_ns, now_ns - self._max_age_ns):
            raise StaleNonceError("this digest was used before")
        return username

    def _response(self, algorithm: str, username: str, password: str, method: str, given: Mapping[str, str]) -> str:
        def digest(text: str) -> str:
            return hashlib.new(_HASHES[algorithm], text.encode(), usedforsecurity=False).hexdigest()

        ha1 = digest(f"{username}:{self._realm}:{password}")
        ha2 = digest(f"{method}:{given.get('uri', '')}")
        return digest(f"{ha1}:{given.get('nonce')}:{given.get('nc')}:{given.get('cnonce')}:auth:{ha2}")

    def _nonce(self, now_ns: int) -> str:
        stamp = f"{now_ns:016x}"
        return stamp + hmac.new(self._secret, stamp.encode(), hashlib.sha256).hexdigest()[:32]

    def _issued(self, nonce: str) -> int:
        """When we made `nonce`, in nanoseconds since the epoch."""
        try:
            issued_ns = int(nonce[:16], 16)
        except ValueError:
            issued_ns = -1
        if issued_ns < 0 or not hmac.compare_digest(self._nonce(issued_ns).encode(), nonce.encode()):
            raise StaleNonceError("the nonce is not one of ours")
        return issued_ns


def _parse_authorization(value: str) -> dict[str, str]:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest" or len(value) > _MAX_AUTHORIZATION:
        raise NotAuthorizedError("the Authorization header is not a digest")
    # HTTP headers may hold bytes that are no text; with "replace" they merely do not match.
    text = rest.encode("utf-8", "replace").decode()
    return {
        match[1].lower(): re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        for match in _PARAMETER.finditer(text)
    }


class PasswordAuthenticator:
    """Accepts HTTP digest, and WS-UsernameToken from those who send no HTTP digest, against the same passwords."""

    def __init__(
        self,
        password_of: Callable[[str], str | None],
        *,
        realm: str,
        secret: bytes,
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
    ) -> None:
        self._digest = HttpDigest(password_of, realm=realm, secret=secret, algorithms=algorithms)
        self._tokens = TokenVerifier(password_of)

    def authenticate(self, credentials: Credentials, now_ns: int) -> str | None:  # noqa: D102
        given = credentials
        if given.authorization:
            return self._digest.verify(given.authorization, method=given.method, target=given.target, now_ns=now_ns)
        token = parse_username_token(given.header)
        return None if token is None else self._tokens.verify(token, now_ns)

    def challenges(self, now_ns: int, *, stale: bool = False) -> list[str]:  # noqa: D102
        return self._digest.challenges(now_ns, stale=stale)
