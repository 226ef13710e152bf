"""The keys that sign ledgers and anchors: Ed25519 (RFC 8032), made here, replaced by rotation, never sent anywhere.

Private keys lie in `data_dir/signing`, readable by the gateway's own account alone; public ones in
`data_dir/ledger/keys.jsonl`, each row signed by the key before it, the first by itself. Where the keys' rows stand in
the cameras' ledgers is `gateway.ledger.journal`'s business.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import stat
import threading
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509 import Certificate, CertificateBuilder

from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.rfc3339 import format_utc_ns
from gateway.ledger.chain import canonical
from gateway.ledger.lines import append, sync_folder

log = logging.getLogger(__name__)

SIGNING_FOLDER = "signing"
LEDGER_FOLDER = "ledger"
KEYS_FILE = "keys.jsonl"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed (the key's id), and the 64 bytes of it."""

    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key as `keys.jsonl` has it."""

    id: str
    """The first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    public: bytes
    utc: str
    """Since when it signs, RFC 3339."""
    previous: str | None
    """The key that vouches for it; None: it vouches for itself."""


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """All keys that ever signed, oldest first, and what does not hold about them."""

    keys: dict[str, PublicKey] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    """Sentences: rows of the file that are none, or that the key before has not signed."""

    @classmethod
    def read(cls, ledger: Path) -> PublicKeys:
        """Those of the folder `data_dir/ledger`; none when there is no file.

        Raises:
            OSError: the file cannot be read.
        """
        try:
            return cls.parse((ledger / KEYS_FILE).read_bytes())
        except FileNotFoundError:
            return cls()

    @classmethod
    def parse(cls, data: bytes) -> PublicKeys:
        """The contents of `keys.jsonl`. A key that nobody vouches for but itself is one only in the first row."""
        keys: dict[str, PublicKey] = {}
        faults = []
        for number, line in enumerate(data.splitlines(), 1):
            try:
                key = _parse(line, keys)
            except (ValueError, KeyError, TypeError, InvalidSignature):
                faults.append(
                    f"row {number} of {KEYS_FILE} does not hold: it is no key, or none that it names signed it"
                )
                continue
            if key.previous is None and keys:
                faults.append(f"row {number} of {KEYS_FILE} begins anew: no key before {key.id} vouches for it")
            keys[key.id] = key
        return cls(keys, tuple(faults))

    def holds(self, signature: Signature, message: bytes) -> bool:
        """Whether one of these keys made `signature` of `message`."""
        key = self.keys.get(signature.key)
        return key is not None and _verifies(key.public, signature.value, message)


class Signer:
    """Signs with the newest key of a data directory. For any thread; notices when another process rotates keys."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._private = data_dir / SIGNING_FOLDER
        self._public = data_dir / LEDGER_FOLDER / KEYS_FILE
        self._clock = clock
        self._lock = threading.Lock()
        self._loaded: dict[str, Ed25519PrivateKey] = {}
        self._seen: tuple[int, int] | None = None
        self._current = ""

    @classmethod
    def open(cls, data_dir: Path, clock: Clock) -> Signer:
        """The signer of `data_dir`; makes its first key when there is none.

        Raises:
            StorageError: the keys cannot be made or read, or others may read them.
        """
        signer = cls(data_dir, clock)
        try:
            signer._private.mkdir(mode=0o700, parents=True, exist_ok=True)
            signer._public.parent.mkdir(parents=True, exist_ok=True)
            with signer._lock:
                try:
                    signer._look()
                except FileNotFoundError:
                    signer._make(vouching=False)
        except OSError as error:
            raise StorageError(
                f"the signing keys in {signer._private} cannot be used: {error.strerror or error}"
            ) from error
        return signer

    @property
    def current(self) -> str:
        """The id of the key that signs now.

        Raises:
            OSError: the keys cannot be read.
        """
        with self._lock:
            self._look()
            return self._current

    def sign(self, message: bytes, key: str | None = None) -> Signature:
        """Sign with the newest key, or with the one that is named.

        Raises:
            OSError: the key cannot be read.
        """
        with self._lock:
            self._look()
            key = key or self._current
            return Signature(key, self._load(key).sign(message))

    def certify(self, certificate: CertificateBuilder, key: str | None = None) -> Certificate:
        """Sign an X.509 certificate with the newest key, or with the one that is named.

        Raises:
            OSError: the key cannot be read.
        """
        with self._lock:
            self._look()
            return certificate.sign(self._load(key or self._current), None)

    def public(self, key: str) -> bytes:
        """The 32 bytes of a public key whose private one is here.

        Raises:
            OSError: it is not, or cannot be read.
        """
        with self._lock:
            return _public_bytes(self._load(key))

    def renew(self) -> tuple[str, str]:
        """Make a new key, which the current one vouches for; returns the old id and the new one.

        Raises:
            OSError: the disk refused; everything is as it was.
        """
        with self._lock:
            self._look()
            old = self._current
            self._make(vouching=True)
            return old, self._current

    def retire(self, key: str) -> None:
        """Delete a private key that is not the current one: nobody signs with it any more.

        Raises:
            OSError: the disk refused.
        """
        with self._lock:
            self._look()
            assert key != self._current, "the current key is needed"
            self._loaded.pop(key, None)
            self._path(key).unlink(missing_ok=True)
            sync_folder(self._private)

    # ---- inside, with the lock held

    def _path(self, key: str) -> Path:
        return self._private / f"{key}.pem"

    def _look(self) -> None:
        """Find the current key, if the public ones have changed since the last look."""
        found = self._public.stat()
        seen = (found.st_size, found.st_mtime_ns)
        if seen == self._seen:
            return
        keys = PublicKeys.read(self._public.parent)
        for fault in keys.faults:
            log.error("the ledger's keys: %s", fault)
        for key in reversed(keys.keys):
            if self._path(key).exists():
                self._load(key)
                self._current, self._seen = key, seen
                return
        raise FileNotFoundError(f"none of the keys of {self._public} is in {self._private}")

    def _load(self, key: str) -> Ed25519PrivateKey:
        if key not in self._loaded:
            path = self._path(key)
            if (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
                raise PermissionError(f"{path} can be read by others (mode {mode:04o}): run chmod 600 {path}")
            try:
                private = serialization.load_pem_private_key(path.read_bytes(), password=None)
            except ValueError as error:
                raise OSError(f"{path} is damaged: restore it from a backup") from error
            if not isinstance(private, Ed25519PrivateKey) or key_id(_public_bytes(private)) != key:
                raise OSError(f"{path} is not the key that its name says")
            self._loaded[key] = private
        return self._loaded[key]

    def _make(self, *, vouching: bool) -> None:
        descriptor = os.open(self._public, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not vouching and os.fstat(descriptor).st_size:
                try:
                    self._look()  # another process was faster
                    return
                except FileNotFoundError:
                    log.error(
                        "no signing key is left in %s: a new one begins, which none before vouches for", self._private
                    )
            private = Ed25519PrivateKey.generate()
            public = _public_bytes(private)
            key = key_id(public)
            self._write(self._path(key), private)
            body = _key_body(key, self._current if vouching else None, public, format_utc_ns(self._clock.utc_ns()))
            signature = (self._load(self._current) if vouching else private).sign(canonical(body))
            line = canonical({**body, "signature": b64encode(signature).decode()}) + b"\n"
            append(descriptor, line)
            self._loaded[key] = private
        finally:
            os.close(descriptor)
        sync_folder(self._public.parent)
        self._look()
        log.info("key %s signs the ledgers from now on", self._current)

    def _write(self, path: Path, private: Ed25519PrivateKey) -> None:
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)


def key_id(public: bytes) -> str:
    """What a key is called in rows: the beginning of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def _parse(line: bytes, before: dict[str, PublicKey]) -> PublicKey:
    """A row of `keys.jsonl`, whose signature holds. Raises a handful of things when it is none."""
    value: dict[str, Any] = json.loads(line)
    if canonical(value) != line:
        raise ValueError("it is not canonical JSON")
    text = value.pop("signature")
    signature = b64decode(text, validate=True)
    public = b64decode(value["public"], validate=True)
    if b64encode(signature).decode() != text or b64encode(public).decode() != value["public"]:
        raise ValueError("it is spelt in another way than it was written")
    key = PublicKey(str(value["key"]), public, str(value["utc"]), value["previous"])
    if key.id != key_id(public) or value != _key_body(key.id, key.previous, public, key.utc):
        raise ValueError("it is no key")
    vouching = public if key.previous is None else before[key.previous].public
    Ed25519PublicKey.from_public_bytes(vouching).verify(signature, canonical(value))
    return key


def _key_body(key: str, previous: str | None, public: bytes, utc: str) -> dict[str, Any]:
    return {"key": key, "previous": previous, "public": b64encode(public).decode(), "utc": utc}


def _verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _public_bytes(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
