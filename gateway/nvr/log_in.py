"""How NVRs log in over ONVIF: HTTP digest or WS-UsernameToken, against the accounts of the role nvr."""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Sequence
from typing import Protocol

from gateway.access.nvr_accounts import Service
from gateway.base.clock import Clock
from onvif_protocol.authentication import Credentials, PasswordAuthenticator, SlowedError, StaleNonceError
from onvif_protocol.soap import NotAuthorizedError, StaleTokenError

log = logging.getLogger(__name__)

REALM = "Sightline"
TELL_SECONDS = 60.0
"""A message that is too old is told to the log so often at most."""


class Accounts(Protocol):
    """What is asked of `gateway.access.nvr_accounts.NvrAccounts`."""

    def password(self, name: str) -> str | None:
        """The password of an account; None: nobody of that name logs in here."""

    def refusal(self, address: str, name: str) -> float | None:
        """Seconds until somebody at `address` may try to be `name` again; None: now."""

    def failed(self, address: str, name: str, service: Service) -> None:
        """Somebody at `address` did not prove to be `name`."""

    def succeeded(self, address: str, name: str, service: Service) -> None:
        """Somebody at `address` proved to be `name`."""


class NvrLogIn:
    """An `Authenticator` for all ONVIF devices of the gateway: what one has accepted, no other accepts again."""

    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock
        self._inner = PasswordAuthenticator(accounts.password, realm=REALM, secret=secrets.token_bytes(32))
        self._told = -math.inf

    def authenticate(self, credentials: Credentials, now_ns: int) -> str | None:
        """See `Authenticator`. A message that is too old, but has the right password, is no guess."""
        name, address = credentials.claimed, credentials.peer
        if name is None:
            return None
        wait = self._accounts.refusal(address, name)
        if wait is not None:
            self._accounts.failed(address, name, "onvif")
            raise SlowedError(wait)
        try:
            user = self._inner.authenticate(credentials, now_ns)
        except StaleNonceError:
            raise
        except StaleTokenError as error:
            self._tell(name, address, error)
            raise
        except NotAuthorizedError:
            self._accounts.failed(address, name, "onvif")
            raise
        self._accounts.succeeded(address, name, "onvif")
        return user

    def challenges(self, now_ns: int, *, stale: bool = False) -> Sequence[str]:
        """See `Authenticator`."""
        return self._inner.challenges(now_ns, stale=stale)

    def _tell(self, name: str, address: str, error: StaleTokenError) -> None:
        now = self._clock.monotonic()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            log.warning('"%s" at %s was refused over ONVIF: %s; compare its clock with ours', name, address, error)
