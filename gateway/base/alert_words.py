"""The words of alerts: what one tells of, and how much it matters. They stand below the settings, which use them."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What an alert tells of. Each is a key of `[alerts]`, too: its grade."""

    SOS = "sos"
    GEOFENCE_ENTER = "geofence_enter"
    GEOFENCE_LEAVE = "geofence_leave"
    UNIT_LOST = "unit_lost"
    NO_MOVEMENT = "no_movement"
    CAMERA_OFFLINE = "camera_offline"
    BATTERY_LOW = "battery_low"
    STORAGE_LOW = "storage_low"
    NOT_RECORDING = "not_recording"


class Grade(StrEnum):
    """How much an alert matters."""

    HIGH = "high"
    """Somebody has to look now."""
    ACTIVITY = "activity"
    OFF = "off"
    """It is not raised."""
