"""What a file holds that its recorder did not finish: cut to its last whole fragment, hashed, ready for the catalog.

For the start after a crash and for a disk that failed in mid-write. Nothing is cut that could be played. What the
ledger knows of the file is held against it, so that what was changed meanwhile is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.media.fmp4_reader import Scan, scan
from gateway.media.fmp4_samples import Mp4Error
from gateway.recording.chunks import content
from gateway.recording.entries import Recovered, Recovery, SegmentFinished
from gateway.recording.file_proof import Point, prove_file
from gateway.recording.files import Files

CHUNK = 1 << 20
TAIL_BYTES = 8 << 20
"""What a crash leaves unfinished is less. A file with more than this beyond its last whole fragment was damaged some
other way, and is not touched."""


class NotOursError(Exception):
    """No recorder of ours can have left such a file: it is not touched."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A file made whole."""

    segment: SegmentFinished
    cut: int
    """Bytes of an unfinished fragment that were taken off."""


def salvage(files: Files, path: str, points: Sequence[Point] = ()) -> Salvaged | None:
    """Make the file at `path` whole. None when it holds no media yet; it is removed then.

    `points`: what the ledger knows of it, in order. No byte of that is cut, whatever became of it: what was changed
    stays as it is found.

    Raises:
        NotOursError: it is something else.
        OSError: the disk refused.
    """
    size = files.size(path)
    known = points[-1].bytes if points else 0
    with files.reader(path) as read_at:
        try:
            found = scan(read_at, size)
        except Mp4Error as error:
            found = None
            if known or not _is_stub(read_at, size):
                raise NotOursError(str(error)) from error
        kept = size if found is None or found.whole_bytes < known <= size else found.whole_bytes
        if size - kept > TAIL_BYTES:
            raise NotOursError(f"it is damaged at byte {kept}, long before its end")
        fault = prove_file(read_at, points)
    if found is None or found.fragments == 0:
        if known:
            raise NotOursError(f"no media is left of the {known} bytes that the ledger knows of")
        files.remove(path)
        return None
    if kept < size:
        files.cut(path, kept)
    recovered = Recovered(known, Recovery.INTERRUPTED)
    if fault is not None:
        recovered = Recovered(fault.start, Recovery.CHANGED, str(fault))
    return Salvaged(_segment(path, found, kept, sha256_of(files, path), recovered), size - kept)


def sha256_of(files: Files, path: str) -> bytes:
    """The hash of the whole file."""
    digest = hashlib.sha256()
    offset = 0
    with files.reader(path) as read_at:
        while chunk := read_at(offset, CHUNK):
            digest.update(chunk)
            offset += len(chunk)
    return digest.digest()


def _is_stub(read_at: Callable[[int, int], bytes], size: int) -> bool:
    """Whether this may be a header of ours that was never completed: its beginning, or zeros after a power cut."""
    head = read_at(0, min(size, CHUNK))
    return size <= CHUNK and (not head.strip(b"\0") or head[4:8] == b"ftyp"[: max(0, len(head) - 4)])


def _segment(path: str, found: Scan, size: int, sha256: bytes, recovered: Recovered) -> SegmentFinished:
    video = found.video or max(found.tracks.values(), key=lambda track: track.samples)
    assert video.start_utc_ns is not None
    assert video.end_utc_ns is not None
    return SegmentFinished(
        path, video.start_utc_ns, video.end_utc_ns, size, sha256,
        tuple(content(t.handler, t.entry, t.number, t.samples) for t in found.tracks.values()),
        adopted=True, recovered=recovered,
    )  # fmt: skip
