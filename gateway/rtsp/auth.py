"""Basic and Digest authentication of RTSP, for both roles (RFC 2326 14, RFC 2617, RFC 7616, RFC 7617).

Here belong challenges, their answers and the proof of an answer. No I/O and no time: the caller says what time it is.
Who may do what belongs to `gateway.access`; a password is only ever used here, never shown in an error or a repr.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from gateway.base.errors import SightlineError

NONCE_SECONDS = 300.0
"""How long a server's nonce is good for."""

_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_STRENGTH = {"MD5": 1, "SHA-256": 2}
_MAX_FIELD = 4096  # characters read of a header field, so that a hostile one costs little
_PART = re.compile(r'([^\s,="]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?')
_UNESCAPE = re.compile(r"\\(.)")


class AuthenticationError(SightlineError):
    """The camera cannot be logged in to with what is known. The message says why, without any secret."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way in that a server offers, or the answer to it: a scheme and its parameters (RFC 7235 2.1)."""

    scheme: str
    """Lower case."""
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Names in lower case; values between their quotes as written."""

    @property
    def algorithm(self) -> str:
        """`MD5` or `SHA-256`, perhaps with `-SESS`, upper case; MD5 where none is named."""
        return self.parameters.get("algorithm", "MD5").upper()

    @property
    def stale(self) -> bool:
        """The answer was right, but its nonce too old (RFC 7616 3.3)."""
        return self.parameters.get("stale", "").lower() == "true"

    @property
    def qop(self) -> frozenset[str]:
        """The qualities of protection on offer; empty in RFC 2069's dialect."""
        return frozenset(filter(None, re.split(r"[\s,]+", self.parameters.get("qop", "").lower())))


def parse_challenges(values: Iterable[str]) -> tuple[Challenge, ...]:
    """The challenges in WWW-Authenticate fields, in order; a field may hold several. Never raises."""
    challenges: list[Challenge] = []
    for value in values:
        parameters: dict[str, str] = {}
        for match in _PART.finditer(value[:_MAX_FIELD]):
            name, quoted, plain = match.groups()
            if quoted is None and plain is None:
                parameters = {}
                challenges.append(Challenge(name.lower(), MappingProxyType(parameters)))
            elif challenges:
                parameters.setdefault(name.lower(), plain if quoted is None else quoted)
    return tuple(challenges)


def digest_response(
    *,
    algorithm: str,
    username: str,
    realm: str,
    password: str,
    method: str,
    uri: str,
    nonce: str,
    nc: str = "",
    cnonce: str = "",
    qop: str = "",
) -> str:
    """The `response` of RFC 7616 3.4.1, in hexadecimal; without `qop`, that of RFC 2069.

    Raises:
        KeyError: the algorithm is none of MD5, SHA-256, MD5-SESS and SHA-256-SESS (upper case).
    """
    new = _HASHES[algorithm.removesuffix("-SESS")]

    def h(*parts: str) -> str:
        return new(":".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

    secret = h(username, realm, password)
    if algorithm.endswith("-SESS"):
        secret = h(secret, nonce, cnonce)
    asked = h(method, uri)
    return h(secret, nonce, nc, cnonce, qop, asked) if qop else h(secret, nonce, asked)


class ClientAuthentication:
    """Answers a camera's challenges; one for each connection.

    Give each 401 to `challenged`, each other answer to `accepted`, and put `authorization` into every request.
    """

    def __init__(
        self,
        username: str,
        password: str,
        *,
        allow_basic: bool,
        make_cnonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        """`allow_basic`: the connection is encrypted, or the camera's entry accepts a password in clear text."""
        self._username = username
        self._password = password
        self._allow_basic = allow_basic
        self._make_cnonce = make_cnonce
        self._challenge: Challenge | None = None
        self._unproven = False
        self._count = 0

    def challenged(self, values: Iterable[str]) -> None:
        """A request was answered 401 with these WWW-Authenticate fields: it may be sent again.

        Raises:
            AuthenticationError: sending it again would not help.
        """
        challenges = parse_challenges(values)
        usable = max(challenges, key=self._strength, default=None)
        if usable is None or not self._strength(usable):
            raise AuthenticationError(self._why_unusable(challenges))
        if not self._username:
            raise AuthenticationError("the camera asks for a user name and a password, and none is set for it")
        if self._unproven and not usable.stale:
            raise AuthenticationError("the camera refused the user name or the password")
        self._challenge, self._unproven, self._count = usable, True, 0

    def accepted(self) -> None:
        """A request was not answered 401: what it said of us was believed. A later 401 means a new nonce."""
        self._unproven = False

    def authorization(self, method: str, uri: str) -> str | None:
        """The Authorization field of the next request; None before any challenge. Counts the nonce's uses."""
        challenge = self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            pair = f"{self._username}:{self._password}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        given = challenge.parameters
        realm, nonce = given.get("realm", ""), given.get("nonce", "")
        self._count += 1
        nc = f"{self._count:08x}"
        qop = "auth" if "auth" in challenge.qop else ""
        cnonce = self._make_cnonce() if qop or challenge.algorithm.endswith("-SESS") else ""
        response = digest_response(
            algorithm=challenge.algorithm,
            username=self._username,
            realm=realm,
            password=self._password,
            method=method,
            uri=uri,
            nonce=nonce,
            nc=nc,
            cnonce=cnonce,
            qop=qop,
        )
        username = self._username.replace("\\", "\\\\").replace('"', '\\"')
        parts = [
            f'username="{username}"',
            f'realm="{realm}"',
            f'nonce="{nonce}"',
            f'uri="{uri}"',
            f'response="{response}"',
        ]
        if "algorithm" in given:
            parts.append(f"algorithm={given['algorithm']}")
        if "opaque" in given:
            parts.append(f'opaque="{given["opaque"]}"')
        if qop:
            parts.append(f"qop={qop}, nc={nc}")
        if cnonce:
            parts.append(f'cnonce="{cnonce}"')
        return "Digest " + ", ".join(parts)

    def _strength(self, challenge: Challenge) -> int:
        """How good an answer to this is, 0: none can be given."""
        if challenge.scheme == "basic":
            return 1 if self._allow_basic else 0
        if challenge.scheme != "digest" or (challenge.qop and "auth" not in challenge.qop):
            return 0
        strength = _STRENGTH.get(challenge.algorithm.removesuffix("-SESS"), 0)
        return 1 + strength if strength else 0

    def _why_unusable(self, challenges: tuple[Challenge, ...]) -> str:
        if not challenges:
            return "the camera refuses access and does not say how to log in"
        if any(challenge.scheme == "basic" for challenge in challenges):
            return (
                "the camera wants the password in clear text (Basic) over an unencrypted connection: "
                "use rtsps, switch it to Digest, or allow Basic for this camera"
            )
        names = ", ".join(sorted({f"{challenge.scheme} {challenge.algorithm}"[:40] for challenge in challenges}))
        return f"the camera offers no way to log in that is known here, only {names}"


def claimed_name(authorization: str) -> str:
    """Who an Authorization field says it is; empty: nobody. Proves nothing, and never raises."""
    if authorization[:6].lower() == "basic ":
        return _basic(authorization[6:])[0]
    answers = parse_challenges((authorization,))
    return _UNESCAPE.sub(r"\1", answers[0].parameters.get("username", "")) if answers else ""


PasswordLookup: TypeAlias = Callable[[str], str | None]
"""The password of a user name; None: there is no such user."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an Authorization field. `username` None: answer 401 with `challenges(stale=verdict.stale)`."""

    username: str | None = None
    stale: bool = False


class ServerAuthentication:
    """Challenges one connection's client and proves its answers.

    Nonces belong to the connection: an answer overheard elsewhere proves nothing here. A client that counts (`nc`) must
    count up. The digest's `uri` is taken as the client wrote it: players give the presentation's for its tracks.
    """

    def __init__(
        self,
        realm: str,
        lookup: PasswordLookup,
        *,
        allow_basic: bool = False,
        nonce_seconds: float = NONCE_SECONDS,
        make_nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        """`realm` holds neither quotes nor backslashes. `allow_basic`: offer and accept Basic too."""
        self._realm = realm
        self._lookup = lookup
        self._allow_basic = allow_basic
        self._nonce_seconds = nonce_seconds
        self._make_nonce = make_nonce
        self._nonce = ""
        self._issued = 0.0
        self._count = 0

    def challenges(self, now: float, *, stale: bool = False) -> tuple[str, ...]:
        """WWW-Authenticate fields with a new nonce, strongest first. `now` is in seconds of any monotonic clock.

        MD5 is the last of the digests because some clients take the last one they meet, and know only MD5.
        """
        self._nonce, self._issued, self._count = self._make_nonce(), now, 0
        suffix = ", stale=true" if stale else ""
        fields = [
            f'Digest realm="{self._realm}", nonce="{self._nonce}", qop="auth", algorithm={algorithm}{suffix}'
            for algorithm in ("SHA-256", "MD5")
        ]
        return (*fields, f'Basic realm="{self._realm}"') if self._allow_basic else tuple(fields)

    def verify(self, method: str, authorization: str, now: float) -> Verdict:
        """Whose password the field proves. Takes the same time whether or not there is such a user."""
        if authorization[:6].lower() == "basic ":
            return self._verify_basic(authorization[6:])
        answers = parse_challenges((authorization,))
        if len(answers) != 1 or answers[0].scheme != "digest":
            return Verdict()
        return self._verify_digest(method, answers[0], now)

    def _verify_basic(self, encoded: str) -> Verdict:
        if not self._allow_basic:
            return Verdict()
        username, password = _basic(encoded)
        return Verdict(username) if self._matches(username, lambda known: (known, password)) else Verdict()

    def _verify_digest(self, method: str, answer: Challenge, now: float) -> Verdict:
        given = answer.parameters
        qop, nc, nonce = given.get("qop", "").lower(), given.get("nc", ""), given.get("nonce", "")
        username = _UNESCAPE.sub(r"\1", given.get("username", ""))
        known = answer.algorithm.removesuffix("-SESS") in _HASHES
        counted = re.fullmatch(r"[0-9a-fA-F]{8}", nc) is not None
        if not known or given.get("realm") != self._realm or qop not in ("", "auth") or (qop and not counted):
            return Verdict()

        def expected(password: str) -> tuple[str, str]:
            response = digest_response(
                algorithm=answer.algorithm,
                username=username,
                realm=self._realm,
                password=password,
                method=method,
                uri=given.get("uri", ""),
                nonce=nonce,
                nc=nc,
                cnonce=given.get("cnonce", ""),
                qop=qop,
            )
            return response, given.get("response", "").lower()

        if not self._matches(username, expected):
            return Verdict()
        fresh = hmac.compare_digest(_octets(nonce), _octets(self._nonce)) and now - self._issued <= self._nonce_seconds
        if not fresh or not self._nonce or (qop and int(nc, 16) <= self._count):
            return Verdict(stale=True)
        if qop:
            self._count = int(nc, 16)
        return Verdict(username)

    def _matches(self, username: str, compared: Callable[[str], tuple[str, str]]) -> bool:
        """Whether `compared`, given the user's password, returns two equal strings."""
        password = self._lookup(username)
        ours, theirs = compared(secrets.token_hex(16) if password is None else password)
        return hmac.compare_digest(_octets(ours), _octets(theirs)) and password is not None


def _basic(encoded: str) -> tuple[str, str]:
    """Name and password of RFC 7617 2; empty when they cannot be read."""
    try:
        name, _, password = base64.b64decode(encoded.strip()[:_MAX_FIELD], validate=True).decode().partition(":")
    except (ValueError, UnicodeDecodeError):
        return "", ""
    return name, password


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
