"""Where a camera is by the KLV in its stream: the UAS Datalink Local Set (MISB ST 0601), as far as it tells where the
sensor itself is. Sans-IO.

Items are key, BER length, value (SMPTE ST 336); the local set is one whose tags and lengths are BER, too. It proves
itself by a running 16-bit sum (tag 1) and is dated by tag 2. The frame's centre (tags 23, 24), its corners and targets
are what the sensor *looks at*: never read here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.media.model import Fix, UtcNs
from gateway.positions.receivers import course_of

CARRIER = "misb0601"
MAX_SETS = 100
"""Local sets read of one unit: of one moment there is one."""

_KEY = bytes.fromhex("060e2b34020b0101 0e01030101000000")
_VERSION = 7
"""Which byte of a key tells the version of the registry that it stands in: it does not matter."""
_KEY_BYTES = 16
_CHECKSUM, _TIME, _HEADING, _LATITUDE, _LONGITUDE, _ALTITUDE, _GROUND_SPEED = 1, 2, 5, 13, 14, 15, 56
_LARGEST_TAG = 1 << 20
"""Far beyond any that there is: an endless one costs nothing."""
_ERROR = -(1 << 31)
"""A latitude or longitude that the sensor does not know."""


@dataclass(frozen=True, slots=True)
class KlvReading:
    """What one unit says."""

    fixes: tuple[Fix, ...] = ()
    """Not checked for sense."""
    damaged: int = 0
    """Items that are cut, or whose checksum does not hold."""


def read(unit: bytes, *, utc_ns: UtcNs, received_ns: UtcNs) -> KlvReading:
    """Read one unit. `utc_ns` dates a set that does not date itself. Items of other standards are passed over."""
    fixes: list[Fix] = []
    damaged = sets = at = 0
    while at < len(unit) and sets < MAX_SETS:
        key = unit[at : at + _KEY_BYTES]
        length, begin = _ber(unit, at + _KEY_BYTES)
        end = begin + length
        if length < 0 or end > len(unit):
            return KlvReading(tuple(fixes), damaged + 1)
        if key[:_VERSION] == _KEY[:_VERSION] and key[_VERSION + 1 :] == _KEY[_VERSION + 1 :]:
            sets += 1
            values = dict(_items(unit[begin:end]))
            if not _holds(unit[at:end], values.get(_CHECKSUM)):
                damaged += 1
            elif (fix := _fix(values, utc_ns, received_ns)) is not None:
                fixes.append(fix)
        at = end
    return KlvReading(tuple(fixes), damaged)


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and values, up to the first that is cut."""
    at = 0
    while at < len(data):
        tag = data[at] & 0x7F
        while data[at] & 0x80:
            at += 1
            if at == len(data) or tag > _LARGEST_TAG:
                return
            tag = tag << 7 | data[at] & 0x7F
        length, begin = _ber(data, at + 1)
        if length < 0 or begin + length > len(data):
            return
        yield tag, data[begin : begin + length]
        at = begin + length


def _ber(data: bytes, at: int) -> tuple[int, int]:
    """The length that stands at `at`, short or long form, and where what it measures begins; −1: it is cut."""
    if at >= len(data):
        return -1, at
    first = data[at]
    if first < 0x80:
        return first, at + 1
    size = first & 0x7F
    if not 1 <= size <= 4 or at + 1 + size > len(data):
        return -1, at
    return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size


def _holds(item: bytes, checksum: bytes | None) -> bool:
    """Whether the sum of the set's 16-bit words, from its key up to the checksum's own length, is what tag 1 says."""
    if checksum is None or len(checksum) != 2:
        return False
    summed = item[:-2]
    total = (sum(summed[::2]) << 8) + sum(summed[1::2])
    return total & 0xFFFF == int.from_bytes(checksum, "big") and item[-2:] == checksum


def _fix(values: dict[int, bytes], utc_ns: UtcNs, received_ns: UtcNs) -> Fix | None:
    lat, lon = _angle(values.get(_LATITUDE), 90.0), _angle(values.get(_LONGITUDE), 180.0)
    if lat is None or lon is None:
        return None
    time, speed = values.get(_TIME, b""), values.get(_GROUND_SPEED, b"")
    speed_mps = float(speed[0]) if len(speed) == 1 else None
    course = course_of(_share(values.get(_HEADING), 0.0, 360.0), speed_mps)
    return Fix(
        utc_ns=int.from_bytes(time, "big") * 1000 if len(time) == 8 else utc_ns,
        lat=lat,
        lon=lon,
        altitude_m=_share(values.get(_ALTITUDE), -900.0, 19_000.0),
        speed_mps=speed_mps,
        course_deg=None if course is None else course % 360.0,
        carrier=CARRIER,
        received_ns=received_ns,
    )


def _angle(value: bytes | None, most: float) -> float | None:
    """A signed 32-bit number that maps to ±`most` degrees."""
    if value is None or len(value) != 4:
        return None
    number = int.from_bytes(value, "big", signed=True)
    return None if number == _ERROR else number / 0x7FFFFFFF * most


def _share(value: bytes | None, least: float, most: float) -> float | None:
    """An unsigned 16-bit number that maps to `least` … `most`."""
    if value is None or len(value) != 2:
        return None
    return least + int.from_bytes(value, "big") / 0xFFFF * (most - least)
