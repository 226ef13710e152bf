"""Bit rate and loss of a unit over the last half minute."""

from __future__ import annotations

from gateway.ingest.intake import WINDOW_SECONDS, Intake, Totals


def test_nothing_is_said_before_there_is_something_to_compare() -> None:
    intake = Intake()
    intake.take(Totals(1000, 10, 0), 0.0)
    intake.take(Totals(9000, 20, 0), 0.5)
    assert (intake.bits_per_second, intake.lost_percent) == (None, None)


def test_rate_and_loss_are_of_the_window_alone() -> None:
    intake = Intake()
    for second in range(0, 65, 5):
        # 1000 bytes and 10 packets a second; one in ten is lost in the first half minute only.
        lost = min(second, 30)
        intake.take(Totals(1000 * second, 10 * second - lost, lost), float(second))
    assert intake.bits_per_second == 8000
    assert intake.lost_percent == 0

    intake.begin()
    assert intake.bits_per_second is None, "another attempt counts from nothing"
    for second in range(0, int(WINDOW_SECONDS), 5):
        intake.take(Totals(0, 9 * second, second), 100.0 + second)
    assert intake.lost_percent == 10


def test_a_stream_that_brings_no_packet_has_no_loss() -> None:
    intake = Intake()
    intake.take(Totals(0, 0, 0), 0.0)
    intake.take(Totals(0, 0, 0), 5.0)
    assert (intake.bits_per_second, intake.lost_percent) == (0, None)
