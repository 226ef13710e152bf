"""What the NMEA 0183 sentences of one moment say together: one Fix, or that there is none.

A receiver tells of each moment (its epoch) in several sentences, each with a part of it: GGA and GNS the place and how
good it is, RMC the date and the movement, GST the error, GSA and GSV the satellites. They are joined by their UTC;
those without one belong to the moment that is being told of. Sans-IO: Sentences in, Fixes out. What a Fix is worth is
the Tracker's to judge.

By NMEA 0183 4.11. What receivers made of it:

- Talkers: GP GPS, GL GLONASS, GA Galileo, GB and BD BeiDou, GQ and QZ QZSS, GI NavIC, GN several; PQ is BeiDou on
  Quectel's modules. In GN's GSA the last field says which system (4.10), or the satellites' numbers do (before).
- Constellations are those whose satellites the receiver names, in use (GSA, GNS) or in view (GSV): what the talkers
  say. How many are in use is counted in GSA, where there is one: GGA of some receivers counts those of GPS only, or
  ends at 12.
- Accuracy is GST's: the root of the squares of both errors (DRMS); else estimated, as 5 m for each HDOP.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.media.model import NS, Constellation, Fix, UtcNs
from gateway.positions.nmea import Sentence
from gateway.positions.receivers import KNOT_MPS, METRES_PER_HDOP, NO_DOP, course_of

CARRIER = "nmea"
MAX_SENTENCES = 200
"""Of one moment: more than any receiver tells, so that one who never says another time does not fill the memory."""
NAMED_NS = 5 * NS
"""How long a system counts after its satellites were named."""

_DAY_NS = 86_400 * NS
_KMH_MPS = 1 / 3.6
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,12})?")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d|60)(?:\.(\d{1,9}))?")
_DATE = re.compile(r"(\d\d)(\d\d)(\d\d)")
_LATITUDE = re.compile(r"(\d\d)([0-5]\d(?:\.\d{1,12})?)")
_LONGITUDE = re.compile(r"(\d\d\d)([0-5]\d(?:\.\d{1,12})?)")

_TALKERS = {
    "GP": Constellation.GPS,
    "GL": Constellation.GLONASS,
    "GA": Constellation.GALILEO,
    "GB": Constellation.BEIDOU,
    "BD": Constellation.BEIDOU,
    "PQ": Constellation.BEIDOU,
    "GQ": Constellation.QZSS,
    "QZ": Constellation.QZSS,
    "GI": Constellation.NAVIC,
}
_SYSTEM_IDS = {
    "1": Constellation.GPS,
    "2": Constellation.GLONASS,
    "3": Constellation.GALILEO,
    "4": Constellation.BEIDOU,
    "5": Constellation.QZSS,
    "6": Constellation.NAVIC,
}
_OF_GNS = tuple(_SYSTEM_IDS.values())
"""Of which system each letter of GNS's mode indicator speaks."""
_NUMBERS = (
    (1, 32, Constellation.GPS),
    (33, 64, Constellation.SBAS),
    (65, 99, Constellation.GLONASS),
    (120, 158, Constellation.SBAS),
    (193, 202, Constellation.QZSS),
    (203, 299, Constellation.BEIDOU),
    (301, 336, Constellation.GALILEO),
    (401, 463, Constellation.BEIDOU),
)
"""The satellite numbers of receivers before 4.10, where GN's GSA says no system."""
_ORDER = {constellation: place for place, constellation in enumerate(Constellation)}
_NO_FIX_QUALITIES = {"", "0", "7", "8"}
"""Of GGA: none, entered by hand, simulated."""
_NO_FIX_MODES = {"N", "M", "S"}
"""Of RMC and GLL, likewise."""


@dataclass(frozen=True, slots=True)
class NoFix:
    """The receiver tells of a moment at which it does not know where it is."""

    received_ns: UtcNs


@dataclass(slots=True)
class _Epoch:
    """What was said of one moment so far."""

    received_ns: UtcNs
    time_ns: int | None = None
    """Since midnight, UTC."""
    date: dt.date | None = None
    sentences: int = 0
    kinds: set[tuple[str, str]] = field(default_factory=set)
    """Sentences that are said once of each moment."""
    void: bool = False
    lat: float | None = None
    lon: float | None = None
    altitude_m: float | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    error_m: float | None = None
    hdop: float | None = None
    counted: int | None = None
    used: dict[Constellation | None, set[str]] = field(default_factory=dict)
    """Numbers of the satellites in use, by system."""
    named: set[Constellation] = field(default_factory=set)
    """Systems of which satellites were named."""
    speakers: set[Constellation] = field(default_factory=set)
    """Systems as which the sentences with the place were spoken."""


class Epochs:
    """Joins the sentences of one receiver."""

    def __init__(self) -> None:
        self._epoch: _Epoch | None = None
        self._utc_ns: UtcNs | None = None
        """Of the last moment that was told of."""
        self._named: dict[Constellation, UtcNs] = {}
        """When satellites of each system were named last."""

    @property
    def open(self) -> bool:
        """Whether a moment is being told of."""
        return self._epoch is not None

    def push(self, sentence: Sentence, received_ns: UtcNs) -> Fix | NoFix | None:
        """Take a sentence in. What comes back was said before it: of the moment that it ends by beginning another.

        Sentences of other kinds, and fields that make no sense, say nothing.
        """
        known = _KINDS.get(sentence.kind)
        if known is None or sentence.talker == "P":
            return None
        read, time_at, tells_place = known
        said = None
        time_ns = None if time_at is None else _time(sentence.field(time_at))
        once = (sentence.talker, sentence.kind) if tells_place else None
        epoch = self._epoch
        if epoch is not None and (
            once in epoch.kinds
            or (time_ns is not None and epoch.time_ns is not None and time_ns != epoch.time_ns)
            or epoch.sentences >= MAX_SENTENCES
        ):
            said, epoch = self.flush(), None
        if epoch is None:
            epoch = self._epoch = _Epoch(received_ns)
        if time_ns is not None:
            epoch.time_ns = time_ns
        if once is not None:
            epoch.kinds.add(once)
        epoch.sentences += 1
        read(epoch, sentence)
        return said

    def flush(self) -> Fix | NoFix | None:
        """What was said of the moment that is being told of; nothing more will come of it. None: nothing was."""
        epoch, self._epoch = self._epoch, None
        if epoch is None or not epoch.kinds:
            return None
        self._named.update(dict.fromkeys(epoch.named, epoch.received_ns))
        no_dop = epoch.hdop is not None and epoch.hdop >= NO_DOP
        if epoch.void or no_dop or epoch.lat is None or epoch.lon is None:
            return NoFix(epoch.received_ns)
        accuracy_m = epoch.error_m
        if accuracy_m is None and epoch.hdop is not None:
            accuracy_m = epoch.hdop * METRES_PER_HDOP
        return Fix(
            utc_ns=self._date(epoch),
            lat=epoch.lat,
            lon=epoch.lon,
            altitude_m=epoch.altitude_m,
            speed_mps=epoch.speed_mps,
            course_deg=course_of(epoch.course_deg, epoch.speed_mps),
            accuracy_m=accuracy_m,
            constellations=self._constellations(epoch),
            satellites=sum(map(len, epoch.used.values())) or epoch.counted,
            carrier=CARRIER,
            received_ns=epoch.received_ns,
        )

    def _constellations(self, epoch: _Epoch) -> tuple[Constellation, ...]:
        """Those that were named a moment ago, because satellites may be told of less often than places; of a receiver
        that names none, what it speaks as.
        """
        now_ns = epoch.received_ns
        named = [system for system, then_ns in self._named.items() if abs(now_ns - then_ns) <= NAMED_NS]
        return tuple(sorted(named or epoch.speakers, key=_ORDER.__getitem__))

    def _date(self, epoch: _Epoch) -> UtcNs:
        """Its UTC. Without a date the day is the one that lies nearest to the moment before, or to the arrival."""
        if epoch.time_ns is None:
            return epoch.received_ns
        if epoch.date is not None:
            days = (epoch.date - dt.date(1970, 1, 1)).days
            self._utc_ns = days * _DAY_NS + epoch.time_ns
        else:
            near = epoch.received_ns if self._utc_ns is None else self._utc_ns
            self._utc_ns = near + (epoch.time_ns - near + _DAY_NS // 2) % _DAY_NS - _DAY_NS // 2
        return self._utc_ns


# ---- what each kind says


def _read_gga(epoch: _Epoch, sentence: Sentence) -> None:
    """Time, latitude, N/S, longitude, E/W, quality, satellites, HDOP, altitude."""
    epoch.void |= sentence.field(5) in _NO_FIX_QUALITIES
    _place(epoch, sentence, 1)
    epoch.counted = _most(epoch.counted, sentence.field(6))
    epoch.hdop = _dop(epoch, sentence.field(7))
    epoch.altitude_m = _number(sentence.field(8))


def _read_gns(epoch: _Epoch, sentence: Sentence) -> None:
    """Time, latitude, N/S, longitude, E/W, a mode for each system, satellites, HDOP, altitude."""
    modes = sentence.field(5)
    epoch.void |= not modes.strip("N")
    epoch.named.update(system for system, mode in zip(_OF_GNS, modes, strict=False) if mode != "N")
    _place(epoch, sentence, 1)
    epoch.counted = _most(epoch.counted, sentence.field(6))
    epoch.hdop = _dop(epoch, sentence.field(7))
    altitude_m = _number(sentence.field(8))
    if altitude_m is not None:
        epoch.altitude_m = altitude_m


def _read_rmc(epoch: _Epoch, sentence: Sentence) -> None:
    """Time, status, latitude, N/S, longitude, E/W, knots, course, date, two of the compass, mode."""
    epoch.void |= sentence.field(1) != "A" or sentence.field(11) in _NO_FIX_MODES
    _place(epoch, sentence, 2)
    _movement(epoch, sentence.field(6), KNOT_MPS, sentence.field(7))
    if (date := _DATE.fullmatch(sentence.field(8))) is not None:
        day, month, year = (int(part) for part in date.groups())
        epoch.date = _day(2000 + year, month, day) or epoch.date


def _read_gll(epoch: _Epoch, sentence: Sentence) -> None:
    """Latitude, N/S, longitude, E/W, time, status, mode."""
    epoch.void |= sentence.field(5) == "V" or sentence.field(6) in _NO_FIX_MODES
    _place(epoch, sentence, 0)


def _read_vtg(epoch: _Epoch, sentence: Sentence) -> None:
    """Course, T, of the compass, M, knots, N, km/h, K."""
    _movement(epoch, sentence.field(6), _KMH_MPS, sentence.field(0))


def _read_gst(epoch: _Epoch, sentence: Sentence) -> None:
    """Time, residuals, three of the ellipse, and the deviations of latitude, longitude and altitude in metres."""
    north, east = _number(sentence.field(5)), _number(sentence.field(6))
    if north is not None and east is not None:
        epoch.error_m = math.hypot(north, east)


def _read_gsa(epoch: _Epoch, sentence: Sentence) -> None:
    """Two modes, twelve satellites in use, PDOP, HDOP, VDOP, and since 4.10 the system."""
    epoch.void |= sentence.field(1) == "1"
    numbers = [number for number in sentence.fields[2:14] if number]
    system = _SYSTEM_IDS.get(sentence.field(17)) or _TALKERS.get(sentence.talker)
    if system is not None and numbers:
        epoch.used.setdefault(system, set()).update(numbers)
        epoch.named.add(system)
    elif numbers:
        for number in numbers:
            of = _system_of(number)
            epoch.used.setdefault(of, set()).add(number)
            if of is not None:
                epoch.named.add(of)
    epoch.hdop = _dop(epoch, sentence.field(15))


def _read_gsv(epoch: _Epoch, sentence: Sentence) -> None:
    """How many sentences, which of them, how many satellites are in view, and what of them."""
    system = _TALKERS.get(sentence.talker)
    if system is not None and sentence.field(2).strip("0"):
        epoch.named.add(system)


def _read_zda(epoch: _Epoch, sentence: Sentence) -> None:
    """Time, day, month, year."""
    parts = [sentence.field(at) for at in (1, 2, 3)]
    if all(part.isdecimal() and len(part) <= 4 for part in parts):
        day, month, year = (int(part) for part in parts)
        epoch.date = _day(year, month, day) or epoch.date


_KINDS: dict[str, tuple[Callable[[_Epoch, Sentence], None], int | None, bool]] = {
    "GGA": (_read_gga, 0, True),
    "GNS": (_read_gns, 0, True),
    "RMC": (_read_rmc, 0, True),
    "GLL": (_read_gll, 4, True),
    "VTG": (_read_vtg, None, False),
    "GST": (_read_gst, 0, False),
    "GSA": (_read_gsa, None, False),
    "GSV": (_read_gsv, None, False),
    "ZDA": (_read_zda, 0, False),
}
"""How each is read, where it says the time, and whether it says the place: a second one of the same talker speaks of
another moment, also where both lack a time.
"""
KINDS = frozenset(_KINDS)
"""Those that say something of a Fix."""


# ---- fields


def _place(epoch: _Epoch, sentence: Sentence, at: int) -> None:
    """Take the first place that is said: the others of a moment are the same, with fewer digits if anything."""
    system = _TALKERS.get(sentence.talker)
    if system is not None:
        epoch.speakers.add(system)
    if epoch.lat is not None:
        return
    lat = _degrees(_LATITUDE, sentence.field(at), sentence.field(at + 1), "N", "S")
    lon = _degrees(_LONGITUDE, sentence.field(at + 2), sentence.field(at + 3), "E", "W")
    if lat is not None and lon is not None:
        epoch.lat, epoch.lon = lat, lon


def _movement(epoch: _Epoch, speed: str, unit_mps: float, course: str) -> None:
    value = _number(speed)
    if epoch.speed_mps is None and value is not None and value >= 0:
        epoch.speed_mps = value * unit_mps
    degrees = _number(course)
    if epoch.course_deg is None and degrees is not None and 0 <= degrees <= 360:
        epoch.course_deg = degrees % 360


def _degrees(form: re.Pattern[str], text: str, side: str, positive: str, negative: str) -> float | None:
    match = form.fullmatch(text)
    if match is None or side not in {positive, negative}:
        return None
    degrees = int(match[1]) + float(match[2]) / 60
    return -degrees if side == negative else degrees


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _dop(epoch: _Epoch, text: str) -> float | None:
    """The worse of what was said before and this."""
    value = _number(text)
    return epoch.hdop if value is None else max(value, epoch.hdop or 0.0)


def _most(before: int | None, text: str) -> int | None:
    return max(before or 0, int(text)) if text.isdecimal() and len(text) <= 3 else before


def _time(text: str) -> int | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3])
    return (hours * 3600 + minutes * 60 + seconds) * NS + int((match[4] or "0").ljust(9, "0"))


def _day(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _system_of(number: str) -> Constellation | None:
    if not number.isdecimal() or len(number) > 3:
        return None
    return next((system for first, last, system in _NUMBERS if first <= int(number) <= last), None)
