"""Who plays something by RTSP, as administrators are told: the same for what is live and for what was recorded."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.access.audit import Action
from gateway.access.portion import Portion
from gateway.access.views import View
from gateway.media.model import UtcNs


@dataclass(frozen=True, slots=True)
class Reader:
    """One that plays."""

    id: int
    """The number of the audit's row that says that it began."""
    account: str
    address: str
    agent: str
    """What its program calls itself; empty: nothing."""
    camera: str
    portion: Portion
    recorded: bool
    """It plays what was recorded, not what is live."""
    since_ns: UtcNs

    @classmethod
    def of(cls, view: View, agent: str, camera: str, portion: Portion, since_ns: UtcNs) -> Reader:
        """The reader that a view of the audit is."""
        recorded = view.action is Action.PLAYBACK
        return cls(view.id, view.actor, view.address, agent, camera, portion, recorded, since_ns)
