"""The words of the table of rights: what a user can be, and what somebody may do.

They stand below the settings, whose policy uses them. Who has what is `gateway.access.rights`.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a user is."""

    ADMINISTRATOR = "administrator"
    DISPATCHER = "dispatcher"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    NVR = "nvr"


class Right(StrEnum):
    """What somebody may do."""

    OPEN = "open"
    """Needs no log-in."""
    LOGGED_IN = "logged_in"
    """Any log-in will do."""
    LIVE = "live"
    """The picture of now."""
    RECORDED = "recorded"
    """What was recorded."""
    POSITION = "position"
    """Where the wearer is and was: a right of its own, with and without the picture."""
    AUDIO = "audio"
    """The sound of what one may see. Without it a live session has none."""
    EXPORT = "export"
    """Taking recordings away in a file."""
    RESPOND = "respond"
    """Dealing with what happens: alerts and geofences, incidents and the notes on them."""
    CONFIGURE = "configure"
    AUDIT = "audit"
    """Reading who did what."""
    METRICS = "metrics"
    SHELL = "shell"
    """Commands on the machine itself: whoever may read the data directory."""


GRANTED = tuple(right for right in Right if right not in {Right.OPEN, Right.LOGGED_IN, Right.SHELL})
"""What a policy can give to a role."""
OF_ONE_CAMERA = frozenset(
    {Right.LIVE, Right.RECORDED, Right.POSITION, Right.AUDIO, Right.EXPORT, Right.RESPOND, Right.CONFIGURE}
)
"""What can be given for groups of cameras; the others are about the whole gateway."""
