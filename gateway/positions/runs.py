"""Where a trail is interrupted: lines are drawn only between Fixes that follow each other closely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.media.model import NS, Fix

MAX_STEP_NS = 5 * NS
"""Nothing is said about where somebody was between two Fixes that lie further apart."""


def follows(earlier: Fix, later: Fix) -> bool:
    """Whether a line may be drawn from one to the other."""
    return later.utc_ns - earlier.utc_ns <= MAX_STEP_NS


def runs(fixes: Iterable[Fix]) -> Iterator[list[Fix]]:
    """Split Fixes, in order of time, into the longest lists without interruption."""
    run: list[Fix] = []
    for fix in fixes:
        if run and not follows(run[-1], fix):
            yield run
            run = []
        run.append(fix)
    if run:
        yield run
