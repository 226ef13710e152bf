"""KLV: what the sensor's own place is taken from, what never, and what damaged units cost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.settings import CameraSettings
from gateway.ingest.camera import DAMAGED_KLV, usable
from gateway.media.klv_rtp import KlvDepacketizer
from gateway.media.model import NS, Codec, Fix, MetadataParameters, Track, TrackKind
from gateway.media.timeline import Timeline
from gateway.positions.klv import CARRIER, KlvReading, read
from gateway.rtsp.sdp import SessionDescription, tracks
from tests.accounts import PASSWORD
from tests.restream_rig import VIDEO, Source, live
from tests.rtp_samples import feed, packets, units
from tests.running import running

NOW = 1_790_000_000 * NS
KEY = bytes.fromhex("060e2b34020b01010e01030101000000")
SECURITY = bytes.fromhex("060e2b34020301010e01030302000000")
TRACK = Track(1, TrackKind.METADATA, Codec.KLV, 90000, MetadataParameters("smpte336m"), "smpte336m")

# The examples that ST 0601 gives for its items, as they are coded.
TIME = bytes.fromhex("000459f4a6aa4aa8"), 1_224_807_209_913_000 * 1000  # 2008-10-24T00:13:29.913Z
HEADING = bytes.fromhex("71c2"), 159.974364843213
LATITUDE = bytes.fromhex("5595b66d"), 60.1768229669783
LONGITUDE = bytes.fromhex("5b5360c4"), 128.426759042045
ALTITUDE = bytes.fromhex("c221"), 14190.7195
FRAME_CENTRE = {23: bytes.fromhex("f101a229"), 24: bytes.fromhex("14bc082b"), 25: bytes.fromhex("34f3")}
WHOLE = {2: TIME[0], 5: HEADING[0], 13: LATITUDE[0], 14: LONGITUDE[0], 15: ALTITUDE[0], **FRAME_CENTRE}


def ber(length: int) -> bytes:
    if length < 128:
        return bytes([length])
    size = (length.bit_length() + 7) // 8
    return bytes([0x80 | size]) + length.to_bytes(size, "big")


def local_set(items: dict[int, bytes], *, key: bytes = KEY, checksum: int | None = None) -> bytes:
    """The items as a local set that proves itself (ST 0601 6.4)."""
    body = b"".join(bytes([tag]) + ber(len(value)) + value for tag, value in items.items()) + b"\x01\x02"
    packet = key + ber(len(body) + 2) + body
    summed = sum(byte << 8 * ((at + 1) % 2) for at, byte in enumerate(packet))
    return packet + ((summed if checksum is None else checksum) & 0xFFFF).to_bytes(2, "big")


def at(unit: bytes) -> KlvReading:
    return read(unit, utc_ns=NOW, received_ns=NOW + 1)


def angle(degrees: float, most: float) -> bytes:
    return round(degrees / most * 0x7FFFFFFF).to_bytes(4, "big", signed=True)


def test_the_examples_of_the_standard():
    (fix,) = at(local_set(WHOLE)).fixes
    assert (fix.utc_ns, fix.received_ns, fix.carrier) == (TIME[1], NOW + 1, CARRIER)
    assert (fix.lat, fix.lon) == (pytest.approx(LATITUDE[1], abs=1e-9), pytest.approx(LONGITUDE[1], abs=1e-9))
    assert (fix.altitude_m, fix.course_deg) == (
        pytest.approx(ALTITUDE[1], abs=0.01),
        pytest.approx(HEADING[1], abs=1e-6),
    )
    assert (fix.speed_mps, fix.accuracy_m) == (None, None)


def test_where_the_picture_looks_is_never_where_the_wearer_is():
    targets = {2: TIME[0], **FRAME_CENTRE, 26: b"\x01\x01", 40: LATITUDE[0], 41: LONGITUDE[0], 82: LATITUDE[0]}
    assert at(local_set(targets)) == KlvReading()


def test_a_set_without_a_time_is_of_its_unit():
    (fix,) = at(local_set({13: LATITUDE[0], 14: LONGITUDE[0]})).fixes
    assert fix.utc_ns == NOW


def test_what_the_sensor_does_not_know():
    unknown = b"\x80\x00\x00\x00"
    assert at(local_set({13: unknown, 14: LONGITUDE[0]})) == KlvReading()
    assert at(local_set({13: LATITUDE[0], 14: LONGITUDE[0][:2]})) == KlvReading()


def test_no_course_while_it_stands():
    assert at(local_set(WHOLE | {56: b"\x00"})).fixes[0].course_deg is None
    moving = at(local_set(WHOLE | {56: b"\x02"})).fixes[0]
    assert (moving.speed_mps, moving.course_deg is None) == (2.0, False)
    assert at(local_set(WHOLE | {5: b"\xff\xff"})).fixes[0].course_deg == 0.0


def test_other_standards_and_large_sets_stand_beside_it():
    security = SECURITY + ber(3) + b"\x01\x01\x01"
    long = local_set({3: b"M" * 300, **WHOLE})
    other_registry = local_set(WHOLE, key=KEY[:7] + b"\x0c" + KEY[8:])
    assert len(at(security + long + security + other_registry).fixes) == 2


def test_a_tag_of_two_bytes_is_passed_over():
    body = b"\x81\x0d\x01\x07" + b"".join(
        bytes([tag, 4]) + value for tag, value in ((13, LATITUDE[0]), (14, LONGITUDE[0]))
    )
    packet = KEY + ber(len(body) + 4) + body + b"\x01\x02"
    summed = sum(byte << 8 * ((n + 1) % 2) for n, byte in enumerate(packet)) & 0xFFFF
    (fix,) = at(packet + summed.to_bytes(2, "big")).fixes
    assert fix.lat == pytest.approx(LATITUDE[1])


def test_a_checksum_that_does_not_hold_or_is_missing_counts_and_moves_nobody():
    assert at(local_set(WHOLE, checksum=0x1234)) == KlvReading(damaged=1)
    without = KEY + ber(12) + b"\x0d\x04" + LATITUDE[0] + b"\x0e\x04" + LONGITUDE[0]
    assert at(without) == KlvReading(damaged=1)
    good = local_set(WHOLE)
    assert len(at(local_set(WHOLE, checksum=1) + good).fixes) == 1, "a bad one costs only itself"


def test_every_cut_and_every_flipped_bit_is_no_position():
    whole = local_set(WHOLE)
    for size in range(len(whole)):
        assert at(whole[:size]).fixes == ()
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 0x10
        assert at(bytes(flipped)).fixes == (), position


def test_a_tag_without_end_costs_nothing():
    assert at(KEY + ber(60_000) + b"\x80" * 60_000).fixes == ()
    assert at(KEY + b"\x84\xff\xff\xff\xff").damaged == 1


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.dictionaries(st.integers(2, 127), st.binary(max_size=20), max_size=8))
def test_whatever_comes_does_no_harm(junk, items):
    assert at(junk).fixes == ()
    reading = at(local_set(items) + junk)
    assert len(reading.fixes) <= 1
    for fix in reading.fixes:
        assert abs(fix.lat) <= 90.0001
        assert abs(fix.lon) <= 180.0001


# ---- in RTP, and in a camera's stream


@pytest.mark.parametrize("size", [1, 7, 1400])
def test_a_unit_ends_at_the_marker_however_it_is_cut(size):
    whole = local_set(WHOLE)
    pieces = [whole[n : n + size] for n in range(0, len(whole), size)]
    got = units(feed(KlvDepacketizer(TRACK, Timeline(90000, 1)), packets([pieces, pieces])))
    assert [unit.nals for unit in got] == [(whole,)] * 2


def test_a_unit_with_a_hole_is_given_up():
    whole = local_set(WHOLE)
    pieces = [whole[n : n + 20] for n in range(0, len(whole), 20)]
    stream = packets([pieces, pieces, pieces])
    depacketizer = KlvDepacketizer(TRACK, Timeline(90000, 1))
    got = units(feed(depacketizer, [packet for n, packet in enumerate(stream) if n not in {1, len(pieces)}]))
    assert [unit.nals for unit in got] == [(whole,)]
    assert depacketizer.dropped_units == 2


SDP = """v=0
s=x
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
m=application 0 RTP/AVP 97
a=rtpmap:97 smpte336m/90000
m=application 0 RTP/AVP 107
a=rtpmap:107 vnd.onvif.metadata/90000
"""


def test_it_is_taken_where_there_is_no_metadata_of_onvif():
    offered = tracks(SessionDescription.parse(SDP.encode()), "rtsp://h/")
    assert [description.track.codec for description in usable(offered)] == [Codec.H264, Codec.ONVIF_METADATA]
    assert [description.track.codec for description in usable(offered[:2])] == [Codec.H264, Codec.KLV]


async def test_a_camera_with_klv_is_followed_and_passed_on(tmp_path):
    source = Source(tracks=(VIDEO, TRACK))
    await source.start()
    async with running(tmp_path / "first", source.settings(record=True)) as first:
        await live(first, source)
        url = f"rtsp://127.0.0.1:{first.rtsp_port}/cam"
        behind = CameraSettings(id="again", url=url, username="nvr", password=PASSWORD, record=False)
        async with running(tmp_path / "second", behind) as second:
            await live(second, source, "again")
            heard: list[list[Fix]] = [[], []]
            for told, gateway in zip(heard, (first, second), strict=True):
                gateway.fleet.on_fix.append(lambda _, fix, told=told: told.append(replace(fix, received_ns=0)))
            for n in range(3):
                now = source.publish(key=True).utc_ns
                items = {2: (now // 1000).to_bytes(8, "big"), 13: angle(52.5 + n * 1e-5, 90), 14: angle(13.4, 180)}
                source.publish(TRACK, local_set(items))
                async with asyncio.timeout(20):
                    while len(heard[1]) <= n:
                        await asyncio.sleep(0.01)
            assert heard[0] == heard[1]
            assert [(fix.carrier, round(fix.lat, 6)) for fix in heard[0]] == [
                (CARRIER, 52.5), (CARRIER, 52.50001), (CARRIER, 52.50002)
            ]  # fmt: skip
            camera = first.fleet.camera("cam")
            async with asyncio.timeout(20):  # it is recorded without it, which an MP4 has no place for
                while not (shown := await first.client().get("/api/cameras/cam"))["recording"]:
                    await asyncio.sleep(0.01)
            assert [track["codec"] for track in shown["tracks"]] == ["H264", "KLV"]
            source.publish(TRACK, local_set(WHOLE, checksum=1))
            async with asyncio.timeout(20):
                while camera.position_problem != DAMAGED_KLV:
                    await asyncio.sleep(0.01)
    await source.stop()
