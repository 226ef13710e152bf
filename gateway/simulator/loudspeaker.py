"""What a simulated camera's loudspeaker plays: nobody hears it, so it tells how loud and how high it was.

Only measuring belongs here. How sound reaches it is the RTSP server's business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from gateway.media.g711 import SAMPLE_RATE, SAMPLES
from gateway.media.model import Codec
from gateway.media.rtp import RtpError, parse_rtp

LAWS = {0: Codec.PCMU, 8: Codec.PCMA}
"""By payload type (RFC 3551 6)."""
_KEPT_SAMPLES = SAMPLE_RATE
"""Of the last second."""


class Loudspeaker:
    """Plays RTP packets of G.711 as they come."""

    def __init__(self) -> None:
        self.packets = 0
        """Played since the start."""
        self.unplayable = 0
        """Packets of something else."""
        self._samples: deque[int] = deque(maxlen=_KEPT_SAMPLES)

    def play(self, packets: Sequence[bytes]) -> None:
        """The next packets."""
        for data in packets:
            try:
                packet = parse_rtp(data)
            except RtpError:
                self.unplayable += 1
                continue
            law = LAWS.get(packet.payload_type)
            if law is None or not packet.payload:
                self.unplayable += 1
                continue
            self.packets += 1
            table = SAMPLES[law]
            self._samples.extend(table[code] for code in packet.payload)

    @property
    def level(self) -> float:
        """Root mean square of the last second, 0.0 to 1.0; a sine of full scale has 0.7."""
        if not self._samples:
            return 0.0
        samples = np.fromiter(self._samples, np.float64) / 32768
        return float(np.sqrt(np.mean(samples**2)))

    @property
    def frequency(self) -> float:
        """The strongest frequency of the last second in Hz; 0.0 while there is no sound."""
        if len(self._samples) < 2 or not any(self._samples):
            return 0.0
        samples = np.fromiter(self._samples, np.float64)
        spectrum = np.abs(np.fft.rfft((samples - samples.mean()) * np.hanning(len(samples))))
        return float(np.argmax(spectrum) * SAMPLE_RATE / len(samples))
