"""A picture of now: the newest decodable picture of a Hub, as a JPEG. Decoding runs in a worker process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.base.errors import CameraError, ConflictError, Fault
from gateway.base.workers import Processes, WorkerDiedError
from gateway.hub import Hub
from gateway.media.model import AccessUnit, TrackKind, UtcNs
from gateway.viewing.decoding import DECODERS, annex_b

MAX_UNITS = 600
"""Pictures of one GOP that are decoded to reach the newest one; beyond, the GOP's beginning is shown."""


class Snapshots:
    """Makes snapshots for everybody, one at a time."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    async def newest(
        self, hub: Hub, *, width: int | None = None, lines: Callable[[UtcNs], Sequence[str]] = lambda _: ()
    ) -> tuple[bytes, UtcNs]:
        """The newest picture in `hub` as a JPEG, at most `width` pixels wide, with `lines` drawn in for when it was
        captured, and when that was.

        Raises:
            ConflictError: there is no keyframe in the ring yet, or the codec cannot be decoded.
            CameraError: what the camera sent cannot be decoded.
        """
        position = hub.last_keyframe
        if position is None:
            raise ConflictError(f"{hub.camera_id} has sent no keyframe yet: try again in a moment")
        units = [
            item for item in hub.since(position) if isinstance(item, AccessUnit) and item.track.kind is TrackKind.VIDEO
        ]
        track = units[0].track
        decoder = DECODERS.get(track.codec)
        if decoder is None:
            raise ConflictError(f"{hub.camera_id} sends {track.label}, which cannot be decoded")
        units = units[:MAX_UNITS]
        stream = [annex_b(unit) for unit in units]
        utc_ns = max(unit.utc_ns for unit in units)
        try:
            picture = await self._processes.run(decode_to_jpeg, decoder, stream, width, tuple(lines(utc_ns)))
        except WorkerDiedError:
            picture = None
        if picture is None:
            raise CameraError(Fault.BAD_STREAM, f"The pictures of {hub.camera_id} cannot be decoded.")
        return picture, utc_ns


def decode_to_jpeg(decoder: str, stream: list[bytes], width: int | None, lines: Sequence[str]) -> bytes | None:
    """Decode Annex B access units and encode the last picture; None when there is none. Runs in a worker."""
    import av
    from av.error import FFmpegError

    from gateway.picture import jpeg

    context = av.CodecContext.create(decoder, "r")
    assert isinstance(context, av.VideoCodecContext)
    newest = None
    for data in [*stream, None]:
        try:
            for frame in context.decode(None if data is None else av.Packet(data)):
                newest = frame
        except FFmpegError:
            continue  # a damaged picture; the next keyframe or slice may be whole
    return None if newest is None else jpeg(newest, width, lines)
