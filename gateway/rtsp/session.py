"""What one client set up: its tracks, how they reach it, and whether they are played (RFC 2326 3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from gateway.base.clock import Clock
from gateway.rtsp.delivery import DatagramOutlet, Delivery, InterleavedOutlet
from gateway.rtsp.presentation import Presentation

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.rtsp.server_connection import ServerConnection

Outlets: TypeAlias = InterleavedOutlet | DatagramOutlet


@dataclass(frozen=True, slots=True)
class Opening:
    """What is set up, and for whom."""

    path: str
    user: str
    presentation: Presentation


class Session:
    """One of the server's. `on_end(self, why)` is called when the presentation or a slow client ends it."""

    def __init__(
        self,
        name: str,
        opening: Opening,
        client: ServerConnection,
        outlet: Outlets,
        clock: Clock,
        on_moved: Callable[[], None],
        on_end: Callable[[Session, str], None],
    ) -> None:
        self.id = name
        self.path = opening.path
        self.user = opening.user
        self.presentation = opening.presentation
        self.client = client
        """Whose connection it was set up on. One by UDP may outlive it."""
        self.outlet = outlet
        self.playing = False
        self.seen_at = clock.monotonic()
        self.tracks: set[int] = set()
        self.on_end: list[Callable[[], None]] = []
        """Called once when it is over."""
        self.delivery = Delivery(outlet, clock, lambda why: on_end(self, why), on_moved)

    @property
    def is_interleaved(self) -> bool:
        """Whether the packets travel within the RTSP connection."""
        return isinstance(self.outlet, InterleavedOutlet)

    def pause(self, why: str) -> None:
        """Stop sending."""
        self.playing = False
        self.presentation.detach(self.delivery, why)
