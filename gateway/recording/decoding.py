"""One recorded picture: where the bytes lie that it is decoded from, and the decoding, in a worker process.

Which picture that is, `moment` says. This imports next to nothing: the less the worker has to load, the sooner there is
a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.recording.files import Files

if TYPE_CHECKING:
    from gateway.media.model import UtcNs


@dataclass(frozen=True, slots=True)
class Moment:
    """One recorded picture, and how to come by it."""

    path: str
    """The file, relative to the folder of recordings."""
    utc_ns: UtcNs
    """When it was captured."""
    exact: bool
    """Whether it is the one that was to be seen at the moment that was asked for, not just the nearest keyframe."""
    decoder: str
    config: bytes
    """What the decoder is set up with."""
    samples: tuple[tuple[int, int], ...]
    """Where the coded pictures lie, from the keyframe to this one: offset and size of each."""


def load() -> None:
    """In a worker: import what `decode` needs."""
    import av  # noqa: F401

    import gateway.media.stamp
    import gateway.picture  # noqa: F401


def decode(files: Files, moment: Moment, width: int | None, lines: tuple[str, ...]) -> bytes | None:
    """In a worker: the picture as a JPEG, at most `width` pixels wide, with `lines` drawn in; None when it cannot be
    decoded.

    Raises:
        OSError: the file cannot be read.
    """
    import av
    from av.error import FFmpegError

    from gateway.picture import jpeg

    context = av.CodecContext.create(moment.decoder, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.extradata = moment.config
    wanted = len(moment.samples) - 1
    with files.reader(moment.path) as read_at:
        coded = [read_at(*sample) for sample in moment.samples]
    newest = None
    for number, data in enumerate([*coded, None]):
        packet = None if data is None else av.Packet(data)
        if packet is not None:
            packet.pts = packet.dts = number
        try:
            for frame in context.decode(packet):
                if newest is None or newest.pts != wanted:  # pictures come out in the order in which they are shown
                    newest = frame
        except FFmpegError:
            continue  # a damaged picture; those after it may be whole
    return None if newest is None else jpeg(newest, width, lines)
