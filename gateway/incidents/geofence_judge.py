"""Which unit is on which side of which geofence, and when one has crossed.

Pure: Fixes in, Crossings out; no clock, no database, no alerts (`geofence_watch` has these). Receivers are wrong by a
few metres that come and go slowly, so a unit that stands on an edge is found on either side in turn. A crossing is
believed when the other side is certain (`SURE_SIGMAS`), or likely several times in a row (`LIKELY_SIGMAS`), or has
lasted (`LASTING_NS`), which is how geofences that are hardly wider than the error are entered at all.

A Fix costs a comparison with each geofence's box. The distance to an edge is worked out only within the box, and, as it
changes by no more than the unit moves, only once it might have shrunk to where it matters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.incidents.geofence import Geofence
from gateway.media.model import NS, Fix, UtcNs
from gateway.positions.geodesy import offset_m
from gateway.positions.receivers import sigma_m

SURE_SIGMAS = 5.0
"""So deep on the other side, one Fix is enough."""
LIKELY_SIGMAS, LIKELY_FIXES = 3.0, 3
"""So deep on the other side, so many in a row are."""
LASTING_NS = 120 * NS
"""However near the edge, after all Fixes of so long were on the other side it has crossed."""
CLOCK_SET_BACK_NS = 60 * NS
"""Fixes from before the newest are late and say nothing; when for so long no other comes, the clock was set back."""
_FREE_AT_MOST_M, _FREE_SHARE = 20_000.0, 0.9
"""How far the plane that distances are measured on is trusted."""

Key: TypeAlias = tuple[int, str]
"""A geofence's number and a camera's id."""


@dataclass(frozen=True, slots=True)
class Side:
    """Where a unit is, as far as a geofence is concerned: a row of `geofence_sides`."""

    inside: bool
    since_ns: UtcNs
    """When it was there first."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A unit has entered or left."""

    geofence: Geofence
    camera: str
    entered: bool
    fix: Fix
    """The first on the other side."""


@dataclass(slots=True)
class _Place:
    """A unit within a geofence, or about to be."""

    inside: bool
    first: Fix | None = None
    """Of those in a row that are on the other side."""
    likely: int = 0
    """How many of them in a row were likely enough."""
    lat: float = 0.0
    lon: float = 0.0
    free_m: float = 0.0
    """So far around that place the unit is on the same side."""

    def same_side(self, fix: Fix, depth_m: float) -> None:
        self.first, self.likely = None, 0
        self.lat, self.lon = fix.lat, fix.lon
        self.free_m = _FREE_SHARE * min(depth_m, _FREE_AT_MOST_M)

    def surely_same_side(self, fix: Fix) -> bool:
        if self.first is not None or not self.free_m:
            return False
        east, north = offset_m(self.lat, self.lon, fix.lat, fix.lon)
        return east * east + north * north < self.free_m * self.free_m

    def other_side(self, fix: Fix, depth_m: float) -> Fix | None:
        """The first Fix of a crossing, when this one makes it believed."""
        first = self.first = self.first or fix
        off_m = sigma_m(fix)
        self.likely = self.likely + 1 if depth_m > LIKELY_SIGMAS * off_m else 0
        sure = depth_m > SURE_SIGMAS * off_m
        if sure or self.likely >= LIKELY_FIXES or fix.utc_ns - first.utc_ns >= LASTING_NS:
            return first
        return None


@dataclass(slots=True)
class _Unit:
    """What is known of one camera."""

    newest_ns: UtcNs | None = None
    """UTC of the newest Fix that was judged, and"""
    received_ns: UtcNs = 0
    """when that came."""
    known: set[int] = field(default_factory=set)
    """Geofences whose side is known: outside, unless there is a place."""
    places: dict[int, _Place] = field(default_factory=dict)
    boxes: list[tuple[float, float, float, float, Geofence]] | None = None
    """Of the geofences that are for it: south, north, west, east. None: to be found anew."""


class Judge:
    """Judges the Fixes of all units. `concerns` says whether a geofence is for a camera."""

    def __init__(self, concerns: Callable[[Geofence, str], bool]) -> None:
        self._concerns = concerns
        self._geofences: dict[int, Geofence] = {}
        self._units: dict[str, _Unit] = {}
        self._decided: dict[Key, Side | None] = {}

    def remember(self, sides: Mapping[Key, Side]) -> None:
        """Begin with these sides: what was known before a restart. Before any Fix."""
        for (geofence, camera), side in sides.items():
            unit = self._units.setdefault(camera, _Unit())
            unit.known.add(geofence)
            if side.inside:
                unit.places[geofence] = _Place(inside=True)
            unit.newest_ns = max(unit.newest_ns or side.since_ns, side.since_ns)

    def apply(self, geofences: Iterable[Geofence]) -> None:
        """These are all geofences now. Of one that encloses something else the sides are forgotten."""
        before, self._geofences = self._geofences, {geofence.id: geofence for geofence in geofences}
        gone = {
            number for number, was in before.items()
            if (now := self._geofences.get(number)) is None or now.shape != was.shape
        }  # fmt: skip
        for camera, unit in self._units.items():
            self._forget(camera, unit, gone & unit.known)
        self.look_again()

    def look_again(self) -> None:
        """Which geofence is for which camera may have changed."""
        for unit in self._units.values():
            unit.boxes = None

    def forget(self, camera: str) -> None:
        """There is no such camera any more."""
        if (unit := self._units.pop(camera, None)) is not None:
            self._forget(camera, unit, unit.known)

    def push(self, camera: str, fix: Fix) -> list[Crossing]:
        """Judge a Fix that was accepted. The first of a unit decides where it is and is no crossing.

        One from before the newest says nothing of now.
        """
        unit = self._units.get(camera)
        if unit is None:
            unit = self._units[camera] = _Unit()
        if unit.boxes is None:
            self._find_boxes(camera, unit)
            assert unit.boxes is not None
        if unit.newest_ns is not None and fix.utc_ns <= unit.newest_ns:
            if not unit.received_ns:
                unit.received_ns = fix.received_ns  # the newest came before a restart: wait from now on
            if fix.received_ns - unit.received_ns < CLOCK_SET_BACK_NS:
                return []
            self._forget(camera, unit, set(unit.known))
        unit.newest_ns, unit.received_ns = fix.utc_ns, fix.received_ns
        lat, lon = fix.lat, fix.lon
        hit = [g for south, north, west, east, g in unit.boxes if south <= lat <= north and west <= lon <= east]
        if len(unit.known) < len(unit.boxes):
            self._decide(camera, unit, fix, {g.id for g in hit})
        crossings = [crossing for g in hit if (crossing := self._look(camera, unit, g, fix)) is not None]
        if unit.places:
            within = {g.id for g in hit}
            elsewhere = [self._geofences[number] for number in unit.places if number not in within]
            crossings += [c for g in elsewhere if (c := self._look(camera, unit, g, fix)) is not None]
        return crossings

    def take_decided(self) -> dict[Key, Side | None]:
        """What changed of the sides since the last call; None: not known any more."""
        decided, self._decided = self._decided, {}
        return decided

    # ---- inside

    def _find_boxes(self, camera: str, unit: _Unit) -> None:
        mine = [g for g in self._geofences.values() if self._concerns(g, camera)]
        unit.boxes = [(g.shape.box.south, g.shape.box.north, g.shape.box.west, g.shape.box.east, g) for g in mine]
        self._forget(camera, unit, unit.known - {g.id for g in mine})

    def _forget(self, camera: str, unit: _Unit, geofences: Collection[int]) -> None:
        for number in list(geofences):
            unit.known.discard(number)
            unit.places.pop(number, None)
            self._decided[number, camera] = None

    def _decide(self, camera: str, unit: _Unit, fix: Fix, hit: set[int]) -> None:
        """Take the sides that are not known from this Fix."""
        assert unit.boxes is not None
        for *_, geofence in unit.boxes:
            if geofence.id in unit.known:
                continue
            unit.known.add(geofence.id)
            inside = geofence.id in hit and geofence.shape.depth_m(fix.lat, fix.lon) > 0
            if inside:
                unit.places[geofence.id] = _Place(inside=True)
            self._decided[geofence.id, camera] = Side(inside, fix.utc_ns)

    def _look(self, camera: str, unit: _Unit, geofence: Geofence, fix: Fix) -> Crossing | None:
        """Look at one geofence whose box the unit is in, or in whose book it is."""
        place = unit.places.get(geofence.id)
        if place is not None and place.surely_same_side(fix):
            return None
        depth_m = geofence.shape.depth_m(fix.lat, fix.lon)
        if place is None:
            if depth_m <= 0:
                return None
            place = unit.places[geofence.id] = _Place(inside=False)
        if (depth_m > 0) == place.inside:
            if place.inside:
                place.same_side(fix, depth_m)
            else:
                del unit.places[geofence.id]
            return None
        first = place.other_side(fix, abs(depth_m))
        if first is None:
            return None
        entered = not place.inside
        if entered:
            unit.places[geofence.id] = _Place(inside=True)
        else:
            del unit.places[geofence.id]
        self._decided[geofence.id, camera] = Side(entered, first.utc_ns)
        return Crossing(geofence, camera, entered, first)
