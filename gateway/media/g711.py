"""G.711 (ITU-T G.711): what its codes mean, and how those of one law are said in the other.

Pure tables. RTP and timing of G.711 are in `audio`.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from gateway.media.model import Codec

SAMPLE_RATE: Final = 8000
SILENCE: Final = {Codec.PCMU: 0xFF, Codec.PCMA: 0xD5}
"""The code of the least positive sample."""


def mu_law_sample(code: int) -> int:
    """The 16-bit sample of a mu-law code (table 2a, scaled by 4)."""
    code ^= 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def a_law_sample(code: int) -> int:
    """The 16-bit sample of an A-law code (table 1a, scaled by 8)."""
    code ^= 0x55
    segment, magnitude = code >> 4 & 7, (code & 0x0F) << 4
    magnitude = magnitude + 8 if segment == 0 else magnitude + 0x108 << segment - 1
    return magnitude if code & 0x80 else -magnitude


SAMPLES: Final = {
    Codec.PCMU: tuple(map(mu_law_sample, range(256))),
    Codec.PCMA: tuple(map(a_law_sample, range(256))),
}
"""The sample of each code, by law."""


@cache
def _table(source: Codec, target: Codec) -> bytes:
    """For each code of `source` that of `target` whose sample is nearest; the sign is kept."""
    codes = range(256)
    return bytes(
        min(
            (code for code in codes if (code ^ at) & 0x80 == 0),  # in both laws the first bit is the sign
            key=lambda code: abs(SAMPLES[target][code] - SAMPLES[source][at]),
        )
        for at in codes
    )


def convert(samples: bytes, source: Codec, target: Codec) -> bytes:
    """`samples` of one law, in the other (G.711 3.4): a byte each. The same law is the same bytes."""
    return samples if source is target else samples.translate(_table(source, target))
