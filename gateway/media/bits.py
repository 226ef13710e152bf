"""Reading headers that are not made of whole bytes: fixed-width fields and Exp-Golomb codes (ITU-T H.264 9.1).

What the bits mean belongs to `h264`, `h265` and `audio`.
"""

from __future__ import annotations

from gateway.base.errors import SightlineError

_MAX_GOLOMB_ZEROS = 32


class BitstreamError(SightlineError):
    """A header of coded media ends too early or holds what its standard forbids."""


class BitReader:
    """Reads from the most significant bit on. Every read may raise BitstreamError: the data has ended."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    @property
    def left(self) -> int:
        """How many bits are still unread."""
        return self._left

    def bits(self, count: int) -> int:
        """An unsigned number of `count` bits: u(n)."""
        if count > self._left:
            raise BitstreamError("a header ends in the middle of a field")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        """One bit: u(1)."""
        return self.bits(1) == 1

    def skip(self, count: int) -> None:
        """Pass over `count` bits."""
        self.bits(count)

    def ue(self) -> int:
        """An unsigned Exp-Golomb code: ue(v)."""
        rest = self._value & ((1 << self._left) - 1)
        zeros = self._left - rest.bit_length()
        if zeros > _MAX_GOLOMB_ZEROS or 2 * zeros + 1 > self._left:
            raise BitstreamError("a header holds an Exp-Golomb code without end")
        return self.bits(2 * zeros + 1) - 1

    def se(self) -> int:
        """A signed Exp-Golomb code: se(v)."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def more_rbsp_data(self) -> bool:
        """Whether anything stands before the stop bit (ITU-T H.264 7.2)."""
        rest = self._value & ((1 << self._left) - 1)
        return rest != 0 and rest & (rest - 1) != 0 and rest.bit_length() > (rest & -rest).bit_length()
