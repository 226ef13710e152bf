"""What a simulated camera hears: a quiet street, and a beep as each second of UTC begins.

Only synthesis and G.711 coding belong here. Both are done once, for a loop of seconds: sound then costs nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gateway.media.model import NS, UtcNs

SAMPLE_RATE = 8000
FRAME_SAMPLES = 320
"""Samples of one packet: 40 ms."""
_LOOP_SECONDS = 8
_BEEP_SECONDS = 0.06
_BIAS, _CLIP = 33, 8158


def mu_law(samples: npt.NDArray[np.int16]) -> bytes:
    """G.711 mu-law (ITU-T G.711 table 2a) of 16-bit samples, one byte each."""
    linear = samples.astype(np.int32)
    sign = np.where(linear < 0, 0x80, 0).astype(np.int32)
    magnitude = np.minimum(np.abs(linear) >> 2, _CLIP) + _BIAS
    # The segment is the place of the highest bit set: 33..63 is segment 0, 64..127 segment 1, to 4096..8191.
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    step = magnitude >> (segment + 1) & 0x0F
    coded: npt.NDArray[np.uint8] = (~(sign | segment << 4 | step) & 0xFF).astype(np.uint8)
    return coded.tobytes()


class Street:
    """The sound of one street; `seed` gives it its own noise and its beep a pitch of its own."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        count = SAMPLE_RATE * _LOOP_SECONDS
        # Noise whose power falls with frequency, as traffic at a distance does.
        spectrum = np.fft.rfft(rng.standard_normal(count))
        frequency = np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), 40.0)
        rumble = np.fft.irfft(spectrum / frequency, count)
        samples = rumble / np.abs(rumble).max() * 1200
        at = np.arange(round(SAMPLE_RATE * _BEEP_SECONDS))
        beep = 6000 * np.sin(2 * np.pi * (880 + 110 * (seed % 5)) * at / SAMPLE_RATE) * np.hanning(len(at))
        for second in range(_LOOP_SECONDS):
            samples[second * SAMPLE_RATE :][: len(at)] += beep
        self._loop = mu_law(np.clip(samples, -32768, 32767).astype(np.int16)) * 2

    def frame(self, utc_ns: UtcNs) -> bytes:
        """The FRAME_SAMPLES samples that begin at `utc_ns`, mu-law."""
        start = utc_ns * SAMPLE_RATE // NS % (SAMPLE_RATE * _LOOP_SECONDS)
        return self._loop[start : start + FRAME_SAMPLES]
