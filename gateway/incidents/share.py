"""What a share is: a link by which somebody without an account sees one incident for a while. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.access.rights import Right
from gateway.access.visitors import Visitor
from gateway.incidents.incident import Incident
from gateway.media.model import UtcNs

MAX_RECIPIENT = 100


@dataclass(frozen=True, slots=True)
class Share:
    """A row of `shares`. Its key is known to nobody but who was told it."""

    id: int
    incident: int
    recipient: str
    """Who it was made for."""
    sound: bool
    positions: bool
    created_by: str
    created_ns: UtcNs
    expires_ns: UtcNs
    revoked_by: str | None
    revoked_ns: UtcNs | None
    """None: nobody has."""
    orphaned: bool
    """Who made it has no account any more: it rests on nothing."""

    @property
    def name(self) -> str:
        """As the audit names who comes by it: no account can be called so."""
        return f"share {self.id}: {self.recipient}"

    @property
    def why(self) -> str:
        """The reason of each look."""
        return f"share {self.id} of incident {self.incident}, made by {self.created_by} for {self.recipient}"

    @property
    def given(self) -> frozenset[Right]:
        """What it gives of the incident's cameras."""
        more = {Right.AUDIO: self.sound, Right.POSITION: self.positions}
        return frozenset({Right.RECORDED, *(right for right, is_so in more.items() if is_so)})

    def ended(self, now_ns: UtcNs) -> str | None:
        """Why it holds no more: "revoked", "expired" or "orphaned"; None: it holds."""
        if self.revoked_ns is not None:
            return "revoked"
        if self.expires_ns <= now_ns:
            return "expired"
        return "orphaned" if self.orphaned else None


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who has come by a share, and what they have come to, as it is now."""

    share: Share
    incident: Incident
    visitor: Visitor
