"""The keys that DTLS agreed on (RFC 5764 4.2), and packets protected and read with them (RFC 3711, RFC 7714).

Here belongs everything that touches libsrtp, and the choice of who encrypts what: media with AES-GCM is the kernel's,
all else libsrtp's. Who the packets are for is none of its business.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pylibsrtp
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pylibsrtp import Policy, Session

from gateway.webrtc.kernel import fastest, twin

RESEND_WINDOW = 1024
"""How many packets back one may be sent again."""
_GCM = "SRTP_AEAD_AES_"
_GCM_SALT_SIZE = 12
_ENCRYPTION_KEY, _SALT = 0, 2
"""Labels of RFC 3711 4.3.1."""


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master key followed by master salt, for either direction."""

    profile: str
    """`SRTP_AEAD_AES_128_GCM` and the like, as RFC 5764 4.1.2 and RFC 7714 14.2 name it."""
    libsrtp_profile: int
    send: bytes
    receive: bytes


class SrtpError(Exception):
    """A packet that cannot be read: forged, repeated, cut off, or longer than any packet may be."""


class SrtpContext:
    """Both directions of one session."""

    def __init__(self, keys: SrtpKeys) -> None:
        self._outbound = Session(_policy(keys.send, Policy.SSRC_ANY_OUTBOUND, keys.libsrtp_profile))
        self._inbound = Session(_policy(keys.receive, Policy.SSRC_ANY_INBOUND, keys.libsrtp_profile))
        self._keys = keys
        self.profile = keys.profile
        self.protect = self._outbound.protect
        """RTP packet of a source that has no Stream to SRTP packet."""
        self.protect_rtcp = self._outbound.protect_rtcp
        """RTCP compound to SRTCP packet."""
        self._cipher = fastest.Cipher(*session_keys(keys.send)) if keys.profile.startswith(_GCM) else None
        self._sealer = None if self._cipher is not None else _Sealer(keys)

    def stream(
        self, ssrc: int, payload_type: int, sequence: int, offset: int, extension: bytes
    ) -> fastest.Stream | twin.Stream:
        """A source of this session, numbered from `sequence` on; see `twin.Stream`."""
        if self._cipher is not None:
            return fastest.Stream(self._cipher, ssrc, payload_type, sequence, offset, extension)
        assert self._sealer is not None
        return twin.Stream(self._sealer, ssrc, payload_type, sequence, offset, extension)

    def unprotect(self, packet: bytes) -> bytes:
        """Verify and decrypt an RTP packet.

        Raises:
            SrtpError: the packet is not from the peer that these keys were agreed with, or came before.
        """
        try:
            return self._inbound.unprotect(packet)
        except (pylibsrtp.Error, ValueError) as error:
            raise SrtpError(str(error)) from error

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Verify and decrypt.

        Raises:
            SrtpError: the packet is not from the peer that these keys were agreed with.
        """
        try:
            return self._inbound.unprotect_rtcp(packet)
        except (pylibsrtp.Error, ValueError) as error:
            raise SrtpError(str(error)) from error


class _Sealer:
    """Media of a viewer that has no AES-GCM, for the twin. Called from the sending thread and from the loop's."""

    def __init__(self, keys: SrtpKeys) -> None:
        self._session = Session(_policy(keys.send, Policy.SSRC_ANY_OUTBOUND, keys.libsrtp_profile))
        self._lock = threading.Lock()

    def seal(self, header: bytes, payload: bytes, ssrc: int, index: int, /) -> bytes:
        """See `twin.Sealer`. libsrtp finds the index by itself.

        Raises:
            SrtpError: the packet is further back than one may be sent again.
        """
        del ssrc, index
        with self._lock:
            try:
                return self._session.protect(header + payload)
            except pylibsrtp.Error as error:
                raise SrtpError(str(error)) from error


def session_keys(master: bytes) -> tuple[bytes, bytes]:
    """The key and the salt that RTP is encrypted with, from an AES-GCM master key and salt (RFC 3711 4.3, RFC 7714 11).

    The key derivation rate is zero, as DTLS-SRTP has it (RFC 5764 4.1.2).
    """
    key, salt = master[:-_GCM_SALT_SIZE], master[-_GCM_SALT_SIZE:]
    # To the 112 bits that the derivation takes, the salt is filled up on the right (RFC 7714, erratum 4938).
    base = int.from_bytes(salt, "big") << 16

    def derive(label: int, size: int) -> bytes:
        start = (base ^ label << 48) << 16
        return Cipher(algorithms.AES(key), modes.CTR(start.to_bytes(16, "big"))).encryptor().update(bytes(size))

    return derive(_ENCRYPTION_KEY, len(key)), derive(_SALT, _GCM_SALT_SIZE)


def _policy(key: bytes, direction: int, profile: int) -> Policy:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=profile)
    policy.window_size = RESEND_WINDOW
    policy.allow_repeat_tx = True
    return policy
