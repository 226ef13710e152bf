"""Footage with other pictures: each decoded, and coded anew with unit, UTC, position and trail in it. For a worker.

A file is made for each run of the footage that has no hole and one decoder's set-up, so that whatever reads footage
reads this, too. Pictures outside the interval are left out; of those inside as many come out as could be decoded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.error import FFmpegError

from gateway.evidence.fix_feed import FixFeed
from gateway.evidence.new_pictures import MAX_THREADS, NewPictures
from gateway.evidence.plan import TRAIL_NS, CameraPlan
from gateway.evidence.trail import Panel, panel
from gateway.media import stamp
from gateway.media.fmp4_samples import FileHeader, Fragment, ReadAt, TrackHeader, fragments, read_header
from gateway.media.model import NS, Fix, TrackKind, UtcNs
from gateway.recording.chunks import find_chunks
from gateway.recording.clip import buffered
from gateway.recording.files import Files
from gateway.recording.footage import Footage, Piece

if TYPE_CHECKING:
    from av import VideoFrame

SUFFIX = ".burnt"
_DECODERS = {"avc1": ("h264", b"avcC"), "hvc1": ("hevc", b"hvcC")}
"""By sample entry: FFmpeg's name, and the box that holds what the decoder is set up with."""
_NANOSECOND = Fraction(1, NS)


@dataclass(frozen=True, slots=True)
class Burnt:
    """What came of it."""

    footage: Footage
    """Paths are relative to the folder that the files were written to."""
    pictures: int
    unreadable: int
    """Pictures as they are stored that could not be decoded."""


class BurnIn:
    """The work on one camera, whose recordings `files` has. The new files go to `folder`."""

    def __init__(self, plan: CameraPlan, files: Files, folder: Path, progress: Callable[[float], None]) -> None:
        self._plan = plan
        self._files = files
        self._folder = folder
        self._progress = progress
        self._feed = None if plan.fixes is None else FixFeed(plan.fixes, TRAIL_NS)
        self._panel: tuple[Fix, int, Panel | None] | None = None
        self.leftovers: list[Path] = [] if plan.fixes is None else [plan.fixes]
        """Files that nobody needs once the result has been used."""
        self._unreadable = 0
        self._bytes = sum(chunk.size for piece in plan.footage.pieces for chunk in piece.chunks)
        self._done = 0

    def run(self) -> Burnt:
        """Do it all.

        Raises:
            OSError: a recording cannot be read, or the disk refused.
            Mp4Error: a recording is not whole.
        """
        footage = self._plan.footage
        pieces, pictures = [], 0
        for number, (_, run) in enumerate(groupby(footage.pieces, key=lambda p: (p.recording, p.fingerprint))):
            path = self._folder / f"{self._plan.stem}.{number}{SUFFIX}"
            self.leftovers.append(path)
            run_of = list(run)
            made = self._run(run_of, path)
            if made:
                pictures += made
                pieces.append(_piece(path, run_of[0]))
        return Burnt(replace(footage, pieces=tuple(pieces)), pictures, self._unreadable)

    def _run(self, pieces: Sequence[Piece], path: Path) -> int:
        """Make one file; how many pictures it has."""
        with self._files.reader(pieces[0].path) as read_at:
            header = read_header(read_at, pieces[0].size)
        if header.video is None:
            return 0
        decoder = _Decoder(header.video)
        footage, sound = self._plan.footage, header.sound if self._plan.sound else None
        with NewPictures(path, sound, footage.start_ns, footage.end_ns) as new:
            for piece in pieces:
                with self._files.reader(piece.path) as read_at:
                    for fragment in _fragments(read_at, piece):
                        payload = read_at(fragment.payload, fragment.payload_size)
                        if fragment.track.handler == "vide":
                            for data, utc_ns in _pictures(fragment, payload):
                                self._draw(decoder.decode(data, utc_ns), new)
                        elif fragment.track.handler == "soun":
                            new.sound(fragment, payload)
                        self._done += fragment.end - fragment.offset
                        self._progress(self._done / self._bytes)
            self._draw(decoder.flush(), new)
        self._unreadable += decoder.unreadable
        return new.pictures

    def _draw(self, frames: Sequence[VideoFrame], new: NewPictures) -> None:
        plan = self._plan
        for frame in frames:
            utc_ns = frame.pts
            if utc_ns is None or not plan.footage.start_ns <= utc_ns < plan.footage.end_ns:
                continue
            width, height = new.size or (max(2, frame.width // 2 * 2), max(2, frame.height // 2 * 2))
            picture = np.asarray(frame.reformat(width, height, format="yuv420p").to_ndarray(), np.uint8)
            planes = stamp.planes(picture)
            fixes = () if self._feed is None or plan.hides(utc_ns) else self._feed.until(utc_ns)
            if fixes and (trail := self._trail(fixes, width, height)) is not None:
                trail.draw(planes)
            newest = fixes[-1] if fixes else None
            said = stamp.Stamp(plan.label, utc_ns, newest, tells_position=plan.positions)
            stamp.draw(planes, said.lines())
            new.picture(av.VideoFrame.from_ndarray(picture, format="yuv420p"), utc_ns)

    def _trail(self, fixes: tuple[Fix, ...], width: int, height: int) -> Panel | None:
        """Drawn anew when there is another Fix."""
        if self._panel is None or self._panel[:2] != (fixes[-1], width):
            self._panel = fixes[-1], width, panel(fixes, width, height)
        return self._panel[2]


class _Decoder:
    """Pictures as they are stored in, frames out in the order of showing."""

    def __init__(self, track: TrackHeader) -> None:
        self.unreadable = 0
        name, kind = _DECODERS[track.entry]
        context = av.CodecContext.create(name, "r")
        assert isinstance(context, av.VideoCodecContext)
        start = track.sample_entry.index(kind) + 4
        size = int.from_bytes(track.sample_entry[start - 8 : start - 4], "big") - 8
        context.extradata = track.sample_entry[start : start + size]
        context.thread_count = min(MAX_THREADS, os.cpu_count() or 1)
        self._context = context

    def decode(self, data: bytes, utc_ns: UtcNs) -> list[VideoFrame]:
        """The frames that a picture brought out; the pts of each is its UTC."""
        packet = av.Packet(data)
        packet.pts, packet.time_base = utc_ns, _NANOSECOND
        try:
            return list(self._context.decode(packet))
        except FFmpegError:
            self.unreadable += 1
            return []

    def flush(self) -> list[VideoFrame]:
        """What was held back."""
        try:
            return list(self._context.decode(None))
        except FFmpegError:
            return []


def _fragments(read_at: ReadAt, piece: Piece) -> Iterator[Fragment]:
    header: FileHeader = read_header(read_at, piece.size)
    first, last = piece.chunks[0], piece.chunks[-1]
    return fragments(buffered(read_at), header, first.offset, last.offset + last.size)


def _pictures(fragment: Fragment, payload: bytes) -> Iterator[tuple[bytes, UtcNs]]:
    """The bytes of each sample, and when it was captured."""
    position, ticks = 0, fragment.decode_time
    for sample in fragment.samples:
        presented = ticks + sample.composition_offset
        yield (
            payload[position : position + sample.size],
            fragment.origin_ns + presented * NS // fragment.track.timescale,
        )
        position += sample.size
        ticks += sample.duration


def _piece(path: Path, of: Piece) -> Piece:
    """The new file as a piece of footage, in the place of those it was made of."""
    size = path.stat().st_size
    with path.open("rb") as file:
        found = find_chunks(lambda offset, count: os.pread(file.fileno(), count, offset), size)
    cuts = found.cuts
    chunks = cuts.chunks(found.size, found.end_ns)
    return Piece(
        None, of.recording, path.name, chunks[0].start_ns, found.end_ns, found.size, cuts.header_bytes,
        cuts.fingerprint, chunks, tuple(track for track in of.tracks if track.kind is not TrackKind.METADATA),
        open=False,
    )  # fmt: skip
