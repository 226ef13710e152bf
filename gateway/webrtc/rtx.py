"""Retransmissions as a stream of their own (RFC 4588): what was lost, under another SSRC, payload type and count.

Here belongs the format alone. Which packets are sent again, and how many, is for `outlet` to say.
"""

from __future__ import annotations

import secrets
import struct

_HEADER = struct.Struct("!BBHIIH")
"""RTP's twelve bytes, then the original sequence number (RFC 4588 4)."""
_VERSION, _MARKER = 0x80, 0x80


class Retransmissions:
    """The stream beside one Outlet that its lost packets come by.

    A packet sent this way is new to SRTP: no nonce is used twice however often it is asked for, and none is too old.
    """

    def __init__(self, payload_type: int) -> None:
        self.payload_type = payload_type
        self.ssrc = secrets.randbelow(0xFFFF_FFFE) + 1
        # Below half of the range, so that the first packets do not wrap before SRTP knows the roll-over count.
        self._sequence = secrets.randbelow(0x8000)

    def packet(self, sequence: int, timestamp: int, payload: bytes, *, marker: bool) -> bytes:
        """The packet that stands for the one of that `sequence`, unencrypted; two bytes longer than it was."""
        second = self.payload_type | _MARKER if marker else self.payload_type
        header = _HEADER.pack(_VERSION, second, self._sequence, timestamp, self.ssrc, sequence)
        self._sequence = (self._sequence + 1) & 0xFFFF
        return header + payload
