"""How many descriptors a process may have."""

from __future__ import annotations

import resource

import pytest

from gateway.base import descriptors


@pytest.mark.parametrize(
    ("granted", "asked"),
    [
        ((1024, 524_288), (descriptors.ENOUGH, 524_288)),
        ((1024, 4096), (4096, 4096)),
        ((1024, resource.RLIM_INFINITY), (descriptors.ENOUGH, resource.RLIM_INFINITY)),
        ((4096, 4096), None),
        ((1_000_000, 1_000_000), None),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None),
    ],
)
def test_what_is_granted_is_taken_as_far_as_needed(
    monkeypatch: pytest.MonkeyPatch, granted: tuple[int, int], asked: tuple[int, int] | None
) -> None:
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: granted)
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: calls.append(limits))
    descriptors.raise_limit()
    assert calls == ([] if asked is None else [asked])
