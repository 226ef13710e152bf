"""Where a device says that it is, asked for: GetGeoLocation (ONVIF Core 8.3.23). Sans-IO.

A device may know several places: its own, those of its video sources, and those of other devices it was told of
(`tt:LocationEntity`, Core 8.3.20). Which one is the camera's is chosen here; calling the device belongs to `camera`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onvif_protocol.metadata import number
from onvif_protocol.soap import Element, element, qname

_SOURCE = "videosource"
_DEVICE = "device"


@dataclass(frozen=True, slots=True)
class GeoLocation:
    """One `tt:LocationEntity` with coordinates. Finite, but not checked for sense."""

    lat: float
    """Degrees, north positive."""
    lon: float
    """Degrees, east positive."""
    elevation_m: float | None = None
    entity: str = ""
    """`Device`, `VideoSource` or `AudioSource`; empty where the device does not say."""
    token: str = ""
    """Which source; empty for the device."""
    automatic: bool = False
    """Measured by the device (`AutoGeo`), not written down by whoever mounted it."""
    foreign: bool = False
    """Of another device (`GeoSource`)."""


def get_geo_location() -> Element:
    """Asks for all places."""
    return element("tds:GetGeoLocation")


def parse_locations(answer: Element) -> list[GeoLocation]:
    """Those of a GetGeoLocationResponse that have coordinates; the rest is of no use."""
    found = []
    for entry in answer.findall(qname("tds:Location")):
        place = entry.find(qname("tt:GeoLocation"))
        lat, lon = (None, None) if place is None else (number(place.get("lat")), number(place.get("lon")))
        if place is None or lat is None or lon is None:
            continue
        found.append(
            GeoLocation(
                lat,
                lon,
                number(place.get("elevation")),
                entry.get("Entity", ""),
                entry.get("Token", ""),
                automatic=entry.get("AutoGeo", "").strip() in {"true", "1"},
                foreign=bool(entry.get("GeoSource", "").strip()),
            )
        )
    return found


def own(locations: Sequence[GeoLocation], source: str) -> GeoLocation | None:
    """The place of the camera whose video source has the token `source`; None: it is not among them.

    The source's own place goes before the device's, and one that is measured before one that was written down. The
    place of another source is never taken: an NVR has a camera on each.
    """
    sources = {place.token for place in locations if place.entity.lower() == _SOURCE}

    def fits(place: GeoLocation) -> bool:
        if place.foreign:
            return False
        if place.entity.lower() == _SOURCE:
            return place.token == source or (not source and len(sources) == 1)
        return place.entity.lower() in {"", _DEVICE}

    found = [place for place in locations if fits(place)]
    return max(found, key=lambda place: (place.entity.lower() == _SOURCE, place.automatic), default=None)
