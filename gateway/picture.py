"""A decoded frame as a JPEG: in its own size or smaller, with lines of text drawn in. For worker processes.

What is decoded, and what the lines say, is for who asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av

MIN_WIDTH = 16


def jpeg(frame: av.VideoFrame, width: int | None = None, lines: Sequence[str] = ()) -> bytes:
    """`frame` as a JPEG, at most `width` pixels wide, with `lines` as `gateway.media.stamp` draws them."""
    import av

    width = frame.width if width is None else max(MIN_WIDTH, min(width, frame.width))
    height = max(1, round(frame.height * width / frame.width))
    if lines or width < frame.width:  # chroma has half of either size
        width, height = width // 2 * 2, max(2, height // 2 * 2)
    picture = frame.reformat(width, height, format="yuvj420p")
    if lines:
        import numpy as np  # most pictures do without, and it takes long to load

        from gateway.media.stamp import draw, planes

        pixels = picture.to_ndarray().astype(np.uint8, copy=False)
        draw(planes(pixels), lines)
        picture = av.VideoFrame.from_ndarray(pixels, format="yuvj420p")
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"qmin": "3", "qmax": "5"}
    picture.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
