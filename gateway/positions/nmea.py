"""NMEA 0183 sentences out of bytes, however those were cut on their way.

What a sentence is, and that its checksum holds, belongs here (NMEA 0183 4.11, 5.3; IEC 61162-1); what the sentences of
one moment say together is `nmea_epochs`'s work. Sans-IO: bytes in, Sentences out.

A sentence begins at "$" and ends after its checksum, which is required: receivers may leave it out, but by UDP nothing
else tells a sentence from what was damaged. What lies between sentences is passed over: line ends, tag blocks
(NMEA 0183 4.11, 7), headers of IEC 61162-450, the binary protocol that a receiver speaks on the same line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_SENTENCE = 255
"""Bytes from "$" to the checksum. The standard allows 82 with the line's end; receivers with more digits or satellites
write more, and Quectel's protocol allows this many."""

_SENTENCE = re.compile(rb"\$([A-Z][A-Z0-9]{2,14},[\x20-\x23\x25-\x29\x2b-\x7e]{0,250})\*([0-9A-Fa-f]{2})[\r\n]*")
_NOT_JUNK = b"\r\n"
_QUECTEL = {"PQGSA", "PQGSV"}
"""Of Quectel's modules (BG96, EC21, EC25, EG25-G): "PQ" as a talker, for BeiDou."""


@dataclass(slots=True)
class Sentence:
    """One sentence whose checksum holds. Nobody changes one; a frozen one would take twice as long to make, and a
    receiver writes more than twenty a second.
    """

    talker: str
    """`GP`, `GN`, …; `P`: proprietary."""
    kind: str
    """`GGA`, `RMC`, …; of a proprietary one everything after the `P`."""
    fields: list[str]
    """Those after the address. Printable ASCII; empty where the receiver says nothing."""

    def field(self, at: int) -> str:
        """The field at that place, from 0; empty beyond the last: later versions append some."""
        return self.fields[at] if at < len(self.fields) else ""


class SentenceReader:
    """Takes the sentences out of one stream of bytes, or out of the datagrams of one sender.

    `kinds`: only those are read (`GGA`); others are counted, which costs a third. None: all.
    """

    def __init__(self, kinds: Iterable[str] | None = None) -> None:
        self._kinds = None if kinds is None else {kind.encode() for kind in kinds}
        self.others = 0
        """Sentences of kinds that are not read."""
        self.bad_checksums = 0
        """Sentences that were damaged on their way."""
        self.junk_bytes = 0
        """Bytes that belong to no sentence and end no line."""
        self._begun = b""

    def push(self, data: bytes) -> list[Sentence]:
        """The sentences that end in `data`. Where `data` is cut makes no difference; what it costs grows with its
        length only, whatever it holds.
        """
        data = self._begun + data
        sentences: list[Sentence] = []
        end = 0
        for match in _SENTENCE.finditer(data):
            start = match.start()
            if start > end:
                self._pass_over(data[end:start])
            end = match.end()
            body = match[1]
            if self._kinds is not None and body[2:5] not in self._kinds:
                self.others += 1
            elif _checksum(body) == int(match[2], 16):
                sentences.append(_sentence(body.decode("ascii")))
            else:
                self.bad_checksums += 1
        begun = data.rfind(b"$", end)
        if begun < 0 or len(data) - begun > MAX_SENTENCE or b"\n" in data[begun:]:
            begun = len(data)
        if begun > end:
            self._pass_over(data[end:begun])
        self._begun = data[begun:]
        return sentences

    def _pass_over(self, junk: bytes) -> None:
        self.junk_bytes += len(junk.translate(None, _NOT_JUNK))


def _checksum(body: bytes) -> int:
    """The exclusive or of all bytes, found by folding the whole in halves: less than what a loop takes."""
    folded = int.from_bytes(body, "big")
    if len(body) > 64:
        folded ^= folded >> 1024
        folded ^= folded >> 512
    folded ^= folded >> 256
    folded ^= folded >> 128
    folded ^= folded >> 64
    folded &= (1 << 64) - 1
    folded ^= folded >> 32
    folded ^= folded >> 16
    return (folded ^ folded >> 8) & 0xFF


def _sentence(body: str) -> Sentence:
    address, *fields = body.split(",")
    cut = 1 if address[0] == "P" and address not in _QUECTEL else 2
    return Sentence(address[:cut], address[cut:], fields)
