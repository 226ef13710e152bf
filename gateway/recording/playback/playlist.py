"""HLS media playlists (RFC 8216, draft-ietf-hls-rfc8216bis) of recorded footage: text out of values, nothing else.

The playlist's time is UTC: pieces last as long as the clock says, programme date times are those of their first
pictures, and what is missing between them is there as pieces with EXT-X-GAP. So the pictures of one moment have the
same date in the playlists of several cameras, however far into them they lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from gateway.base.errors import NotFoundError
from gateway.base.rfc3339 import format_utc
from gateway.media.model import NS, UtcNs
from gateway.recording.chunks import Chunk
from gateway.recording.footage import Footage, Piece, meets

GAP_NAME = "gap"
"""Stands in the place of a Segment's name in the URLs of pieces that are missing; there is nothing there."""
CONTENT_TYPE = "application/vnd.apple.mpegurl"
LATE_NS = NS
"""While a Recording grows, a chunk is told of when so much after it is on disk: then its sound is, too."""
GAP_PIECE_NS = 60 * NS
EVENT_GAP_PIECE_NS = 4 * NS
"""What is missing is told in pieces of at most this; those of a playlist that grows are short, because the longest
piece says how often a player asks for more."""
_UNSEEN_NS = NS // 10
"""A shorter hole is none that a player has to be told of."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One chunk of the playlist."""

    piece: Piece
    chunk: Chunk
    end_ns: UtcNs
    """Where the next one begins, where there is one."""
    follows: bool
    """It goes on where the entry before it ends."""


class Covering(Protocol):
    """A span of time whose media may not be shown. `end_ns` None: it has no end yet."""

    @property
    def start_ns(self) -> UtcNs:
        """From when."""

    @property
    def end_ns(self) -> UtcNs | None:
        """To when, exclusive."""


class Shape(Enum):
    """What a player may expect of a playlist when it asks again."""

    VOD = "VOD"
    """It will not, or finds the same."""
    GROWING = "growing"
    """What it was told of, and more."""
    GROWN = "grown"
    """As GROWING, for the last time: this is the end."""


def playlist(footage: Footage, hidden: Sequence[Covering], query: str, shape: Shape) -> str:
    """The playlist of `footage` without what is `hidden`; its URLs are relative to its own, and end in `query`.

    Raises:
        NotFoundError: nothing is left.
    """
    shown = entries(footage, hidden, shape)
    if not shown:
        yet = " yet" if shape is Shape.GROWING else ""
        raise NotFoundError(f"nothing that may be shown is recorded in this interval{yet}")
    return render(shown, footage.start_ns, query, shape)


def entries(footage: Footage, hidden: Sequence[Covering], shape: Shape) -> list[Entry]:
    """The chunks to be shown. One of which a part is hidden is hidden in whole: it cannot be cut."""
    pieces: Sequence[Piece] = footage.pieces
    if shape is not Shape.VOD:
        # What is recorded later comes after what a player knows, also where a clock was set back.
        pieces = sorted(pieces, key=lambda piece: piece.recording)
    growing = footage.growing if shape is Shape.GROWING else None
    until_ns = max((piece.end_ns for piece in pieces if piece.recording == growing), default=0) - LATE_NS
    line = [(piece, chunk) for piece in pieces for chunk in piece.chunks]
    found: list[Entry] = []
    for number, (piece, chunk) in enumerate(line):
        if any(chunk.overlaps(span.start_ns, span.end_ns) for span in hidden):
            continue
        if piece.recording == growing and (chunk.end_ns > until_ns or (piece.open and chunk is piece.chunks[-1])):
            continue  # it may still change
        follows = number > 0 and meets(*line[number - 1], piece, chunk)
        end_ns = chunk.end_ns
        if number + 1 < len(line) and meets(piece, chunk, *line[number + 1]):
            end_ns = line[number + 1][1].start_ns
        if end_ns > chunk.start_ns:
            found.append(Entry(piece, chunk, end_ns, follows and bool(found) and found[-1].end_ns == chunk.start_ns))
    return found


def render(shown: Sequence[Entry], start_ns: UtcNs, query: str, shape: Shape) -> str:
    """The playlist of `shown`, one entry at least; `start_ns` is where playing begins."""
    is_event = shape is not Shape.VOD
    longest, gap_piece_ns = (EVENT_GAP_PIECE_NS, EVENT_GAP_PIECE_NS) if is_event else (NS, GAP_PIECE_NS)
    lines: list[str] = []
    at_ns: UtcNs | None = None
    fingerprint = None
    gaps = 0
    for entry in shown:
        piece, chunk = entry.piece, entry.chunk
        begins, changed = not entry.follows, piece.fingerprint != fingerprint
        if at_ns is not None and begins:
            for piece_ns in _gap_pieces(chunk.start_ns - at_ns, gap_piece_ns):
                longest = max(longest, piece_ns)
                lines += ("#EXT-X-GAP", _length(piece_ns), f"media/{GAP_NAME}/{gaps}.m4s")
                gaps += 1
        if at_ns is not None and (begins or changed):
            lines.append("#EXT-X-DISCONTINUITY")
        if changed:
            lines.append(f'#EXT-X-MAP:URI="media/{piece.name}/init.mp4?{query}"')
            fingerprint = piece.fingerprint
        if begins or changed or chunk is piece.chunks[0]:
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_date(chunk.start_ns)}")
        lines.append(_length(entry.end_ns - chunk.start_ns))
        lines.append(f"media/{piece.name}/{chunk.offset}-{chunk.size}.m4s?{query}")
        longest = max(longest, entry.end_ns - chunk.start_ns)
        at_ns = entry.end_ns
    head = [
        "#EXTM3U",
        "#EXT-X-VERSION:8",
        f"#EXT-X-PLAYLIST-TYPE:{'EVENT' if is_event else 'VOD'}",
        f"#EXT-X-TARGETDURATION:{-(-longest // NS)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    offset_ns = max(0, start_ns - shown[0].chunk.start_ns)
    if offset_ns or is_event:  # without it, players begin at the end of what grows (RFC 8216 6.3.3)
        head.append(f"#EXT-X-START:TIME-OFFSET={offset_ns / NS:.3f},PRECISE=YES")
    tail = [] if shape is Shape.GROWING else ["#EXT-X-ENDLIST"]
    return "\n".join([*head, *lines, *tail, ""])


def _gap_pieces(left: int, most: int) -> Iterator[int]:
    """How many nanoseconds the pieces last that stand for a hole of `left`."""
    if left < _UNSEEN_NS:
        return
    while left > 0:
        yield min(left, most)
        left -= most


def _length(ns: int) -> str:
    return f"#EXTINF:{ns / NS:.6f},"


def _date(utc_ns: UtcNs) -> str:
    """To the nearest millisecond, which is as much as players read."""
    return format_utc(utc_ns + 500_000)[:-4] + "Z"
