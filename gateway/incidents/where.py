"""Where a wearer was when something happened, as the detail of an alert tells it."""

from __future__ import annotations

from typing import Any

from gateway.access.authority import Authority
from gateway.ingest.fleet import Camera
from gateway.media.model import NS, UtcNs
from gateway.positions.formats import fix_json

FIX, AGE = "fix", "fix_age_s"
"""Members of a detail that are for who has the right POSITION alone."""


def where(camera: Camera, authority: Authority, utc_ns: UtcNs) -> dict[str, Any]:
    """The newest position, and how many seconds older than `utc_ns` it is; {} when there is none.

    Nor is there one while the wearer's privacy mode hides it: an alert is read long after that mode has ended.
    """
    fix = camera.fix
    if fix is None or authority.hides_position(camera.id):
        return {}
    return {FIX: fix_json(fix), AGE: round(max(0, utc_ns - fix.utc_ns) / NS, 1)}
