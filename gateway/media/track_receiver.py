"""One track on its way in: RTP packets, as they came, to units.

Here belongs the short cut: nearly every packet is one of a plain H.264 picture that came whole and in order, and those
are taken a picture at a time (`kernel.pictures`). Whatever else comes goes packet by packet through `rtp.RtpReceiver`
and the depacketizer, which know every case; the units are the same either way.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.media.depacketize import depacketizer
from gateway.media.h264_rtp import H264Depacketizer
from gateway.media.kernel import pictures
from gateway.media.model import AccessUnit, Gap, Track, UtcNs
from gateway.media.rtp import REORDER_WINDOW, RtpReceiver
from gateway.media.timeline import Timeline

MAX_WAITING = 512
"""Packets of one picture that are kept until the rest comes; those of a larger one go one by one."""


class TrackReceiver:
    """Give it packets, and take the items that they complete. No call raises because of what a packet holds.

    `reorders`: packets come by a way that may change their order. `format`: the fmtp parameters of the track's SDP.

    Raises:
        ValueError: the track's codec is not taken here.
    """

    def __init__(
        self, track: Track, payload_type: int, *, reorders: bool, format: Mapping[str, str] | None = None
    ) -> None:
        self.timeline = Timeline(track.clock_rate, track.id)
        self.packets = RtpReceiver(payload_type, window=REORDER_WINDOW if reorders else 0)
        """Counts and orders them. Its counters are up to date after `poll`."""
        self.depacketizer = depacketizer(track, self.timeline, format)
        self._h264 = self.depacketizer if isinstance(self.depacketizer, H264Depacketizer) else None
        # While the short cut is open: what the next picture must be like, and what was taken past `packets`.
        self._is_open = False
        self._ssrc = self._due = self._previous = 0
        self._taken = self._taken_bytes = 0
        # The beginning of a picture: taken when the rest is here. Never anything else.
        self._waiting: list[bytes] = []
        self._waiting_since_ns: UtcNs = 0

    def receive(self, packets: list[bytes], received_ns: UtcNs) -> list[AccessUnit | Gap]:
        """Take what came at `received_ns`; what is complete now, in order."""
        if not self._is_open:
            self._one_by_one(packets, received_ns)
            return self._items()
        waited, began_ns = len(self._waiting), received_ns
        if waited:
            packets, began_ns = self._waiting + packets, self._waiting_since_ns
            self._waiting = []
        found, taken, unfinished = pictures(packets, self.packets.payload_type, self._ssrc, self._due, self._previous)
        items: list[AccessUnit | Gap] = []
        if found:
            assert self._h264 is not None
            for picture in found:
                unit = self._h264.push_picture(picture, began_ns, received_ns)
                if unit is not None:
                    items.append(unit)
                else:
                    items += self._items()
                self._taken_bytes += picture[5]
                began_ns = received_ns
            self._previous = found[-1][0]
            self._due += taken
            self._taken += taken
            if taken == len(packets):
                return items
            packets, waited = packets[taken:], 0
        if unfinished and len(packets) <= MAX_WAITING:
            self._waiting, self._waiting_since_ns = packets, began_ns
            return items
        self._close()
        self._one_by_one(packets[:waited], began_ns)
        self._one_by_one(packets[waited:], received_ns)
        return items + self._items()

    def poll(self, now_ns: UtcNs) -> list[AccessUnit | Gap]:
        """Give up packets that were waited for too long; call this about once a second. What is complete now."""
        self._tell()
        for packet, at in self.packets.poll(now_ns):
            self.depacketizer.push(packet, at)
        return self._items()

    def flush(self) -> list[AccessUnit | Gap]:
        """The stream has ended: what is complete of the rest."""
        waiting, self._waiting = self._waiting, []
        self._close()
        self._one_by_one(waiting, self._waiting_since_ns)
        for packet, at in self.packets.flush():
            self.depacketizer.push(packet, at)
        self.depacketizer.flush()
        return self._items()

    # ---- inside

    def _one_by_one(self, packets: list[bytes], received_ns: UtcNs) -> None:
        """The long way, which leads back to the short cut."""
        push = self.depacketizer.push
        for packet, at in self.packets.receive(packets, received_ns):
            push(packet, at)
        previous, due = None if self._h264 is None else self._h264.previous, self.packets.due
        self._is_open = previous is not None and due is not None
        if previous is not None and due is not None:
            self._previous, (self._ssrc, self._due) = previous, due

    def _items(self) -> list[AccessUnit | Gap]:
        items: list[AccessUnit | Gap] = []
        while (item := self.depacketizer.pull()) is not None:
            items.append(item)
        return items

    def _close(self) -> None:
        self._tell()
        self._is_open = False

    def _tell(self) -> None:
        """`packets` hears of those that were taken past it."""
        if self._taken:
            self.packets.took(self._taken, self._taken_bytes)
            self._taken = self._taken_bytes = 0
