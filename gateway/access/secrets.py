"""Secrets at rest: passwords of cameras encrypted with a key file, passwords of people hashed, tokens digested.

The key file `data_dir/secret.key` has mode 0600 and is made at first use. Without it camera passwords in the database
cannot be read: back it up apart from the database.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import stat
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.base.errors import StorageError

KEY_FILE = "secret.key"
_VERSION = b"\x01"
_NONCE_BYTES = 12


class Vault:
    """Encrypts short secrets with AES-256-GCM. The `context` (whose secret it is) is authenticated with it."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._marking_key = hashlib.blake2b(key=key, person=b"marks").digest()

    @classmethod
    def open(cls, data_dir: Path) -> Vault:
        """The vault of `data_dir`; makes its key file if there is none.

        Raises:
            StorageError: the key file cannot be made or read, is readable by others, or is damaged.
        """
        path = data_dir / KEY_FILE
        try:
            # Written whole under another name first: two commands at once must end up with the same key.
            fresh = data_dir / f".{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
            if not path.exists():
                descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(secrets.token_bytes(32))
                    file.flush()
                    os.fsync(file.fileno())
                try:
                    os.link(fresh, path)
                except FileExistsError:
                    pass
                finally:
                    fresh.unlink()
            mode = stat.S_IMODE(path.stat().st_mode)
            key = path.read_bytes()
        except OSError as error:
            raise StorageError(f"the key file {path} cannot be used: {error.strerror}") from error
        if mode & 0o077:
            raise StorageError(f"the key file {path} can be read by others (mode {mode:04o}): run chmod 600 {path}")
        if len(key) != 32:
            raise StorageError(
                f"the key file {path} is damaged: it has {len(key)} bytes, not 32; restore it from a backup"
            )
        return cls(key)

    def encrypt(self, secret: str, context: str) -> bytes:
        """`secret` as bytes that only this vault, given the same `context`, can read."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret.encode(), context.encode())

    def decrypt(self, data: bytes, context: str) -> str:
        """The secret again.

        Raises:
            StorageError: another key or context encrypted it, or it was changed.
        """
        try:
            if data[:1] != _VERSION:
                raise ValueError
            nonce, sealed = data[1 : 1 + _NONCE_BYTES], data[1 + _NONCE_BYTES :]
            return self._cipher.decrypt(nonce, sealed, context.encode()).decode()
        except (InvalidTag, ValueError):
            raise StorageError(
                f"the password of {context} cannot be decrypted: {KEY_FILE} is not the one it was encrypted with"
            ) from None

    def mark(self, secret: str) -> str:
        """A keyed digest: the same for the same secret, and no way to guess from without the key."""
        return hashlib.blake2b(secret.encode(), key=self._marking_key, digest_size=16).hexdigest()


class Passwords:
    """Hashes and checks people's passwords (argon2id, RFC 9106). Slow on purpose: call it in a thread."""

    def __init__(self, *, memory_kib: int = 65536, rounds: int = 3) -> None:
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        # Random bytes for salt and tag: no password has this hash, and it takes as long to find that out. Hashing one
        # here would take a quarter of a second from every command.
        salt, tag = (_unpadded(secrets.token_bytes(size)) for size in (self._hasher.salt_len, self._hasher.hash_len))
        self._nobody = f"$argon2id$v=19$m={memory_kib},t={rounds},p=1${salt}${tag}"

    def hash(self, password: str) -> str:
        """The hash to store."""
        return self._hasher.hash(password)

    def verify(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one that `stored` was made of. None (no such user) takes as long and is False."""
        try:
            self._hasher.verify(self._nobody if stored is None else stored, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None


def _unpadded(data: bytes) -> str:
    """Base64 as argon2's encoded hashes have it."""
    return base64.b64encode(data).decode().rstrip("=")


def new_password() -> str:
    """A random password a person can type: 96 bits."""
    return "-".join(secrets.token_hex(3) for _ in range(4))


def new_token() -> str:
    """A random bearer token: 256 bits, url-safe."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """What is stored of a token or session key. They are random and long, so a plain SHA-256 will do."""
    return hashlib.sha256(token.encode()).digest()
