"""Secrets at rest: passwords of cameras and NVRs encrypted with a key file, those of people hashed, tokens digested.

The key file `data_dir/secret.key` has mode 0600 and is made at first use. Without it these passwords in the database
cannot be read: back it up apart from the database.
"""

from __future__ import annotations

import base64
import contextlib
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
PREVIOUS_FILE = "secret.key.previous"
"""The key before, from the beginning of a rotation to its end."""
_VERSION = b"\x01"
_NONCE_BYTES = 12


class Vault:
    """Encrypts short secrets with AES-256-GCM. The `context` (whose secret it is) is authenticated with it.

    Its key may be rotated meanwhile, by this process or another: what the one before encrypted can be read until the
    rotation ends.
    """

    def __init__(self, data_dir: Path) -> None:
        """Of a folder in which there is a key file.

        Raises:
            StorageError: the key file cannot be read, is readable by others, or is damaged.
        """
        self._path = data_dir / KEY_FILE
        self._before = data_dir / PREVIOUS_FILE
        self._seen: tuple[int, int] | None = None
        self._look()

    @classmethod
    def open(cls, data_dir: Path) -> Vault:
        """The vault of `data_dir`; makes its key file if there is none.

        Raises:
            StorageError: the key file cannot be made or read, is readable by others, or is damaged.
        """
        path = data_dir / KEY_FILE
        try:
            if not path.exists():
                # Written whole under another name first: two commands at once must end up with the same key.
                fresh = _write_key(data_dir)
                try:
                    os.link(fresh, path)
                except FileExistsError:
                    pass
                finally:
                    fresh.unlink()
        except OSError as error:
            raise _unusable(path, error) from error
        return cls(data_dir)

    @property
    def since(self) -> float:
        """When its key was made, in seconds since 1970."""
        return self._path.stat().st_mtime

    @property
    def rotating(self) -> bool:
        """Whether a rotation has begun and not ended: something may be encrypted with the key before."""
        return self._before.exists()

    def begin_rotation(self) -> None:
        """Encrypt with a new key from now on. Nobody may encrypt with the old one meanwhile, and keep it.

        Raises:
            StorageError: the key file cannot be replaced; everything is as it was.
        """
        assert not self.rotating, "the rotation before has to be ended"
        try:
            fresh = _write_key(self._path.parent)
            os.link(self._path, self._before)
            fresh.replace(self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            raise _unusable(self._path, error) from error
        self._look()

    def end_rotation(self) -> None:
        """Forget the key before: nothing is encrypted with it any more.

        Raises:
            StorageError: its file cannot be removed.
        """
        try:
            self._before.unlink(missing_ok=True)
            _sync_folder(self._before.parent)
        except OSError as error:
            raise _unusable(self._before, error) from error
        self._seen = None
        self._look()

    def encrypt(self, secret: str, context: str) -> bytes:
        """`secret` as bytes that only this vault, given the same `context`, can read."""
        self._look()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._ciphers[0].encrypt(nonce, secret.encode(), context.encode())

    def decrypt(self, data: bytes, context: str) -> str:
        """The secret again.

        Raises:
            StorageError: another key or context encrypted it, or it was changed.
        """
        self._look()
        if data[:1] == _VERSION:
            nonce, sealed = data[1 : 1 + _NONCE_BYTES], data[1 + _NONCE_BYTES :]
            for cipher in self._ciphers:
                with contextlib.suppress(InvalidTag, ValueError):
                    return cipher.decrypt(nonce, sealed, context.encode()).decode()
        raise StorageError(
            f"the password of {context} cannot be decrypted: {KEY_FILE} is not the one it was encrypted with"
        )

    def mark(self, secret: str) -> str:
        """A keyed digest: the same for the same secret, and no way to guess from without the key."""
        self._look()
        return hashlib.blake2b(secret.encode(), key=self._marking_key, digest_size=16).hexdigest()

    def _look(self) -> None:
        """Read the key again when it has changed."""
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_mtime_ns)
            if seen == self._seen:
                return
            keys = [_read_key(self._path)]
            with contextlib.suppress(FileNotFoundError):
                keys.append(_read_key(self._before))
        except OSError as error:
            raise _unusable(self._path, error) from error
        self._ciphers = [AESGCM(key) for key in keys]
        self._marking_key = hashlib.blake2b(key=keys[0], person=b"marks").digest()
        self._seen = seen


def of_camera(camera: str) -> str:
    """The context of the password that the gateway knows of a camera."""
    return f"camera {camera}"


def of_user(name: str) -> str:
    """The context of the password of an nvr account."""
    return f"user {name}"


def _read_key(path: Path) -> bytes:
    mode, key = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
    if mode & 0o077:
        raise StorageError(f"the key file {path} can be read by others (mode {mode:04o}): run chmod 600 {path}")
    if len(key) != 32:
        raise StorageError(f"the key file {path} is damaged: it has {len(key)} bytes, not 32; restore it from a backup")
    return key


def _write_key(folder: Path) -> Path:
    """A new key in a file of a name that nobody looks for."""
    fresh = folder / f".{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(secrets.token_bytes(32))
        file.flush()
        os.fsync(file.fileno())
    return fresh


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> StorageError:
    return StorageError(f"the key file {path} cannot be used: {error.strerror}")


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
