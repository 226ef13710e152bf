"""What a camera's ledger, its catalog and its files say differently: nothing, or a test fails."""

from __future__ import annotations

from gateway.ledger.journal import Journals
from gateway.ledger.keys import PublicKeys
from gateway.ledger.proof import prove
from gateway.ledger.rows import FRAGMENT, Row
from gateway.recording.catalog import Catalog
from gateway.recording.entries import Entry, LossFound, RecordingClosed, RecordingOpened, SegmentFinished
from gateway.recording.file_proof import Point, prove_file
from gateway.recording.files import Files
from gateway.recording.ledger_rows import entry
from gateway.recording.rows import Span


async def disagreements(journals: Journals, catalog: Catalog, files: Files, camera: str) -> list[str]:
    """In sentences. A recorder may have a file open, but nobody may be writing."""
    rows: list[Row] = []
    proof = prove(journals.lines(camera), PublicKeys.read(journals.folder), rows.append)
    found = [str(proof.broken)] if proof.broken else []
    said: list[Entry] = [one for row in rows if (one := entry(row.body)) is not None]
    segments = {one.path: one for one in said if isinstance(one, SegmentFinished)}
    of_ledger = sorted((s.path, s.start_ns, s.end_ns, s.size, s.sha256, s.adopted) for s in segments.values())
    of_catalog = sorted(
        (s.path, s.start_ns, s.end_ns, s.size, s.sha256, s.adopted) for s in await catalog.segments(camera, None, None)
    )
    if of_ledger != of_catalog:
        found.append(f"Segments: {of_ledger} in the ledger, {of_catalog} in the catalog")
    growing = catalog.growing(camera)
    spans = [
        span
        for span in await catalog.recordings(camera, None, None)
        if growing is None or span.start_ns != growing.start_ns
    ]
    if _spans(said) != spans:
        found.append(f"Recordings: {_spans(said)} in the ledger, {spans} in the catalog")
    gaps = await catalog.gaps(camera, None, None)
    losses = {(gap.start_ns, gap.end_ns, gap.reason, gap.kind, gap.packets) for gap in gaps}
    begun = {(gap.start_ns, gap.reason) for gap in gaps}
    for one in said:
        if isinstance(one, LossFound) and (one.start_ns, one.end_ns, one.reason, one.kind, one.packets) not in losses:
            found.append(f"{one} is not in the catalog")
        if isinstance(one, RecordingClosed) and one.reason and (one.end_ns, one.reason) not in begun:
            found.append(f"{one} is not in the catalog")
    for path in segments:
        with files.reader(path) as read_at:
            fault = prove_file(read_at, _points(rows, path))
        if fault is not None:
            found.append(f"{path}: {fault}")
    return found


def _points(rows: list[Row], path: str) -> list[Point]:
    return [
        Point(row.body["bytes"], row.body["sha256"], f"row {row.sequence}")
        for row in rows
        if row.kind in {FRAGMENT, "segment"} and row.body["file"] == path
    ]


def _spans(said: list[Entry]) -> list[Span]:
    """The Recordings, by the rows that begin and end them."""
    spans: list[Span] = []
    start_ns = None
    for one in said:
        if isinstance(one, RecordingOpened):
            start_ns = one.start_ns
        elif isinstance(one, RecordingClosed) and start_ns is not None:
            if one.end_ns > start_ns:  # no media came of an empty one
                spans.append(Span(start_ns, one.end_ns))
            start_ns = None
    return sorted(spans, key=lambda span: span.start_ns)
