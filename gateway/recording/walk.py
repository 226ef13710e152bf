"""A walk through a camera's recordings: stretches of files one after another, as far as somebody wants to go.

Forwards it goes on with what is being recorded; backwards it takes the same stretches in reverse. No more of the
catalog is held than a few minutes. What lies in a stretch is read by `units`; who may see it is said by who asks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, replace

from gateway.media.model import NS, UtcNs
from gateway.recording.catalog import Catalog
from gateway.recording.chunks import Chunk
from gateway.recording.clip import without
from gateway.recording.footage import Footage, Piece, meets

WINDOW_NS = 300 * NS
"""How much is asked for at once."""

Spans = Iterable[tuple[UtcNs, UtcNs | None]]


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of one file. It begins with a keyframe, or where the one before it ended when that was written."""

    piece: Piece
    chunk: Chunk
    """The stretch, or the chunk that it is part of."""
    start: int
    """Where it begins in the file, and where it ends."""
    end: int
    ends: bool = False
    """Nothing follows it without a hole: forwards in time what comes later, backwards what came before."""
    last: bool = False
    """There is nothing more that way, by now."""

    @property
    def growing(self) -> bool:
        """Whether the file is open, and this its end."""
        return self.piece.open and self.end == self.piece.size


class Walk:
    """Through the recordings of one camera. `hidden` tells when a privacy mode hid the stream, in an interval."""

    def __init__(
        self,
        camera: str,
        catalog: Catalog,
        find: Callable[[str, UtcNs, UtcNs], Awaitable[Footage]],
        hidden: Callable[[UtcNs, UtcNs], Awaitable[Spans]],
    ) -> None:
        self._camera = camera
        self._catalog = catalog
        self._find = find
        self._hidden = hidden

    async def forward(self, from_ns: UtcNs, to_ns: UtcNs | None) -> AsyncIterator[Step | None]:
        """The steps from the one that has `from_ns`, or else the first one after it, to those that begin before
        `to_ns`. None means that there is nothing more for now; without a `to_ns` it is followed by what has been
        recorded meanwhile, for ever.

        Raises:
            StorageError: the database refused.
        """
        before: Step | None = None
        async for step in self._forward(from_ns, to_ns):
            if before is not None and step is None:
                yield replace(before, ends=not before.growing, last=not before.growing)
            elif before is not None and step is not None:
                yield replace(before, ends=not _meets(before, step))
            if step is None:
                yield None
            before = step
        if before is not None:
            yield replace(before, last=True)

    async def backward(self, from_ns: UtcNs, to_ns: UtcNs | None) -> AsyncIterator[Step]:
        """The steps from the one that has `from_ns`, or else the last one before it, back to the one that has `to_ns`,
        or the first there is.

        Raises:
            StorageError: the database refused.
        """
        after: Step | None = None
        async for step in self._backward(from_ns, to_ns):
            if after is not None:
                yield replace(after, ends=step is None or not _meets(step, after), last=step is None)
            after = step
        if after is not None:
            yield replace(after, last=True)

    # ---- inside

    async def _forward(self, from_ns: UtcNs, to_ns: UtcNs | None) -> AsyncIterator[Step | None]:
        at_ns, path, reached = from_ns, "", 0
        while to_ns is None or at_ns < to_ns:
            until_ns = at_ns + WINDOW_NS if to_ns is None else min(to_ns, at_ns + WINDOW_NS)
            footage = await self._footage(at_ns, until_ns)
            went_on = False
            for piece in footage.pieces:
                for chunk in piece.chunks:
                    start, end = chunk.offset, chunk.offset + chunk.size
                    if piece.path == path:
                        start = max(start, reached)
                    elif chunk.end_ns <= at_ns:
                        continue
                    if start < end:
                        yield Step(piece, chunk, start, end)
                        at_ns, path, reached, went_on = max(at_ns, chunk.end_ns), piece.path, end, True
            if went_on:
                continue
            following = await self._following(at_ns)
            if following is not None and (to_ns is None or following < to_ns):
                at_ns = following
            else:
                yield None
                if to_ns is not None:
                    return

    async def _backward(self, from_ns: UtcNs, to_ns: UtcNs | None) -> AsyncIterator[Step | None]:
        """None in the end: there is nothing before."""
        at_ns = from_ns + 1  # the step that has this moment is the first one
        while to_ns is None or at_ns > to_ns:
            footage = await self._footage(at_ns - WINDOW_NS, at_ns)
            went_on = False
            for piece in reversed(footage.pieces):
                for chunk in reversed(piece.chunks):
                    if chunk.start_ns >= at_ns or (to_ns is not None and chunk.end_ns <= to_ns):
                        continue
                    yield Step(piece, chunk, chunk.offset, chunk.offset + chunk.size)
                    at_ns, went_on = chunk.start_ns, True
            if went_on:
                continue
            before_ns, _ = await self._catalog.nearest(self._camera, at_ns - WINDOW_NS)
            if before_ns is None:
                yield None
                return
            at_ns = min(at_ns - WINDOW_NS, before_ns + NS)

    async def _footage(self, from_ns: UtcNs, to_ns: UtcNs) -> Footage:
        footage = await self._find(self._camera, from_ns, to_ns)
        return without(footage, await self._hidden(from_ns - WINDOW_NS, to_ns + WINDOW_NS))

    async def _following(self, at_ns: UtcNs) -> UtcNs | None:
        """Where something begins after `at_ns`."""
        _, stored = await self._catalog.nearest(self._camera, at_ns)
        growing = self._catalog.growing(self._camera)
        begins = [] if stored is None else [stored]
        if growing is not None and growing.segment is not None and growing.segment.start_ns > at_ns:
            begins.append(growing.segment.start_ns)
        return min(begins, default=None)


def _meets(step: Step, following: Step) -> bool:
    """Whether the second goes on where the first ends."""
    same = step.piece.path == following.piece.path and step.end == following.start
    return same or meets(step.piece, step.chunk, following.piece, following.chunk)
