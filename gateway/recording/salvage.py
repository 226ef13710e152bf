"""What a file holds that its recorder did not finish: cut to its last whole fragment, hashed, ready for the catalog.

For the start after a crash and for a disk that failed in mid-write. Nothing is cut that could be played.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from gateway.media.fmp4_reader import Scan, scan
from gateway.media.fmp4_samples import Mp4Error
from gateway.recording.chunks import content
from gateway.recording.entries import SegmentFinished
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


def salvage(files: Files, path: str) -> Salvaged | None:
    """Make the file at `path` whole. None when it holds no media yet; it is removed then.

    Raises:
        NotOursError: it is something else.
        OSError: the disk refused.
    """
    size = files.size(path)
    with files.reader(path) as read_at:
        try:
            found = scan(read_at, size)
        except Mp4Error as error:
            found = None
            if not _is_stub(read_at, size):
                raise NotOursError(str(error)) from error
        if found is not None and size - found.whole_bytes > TAIL_BYTES:
            raise NotOursError(f"it is damaged at byte {found.whole_bytes}, long before its end")
    if found is None or found.fragments == 0:
        files.remove(path)
        return None
    if found.whole_bytes < size:
        files.cut(path, found.whole_bytes)
    return Salvaged(_segment(path, found, sha256_of(files, path)), size - found.whole_bytes)


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


def _segment(path: str, found: Scan, sha256: bytes) -> SegmentFinished:
    video = found.video or max(found.tracks.values(), key=lambda track: track.samples)
    assert video.start_utc_ns is not None
    assert video.end_utc_ns is not None
    return SegmentFinished(
        path, video.start_utc_ns, video.end_utc_ns, found.whole_bytes, sha256,
        tuple(content(t.handler, t.entry, t.number, t.samples) for t in found.tracks.values()), adopted=True,
    )  # fmt: skip
