"""gateway.positions.settling: a receiver that starts cold is believed once it agrees with itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from gateway.media.model import NS, Fix
from gateway.positions.geodesy import offset_by
from gateway.positions.nmea import SentenceReader
from gateway.positions.nmea_epochs import Epochs, NoFix
from gateway.positions.settling import LONG_USE_NS, PATIENCE_NS, SETTLED_FIXES, SHORT_LOSS_NS
from gateway.positions.tracker import Rule, Tracker
from tests.data import shared

NOW = 1_767_268_800 * NS


def fix(seconds: float = 0.0, east_m: float = 0.0, **values: float | None) -> Fix:
    lat, lon = offset_by(51.5, -0.12, east_m, 0.0)
    utc_ns = NOW + round(seconds * NS)
    said = Fix(utc_ns, lat, lon, speed_mps=0.5, accuracy_m=6.0, satellites=8, carrier="nmea", received_ns=utc_ns)
    return replace(said, **values)  # type: ignore[arg-type]


def verdicts(tracker: Tracker, *fixes: Fix) -> list[Rule | None]:
    return [tracker.push(one, one.received_ns) for one in fixes]


@pytest.fixture
def tracker() -> Tracker:
    """Of a receiver that has said that it has no fix."""
    tracker = Tracker("unit-12")
    tracker.no_fix(NOW - NS)
    return tracker


def test_a_receiver_that_has_a_fix_when_it_is_first_heard_is_believed() -> None:
    assert verdicts(Tracker("unit-12"), fix()) == [None]


def test_no_fix_is_counted(tracker: Tracker) -> None:
    assert tracker.refused == {Rule.NO_FIX: 1}
    assert tracker.last is None


def test_it_settles_by_agreeing_with_itself(tracker: Tracker) -> None:
    walk = [fix(second, east_m=second) for second in range(SETTLED_FIXES + 2)]
    assert verdicts(tracker, *walk) == [Rule.SETTLING] * (SETTLED_FIXES - 1) + [None] * 3


@pytest.mark.parametrize(
    "step",
    [
        {"east_m": 20.0},  # it says 0.5 m/s
        {"satellites": 3},
        {"accuracy_m": 51.0},
    ],
)
def test_one_that_does_not_agree_starts_the_count_anew(tracker: Tracker, step: dict[str, float]) -> None:
    said = [fix(second) for second in range(3 * SETTLED_FIXES)]
    said[3] = fix(3, **step)
    told = verdicts(tracker, *said)
    assert told.index(None) == SETTLED_FIXES + 3
    assert set(told[: SETTLED_FIXES + 3]) == {Rule.SETTLING}


def test_a_car_settles_too(tracker: Tracker) -> None:
    drive = [fix(second, east_m=30 * second, speed_mps=30.0) for second in range(SETTLED_FIXES)]
    assert verdicts(tracker, *drive)[-1] is None


def test_a_pause_in_between_proves_nothing(tracker: Tracker) -> None:
    assert verdicts(tracker, *(fix(6 * count) for count in range(SETTLED_FIXES))) == [Rule.SETTLING] * SETTLED_FIXES


def test_without_a_speed_there_is_nothing_to_agree_with(tracker: Tracker) -> None:
    """Only GGA: so many in a row are all that can be asked for."""
    said = [fix(second, east_m=25 * second, speed_mps=None) for second in range(SETTLED_FIXES)]
    assert verdicts(tracker, *said)[-1] is None


def test_one_that_never_settles_is_not_hidden_for_ever(tracker: Tracker) -> None:
    seconds = PATIENCE_NS // NS
    said = [fix(second, east_m=40.0 * (second % 2)) for second in range(seconds + 2)]
    told = verdicts(tracker, *said)
    assert told.index(None) == seconds
    assert tracker.refused[Rule.SETTLING] == seconds


def test_one_that_has_and_has_not_a_fix_is_shown_in_the_end(tracker: Tracker) -> None:
    told = []
    for second in range(0, 120, 2):
        told += verdicts(tracker, fix(second, east_m=10.0 * (second % 4)))
        tracker.no_fix(NOW + (second + 1) * NS)
    assert told == [Rule.SETTLING] * (PATIENCE_NS // NS // 2) + [None] * 30


def test_patience_is_for_one_start_only(tracker: Tracker) -> None:
    """Switched off before it settled, and on again an hour later."""
    assert verdicts(tracker, fix(0)) == [Rule.SETTLING]
    tracker.no_fix(NOW + 3600 * NS)
    assert verdicts(tracker, fix(3601)) == [Rule.SETTLING]


def test_where_it_was_before_does_not_bind_it(tracker: Tracker) -> None:
    verdicts(tracker, *(fix(second) for second in range(SETTLED_FIXES)))
    tracker.no_fix(NOW + 10 * NS)
    told = verdicts(tracker, *(fix(11 + second, east_m=90_000) for second in range(SETTLED_FIXES)))
    assert told == [Rule.SETTLING] * (SETTLED_FIXES - 1) + [None]


@pytest.mark.parametrize(
    ("used_ns", "lost_ns", "rule"),
    [
        (LONG_USE_NS, SHORT_LOSS_NS, None),  # under a bridge
        (LONG_USE_NS, SHORT_LOSS_NS + NS, Rule.SETTLING),
        (LONG_USE_NS - NS, NS, Rule.SETTLING),
    ],
)
def test_a_short_loss_after_long_use_is_no_start(used_ns: int, lost_ns: int, rule: Rule | None) -> None:
    tracker = Tracker("unit-12")
    verdicts(tracker, *(fix(second) for second in range(used_ns // NS + 1)))
    tracker.no_fix(NOW + used_ns + lost_ns)
    assert verdicts(tracker, fix((used_ns + lost_ns) / NS + 1)) == [rule]


# ---- receivers as they were recorded


def told_of(name: str) -> tuple[Tracker, Counter[Rule | None]]:
    """What becomes of each moment of a log, judged by the clock of its day."""
    reader, epochs, tracker = SentenceReader(), Epochs(), Tracker(name)
    counts: Counter[Rule | None] = Counter()
    now_ns = NOW
    for sentence in (*reader.push(shared(f"nmea/{name}").read_bytes()), None):
        said = epochs.flush() if sentence is None else epochs.push(sentence, now_ns)
        if said is None:
            continue
        now_ns += NS
        if isinstance(said, NoFix):
            tracker.no_fix(said.received_ns)
            counts[Rule.NO_FIX] += 1
        else:
            counts[tracker.push(said, said.utc_ns)] += 1
    return tracker, counts


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("ublox-neo-m9n-nmea.log", {None: 61}),
        ("furuno_gl_ga.log", {None: 16}),
        # It walks 700 m in 30 s. Of its 23 fixes the four are believed that come after five which agree; then it loses
        # its satellites, and comes back 200 m away.
        ("quectel-eg25-g.log", {Rule.NO_FIX: 37, Rule.SETTLING: 19, None: 4}),
    ],
)
def test_a_recorded_receiver(name: str, counts: dict[Rule | None, int]) -> None:
    assert told_of(name)[1] == counts


def test_the_walk_ends_when_the_receiver_has_settled() -> None:
    """The log ends before it does: this is how it would have gone on."""
    tracker, _ = told_of("quectel-eg25-g.log")
    start = 1_662_923_735 * NS  # a second after the log's end
    still = [
        Fix(
            start + second * NS,
            36.7640,
            31.4105,
            speed_mps=0.1,
            accuracy_m=5.0,
            satellites=9,
            received_ns=NOW + (80 + second) * NS,
        )
        for second in range(SETTLED_FIXES)
    ]
    told = [tracker.push(one, one.utc_ns) for one in still]
    assert told == [Rule.SETTLING] * (SETTLED_FIXES - 1) + [None]
