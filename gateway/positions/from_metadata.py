"""From what an ONVIF metadata document says to Fixes, and to how the unit is. Reading the XML is
`onvif_protocol.metadata`'s work.
"""

from __future__ import annotations

from gateway.media.model import Fix, UnitHealth, UtcNs
from gateway.positions.receivers import course_of
from onvif_protocol.metadata import BATTERY_ITEM, BATTERY_TOPIC, Carrier, MetadataDocument, number


def fixes(document: MetadataDocument, *, utc_ns: UtcNs, received_ns: UtcNs) -> list[Fix]:
    """One Fix for each position of the document, not validated yet: that is the Tracker's work.

    `utc_ns` dates the carriers that say no time of their own: that of the access unit the document came in. A course
    without movement is left out; everything else is as the camera said it.
    """
    return [
        Fix(
            utc_ns=utc_ns if position.utc_ns is None else position.utc_ns,
            lat=position.lat,
            lon=position.lon,
            altitude_m=position.elevation_m,
            speed_mps=position.speed_mps,
            course_deg=course_of(position.course_deg, position.speed_mps),
            accuracy_m=position.accuracy_m,
            carrier=position.carrier.value,
            received_ns=received_ns,
        )
        for position in document.positions
    ]


def health(document: MetadataDocument, *, utc_ns: UtcNs) -> UnitHealth | None:
    """How the unit is by the newest of the document's events; None: they say nothing of it.

    The standard knows the battery's charge (ONVIF Core 8.9.6). That a storage has failed (8.9.10) says nothing of how
    much is free, and of signals there is nothing.
    """
    for event in reversed(document.events):
        if event.topic == BATTERY_TOPIC and event.operation != "Deleted":
            percent = number(dict(event.data).get(BATTERY_ITEM))
            if percent is not None and 0 <= percent <= 100:
                moment = utc_ns if event.utc_ns is None else event.utc_ns
                return UnitHealth(moment, battery_percent=percent, carrier=Carrier.EVENT.value)
    return None
