"""A certificate and its key for a server, read again when the files change. Connections there are keep theirs."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from pathlib import Path

from gateway.base.clock import Clock
from gateway.base.errors import SettingsError

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0


class Certificate:
    """An SSLContext that always has the newest certificate that holds."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises SettingsError when the files cannot be used."""
        self._files = certificate, key
        self._seen = _mark(certificate, key)
        self.context = _context(certificate, key)

    async def watch(self, clock: Clock) -> None:
        """Look every two seconds whether the files have changed. Never returns."""
        while True:
            await clock.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Take over the files if they have changed and hold; else say what is wrong, once, and keep what there is."""
        mark = _mark(*self._files)
        if mark == self._seen:
            return
        self._seen = mark
        try:
            self.prepared(*self._files)()
        except SettingsError as error:
            log.error("the certificate stays the one it was: %s", error)

    def prepared(self, certificate: Path, key: Path) -> Callable[[], None]:
        """What takes over these files; they hold.

        Raises:
            SettingsError: they do not.
        """
        # In a context of its own first: one that failed half-way would have a certificate without its key.
        _context(certificate, key)

        def apply() -> None:
            self._files = certificate, key
            self._seen = _mark(certificate, key)
            self.context.load_cert_chain(certificate, key)
            log.info("new connections get the certificate that is now in %s", certificate)

        return apply


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A key with a passphrase would otherwise be asked for on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except FileNotFoundError as error:
        missing = key if certificate.exists() else certificate
        raise SettingsError(f'"http.tls_certificate", "http.tls_key": there is no file {missing}') from error
    except OSError as error:  # ssl.SSLError is one
        why = getattr(error, "reason", None) or error.strerror or str(error)
        raise SettingsError(
            f'"http.tls_certificate", "http.tls_key": {certificate} and {key} are no PEM files of a certificate and '
            f"its key: {why}"
        ) from error
    return context


def _mark(*files: Path) -> list[tuple[int, int]]:
    """What changes with the files."""
    marks = []
    for file in files:
        try:
            stat = file.stat()
            marks.append((stat.st_mtime_ns, stat.st_ino))
        except OSError:
            marks.append((0, 0))
    return marks
