"""A picture of now: the newest decodable picture of a Hub, as a JPEG. Decoding runs in a worker process."""

from __future__ import annotations

from gateway.base.errors import CameraError, ConflictError, Fault
from gateway.base.workers import Processes, WorkerDiedError
from gateway.hub import Hub
from gateway.media.model import AccessUnit, TrackKind
from gateway.viewing.decoding import DECODERS, annex_b

MAX_UNITS = 600
"""Pictures of one GOP that are decoded to reach the newest one; beyond, the GOP's beginning is shown."""


class Snapshots:
    """Makes snapshots for everybody, one at a time."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    async def newest(self, hub: Hub) -> bytes:
        """The newest picture in `hub` as a JPEG in the camera's size.

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
        stream = [annex_b(unit) for unit in units[:MAX_UNITS]]
        try:
            picture = await self._processes.run(decode_to_jpeg, decoder, stream)
        except WorkerDiedError:
            picture = None
        if picture is None:
            raise CameraError(Fault.BAD_STREAM, f"The pictures of {hub.camera_id} cannot be decoded.")
        return picture


def decode_to_jpeg(decoder: str, stream: list[bytes]) -> bytes | None:
    """Decode Annex B access units and encode the last picture; None when there is none. Runs in a worker."""
    from fractions import Fraction

    import av
    from av.error import FFmpegError

    context = av.CodecContext.create(decoder, "r")
    assert isinstance(context, av.VideoCodecContext)
    newest = None
    for data in [*stream, None]:
        try:
            for frame in context.decode(None if data is None else av.Packet(data)):
                newest = frame
        except FFmpegError:
            continue  # a damaged picture; the next keyframe or slice may be whole
    if newest is None:
        return None
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = newest.width, newest.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"qmin": "3", "qmax": "5"}
    picture = newest.reformat(format="yuvj420p")
    picture.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
