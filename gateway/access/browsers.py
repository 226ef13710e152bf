"""Browsers that have logged in before: the proof they carry, by which they are told apart from whoever guesses."""

from __future__ import annotations

import base64
import binascii

from gateway.access.secrets import Vault, digest
from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.media.model import NS

KNOWN_SECONDS = 365 * 86400
"""How long a browser is known after its last log-in."""


class Browsers:
    """Makes and reads the proofs. They open nothing; they only spare their owner the waiting (`Throttle`)."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def proof(self, name: str) -> str:
        """For a browser in which `name` has just logged in: a cookie's value, another one each time."""
        sealed = self._vault.encrypt(str(self._clock.utc_ns()), _context(name))
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def known(self, proof: str, name: str) -> bytes | None:
        """What names the browser that carries `proof`; None: it proves nothing about `name`."""
        try:
            sealed = base64.b64decode(proof + "=" * (-len(proof) % 4), altchars=b"-_", validate=True)
            made_ns = int(self._vault.decrypt(sealed, _context(name)))
        except (binascii.Error, ValueError, StorageError):
            return None
        return digest(proof) if self._clock.utc_ns() - made_ns < KNOWN_SECONDS * NS else None


def _context(name: str) -> str:
    return f"a browser of {name}"
