"""Who comes by a share: somebody without an account, who sees a part of what whoever made the share may see.

What is shared, until when and with whom is `gateway.incidents.shares`' to say. A visitor proves themselves with the
share's key, and is a Principal of the role and limits of its maker, cut down to `given` for `shared`.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.access.rights import Right
from gateway.access.users import Principal


@dataclass(frozen=True, slots=True)
class Visitor(Principal):
    """Somebody who has a share's key."""

    shared: frozenset[str] = frozenset()
    """The cameras that it is for."""
    given: frozenset[Right] = frozenset()
    """What it gives of them."""

    def of(self, camera: str, held: frozenset[Right]) -> frozenset[Right]:
        """What of the rights that its maker has `held` for a camera now has come to the visitor.

        Nobody passes on what they may not export: when the maker loses that right, the share has nothing left.
        """
        return held & self.given if camera in self.shared and Right.EXPORT in held else frozenset()
