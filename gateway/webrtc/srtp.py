"""The keys that DTLS agreed on (RFC 5764 4.2), and packets protected and read with them (RFC 3711, RFC 7714).

Here belongs everything that touches libsrtp. Who the packets are for is none of its business.
"""

from __future__ import annotations

from dataclasses import dataclass

import pylibsrtp
from pylibsrtp import Policy, Session

RESEND_WINDOW = 1024
"""How many packets back one may be sent again."""


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
        self.profile = keys.profile
        self.protect = self._outbound.protect
        """RTP packet to SRTP packet. The same packet given again gives the same bytes: a resend reuses no nonce."""
        self.protect_rtcp = self._outbound.protect_rtcp
        """RTCP compound to SRTCP packet."""

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Verify and decrypt.

        Raises:
            SrtpError: the packet is not from the peer that these keys were agreed with.
        """
        try:
            return self._inbound.unprotect_rtcp(packet)
        except (pylibsrtp.Error, ValueError) as error:
            raise SrtpError(str(error)) from error


def _policy(key: bytes, direction: int, profile: int) -> Policy:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=profile)
    policy.window_size = RESEND_WINDOW
    policy.allow_repeat_tx = True
    return policy
