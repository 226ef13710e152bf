"""Content Credentials (C2PA 2.x) inside an MP4 file: which camera and time it shows, of which Segments it was made, and
that nobody changed it since. Everything happens on this machine; nothing is asked of the network.

Each file is signed with a key of its own, which is thrown away. Its certificate is issued by the key that signs the
ledgers, so that who trusts that key needs no other. What the ledgers prove is `gateway.ledger`'s business.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway import __version__
from gateway.base.clock import Clock
from gateway.base.errors import SightlineError
from gateway.base.rfc3339 import format_utc, parse_utc
from gateway.ledger.keys import LEDGER_FOLDER, PublicKeys, Signer
from gateway.media.model import NS, UtcNs

CERTIFICATES_FOLDER = "certificates"
"""In `data_dir/ledger`: the certificate of each key that ever issued some, `KEY.pem`. Public."""
STATEMENT = "org.sightline.recording"
"""The label of our assertion."""
HASHED_AT_A_TIME_KB = 1024
"""The library hashes `mdat` in leaves of a Merkle tree of this size, and holds little more in memory. In one piece it
would hold half a gigabyte."""
YEARS = 30
"""How long certificates hold: nobody renews the signature of a file that was handed out."""
_CAPTURED = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


class CredentialsError(SightlineError):
    """The file cannot be signed, or what it carries cannot be read."""


@dataclass(frozen=True, slots=True)
class Source:
    """A Segment that media of the file came from, as the ledger knows it."""

    file: str
    """Relative to the folder of recordings."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What the file says of itself."""

    camera: str
    from_ns: UtcNs
    to_ns: UtcNs
    made_ns: UtcNs
    sources: tuple[Source, ...]
    edited: str = ""
    """What was changed in the picture, as a sentence; empty: nothing, the media is as the camera sent it."""


class Trust(StrEnum):
    """What a file's Content Credentials are worth."""

    NONE = "none"
    """It carries none."""
    OURS = "ours"
    """They hold, and a key of this gateway issued their certificate."""
    FOREIGN = "foreign"
    """They hold, but somebody else made them."""
    BROKEN = "broken"
    """The file or they were changed."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What was found in a file."""

    trust: Trust
    faults: tuple[str, ...] = ()
    """Of broken ones: what does not hold, in the library's words."""
    statement: Statement | None = None
    """What it says, if it says it in our words."""


class Issuer:
    """Issues the certificates. For any thread."""

    def __init__(self, data_dir: Path, signer: Signer, clock: Clock) -> None:
        self._folder = data_dir / LEDGER_FOLDER / CERTIFICATES_FOLDER
        self._signer = signer
        self._clock = clock

    def issue(self) -> tuple[Ed25519PrivateKey, str]:
        """A new key, and its certificate with that of the ledgers' key behind it, as PEM.

        Raises:
            CredentialsError: the disk refused.
        """
        try:
            root = self._root()
        except (OSError, ValueError) as error:
            raise CredentialsError(f"no certificate can be issued in {self._folder}: {error}") from error
        private = Ed25519PrivateKey.generate()
        issuer = x509.SubjectKeyIdentifier.from_public_key(root.public_key())
        builder = _certificate("Sightline file", root.subject, private.public_key(), self._now())
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            # C2PA 2.1, 14.5.1: a claim signer is for e-mail protection, document signing, …
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False
            )
        )  # fmt: skip
        return private, _pem(self._signer.certify(builder)) + _pem(root)

    def _root(self) -> x509.Certificate:
        """The certificate of the key that signs now, made at its first use."""
        key = self._signer.current
        path = self._folder / f"{key}.pem"
        try:
            return x509.load_pem_x509_certificate(path.read_bytes())
        except FileNotFoundError:
            pass
        public = Ed25519PublicKey.from_public_bytes(self._signer.public(key))
        name = _name(f"Sightline ledger {key}")
        builder = (
            _certificate(f"Sightline ledger {key}", name, public, self._now())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True), critical=True)
        )
        root = self._signer.certify(builder, key)
        self._folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(_pem(root))
        part.rename(path)
        return root

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.utc_ns() // NS, UTC)


def sign(source: Path, target: Path, statement: Statement, issuer: Issuer) -> None:
    """Write the MP4 file `source` with its credentials to `target`. Holds little of it in memory; blocks.

    Raises:
        CredentialsError: it cannot be signed.
        OSError: the disk refused.
    """
    import c2pa  # half a second, and fifty megabytes

    private, chain = issuer.issue()
    context = c2pa.Context(
        c2pa.Settings.from_dict(
            {
                "core": {"merkle_tree_chunk_size_in_kb": HASHED_AT_A_TIME_KB},
                "builder": {"thumbnail": {"enabled": False}},
                "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
            }
        ),
        c2pa.Signer.from_callback(private.sign, c2pa.C2paSigningAlg.ED25519, chain, None),
    )
    try:
        with source.open("rb") as read, target.open("w+b") as written:
            c2pa.Builder(_manifest(target.name, statement), context=context).sign("video/mp4", read, written)
    except c2pa.C2paError as error:
        raise CredentialsError(f"Content Credentials cannot be put into {target.name}: {error}") from error


def read(file: BinaryIO, roots: Iterable[str]) -> Credentials:
    """What an MP4 file carries. `roots`: PEM of the certificates that are ours, from `our_roots`. Blocks.

    Raises:
        OSError: the file cannot be read.
    """
    import c2pa

    anchors = "".join(roots)
    trust = {"trust": {"trust_anchors": anchors}} if anchors else {}
    offline = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": bool(anchors)}}
    context = c2pa.Context(c2pa.Settings.from_dict({**trust, **offline}))
    try:
        reader = c2pa.Reader.try_create("video/mp4", file, context=context)
        if reader is None:
            return Credentials(Trust.NONE)
        with reader:
            state, found = reader.get_validation_state(), json.loads(reader.json())
    except c2pa.C2paError as error:
        return Credentials(Trust.BROKEN, (str(error),))
    statement = _statement(found)
    if state == "Trusted":
        return Credentials(Trust.OURS, (), statement)
    if state == "Valid":
        return Credentials(Trust.FOREIGN, (), statement)
    results = found.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    return Credentials(Trust.BROKEN, tuple(str(result.get("explanation", "")) for result in results), statement)


def our_roots(ledger: Path, keys: PublicKeys) -> dict[str, str]:
    """The certificates in `data_dir/ledger` that belong to keys of the ledgers: PEM by the key's id.

    Raises:
        OSError: they cannot be read.
    """
    texts = {path.stem: path.read_text(errors="replace") for path in (ledger / CERTIFICATES_FOLDER).glob("*.pem")}
    return {
        key: text for key, text in sorted(texts.items()) if key in keys.keys and is_root_of(text, keys.keys[key].public)
    }


def is_root_of(pem: str, public: bytes) -> bool:
    """Whether this is a certificate of the key, and signed by it."""
    try:
        root = x509.load_pem_x509_certificate(pem.encode())
        root.verify_directly_issued_by(root)
        raw = root.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return raw == public


def _manifest(name: str, statement: Statement) -> dict[str, Any]:
    actions: list[dict[str, Any]] = [{"action": "c2pa.created", "digitalSourceType": _CAPTURED}]
    if statement.edited:
        actions.append({"action": "c2pa.edited", "description": statement.edited})
    return {
        "claim_generator_info": [{"name": "Sightline", "version": __version__}],
        "title": name,
        "format": "video/mp4",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {
                "label": STATEMENT,
                "data": {
                    "camera": statement.camera,
                    "from": format_utc(statement.from_ns),
                    "to": format_utc(statement.to_ns),
                    "made": format_utc(statement.made_ns),
                    "segments": [{"file": one.file, "sha256": one.sha256} for one in statement.sources],
                },
            },
        ],
    }


def _statement(found: dict[str, Any]) -> Statement | None:
    manifest = found.get("manifests", {}).get(found.get("active_manifest"), {})
    for assertion in manifest.get("assertions", []):
        if assertion.get("label") == STATEMENT:
            said = assertion.get("data", {})
            try:
                sources = tuple(Source(str(one["file"]), str(one["sha256"])) for one in said["segments"])
                times = (parse_utc(said["from"]), parse_utc(said["to"]), parse_utc(said["made"]))
                return Statement(str(said["camera"]), *times, sources)
            except (KeyError, TypeError, ValueError):
                return None
    return None


def _certificate(subject: str, issuer: x509.Name, public: Ed25519PublicKey, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sightline"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=key_cert_sign, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
