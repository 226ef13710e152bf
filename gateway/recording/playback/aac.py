"""Encodes sound that no browser plays (G.711) as AAC, in a worker process. What goes in is decided in `sound`."""

from __future__ import annotations

BITS_A_SAMPLE = 4
"""24 to 32 kbit/s at 8 kHz: more than G.711 has to say below 4 kHz, and little beside any picture."""
FRAME = 1024
"""Samples in a frame of AAC-LC (ISO/IEC 14496-3 4.5.2.1.1)."""


def encode(pcm: bytes, sample_rate: int, channels: int, skip: int, count: int) -> list[bytes]:
    """`count` AAC-LC frames of interleaved 16-bit samples; the first one is that of the frame `skip` of what is given.

    What lies before and after is there so that a decoder, and the encoder's choices, join with those of the
    neighbouring calls: transforms overlap. Runs in a worker.
    """
    from fractions import Fraction

    import av
    import numpy as np

    encoder = av.CodecContext.create("aac", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = sample_rate, ("mono", "stereo")[channels - 1], "fltp"
    encoder.bit_rate, encoder.time_base = BITS_A_SAMPLE * sample_rate * channels, Fraction(1, sample_rate)
    samples = np.frombuffer(pcm, "<i2").reshape(-1, channels).T.astype(np.float32) / 32768
    frames: dict[int, bytes] = {}
    for at in [*range(0, samples.shape[1], FRAME), None]:
        frame = None
        if at is not None:
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[:, at : at + FRAME]), format="fltp", layout=encoder.layout.name
            )
            frame.sample_rate, frame.pts, frame.time_base = sample_rate, at, encoder.time_base
        for packet in encoder.encode(frame):
            assert packet.pts is not None
            frames[packet.pts // FRAME] = bytes(packet)
    return [frames[number] for number in range(skip, skip + count)]
