"""Files as cameras leave them on a card, made by PyAV."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from gateway.base.rfc3339 import format_utc
from gateway.media.model import NS
from tests.media_samples import T0
from tests.painted import shade

RATE = 10


def card(
    path: Path,
    seconds: float,
    *,
    at: float | None = 0.0,
    video: str | None = "libx264",
    sound: str = "",
    b: int = 0,
    pause: float = 0,
) -> Path:
    """Pictures of `tests.painted`, from `at` seconds after T0 on by the header (None: it does not say), with a keyframe
    a second. `pause`: seconds for which the camera stopped half way.
    """
    with av.open(str(path), "w") as out:
        if at is not None:
            out.metadata["creation_time"] = format_utc(T0 + round(at * NS))
        pictures = heard = None
        if video:
            options = {"preset": "ultrafast", "g": str(RATE), "bf": str(b), "sc_threshold": "0"}
            if video == "libx265":
                options = {"preset": "ultrafast", "x265-params": f"log-level=none:keyint={RATE}:scenecut=0"}
            pictures = out.add_stream(video, rate=RATE, options=options)
            pictures.width, pictures.height, pictures.pix_fmt = 160, 120, "yuv420p"
        if sound:
            heard = out.add_stream(sound, rate=8000 if sound.startswith("pcm_") else 48000)
            heard.layout = "mono"
        if pictures is not None:
            for n in range(round(seconds * RATE)):
                plane = np.full((180, 160), 128, np.uint8)
                plane[:120] = shade(n)
                picture = av.VideoFrame.from_ndarray(plane, format="yuv420p")
                picture.pts = n + (round(pause * RATE) if n >= seconds * RATE / 2 else 0)
                out.mux(pictures.encode(picture))
            out.mux(pictures.encode(None))
        if heard is not None:
            rate = heard.codec_context.sample_rate
            size = heard.codec_context.frame_size or 160
            for n in range(round(seconds * rate / size)):
                form = heard.codec_context.format.name
                frame = av.AudioFrame(form, "mono", size)
                frame.planes[0].update(bytes(frame.planes[0].buffer_size))
                frame.sample_rate, frame.pts = rate, n * size
                out.mux(heard.encode(frame))
            out.mux(heard.encode(None))
    return path
