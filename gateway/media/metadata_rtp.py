"""ONVIF metadata in RTP (ONVIF Streaming 5.1.2.1.1): from packets to whole documents.

A document ends at the marker or where the timestamp changes. Here it stays bytes: gzip is undone, XML is not read.
EXI variants are named unsupported. What the documents say is for the parsers of `positions`.
"""

from __future__ import annotations

import zlib

from gateway.media.model import MetadataParameters, Track, UtcNs
from gateway.media.rtp import RtpPacket
from gateway.media.sample_rtp import SampleDepacketizer
from gateway.media.timeline import Timeline

MAX_DOCUMENT = 1 << 20
"""Bytes, compressed and decompressed. An analytics scene description with hundreds of objects stays below 200 kB."""

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31
"""zlib's `wbits` for a gzip header and the largest window."""
_ROOT_REACH = 256
"""Where in a document its root element's name is looked for, in bytes."""


class MetadataDepacketizer(SampleDepacketizer):
    """One unit a document."""

    def __init__(self, track: Track, timeline: Timeline, *, max_document: int = MAX_DOCUMENT) -> None:
        super().__init__(track, timeline)
        parameters = track.parameters
        self._readable = not (isinstance(parameters, MetadataParameters) and "exi" in parameters.encoding_name)
        self._limit = max_document
        self._parts: list[bytes] = []
        self._size = 0
        self._timestamp = -1
        self._first_received_ns = 0
        self._received_ns = 0
        self._damaged = False
        self._unsure = False

    def flush(self) -> None:
        """The stream has ended: the document begun is taken as it stands if it could be whole."""
        self._end()

    def _lose(self) -> None:
        if self._parts:
            self._damaged = True
        self._unsure = True

    def _take(self, packet: RtpPacket, received_ns: UtcNs) -> None:
        if not self._readable:
            self.unsupported += 1
            return
        if self._parts and packet.timestamp != self._timestamp:
            self._end()
        if not self._parts:
            self._timestamp = packet.timestamp
            self._first_received_ns = received_ns
            if self._unsure:
                self._unsure = False
                self._damaged = not self._begins(packet.payload)
        self._size += len(packet.payload)
        if self._size > self._limit or self._damaged:
            # What counts is only that something was there: an endless document costs no memory.
            self._damaged = True
            self._parts = [b""]
        else:
            self._parts.append(packet.payload)
        self._received_ns = received_ns
        if packet.marker:
            self._end()

    def _begins(self, payload: bytes) -> bool:
        """Whether a payload looks like a document's first, when packets before it are missing."""
        head = payload[:_ROOT_REACH]
        return head.startswith((_GZIP, b"<?xml")) or b"metadatastream" in head.lower()

    def _end(self) -> None:
        parts, size, damaged = self._parts, self._size, self._damaged
        self._parts, self._size, self._damaged = [], 0, False
        if not parts:
            return
        if damaged:
            if size > self._limit:
                self.malformed += 1
            self._drop(size)
            return
        document = b"".join(parts)
        if document.startswith(_GZIP):
            try:
                document = self._decompress(document)
            except zlib.error:
                self.malformed += 1
                self._drop(size)
                return
        if not document.strip(b"\0 \t\r\n"):
            return
        self._deliver(document, self._stamp(self._timestamp, self._first_received_ns), self._received_ns)

    def _decompress(self, document: bytes) -> bytes:
        """Raises zlib.error when it is broken, cut, or larger than the limit."""
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        text = inflater.decompress(document, self._limit)
        if not inflater.eof:
            raise zlib.error("cut, or larger than allowed")
        return text
