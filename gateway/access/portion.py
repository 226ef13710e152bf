"""What of a camera somebody gets beside its picture: the one rule for every way out, live or recorded.

RTSP, WebRTC, HLS, files, snapshots and exports all ask here, so that none gives away what another keeps. Whether
somebody may see the camera at all is `gateway.access.authority`'s to say, which also knows their rights.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from gateway.base.roles import Right
from gateway.media.model import TrackKind


@dataclass(frozen=True, slots=True)
class Portion:
    """What goes out with the picture."""

    sound: bool
    positions: bool
    """The metadata track, and whatever else says where the wearer is: a stamp, a data channel, a file beside."""

    @classmethod
    def of(cls, rights: Set[Right]) -> Portion:
        """That of somebody who has these `rights` for a camera: `Authority.rights`."""
        return cls(Right.AUDIO in rights, Right.POSITION in rights)

    @property
    def rights(self) -> frozenset[Right]:
        """What it rests on: when one of these is lost, it may go out no longer."""
        return frozenset({Right.AUDIO} if self.sound else ()) | frozenset({Right.POSITION} if self.positions else ())

    def has(self, kind: TrackKind) -> bool:
        """Whether tracks of this kind are in it."""
        return kind is TrackKind.VIDEO or (self.positions if kind is TrackKind.METADATA else self.sound)
