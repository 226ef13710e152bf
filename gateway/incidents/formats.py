"""How alerts are handed out, to the page and to programs alike: their JSON."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from gateway.base.rfc3339 import format_utc
from gateway.incidents.alert import Alert
from gateway.incidents.where import AGE, FIX
from gateway.media.model import UtcNs


def told(alert: Alert, *, places: bool) -> dict[str, Any]:
    """An alert of the public surface. `places`: with where the wearer was."""
    hidden: Collection[str] = () if places else (FIX, AGE)
    return {
        "id": alert.id,
        "kind": alert.kind.value,
        "grade": alert.grade.value,
        "camera": alert.camera,
        "text": alert.text,
        "detail": {name: value for name, value in alert.detail.items() if name not in hidden},
        "utc": format_utc(alert.utc_ns),
        "created": format_utc(alert.created_ns),
        "ended": _utc(alert.ended_ns),
        "resolved": None
        if alert.resolved_ns is None
        else {"by": alert.resolved_by, "utc": _utc(alert.resolved_ns), "word": alert.resolution},
    }


def _utc(utc_ns: UtcNs | None) -> str | None:
    return None if utc_ns is None else format_utc(utc_ns)
