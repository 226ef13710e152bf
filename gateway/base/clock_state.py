"""How well the machine's clock keeps UTC, as its kernel says (Linux, adjtimex(2)); asked, never set."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from enum import StrEnum

_KERNEL = ctypes.CDLL(None)
_BYTES = 256  # struct timex has 208 on 64-bit Linux
_HEAD = struct.Struct("@IlllliL")  # modes, offset, freq, maxerror, esterror, status; what follows is not looked at
_UNSYNCHRONISED = 0x40  # STA_UNSYNC
_ERROR = 5  # TIME_ERROR


class Synchronisation(StrEnum):
    """Whether something disciplines the clock."""

    SYNCHRONISED = "synchronised"
    UNSYNCHRONISED = "unsynchronised"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the kernel says of its clock."""

    synchronisation: Synchronisation
    error_ms: int | None
    """It is no farther off UTC than this; None where nothing is known."""


def clock_state() -> ClockState:
    """The state of the clock now. Takes about a microsecond."""
    try:
        buffer = ctypes.create_string_buffer(_BYTES)
        state = _KERNEL.adjtimex(buffer)
    except AttributeError:  # another system than Linux
        return ClockState(Synchronisation.UNKNOWN, None)
    if state < 0:
        return ClockState(Synchronisation.UNKNOWN, None)
    _, _, _, max_error_us, _, status, _ = _HEAD.unpack_from(buffer)
    if state == _ERROR or status & _UNSYNCHRONISED:
        return ClockState(Synchronisation.UNSYNCHRONISED, None)
    return ClockState(Synchronisation.SYNCHRONISED, -(-max_error_us // 1000))
