"""Time stamps of another authority (RFC 3161): what is asked, and whether an answer is one. Sans-IO.

They stamp a SHA-256 that is already made: the root of an anchor. Sending and receiving belongs to whoever asks.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from gateway.media.model import NS, UtcNs

REQUEST_TYPE, ANSWER_TYPE = "application/timestamp-query", "application/timestamp-reply"
"""RFC 3161 3.4."""


class StampError(Exception):
    """An answer is no time stamp of what was asked for. `str(error)` is a sentence."""


class UnreadableStampError(StampError):
    """It cannot be parsed: some authorities send their certificates in an order that DER forbids."""


@dataclass(frozen=True, slots=True)
class StampRequest:
    """A question, as it is sent."""

    data: bytes
    nonce: int | None
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Certificates:
    """Whom time stamps are believed."""

    roots: tuple[x509.Certificate, ...] = ()
    intermediates: tuple[x509.Certificate, ...] = ()
    signer: x509.Certificate | None = None
    """The authority's own, for answers that do not bring it."""

    @classmethod
    def parse(cls, pem: bytes) -> Certificates:
        """Certificates in PEM, in any order: those that sign themselves are believed.

        Raises:
            ValueError: it is none, or none of them signs itself.
        """
        found = x509.load_pem_x509_certificates(pem)
        roots = tuple(certificate for certificate in found if certificate.subject == certificate.issuer)
        if not roots:
            raise ValueError("there is no root certificate among them")
        signers = [certificate for certificate in found if _stamps(certificate)]
        others = tuple(certificate for certificate in found if certificate not in (*roots, *signers))
        return cls(roots, others, signers[0] if signers else None)


def request(hashed_last: bytes, *, with_certificates: bool = True) -> StampRequest:
    """Ask to stamp the SHA-256 of `hashed_last`. Without certificates an answer is smaller, and needs them to check."""
    made = (
        TimestampRequestBuilder()
        .data(hashed_last)
        .hash_algorithm(HashAlgorithm.SHA256)
        .cert_request(cert_request=with_certificates)
        .build()
    )
    return StampRequest(made.as_bytes(), made.nonce, hashlib.sha256(hashed_last).digest())


def check_answer(data: bytes, asked: StampRequest, certificates: Certificates) -> UtcNs:
    """When the authority says that it stamped what was asked for.

    Raises:
        StampError: it is no answer to that.
    """
    stamp = _decode(data)
    if asked.nonce is not None and stamp.tst_info.nonce != asked.nonce:
        raise StampError("it answers another question")
    return check(data, asked.sha256, certificates)


def check(data: bytes, sha256: bytes, certificates: Certificates) -> UtcNs:
    """When, by this answer (DER), somebody had that SHA-256. Without certificates nobody vouches for who stamped it.

    Raises:
        StampError: it is no time stamp of that, or none that these certificates vouch for.
    """
    stamp = _decode(data)
    if stamp.tst_info.message_imprint.message != sha256:
        raise StampError("it stamps something else")
    if certificates.roots:
        builder = VerifierBuilder(
            roots=list(certificates.roots),
            intermediates=list(certificates.intermediates),
            tsa_certificate=None if stamp.signed_data.certificates else certificates.signer,
        )
        try:
            builder.build().verify(stamp, sha256)
        except VerificationError as error:
            raise StampError(f"the certificates do not vouch for it: {error}") from error
    return round(stamp.tst_info.gen_time.timestamp() * NS)


def _decode(data: bytes) -> TimeStampResponse:
    try:
        stamp = decode_timestamp_response(data)
        status = PKIStatus(stamp.status)
    except ValueError as error:
        raise UnreadableStampError(f"it is no answer of a time stamp authority: {error}") from error
    if status not in {PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS}:
        raise StampError(f"the authority refused: {', '.join(stamp.status_string) or status.name.lower()}")
    return stamp


def _stamps(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.TIME_STAMPING in usage
