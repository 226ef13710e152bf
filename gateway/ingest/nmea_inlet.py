"""From the bytes of one camera's receiver to its positions, whichever way they came: by UDP or by TCP.

What a flood costs is bounded here: each inlet reads so much a second and no more. So is what people are told when no
position comes of what arrives: each thing that can be wrong has its sentence.
"""

from __future__ import annotations

from gateway.base.clock import Clock
from gateway.base.metrics import BAD_INPUT, POSITION_SENTENCES
from gateway.ingest.fleet import Camera
from gateway.media.model import Fix
from gateway.positions.nmea import SentenceReader
from gateway.positions.nmea_epochs import KINDS, Epochs, NoFix

RATE = 400.0
"""Sentences a second that are read, in the long run: a receiver that tells of ten moments a second, with everything
it has, writes half of that."""
BURST = 8000.0
"""So many at once, so that what waited in a queue on the way comes through: several minutes of a usual receiver."""
BYTES_PER_SENTENCE = 128
"""So many bytes count as much as a sentence."""
QUIET_SECONDS = 0.25
"""After so long without another sentence, what was said is all there is of a moment."""
SILENT_SECONDS = 10.0
"""After so long without a position people are told why."""
_COUNT_EVERY = 1.0

NOT_NMEA = "What comes from the receiver is not NMEA 0183, or has no checksums: set its output to NMEA with checksums."
NO_PLACE = "The receiver's sentences tell no position: switch on GGA, GNS or RMC."
FLOOD = "More comes from the receiver than any would send: the rest is dropped."


class NmeaInlet:
    """The receiver of one camera, while its source runs. `silence` is what people read when nothing comes at all."""

    def __init__(self, camera: Camera, clock: Clock, silence: str) -> None:
        self.camera = camera
        self._clock = clock
        self._silence = silence
        self._reader = SentenceReader(KINDS)
        self._epochs = Epochs()
        now = clock.monotonic()
        self.heard_at = now
        """When something came last; at first, since when it is waited for."""
        self._sentence_at = self._said_at = self._fixed_at = now
        self._allowance = BURST
        self._ticked_at = self._counted_at = now
        self._stranger: str | None = None
        self._sentences = self._dropped = 0
        self._told_junk = self._told_checksums = self._told_others = 0

    def feed(self, data: bytes) -> None:
        """Read what came, wherever it was cut. While the inlet is `exhausted` it is dropped, and counted."""
        self.heard_at = self._clock.monotonic()
        if self._allowance <= 0:
            self._dropped += 1
            return
        sentences = self._reader.push(data)
        self._allowance -= max(1, data.count(b"$")) + len(data) / BYTES_PER_SENTENCE
        if not sentences:
            return
        self._sentences += len(sentences)
        received_ns = self._clock.utc_ns()
        for sentence in sentences:
            said = self._epochs.push(sentence, received_ns)
            if said is not None:
                self._take(said)

    @property
    def exhausted(self) -> bool:
        """Whether so much came that nothing more is read for now."""
        return self._allowance <= 0

    def strange(self, host: str) -> None:
        """A datagram came to its port from a sender whom nobody named."""
        self._stranger = host

    def tick(self, now: float) -> None:
        """End the moment that nothing more is said of, and once a second count and tell. Called every tenth of one."""
        self._allowance = min(BURST, self._allowance + (now - self._ticked_at) * RATE)
        self._ticked_at = now
        if self._epochs.open and now - self.heard_at >= QUIET_SECONDS:
            self._take(self._epochs.flush())
        if now - self._counted_at >= _COUNT_EVERY:
            self._counted_at = now
            self._tell(now)

    def end(self) -> None:
        """Nothing more comes: what was said so far counts."""
        self._take(self._epochs.flush())
        self._count()

    def _take(self, said: Fix | NoFix | None) -> None:
        if said is None:
            return
        self._said_at = self._clock.monotonic()
        if isinstance(said, NoFix):
            self.camera.no_fix()
        elif self.camera.take_fix(said) is None:
            self._fixed_at = self._said_at

    def _tell(self, now: float) -> None:
        flooded = self._count()
        if now - self._fixed_at < SILENT_SECONDS:
            return
        problem: str | None = None
        if now - self.heard_at >= SILENT_SECONDS:
            problem = self._silence
            if self._stranger is not None:
                problem = f'{problem} {self._stranger} sends something, but "position_from" does not name it.'
        elif flooded:
            problem = FLOOD
        elif now - self._sentence_at >= SILENT_SECONDS:
            problem = NOT_NMEA
        elif now - self._said_at >= SILENT_SECONDS:
            problem = NO_PLACE
        if problem is not None:
            self.camera.position_problem = problem

    def _count(self) -> bool:
        """Move what was counted to the metrics; whether something was dropped."""
        camera, reader = self.camera.id, self._reader
        sentences = self._sentences + reader.others - self._told_others
        if sentences:
            self._sentence_at = self._counted_at
            POSITION_SENTENCES.labels(camera).inc(sentences)
        for what, number in (
            ("nmea_checksum", reader.bad_checksums - self._told_checksums),
            ("nmea_junk_byte", reader.junk_bytes - self._told_junk),
            ("nmea_flood", self._dropped),
        ):
            if number:
                BAD_INPUT.labels(camera, what).inc(number)
        flooded = self._dropped > 0
        self._told_checksums, self._told_junk = reader.bad_checksums, reader.junk_bytes
        self._told_others = reader.others
        self._sentences = self._dropped = 0
        return flooded
