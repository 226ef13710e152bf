"""What a viewer's reports say of its link, and when that is reason to send it another stream."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.model import NS
from gateway.media.rtcp import ReportBlock
from gateway.viewing.link import CATCH_UP, GRACE, HOLD, LONGEST_HOLD, PROBE_SECONDS, SLOWEST_START, Judge, Link, Verdict

FULL, SMALL = 4e6, 400e3


class Viewer:
    """A receiver behind a link of some rate and round trip, as its reports show it; a second passes at each step."""

    def __init__(self, *, round_trip: float = 0.05, carries: float = 20e6, loss: float = 0.0) -> None:
        self.link = Link()
        self.judge = Judge(self.link)
        self.round_trip = round_trip
        self.carries = carries
        self.loss = loss
        self.gives_estimates = True
        self.now = 100.0
        self.rate = FULL
        self.probes = 0
        self.moves: list[tuple[float, str]] = []
        self._train = 0.0
        self._highest = 12_000
        self._lost = 0.0

    def step(self) -> Verdict:
        self.now += 1.0
        utc_ns = round(self.now * NS)
        sent_at, last_sr = self.now, self.link.reported(utc_ns, self.now)
        overload = max(0.0, 1 - self.carries / self.rate)
        queue = 0.2 if overload else self._train / self.carries
        arrived = sent_at + self.round_trip + queue
        packets = round(self.rate / 9600)
        self._highest += packets
        self._lost += packets * (1 - (1 - overload) * (1 - self.loss))
        block = ReportBlock(1, 0, round(self._lost), self._highest, jitter=900, last_sr=last_sr)
        self.link.received(block, 90_000, arrived)
        if self.rate == SMALL:
            self.judge.answered(block, FULL, arrived)
        if self.gives_estimates:
            # Chromium: 85 % of what arrives when that came late, else at most half as much again.
            self.link.estimated(round(0.85 * self.carries if overload else 1.5 * self.rate), arrived)
        verdict = self.judge.verdict(arrived, rate=self.rate, above=FULL if self.rate == SMALL else None)
        self._train = 0.0
        if verdict is Verdict.PROBE:
            self.probes += 1
            self._train = FULL * PROBE_SECONDS
            # The report that the next step sends is the one behind the train.
            self.judge.probing(self._next_sr(), round(self._train), arrived)
        elif (verdict is Verdict.DOWN and self.rate == FULL) or verdict is Verdict.UP:
            self.rate = SMALL if verdict is Verdict.DOWN else FULL
            self.judge.moved(arrived, up=verdict is Verdict.UP)
            self.moves.append((self.now, verdict.value))
        return verdict

    def _next_sr(self) -> int:
        return Link().reported(round((self.now + 1.0) * NS), 0.0)

    def steps(self, seconds: int) -> Iterator[Verdict]:
        return (self.step() for _ in range(seconds))


def test_a_clean_link_is_left_alone() -> None:
    viewer = Viewer()
    assert set(viewer.steps(120)) == {Verdict.STAY}
    assert viewer.link.round_trip == pytest.approx(0.05, abs=1e-6)
    assert viewer.link.jitter == pytest.approx(0.01)
    assert viewer.link.loss == 0


def test_what_nack_repairs_is_no_reason_to_send_less() -> None:
    viewer = Viewer(round_trip=0.1, loss=0.05)
    assert set(viewer.steps(300)) == {Verdict.STAY}


def test_a_link_that_is_too_small_is_noticed_within_seconds() -> None:
    for gives_estimates in (True, False):
        viewer = Viewer()
        viewer.gives_estimates = gives_estimates
        list(viewer.steps(20))
        viewer.carries = 1e6
        list(viewer.steps(3))
        assert [what for _, what in viewer.moves] == ["down"]


def reports(link: Link, *losses: float, seconds: float = 1.0, packets: int = 200, start: float = 0.0) -> None:
    """A report each so many seconds; of the packets between two of them these shares were lost."""
    highest, lost = 1000, 0
    link.received(ReportBlock(1, 0, lost, highest), 90_000, start)
    for number, share in enumerate(losses, 1):
        highest, lost = highest + packets, lost + round(packets * share)
        link.received(ReportBlock(1, 0, lost, highest), 90_000, start + number * seconds)


def test_an_estimate_that_was_lowered_counts_where_round_trips_become_longer() -> None:
    link = Link()
    link.estimated(30_000_000, 1.0)
    link.estimated(850_000, 2.0)
    assert link.denies(FULL, 2.1)
    assert not link.is_congested(FULL, 2.1), "the camera's own link may be what is slow"
    reports(link, 0.05, start=1.0)
    assert not link.is_congested(FULL, 2.1), "and this link loses a little, whatever it carries"
    for number, round_trip in enumerate((0.05, 0.3, 0.05, 0.05, 0.25, 0.25)):
        at = 1.0 + number / 5
        link.received(ReportBlock(1, last_sr=link.reported(round(at * NS), at)), 90_000, at + round_trip)
        assert link.is_congested(FULL, 2.1) is (number == 5), "longer more than by chance"
    assert not link.is_congested(SMALL, 2.1), "what fits the estimate"
    assert not link.is_congested(FULL, 9.0), "long ago"


def test_an_estimate_that_grows_with_a_quiet_picture_is_no_alarm() -> None:
    link = Link()
    for second in range(10):
        link.estimated(600_000 + 50_000 * second, float(second))
    assert not link.is_congested(FULL, 10.0), "nothing came that could have raised it further"


def test_a_queue_that_does_not_empty_is_noticed_without_loss() -> None:
    link = Link()
    for second in range(10):
        delay = 0.05 if second < 6 else 0.9
        last_sr = link.reported(second * NS, float(second))
        link.received(ReportBlock(1, last_sr=last_sr), 90_000, second + delay)
        assert link.is_congested(FULL, second + delay) is (second >= 7), "twice in a row"


def test_loss_counts_when_it_stays_and_at_once_when_it_is_heavy() -> None:
    for losses, congested in (
        ((0.15, 0.0, 0.15, 0.0, 0.15), False),
        ((0.15, 0.15), False),
        ((0.15, 0.15, 0.15), True),
        ((0.08,) * 20, False),
        ((0.3,), True),
    ):
        link = Link()
        reports(link, *losses)
        assert link.is_congested(FULL, float(len(losses))) is congested, losses


def test_the_start_shows_at_once_what_the_link_does_not_carry() -> None:
    link = Link()
    link.begins(1000, 0.0)
    link.received(ReportBlock(1, 0, 150, 1199), 90_000, 0.45)
    assert link.loss == pytest.approx(0.75)
    assert link.is_congested(FULL, 0.45)
    assert link.is_lossy


def test_a_quarter_of_a_second_without_a_network_is_no_reason() -> None:
    link = Link()
    link.received(ReportBlock(1, 0, 0, 1000), 90_000, 0.0)
    highest, lost = 1000, 0
    for tenth in range(1, 31):
        highest, lost = highest + 40, lost + (40 if 14 <= tenth <= 15 else 0)
        link.received(ReportBlock(1, 0, lost, highest), 90_000, tenth / 10)
        assert not link.is_congested(FULL, tenth / 10)


def test_what_the_stream_before_lost_is_not_held_against_the_next() -> None:
    link = Link()
    reports(link, 0.5)
    assert link.is_lossy
    link.forgive(1.0)
    assert not link.is_congested(FULL, 1.0)
    link.received(ReportBlock(1, 0, 900, 2200), 90_000, 1.5)
    link.received(ReportBlock(1, 0, 1900, 3200), 90_000, 1.0 + GRACE)
    link.received(ReportBlock(1, 0, 1900, 3500), 90_000, 2.5 + GRACE)
    assert link.loss == 0


@pytest.mark.parametrize("packets_a_second", [40, 80, 350])
def test_a_link_that_loses_a_twentieth_at_random_is_never_taken_for_full(packets_a_second: int) -> None:
    """As Chromium reported it: five reports a second, and an estimate that falls with the jitter of the camera."""
    rng = random.Random(packets_a_second)
    link, highest, lost, rate = Link(), 1000, 0, packets_a_second * 9600.0
    for fifth in range(5 * 600):
        now = fifth / 5
        if fifth % 5 == 0:
            last_sr = link.reported(round(now * NS), now)
        highest += packets_a_second // 5
        lost += sum(rng.random() < 0.05 for _ in range(packets_a_second // 5))
        round_trip = 0.1 + rng.expovariate(1 / 0.015)
        since = now - (fifth - fifth % 5) / 5
        delay = round(since * 65536)
        link.received(ReportBlock(1, 0, lost, highest, 0, last_sr, delay), 90_000, now + round_trip)
        link.estimated(round(rate * rng.uniform(0.4, 1.2)), now + round_trip)
        assert not link.is_congested(rate, now + round_trip), now


def test_loss_is_not_judged_by_a_handful_of_packets() -> None:
    link = Link()
    reports(link, 0.3, 0.0, 0.0, seconds=0.2, packets=20)
    assert link.loss is None
    reports(link, *(0.3, 0.0, 0.0, 0.0) * 10, seconds=0.2, packets=20, start=0.6)
    assert link.loss == pytest.approx(0.075, abs=0.03)
    assert not link.is_congested(FULL, 9.0)


def test_a_count_of_packets_that_begins_anew_is_no_loss() -> None:
    link = Link()
    reports(link, 0.0, 0.0)
    link.received(ReportBlock(1, 0, 5000, 7), 90_000, 5.0)
    link.received(ReportBlock(1, 0, 5000, 1 << 30), 90_000, 6.0)
    assert link.loss == 0


def test_what_is_sent_again_has_a_limit() -> None:
    link = Link()
    assert link.asked_again(30, FULL, 0.0) == 30
    assert link.asked_again(1000, FULL, 0.0) == 208 - 30, "half of what a second of the stream has"
    assert link.asked_again(1000, FULL, 0.0) == 0
    assert link.asked_again(1000, FULL, 0.5) == 104
    assert link.asked_again(1000, 0.0, 100.0) == 50, "while the rate is not known"


def test_a_link_that_heals_gets_the_full_stream_back_after_proof() -> None:
    viewer = Viewer(carries=1e6)
    list(viewer.steps(5))
    assert viewer.rate == SMALL
    viewer.carries = 20e6
    list(viewer.steps(40))
    assert [what for _, what in viewer.moves] == ["down", "up"]
    (down, _), (up, _) = viewer.moves
    assert HOLD <= up - down <= HOLD + 6
    assert viewer.probes == 2
    assert set(viewer.steps(100)) == {Verdict.STAY}


def test_a_link_that_stays_small_is_tried_ever_more_rarely() -> None:
    viewer = Viewer(carries=1e6)
    list(viewer.steps(600))
    assert [what for _, what in viewer.moves] == ["down"], "no trial was mistaken for a healed link"
    assert 8 <= viewer.probes <= 11, "after 10, 20, 40 seconds, and then every 80"


def test_a_link_that_comes_and_goes_does_not_flap() -> None:
    viewer = Viewer(carries=1e6)
    for minute in range(30):
        viewer.carries = 20e6 if minute % 2 else 1e6
        list(viewer.steps(30))
    half = viewer.moves[0][0] + 450
    early, late = (sum((at < half) is first for at, _ in viewer.moves) for first in (True, False))
    assert early + late <= 16
    assert late <= early, "each relapse makes the next trial later"


def test_patience_has_an_end_and_is_forgotten_when_all_is_well() -> None:
    judge = Judge(Link())
    now = 0.0
    for _ in range(12):
        judge.moved(now, up=False)
        judge.moved(now + 20, up=True)
        now += 30
    judge.moved(now, up=False)
    assert judge.verdict(now + LONGEST_HOLD - 1, rate=SMALL, above=FULL) is Verdict.STAY
    assert judge.verdict(now + 2 * LONGEST_HOLD, rate=SMALL, above=FULL) is Verdict.PROBE
    judge.moved(now + 200, up=True)
    judge.moved(now + 1000, up=False)
    assert judge.verdict(now + 1003, rate=SMALL, above=FULL) is Verdict.STAY
    assert judge.verdict(now + 1004 + HOLD, rate=SMALL, above=FULL) is Verdict.PROBE


def test_a_train_that_is_lost_proves_nothing() -> None:
    judge = Judge(Link())
    judge.moved(0.0, up=False)
    assert judge.verdict(3.0, rate=SMALL, above=FULL) is Verdict.STAY
    assert judge.verdict(14.0, rate=SMALL, above=FULL) is Verdict.PROBE
    judge.probing(7, 400_000, 14.0)
    judge.answered(ReportBlock(1, last_sr=6), FULL, 15.0)
    verdicts = [judge.verdict(14.0 + second, rate=SMALL, above=FULL) for second in range(1, 20)]
    assert set(verdicts) == {Verdict.STAY}
    assert judge.verdict(14.0 + 5 + 2 * HOLD, rate=SMALL, above=FULL) is Verdict.PROBE, "later than the first time"


def test_how_fast_a_start_may_be() -> None:
    link = Link()
    assert link.start_rate(FULL, 0.0) is None, "nothing is known"
    link.asked_again(3, FULL, 1.0)
    assert link.start_rate(FULL, 1.0) is None, "a few packets"
    link.asked_again(20, FULL, 1.5)
    assert link.start_rate(FULL, 1.6) == CATCH_UP * FULL
    assert link.start_rate(FULL, 5.0) is None
    link.estimated(5_000_000, 6.0)
    assert link.start_rate(FULL, 6.0) is None, "a first estimate says no more than what came"
    link.estimated(2_000_000, 7.0)
    assert link.start_rate(SMALL, 7.0) == 2e6
    assert link.start_rate(FULL, 7.0) == SLOWEST_START * FULL, "or it would never be live"
    assert link.nacked == 23


BLOCKS = st.builds(
    ReportBlock,
    st.just(1),
    st.integers(0, 255),
    st.integers(-(1 << 23), (1 << 23) - 1),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF) | st.sampled_from([65536 * second for second in range(20)]),
    st.integers(0, 0xFFFFFFFF) | st.integers(0, 200_000),
)


@settings(max_examples=80)
@given(st.lists(BLOCKS | st.integers(0, 1 << 70), max_size=40))
def test_whoever_lies_is_judged_and_breaks_nothing(said: list[ReportBlock | int]) -> None:
    link = Link()
    judge = Judge(link)
    for second, word in enumerate(said):
        now = float(second)
        link.reported(second * NS, now)
        if isinstance(word, int):
            link.estimated(word, now)
        else:
            link.received(word, 90_000, now)
            judge.answered(word, FULL, now)
        assert link.round_trip is None or 0 <= link.round_trip <= 30
        assert judge.verdict(now, rate=SMALL, above=FULL) in Verdict
        assert (link.start_rate(FULL, now) or 0) >= 0
