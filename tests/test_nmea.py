"""gateway.positions.nmea, .nmea_epochs: sentences out of bytes, and what those of one moment say together."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from functools import reduce
from operator import xor

import pynmeagps
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.model import NS, Constellation, Fix, UtcNs
from gateway.positions.nmea import MAX_SENTENCE, Sentence, SentenceReader
from gateway.positions.nmea_epochs import MAX_SENTENCES, Epochs, NoFix
from tests.data import shared

NOW = 1_767_268_800 * NS  # 2026-01-01 12:00:00
GPS, GLONASS, GALILEO, BEIDOU = (
    Constellation.GPS,
    Constellation.GLONASS,
    Constellation.GALILEO,
    Constellation.BEIDOU,
)
UBLOX, FURUNO, QUECTEL = "ublox-neo-m9n-nmea.log", "furuno_gl_ga.log", "quectel-eg25-g.log"


def log(name: str) -> bytes:
    return shared(f"nmea/{name}").read_bytes()


def sentence(body: str) -> bytes:
    """With its checksum, as it comes."""
    return f"${body}*{reduce(xor, body.encode()):02X}\r\n".encode()


def said(*bodies: str, at: UtcNs = NOW) -> list[Fix | NoFix]:
    """What these sentences say, up to the last."""
    reader, epochs = SentenceReader(), Epochs()
    told = [epochs.push(one, at) for one in reader.push(b"".join(map(sentence, bodies)))]
    return [one for one in (*told, epochs.flush()) if one is not None]


def fix_of(*bodies: str, at: UtcNs = NOW) -> Fix:
    (one,) = said(*bodies, at=at)
    assert isinstance(one, Fix)
    return one


def utc(*parts: int) -> UtcNs:
    return round(dt.datetime(*parts, tzinfo=dt.UTC).timestamp()) * NS  # type: ignore[arg-type]


# ---- sentences


def test_a_sentence() -> None:
    (one,) = SentenceReader().push(sentence("GNVTG,,T,,M,0.040,N,0.075,K,D"))
    assert one == Sentence("GN", "VTG", ["", "T", "", "M", "0.040", "N", "0.075", "K", "D"])
    assert (one.field(4), one.field(99)) == ("0.040", "")


@pytest.mark.parametrize(
    ("body", "talker", "kind"),
    [
        ("PUBX,00,1", "P", "UBX"),
        ("PERDCRJ,FREQ,GP", "P", "ERDCRJ"),
        ("PQTMVERNO,1", "P", "QTMVERNO"),
        ("PQGSV,4,4,15,28,08,040,,0,4", "PQ", "GSV"),
        ("PQGSA,A,3,05", "PQ", "GSA"),
        ("QZGSV,1,1,00", "QZ", "GSV"),
    ],
)
def test_talkers(body: str, talker: str, kind: str) -> None:
    (one,) = SentenceReader().push(sentence(body))
    assert (one.talker, one.kind) == (talker, kind)


def test_a_checksum_is_required_and_must_hold() -> None:
    reader = SentenceReader()
    good = sentence("GPGGA,,,,,,0,,,,,,,,")
    assert reader.push(good.replace(b",0,", b",1,") + b"$GPGGA,,,,,,0,,,,,,,,\r\n" + good.lower()) == []
    assert reader.bad_checksums == 1
    assert len(reader.push(good)) == 1


def test_what_lies_between_sentences_is_passed_over_and_counted() -> None:
    reader = SentenceReader()
    one = sentence("GPGGA,,,,,,0,,,,,,,,")
    stream = b"# log\r\n" + one + b"\xb5b\x01\x07\xff\x00$$" + b"\\s:GP0001,c:1*4D\\" + one.rstrip() + one
    assert [s.kind for s in reader.push(stream)] == ["GGA"] * 3
    assert reader.junk_bytes == len(b"# log") + 8 + len(b"\\s:GP0001,c:1*4D\\")


def test_a_sentence_ends_with_its_checksum() -> None:
    """As single datagrams without a line's end: nothing waits for one."""
    reader = SentenceReader()
    one = sentence("GPGGA,,,,,,0,,,,,,,,").rstrip()
    assert len(reader.push(one)) == len(reader.push(one)) == 1


def test_what_never_ends_is_not_kept() -> None:
    reader = SentenceReader()
    for _ in range(16):
        assert reader.push(b"$GPGGA," + b"1" * (1 << 16)) == []
    assert reader.junk_bytes >= 1 << 20
    assert len(reader.push(sentence("GPGGA,,,,,,0,,,,,,,,"))) == 1
    too_long = sentence("GPTXT," + "x" * MAX_SENTENCE)
    assert reader.push(too_long + sentence("GPTXT,y")) == [Sentence("GP", "TXT", ["y"])]


@pytest.mark.parametrize("name", [UBLOX, FURUNO, QUECTEL])
def test_byte_by_byte_is_as_whole(name: str) -> None:
    whole, single = SentenceReader(), SentenceReader()
    bytes_ = log(name)[:20_000]
    assert whole.push(bytes_) == [one for at in range(len(bytes_)) for one in single.push(bytes_[at : at + 1])]
    assert (whole.bad_checksums, single.bad_checksums) == (0, 0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from([sentence("GPGGA,,,,,,0,,,,,,,,"), sentence("PUBX,1"), b"$", b"*", b"\r\n", b"GPGGA,"])
        | st.binary(max_size=40),
        max_size=30,
    ),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_however_it_is_cut(pieces: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(pieces)
    whole, split = SentenceReader(), SentenceReader()
    at = [0, *sorted(cuts), len(stream)]
    assert whole.push(stream) == [one for a, b in itertools.pairwise(at) for one in split.push(stream[a:b])]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda address, fields: ",".join((address, *fields)),
            st.sampled_from(["GPGGA", "GNRMC", "GNGNS", "GNGSA", "GPGSV", "GPZDA", "GNGST", "GPVTG", "GNGLL", "PQGSA"]),
            st.lists(
                st.sampled_from(["", "A", "V", "N", "E", "120000.00", "5130.0", "00007.5", "99.99", "-1", "nan", "1e9"])
                | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="$*,"), max_size=9),
                max_size=20,
            ),
        ),
        max_size=12,
    )
)
def test_fields_of_any_kind_harm_nothing(bodies: list[str]) -> None:
    for one in said(*bodies):
        if isinstance(one, Fix):
            assert abs(one.lat) < 100
            assert one.accuracy_m is None or one.accuracy_m >= 0
            assert one.course_deg is None or 0 <= one.course_deg < 360


# ---- moments


def test_the_sentences_of_a_moment_are_one_fix() -> None:
    assert fix_of(
        "GNRMC,115959.50,A,5130.042,N,00007.476,W,9.719,84.5,010126,,,A,V",
        "GNGGA,115959.50,5130.0420,N,00007.4760,W,1,12,0.80,35.5,M,47.0,M,,",
        "GNGSA,A,3,03,05,,,,,,,,,,,1.5,0.80,1.2,1",
        "GNGSA,A,3,66,,,,,,,,,,,,1.5,0.80,1.2,2",
        "GAGSV,1,1,01,04,40,062,35,7",
        "GBGSV,1,1,00,1",
        "GNGST,115959.50,20,2.5,2.4,126,3.0,4.0,3.1",
        "GNTXT,01,01,02,anything",
    ) == Fix(
        utc_ns=NOW - NS // 2,
        lat=51 + 30.042 / 60,
        lon=-7.476 / 60,
        altitude_m=35.5,
        speed_mps=9.719 * 1852 / 3600,
        course_deg=84.5,
        accuracy_m=5.0,
        constellations=(GPS, GLONASS, GALILEO),
        satellites=3,
        carrier="nmea",
        received_ns=NOW,
    )


def test_another_time_ends_a_moment() -> None:
    reader, epochs = SentenceReader(), Epochs()
    lines = [f"GPGGA,12000{second}.00,5130.0,N,00007.5,W,1,08,1.0,35.5,M,47.0,M,," for second in range(3)]
    told = [epochs.push(one, NOW) for one in reader.push(b"".join(map(sentence, lines)))]
    assert [one if one is None else one.utc_ns for one in told if not isinstance(one, NoFix)] == [None, NOW, NOW + NS]
    assert epochs.open
    last = epochs.flush()
    assert isinstance(last, Fix)
    assert last.utc_ns == NOW + 2 * NS
    assert not epochs.open
    assert epochs.flush() is None


def test_moments_without_a_time_are_told_apart_by_what_is_said_once() -> None:
    assert said(*["GPVTG,,T,,M,,N,,K,N", "GPGGA,,,,,,0,,,,,,,,", "GPRMC,,V,,,,,,,,,,N"] * 3) == [NoFix(NOW)] * 3


GGA = "GPGGA,120000.00,5130.0,N,00007.5,W,1,08,1.0,35.5,M,47.0,M,,"


@pytest.mark.parametrize(
    "bodies",
    [
        [GGA.replace(",1,08", ",0,08")],
        [GGA.replace(",1,08", ",7,08")],
        [GGA.replace(",1,08", ",8,08")],
        [GGA.replace(",1.0,", ",99.99,")],
        [GGA.replace("5130.0,N", ",")],
        [GGA.replace("5130.0", "5160.0")],
        [GGA.replace(",W,", ",X,")],
        [GGA, "GPRMC,120000.00,V,5130.0,N,00007.5,W,,,010126,,,A"],
        [GGA, "GPRMC,120000.00,A,5130.0,N,00007.5,W,,,010126,,,N"],
        [GGA, "GPGSA,A,1,,,,,,,,,,,,,,,"],
        [GGA, "GPGSA,A,3,01,02,03,04,,,,,,,,,1.0,99.99,1.0"],
        ["GNGNS,120000.00,5130.0,N,00007.5,W,NNN,08,1.0,35.5,47.0,,,V"],
        ["GPGLL,5130.0,N,00007.5,W,120000.00,V,N"],
    ],
)
def test_no_fix(bodies: list[str]) -> None:
    assert said(*bodies) == [NoFix(NOW)]


def test_a_moment_that_never_ends_does() -> None:
    bodies = [f"GNGSA,A,3,{number},,,,,,,,,,,,1.5,1.0,1.2,1" for number in range(MAX_SENTENCES + 10)]
    fixes = said(GGA, *bodies)
    assert [one.satellites for one in fixes if isinstance(one, Fix)] == [MAX_SENTENCES - 1]


def test_the_same_with_a_fix() -> None:
    """So that the cases above differ by what they say they differ by."""
    assert fix_of(GGA).satellites == 8
    assert fix_of("GNGNS,120000.00,5130.0,N,00007.5,W,ANN,08,1.0,35.5,47.0,,,V").altitude_m == 35.5
    assert fix_of("GPGLL,5130.0,N,00007.5,W,120000.00,A,A").utc_ns == NOW


@pytest.mark.parametrize(("kmh", "course"), [("1.7", None), ("1.9", 84.5), ("", 84.5)])
def test_no_course_without_movement(kmh: str, course: float | None) -> None:
    assert fix_of(GGA, f"GPVTG,84.5,T,,M,,N,{kmh},K,A").course_deg == course


def test_accuracy_is_estimated_where_it_is_not_said() -> None:
    assert fix_of(GGA).accuracy_m == 5.0
    assert fix_of(GGA.replace(",1.0,", ",2.5,")).accuracy_m == 12.5
    assert fix_of(GGA.replace(",1.0,", ",,")).accuracy_m is None


@pytest.mark.parametrize(
    ("bodies", "constellations", "satellites"),
    [
        ([GGA], (GPS,), 8),
        ([GGA.replace("GP", "GN")], (), 8),
        ([GGA.replace("GP", "BD")], (BEIDOU,), 8),
        ([GGA, "QZGSV,1,1,01,02,40,062,35"], (Constellation.QZSS,), 8),
        ([GGA, "GQGSV,1,1,01,02,40,062,35", "GIGSV,1,1,01,02,40,062,35"], (Constellation.QZSS, Constellation.NAVIC), 8),
        ([GGA, "PQGSV,1,1,01,05,34,137,,0,4"], (BEIDOU,), 8),
        (["GNGNS,120000.00,5130.0,N,00007.5,W,ANRA,09,1.0,35.5,47.0,,,V"], (GPS, GALILEO, BEIDOU), 9),
        # Before 4.10 the numbers say which system: GPS, GLONASS, BeiDou, Galileo, SBAS.
        (
            [GGA, "GNGSA,A,3,03,68,401,305,40,,,,,,,,1.5,1.0,1.2"],
            (GPS, GLONASS, GALILEO, BEIDOU, Constellation.SBAS),
            5,
        ),
        # Told twice: as GP and as GN.
        ([GGA, "GPGSA,A,3,03,05,,,,,,,,,,,1,1,1,1", "GNGSA,A,3,03,05,,,,,,,,,,,1,1,1,1"], (GPS,), 2),
    ],
)
def test_constellations_and_satellites(
    bodies: list[str], constellations: tuple[Constellation, ...], satellites: int
) -> None:
    fix = fix_of(*bodies)
    assert (fix.constellations, fix.satellites) == (constellations, satellites)


def test_satellites_are_told_of_less_often_than_places() -> None:
    reader, epochs = SentenceReader(), Epochs()
    told: list[tuple[Constellation, ...]] = []
    for tenth in range(80):
        lines = [f"GNGGA,12000{tenth // 10}.{tenth % 10}0,5130.0,N,00007.5,W,1,08,1.0,35.5,M,47.0,M,,"]
        if tenth == 0:
            lines.append("GAGSV,1,1,01,04,40,062,35,7")
        for one in reader.push(b"".join(map(sentence, lines))):
            fix = epochs.push(one, NOW + tenth * NS // 10)
            if isinstance(fix, Fix):
                told.append(fix.constellations)
    assert told == [(GALILEO,)] * 51 + [()] * 28


# ---- dates


@pytest.mark.parametrize(
    ("time", "arrived", "is_of"),
    [
        ("235959.00", utc(2026, 1, 2, 0, 0, 1), utc(2026, 1, 1, 23, 59, 59)),
        ("000001.00", utc(2026, 1, 1, 23, 59, 58), utc(2026, 1, 2, 0, 0, 1)),
        ("120000.00", utc(2026, 1, 1, 12, 0, 1), utc(2026, 1, 1, 12, 0, 0)),
    ],
)
def test_without_a_date_it_is_the_day_of_the_arrival(time: str, arrived: UtcNs, is_of: UtcNs) -> None:
    assert fix_of(GGA.replace("120000.00", time), at=arrived).utc_ns == is_of


def test_midnight() -> None:
    """GGA comes first and knows no date; RMC, which does, comes with every other moment."""
    lines = []
    for second in range(-3, 4):
        at = dt.datetime(2025, 12, 31, tzinfo=dt.UTC) + dt.timedelta(days=1, seconds=second)
        lines.append(GGA.replace("120000", at.strftime("%H%M%S")))
        if second % 2:
            lines.append(f"GPRMC,{at:%H%M%S}.00,A,5130.0,N,00007.5,W,0.1,,{at:%d%m%y},,,A")
    fixes = said(*lines, at=utc(2026, 3, 3))  # the log is old: the receiver's own date counts
    assert [one.utc_ns for one in fixes if isinstance(one, Fix)] == [
        utc(2026, 1, 1) + second * NS for second in range(-3, 4)
    ]


def test_a_date_by_zda() -> None:
    assert fix_of(GGA, "GPZDA,120000.00,31,07,2022,+00,00").utc_ns == utc(2022, 7, 31, 12)
    assert fix_of(GGA, "GPZDA,120000.00,31,02,2022,+00,00").utc_ns == NOW


def test_a_fix_without_a_time_is_of_its_arrival() -> None:
    assert fix_of(GGA.replace("120000.00", ""), at=NOW + 5).utc_ns == NOW + 5


# ---- what receivers really say


@pytest.mark.parametrize(
    ("name", "moments", "fixes", "constellations", "satellites", "accuracy_m"),
    [
        (UBLOX, 61, 61, (GPS, GLONASS, GALILEO, BEIDOU), {23, 24, 25}, (1.2, 1.5)),
        (FURUNO, 16, 16, (GPS, GLONASS, GALILEO), {10, 11}, (6.0, 7.0)),
        (QUECTEL, 60, 23, (GPS, GLONASS, GALILEO, BEIDOU), {7, 8, 9, 10}, (5.0, 21.0)),
    ],
)
def test_a_recorded_receiver(
    name: str,
    moments: int,
    fixes: int,
    constellations: tuple[Constellation, ...],
    satellites: set[int],
    accuracy_m: tuple[float, float],
) -> None:
    reader, epochs = SentenceReader(), Epochs()
    told = [epochs.push(one, NOW) for one in reader.push(log(name))]
    all_said = [one for one in (*told, epochs.flush()) if one is not None]
    good = [one for one in all_said if isinstance(one, Fix)]
    assert (len(all_said), len(good)) == (moments, fixes)
    assert {one.constellations for one in good} == {constellations}
    assert {one.satellites for one in good} == satellites
    assert all(accuracy_m[0] <= (one.accuracy_m or 0) <= accuracy_m[1] for one in good)
    assert len({one.utc_ns for one in good}) == fixes


@pytest.mark.parametrize("name", [UBLOX, FURUNO, QUECTEL])
def test_another_parser_reads_the_same(name: str) -> None:
    """pynmeagps, sentence by sentence: it takes ten times as long, which is why it is asked here only."""
    reader, epochs = SentenceReader(), Epochs()
    told = [epochs.push(one, NOW) for one in reader.push(log(name))]
    ours = [one for one in (*told, epochs.flush()) if isinstance(one, Fix)]
    theirs = {}
    for line in log(name).splitlines():
        if line[3:6] == b"RMC":
            message = pynmeagps.NMEAReader.parse(line)
            if message is not None and message.status == "A":
                moment = dt.datetime.combine(message.date, message.time, dt.UTC)
                theirs[round(moment.timestamp() * 1000)] = (message.lat, message.lon, message.spd)
    for fix in ours:
        lat, lon, knots = theirs.get(fix.utc_ns // 1_000_000, (fix.lat, fix.lon, ""))
        assert (fix.lat, fix.lon) == pytest.approx((lat, lon), abs=1e-9)
        if knots != "":
            # Rounded differently where it is taken from VTG, in km/h.
            assert fix.speed_mps == pytest.approx(knots * 1852 / 3600, abs=0.05)
    counted = Counter(fix.utc_ns // 1_000_000 in theirs for fix in ours)
    assert counted[True] >= len(ours) - 1  # the last moment of a log may be cut off
