"""What is to be told of an alert to somebody outside, and what can take it there: values and a Protocol.

When something is sent, and when again, is `outbox`'s; how, that of the senders (`webhooks`, `mail`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.base.errors import SightlineError
from gateway.media.model import UtcNs


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of `deliveries`: one message about one alert, for one channel."""

    id: int
    alert: int
    channel: str
    """`webhook:NAME` or `mail:NAME`."""
    message: Mapping[str, Any]
    """JSON, as it was when the alert was written: `type` (`alert.opened`, `alert.resolved`, `alert.test`), `timestamp`
    (when that happened), `data` (the Alert), `unit` (the camera's name, or null), `url` (of the page, or null).
    """
    created_ns: UtcNs
    attempts: int = 0
    next_ns: UtcNs | None = None
    """None: it is over."""
    delivered_ns: UtcNs | None = None
    error: str | None = None
    """Of the last attempt, a sentence."""

    @property
    def message_id(self) -> str:
        """The same at every attempt, and for no other message: by it who gets it twice can tell."""
        return f"msg_{self.created_ns:x}_{self.id}"


class NotDeliveredError(SightlineError):
    """An attempt has failed. `str(error)` is a sentence, without secrets."""

    def __init__(self, reason: str, *, retry_after: float = 0.0, final: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        """Seconds that whoever refused it wants to be left alone; 0: they did not say."""
        self.final = final
        """Whether another attempt is of no use."""


class Sender(Protocol):
    """Takes messages to one channel."""

    @property
    def most(self) -> int:
        """How many Deliveries one sending may carry."""

    def wait_seconds(self) -> float:
        """How long it has to be left alone; 0: it may send."""

    async def send(self, deliveries: Sequence[Delivery]) -> str | None:
        """Send them, at most `most`, oldest first; back within seconds. None, or what went wrong all the same.

        Raises:
            NotDeliveredError: none of them arrived.
        """

    async def close(self) -> None:
        """Let go of connections."""
