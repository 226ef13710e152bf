"""How full a simulated unit's battery is: it falls while the unit films, and is changed before it is empty."""

from __future__ import annotations

_CHARGES = (88.0, 61.0, 18.0, 42.0, 96.0, 74.0)
"""With which the units begin, one after the other: of the third one hears soon."""
_LOWEST, _FRESH = 6.0, 100.0
_PERCENT_A_MINUTE = 0.5


def battery_percent(seed: int, seconds: float) -> float:
    """Percent, to a tenth, after so many seconds of filming."""
    spent = _CHARGES[seed % len(_CHARGES)] - _PERCENT_A_MINUTE * seconds / 60
    return round(spent if spent >= _LOWEST else _FRESH - (_LOWEST - spent) % (_FRESH - _LOWEST), 1)
