"""Chunks and footage: found while recording, by a scan, in the open Segment, and in that of another process."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.fmp4_samples import fragments, read_header
from gateway.media.model import NS, TrackKind
from gateway.recording.catalog import Catalog
from gateway.recording.chunks import CHUNK_NS, Chunk, ChunksError, Cuts, find_chunks
from gateway.recording.footage import Footage, FootageFinder
from gateway.recording.segment import SUFFIX
from gateway.store import tables
from tests.media_samples import PCMU, T0, VIDEO, stream, unit
from tests.recording_rig import CAMERA, Rig, rig


def finder(recording: Rig, catalog: Catalog | None = None) -> FootageFinder:
    return FootageFinder(catalog or recording.catalog, recording.disk, recording.threads)


async def found(recording: Rig, start: float = 0, end: float = 1000) -> Footage:
    return await finder(recording).find(CAMERA, T0 + round(start * NS), T0 + round(end * NS))


def times(footage: Footage) -> list[tuple[float, float]]:
    return [((c.start_ns - T0) / NS, (c.end_ns - T0) / NS) for piece in footage.pieces for c in piece.chunks]


async def test_chunks_begin_with_keyframes_some_seconds_apart_and_leave_nothing_out(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(70, rate=10, gop=15))
        await recording.close()
        footage = await found(recording)
        first, second = footage.pieces
        assert not first.open
        assert (first.start_ns, first.end_ns, second.start_ns) == (T0, T0 + 60 * NS, T0 + 60 * NS)
        assert times(footage)[:3] == [(0, 4.5), (4.5, 9), (9, 13.5)]
        assert times(footage)[-1][1] == 70
        for piece in footage.pieces:
            assert piece.chunks[0].offset == piece.header_bytes
            assert all(a.offset + a.size == b.offset for a, b in itertools.pairwise(piece.chunks))
            assert all(a.end_ns == b.start_ns for a, b in itertools.pairwise(piece.chunks))
            assert piece.chunks[-1].offset + piece.chunks[-1].size == piece.size
            with recording.disk.reader(piece.path) as read_at:
                header = read_header(read_at, piece.size)
                for chunk in piece.chunks:
                    inside = list(fragments(read_at, header, chunk.offset, chunk.offset + chunk.size))
                    assert inside[-1].end == chunk.offset + chunk.size
                    video = [fragment for fragment in inside if fragment.track is header.video]
                    assert video[0].begins_with_keyframe
                    assert video[0].utc_ns == chunk.start_ns
        assert first.fingerprint == second.fingerprint


async def test_a_scan_finds_the_same_chunks_and_the_catalog_keeps_them(tmp_path):
    async with rig(tmp_path) as recording:
        recording.hub.open((VIDEO, PCMU))
        sound = [unit(PCMU, n * 0.02, payload=bytes(160), received=n * 0.02 + 0.3) for n in range(1000)]
        video = [u for u in stream(20) if u.track is VIDEO]
        await recording.play(sorted([*video, *sound], key=lambda u: u.received_ns))
        await recording.close()
        written = await found(recording)
        forget = tables.segments.update().values(chunks=None)
        database = recording.catalog._database
        await database.write(lambda connection: connection.execute(forget) and None)
        assert await found(recording) == written
        (row,) = await recording.catalog.stored(CAMERA, T0, T0 + NS)
        assert row.chunks is not None
        next(recording.disk.paths()).unlink()
        assert await found(recording) == written  # no second look


async def test_an_interval_takes_the_chunks_it_touches(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(30, gop=60))
        await recording.close()
        assert times(await found(recording, 5, 9)) == [(4, 8), (8, 12)]
        assert times(await found(recording, 8, 12)) == [(8, 12)]
        assert times(await found(recording, 29.9, 40)) == [(28, 30)]
        assert (await found(recording, 31, 40)).pieces == ()


async def test_the_open_segment_reaches_to_its_last_fragment_also_for_another_process(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(66, rate=10, gop=10))
        ours = await found(recording)
        assert [piece.open for piece in ours.pieces] == [False, True]
        last = ours.pieces[-1]
        ((_, reach),) = await recording.spans()
        assert last.end_ns == T0 + round(reach * NS)
        assert last.size == recording.disk.size(last.path)
        theirs = await finder(recording, Catalog(recording.catalog._database)).find(CAMERA, T0, T0 + 1000 * NS)
        assert theirs.pieces[0] == ours.pieces[0]
        found_by_scan, known = theirs.pieces[1], ours.pieces[1]
        assert found_by_scan == replace(known, end_ns=found_by_scan.end_ns, chunks=found_by_scan.chunks)
        assert [c.offset for c in found_by_scan.chunks] == [c.offset for c in known.chunks]
        assert found_by_scan.has(TrackKind.VIDEO)


async def test_a_file_that_is_gone_or_damaged_is_left_out(tmp_path):
    async with rig(tmp_path) as recording:
        await recording.play(stream(130, rate=10, gop=10))
        await recording.close()
        forget = tables.segments.update().values(chunks=None)
        await recording.catalog._database.write(lambda connection: connection.execute(forget) and None)
        gone, damaged, _ = sorted(path for path in recording.disk.paths() if path.suffix == SUFFIX)
        gone.unlink()
        damaged.write_bytes(b"no film")
        (left,) = (await found(recording)).pieces
        assert left.start_ns == T0 + 120 * NS


@given(
    st.lists(st.tuples(st.integers(1, 1 << 30), st.integers(-CHUNK_NS, 1 << 40)), max_size=50),
    st.binary(min_size=8, max_size=8),
    st.integers(8, 1 << 20),
)
@settings(max_examples=60)
def test_cuts_come_back_as_they_were_packed(steps, fingerprint, header_bytes):
    starts, offset, utc_ns = [], header_bytes, T0
    for more, later in steps:
        starts.append((offset, utc_ns))
        offset, utc_ns = offset + more, utc_ns + later
    cuts = Cuts(header_bytes, fingerprint, tuple(starts))
    assert Cuts.unpack(cuts.pack()) == cuts


@given(st.binary(max_size=60))
@settings(max_examples=60)
def test_other_bytes_are_an_error_or_cuts(data):
    for sample in (data, b"\x01" + data):
        try:
            cuts = Cuts.unpack(sample)
        except ChunksError:
            continue
        assert Cuts.unpack(cuts.pack()) == cuts


def test_a_minute_takes_about_ten_bytes_a_chunk():
    starts = [(1200 + n * 2_000_003, T0 + n * (CHUNK_NS + 123_456)) for n in range(15)]
    assert len(Cuts(1200, bytes(8), tuple(starts)).pack()) < 15 * 10 + 25


def test_what_is_not_written_yet_is_in_no_chunk():
    cuts = Cuts(100, bytes(8), ((100, T0), (900, T0 + 4 * NS), (2000, T0 + 8 * NS)))
    assert cuts.chunks(1500, T0 + 6 * NS) == (
        Chunk(100, 800, T0, T0 + 4 * NS),
        Chunk(900, 600, T0 + 4 * NS, T0 + 6 * NS),
    )


def test_a_file_without_pictures_has_no_chunks(tmp_path):
    from gateway.media.fmp4 import Fmp4Muxer

    muxer = Fmp4Muxer([PCMU], T0)
    buffers = [muxer.init_segment()]
    muxer.write(PCMU, 0, T0, [((bytes(160),), 160, 0, True)], buffers)
    data = b"".join(buffers)
    assert find_chunks(lambda offset, size: data[offset : offset + size], len(data)).cuts.starts == ()


@pytest.mark.parametrize("gop", [1, 100])
async def test_any_distance_of_keyframes_makes_chunks(tmp_path, gop):
    async with rig(tmp_path) as recording:
        await recording.play(stream(25, rate=10, gop=gop))
        await recording.close()
        lengths = [end - start for start, end in times(await found(recording))]
        assert lengths == ([4] * 6 + [1] if gop == 1 else [10, 10, 5])
