"""Recordings without a recorder: units go through the composer into files, and come back as footage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from gateway.media.model import NS, AccessUnit, Item, Track, TrackKind
from gateway.recording.chunks import find_chunks
from gateway.recording.commands import Append, Begin
from gateway.recording.composer import Composer
from gateway.recording.entries import TrackContent
from gateway.recording.files import SystemFiles
from gateway.recording.footage import Footage, Piece, _within
from gateway.recording.segment import SUFFIX, segment_name
from tests.media_samples import T0

CAMERA = "unit-12"
FEED_NS = NS // 4
"""How much media the composer gets at a time, as from a recorder that looks at the ring so often."""


class Film:
    """The Segments of one camera under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = SystemFiles(root)
        self._pieces: list[Piece] = []

    def record(self, items: Sequence[Item], *, rotate: float = 60, tracks: Iterable[Track] = ()) -> Film:
        """A Recording of `items`, in Segments of `rotate` seconds. `tracks`: what the camera offers besides."""
        units = [item for item in items if isinstance(item, AccessUnit)]
        offered = tuple(dict.fromkeys([*(u.track for u in units if u.track.kind is not TrackKind.VIDEO), *tracks]))
        composer = Composer(CAMERA, rotate_ns=round(rotate * NS))
        start = 0
        for end, item in enumerate(items, 1):
            if end == len(items) or _received(items[end], item) - _received(items[start], item) >= FEED_NS:
                composer.feed(items[start:end], offered)
                start = end
        composer.finish(None)
        paths: list[str] = []
        for command in composer.commands:
            if isinstance(command, Begin):
                folder, stem = segment_name(CAMERA, command.start_ns)
                (self.root / folder).mkdir(parents=True, exist_ok=True)
                paths.append(f"{folder}/{stem}{SUFFIX}")
                (self.root / paths[-1]).write_bytes(command.header)
            elif isinstance(command, Append):
                with (self.root / paths[-1]).open("ab") as file:
                    file.write(b"".join(command.buffers))
        recording = len({piece.recording for piece in self._pieces})
        self._pieces += [self._piece(path, recording) for path in paths]
        return self

    def footage(self, start: float = 0, end: float = 1e6) -> Footage:
        """From `start` to `end`, in seconds after T0."""
        from_ns, to_ns = T0 + round(start * NS), T0 + round(end * NS)
        pieces = [found for piece in self._pieces if (found := _within(piece, from_ns, to_ns)) is not None]
        return Footage(CAMERA, from_ns, to_ns, tuple(pieces))

    def _piece(self, path: str, recording: int) -> Piece:
        size = self.files.size(path)
        with self.files.reader(path) as read_at:
            found = find_chunks(read_at, size)
        assert found.size == size
        content = TrackContent(0, TrackKind.VIDEO, "H264", 1)
        chunks = found.cuts.chunks(size, found.end_ns)
        return Piece(
            len(self._pieces), recording, path, chunks[0].start_ns, found.end_ns, size, found.cuts.header_bytes,
            found.cuts.fingerprint, chunks, (content,), open=False,
        )  # fmt: skip


def _received(item: Item, other: Item) -> int:
    """When it came; of what is no unit, when the one beside it did."""
    unit = item if isinstance(item, AccessUnit) else other
    return unit.received_ns if isinstance(unit, AccessUnit) else 0
