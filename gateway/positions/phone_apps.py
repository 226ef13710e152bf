"""How phones' apps are told where to report: the addresses that go into OsmAnd and Traccar Client.

What they then send is `osmand`'s to read.
"""

from __future__ import annotations

from urllib.parse import urlencode

REPORT_PATH = "/api/report/"
"""Of the gateway's HTTP port; the camera's position key follows."""


def report_address(base: str, key: str) -> str:
    """Where a phone reports to; `base` is the gateway's address as phones reach it, as in `https://host`."""
    return base.rstrip("/") + REPORT_PATH + key


def traccar_link(address: str, camera: str) -> str:
    """What Traccar Client (9 and later) sets itself up by when it scans it as a QR code: a fix every two seconds, also
    of who stands, and what could not be sent is kept.
    """
    wanted = {
        "id": camera,
        "accuracy": "highest",
        "distance": "0",
        "interval": "2",
        "stop_detection": "false",
        "buffer": "true",
    }
    return f"{address}?{urlencode(wanted)}"


def osmand_template(address: str, camera: str) -> str:
    """OsmAnd's "Web address" for online tracking. It fills in the braces: its third is metres of accuracy, whatever
    other services call it, and its fifth metres a second.
    """
    filled = "lat={0}&lon={1}&timestamp={2}&accuracy={3}&altitude={4}&speed_mps={5}&bearing={6}"
    return f"{address}?{urlencode({'id': camera})}&{filled}"
