"""The process that turns one camera's video into H.264 constrained baseline, or H.265. It has no clock and no camera.

Here belongs what is done with PyAV; what goes in and when is decided in `transcode`, which starts this. For each ORDER
that comes in, the pictures it led to go out as a PICTURE and its bytes (Annex B, parameter sets in keyframes), none or
several; then a DIGESTED.
"""

from __future__ import annotations

import contextlib
import json
import struct
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum, IntFlag
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

from gateway.base.records import records, reply, step_back

if TYPE_CHECKING:
    from av import VideoCodecContext, VideoFrame

ORDER = struct.Struct("<BBq")
"""An Order, the number of the decoder among `CODECS`, and the picture's pts; its bytes follow."""
PICTURE = struct.Struct("<BBq")
"""PICTURE_TAG, 1 for a keyframe, and the pts as it came in."""
DIGESTED = struct.Struct("<BB")
"""DIGESTED_TAG, 1 when the bytes could not be decoded."""
PICTURE_TAG, DIGESTED_TAG = 1, 2
CODECS = ("h264", "hevc")
"""FFmpeg's names: of what comes in by their number in an ORDER, of what goes out in the VideoSettings."""

TICKS = 90_000
"""A second of pts."""
MAX_STEP_TICKS = TICKS
"""The rate control sees at most a second between two pictures."""


class Order(IntFlag):
    """What is to be done with a picture, beside decoding it."""

    SHOW = 1
    """Encode what comes of it. Without: it only helps to decode the next ones."""
    KEYFRAME = 2
    """The next picture encoded is to be a keyframe."""
    FLUSH = 4
    """No picture comes with it: give out what the decoder holds back, and begin anew."""


class Rate(IntEnum):
    """Bit rates by picture size, where none is asked for: kbit/s = BASE + pixels / PIXELS."""

    BASE = 300
    PIXELS = 500


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """What is made of a camera's pictures."""

    max_width: int
    """Pixels: wider pictures are made smaller, in their proportions."""
    kbps: int = 0
    """At most, over half a second; 0: what suits the size."""
    max_fps: int = 0
    """Pictures a second at most; 0: as many as the camera sends."""
    keyframe_seconds: float = 2.0
    codec: str = "h264"
    """Of what is made, among `CODECS`."""

    def to_json(self) -> str:
        """As the worker takes it for its argument."""
        return json.dumps(asdict(self))


class Encoder:
    """Frames in, pictures out, each at once. The size follows the frames'."""

    def __init__(self, settings: VideoSettings) -> None:
        self._settings = settings
        self._context: VideoCodecContext | None = None
        self._size = (0, 0)
        self._ticks = 0
        """The rate control's time: goes on steadily, whatever the camera's does."""
        self._last_pts: int | None = None
        self._keyframe_ticks = 0
        self.wants_keyframe = True

    def encode(self, frame: VideoFrame, pts: int) -> tuple[bytes, bool] | None:
        """The picture, and whether it is a keyframe; None: there are more than wanted, or it is older than the last.

        `frame` is used up.
        """
        if self._last_pts is not None and not self._is_due(pts - self._last_pts):
            return None
        step = 1 if self._last_pts is None else pts - self._last_pts
        self._last_pts = pts
        self._ticks += min(max(step, 1), MAX_STEP_TICKS)
        size = self._target(frame.width, frame.height)
        if self._context is None or size != self._size:
            self._context, self._size = self._open(size), size
            self.wants_keyframe = True
        if self._ticks - self._keyframe_ticks >= self._settings.keyframe_seconds * TICKS:
            self.wants_keyframe = True
        picture = frame.reformat(*size, format="yuv420p")
        picture.pts, picture.time_base = self._ticks, Fraction(1, TICKS)
        picture.pict_type = 1 if self.wants_keyframe else 0  # I, or the encoder's choice
        if self.wants_keyframe:
            self._keyframe_ticks, self.wants_keyframe = self._ticks, False
        packets = self._context.encode(picture)
        return b"".join(map(bytes, packets)), any(packet.is_keyframe for packet in packets)

    def reset(self) -> None:
        """The camera's time begins anew."""
        self._last_pts = None
        self.wants_keyframe = True

    def _is_due(self, step: int) -> bool:
        """Whether a picture `step` ticks after the last is to be encoded."""
        if step <= 0:
            return step < -MAX_STEP_TICKS  # far back: the camera's time began anew
        if self.wants_keyframe or not self._settings.max_fps:
            return True
        return step >= 0.9 * TICKS / self._settings.max_fps  # a camera's pictures do not come at even distances

    def _target(self, width: int, height: int) -> tuple[int, int]:
        if width > self._settings.max_width:
            width, height = self._settings.max_width, height * self._settings.max_width // width
        return max(2, width // 2 * 2), max(2, height // 2 * 2)

    def _open(self, size: tuple[int, int]) -> VideoCodecContext:
        import av

        width, height = size
        kbps = self._settings.kbps or Rate.BASE + width * height // Rate.PIXELS
        name, options = _h265(kbps) if self._settings.codec == "hevc" else _h264(kbps)
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, TICKS), Fraction(30)
        context.thread_count = 1
        context.options = options
        return context


def _h264(kbps: int) -> tuple[str, dict[str, str]]:
    return "libx264", {
        "preset": "superfast",
        "tune": "zerolatency",  # each picture comes out as soon as it is in; no B-pictures
        "profile": "baseline",  # without flexible macroblock order, so it is constrained baseline (H.264 A.2.1.1)
        "crf": "23",
        "maxrate": f"{kbps}k",
        "bufsize": f"{kbps // 2}k",
        "g": "6000",  # keyframes are asked for by time
        "sc_threshold": "0",
        "forced-idr": "1",
    }


def _h265(kbps: int) -> tuple[str, dict[str, str]]:
    parameters = {
        "crf": "28",
        "vbv-maxrate": str(kbps),
        "vbv-bufsize": str(kbps // 2),
        "keyint": "6000",
        "scenecut": "0",
        "repeat-headers": "1",
        "pools": "none",
        "frame-threads": "1",
        "log-level": "none",
    }
    return "libx265", {
        "preset": "ultrafast",  # the others take several times as long
        "tune": "zerolatency",
        "forced-idr": "1",
        "x265-params": ":".join(f"{key}={value}" for key, value in parameters.items()),
    }


class Decoder:
    """Byte streams in, frames out in the order of showing."""

    def __init__(self) -> None:
        self._context: VideoCodecContext | None = None
        self._codec = ""

    def decode(self, codec: str, data: bytes, pts: int) -> list[VideoFrame] | None:
        """The frames that `data` brought out, perhaps none yet; None: it could not be decoded."""
        import av
        from av.error import FFmpegError

        if self._context is None or codec != self._codec:
            context = av.CodecContext.create(codec, "r")
            assert isinstance(context, av.VideoCodecContext)
            context.thread_count = 1  # several would each hold back a picture
            self._context, self._codec = context, codec
        packet = av.Packet(data)
        packet.pts, packet.time_base = pts, Fraction(1, TICKS)
        try:
            return list(self._context.decode(packet))
        except FFmpegError:
            return None

    def flush(self) -> list[VideoFrame]:
        """What was held back; the next picture begins a new stream."""
        from av.error import FFmpegError

        context, self._context = self._context, None
        if context is None:
            return []
        try:
            return list(context.decode(None))
        except FFmpegError:
            return []


def main(argument: str, orders: BinaryIO, replies: BinaryIO) -> None:
    """Work until `orders` ends."""
    decoder, encoder = Decoder(), Encoder(VideoSettings(**json.loads(argument)))
    for record in records(orders):
        order, codec, pts = ORDER.unpack_from(record)
        if order & Order.FLUSH:
            frames: list[VideoFrame] | None = decoder.flush()
        else:
            frames = decoder.decode(CODECS[codec], record[ORDER.size :], pts)
        if order & Order.KEYFRAME:
            encoder.wants_keyframe = True
        shown = frames if frames is not None and order & (Order.SHOW | Order.FLUSH) else []
        for header, picture in _encoded(encoder, shown):
            reply(replies, header, picture)
        if order & Order.FLUSH:
            encoder.reset()
        reply(replies, DIGESTED.pack(DIGESTED_TAG, frames is None))
        replies.flush()


def _encoded(encoder: Encoder, frames: list[VideoFrame]) -> Iterator[tuple[bytes, bytes]]:
    for frame in frames:
        pts = frame.pts
        if pts is not None and (encoded := encoder.encode(frame, pts)) is not None:
            picture, is_keyframe = encoded
            yield PICTURE.pack(PICTURE_TAG, is_keyframe, pts), picture


if __name__ == "__main__":
    step_back()
    with contextlib.suppress(BrokenPipeError):
        main(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)
