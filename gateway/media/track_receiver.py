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
    """Give it packets, then pull until None. No call raises because of what a packet holds.

    `reorders`: packets come by a way that may change their order. `format`: the fmtp parameters of the track's SDP.

    Raises:
        ValueError: the track's codec is not taken here.
    """

    def __init__(
        self, track: Track, payload_type: int, *, reorders: bool, format: Mapping[str, str] | None = None
    ) -> None:
        self.timeline = Timeline(track.clock_rate, track.id)
        self.packets = RtpReceiver(payload_type, window=REORDER_WINDOW if reorders else 0)
        """Counts and orders them."""
        self.depacketizer = depacketizer(track, self.timeline, format)
        self._h264 = self.depacketizer if isinstance(self.depacketizer, H264Depacketizer) else None
        # The beginning of a picture: taken when the rest is here. Never anything else.
        self._waiting: list[bytes] = []
        self._waiting_since_ns: UtcNs = 0

    def receive(self, packets: list[bytes], received_ns: UtcNs) -> bool:
        """Take what came at `received_ns`; whether there is something to pull."""
        h264, due = self._h264, self.packets.due
        if h264 is None or due is None or (previous := h264.previous) is None:
            return self._one_by_one(packets, received_ns)
        waited, began_ns = len(self._waiting), received_ns
        if waited:
            packets, began_ns = self._waiting + packets, self._waiting_since_ns
            self._waiting = []
        found, taken, unfinished = pictures(packets, self.packets.payload_type, *due, previous)
        for picture in found:
            h264.push_picture(picture, began_ns, received_ns)
            self.packets.took(picture[4], picture[5])
            began_ns, waited = received_ns, 0
        if taken == len(packets):
            return True
        if taken:
            packets = packets[taken:]
        if unfinished and len(packets) <= MAX_WAITING:
            self._waiting, self._waiting_since_ns = packets, began_ns
            return taken > 0
        self._one_by_one(packets[:waited], began_ns)
        self._one_by_one(packets[waited:], received_ns)
        return True

    def pull(self) -> AccessUnit | Gap | None:
        """The next item, or None."""
        return self.depacketizer.pull()

    def poll(self, now_ns: UtcNs) -> None:
        """Give up packets that were waited for too long; call this about once a second."""
        for packet, at in self.packets.poll(now_ns):
            self.depacketizer.push(packet, at)

    def flush(self) -> None:
        """The stream has ended: what is complete can be pulled."""
        waiting, self._waiting = self._waiting, []
        self._one_by_one(waiting, self._waiting_since_ns)
        for packet, at in self.packets.flush():
            self.depacketizer.push(packet, at)
        self.depacketizer.flush()

    def _one_by_one(self, packets: list[bytes], received_ns: UtcNs) -> bool:
        ready, push = False, self.depacketizer.push
        for packet, at in self.packets.receive(packets, received_ns):
            ready = push(packet, at) or ready
        return ready
