"""Those who read one camera and keep up: each picture goes to all of them in one call.

Whoever took the last packets whole is a member, and is sent the next without being asked. Who takes less, or is being
answered, leaves, and is looked after by its `delivery` until it has caught up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.rtsp.kernel import send_to_all

if TYPE_CHECKING:
    from gateway.rtsp.presentation import Burst, Receiver
    from gateway.rtsp.sending import Sending


@dataclass(slots=True)
class _Lane:
    """Those who have a track on the same channel, and so get the same bytes."""

    fds: list[int] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    receivers: list[Receiver] = field(default_factory=list)


class Fan:
    """The members of one Mount. All calls from the event loop's thread."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[int, int], _Lane] = {}
        """By track and channel."""
        self._members: dict[Receiver, tuple[Sending, list[_Lane]]] = {}

    def __contains__(self, receiver: Receiver) -> bool:
        return receiver in self._members

    def join(self, receiver: Receiver, sending: Sending, channels: dict[int, int]) -> None:
        """Send to `receiver` by `sending`, the tracks that have `channels`. Nothing waits there now."""
        if receiver in self._members or sending.fd is None:
            return
        lanes = [self._lanes.setdefault(lane, _Lane()) for lane in channels.items()]
        for lane in lanes:
            lane.fds.append(sending.fd)
            lane.sendings.append(sending)
            lane.receivers.append(receiver)
        self._members[receiver] = sending, lanes
        sending.on_blocked[receiver] = lambda: self.leave(receiver)

    def leave(self, receiver: Receiver) -> None:
        """Send no more to `receiver`. Idempotent."""
        sending, lanes = self._members.pop(receiver, (None, ()))
        if sending is None:
            return
        sending.on_blocked.pop(receiver, None)
        for lane in lanes:
            place = lane.receivers.index(receiver)
            del lane.receivers[place], lane.sendings[place], lane.fds[place]

    def send(self, burst: Burst) -> list[Receiver]:
        """Send to every member that has the track; returns those who left before it was their turn, unsent: of somebody
        else on the same connection not all was taken.
        """
        turns = [
            (lane, channel, tuple(lane.receivers))
            for (track_id, channel), lane in self._lanes.items()
            if track_id == burst.track_id and lane.fds
        ]
        unsent: list[Receiver] = []
        for lane, channel, expected in turns:
            if len(lane.receivers) != len(expected):
                unsent += [receiver for receiver in expected if receiver not in lane.receivers]
            data = burst.interleaved(channel)
            # First who they are, for they leave.
            short = [(lane.sendings[place], sent) for place, sent in send_to_all(lane.fds, data)]
            for sending, sent in short:
                sending.wait_with(data[sent:])
        return unsent
