"""What of a camera's recordings one PLAY gets to send: in which order, cut to what was asked for, and read ahead.

Here belongs what lies between the stretches of files that `gateway.recording.walk` finds and the packets that
`replay_sending` makes. A stretch of a few seconds is held, and one more is read in a thread meanwhile.

Source: ONVIF Streaming Specification 6.5.4 (where it begins), 6.6.1 (the order when it goes backwards).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from gateway.base.clock import Clock
from gateway.base.errors import SightlineError
from gateway.base.supervise import TaskOwner, cancel_once
from gateway.base.workers import Threads
from gateway.media.fmp4_samples import FileHeader, Mp4Error, read_header
from gateway.media.model import Track, TrackKind, UtcNs
from gateway.recording.clip import Selection, unreadable
from gateway.recording.files import Files
from gateway.recording.units import Recorded, read_units, recorded_tracks
from gateway.recording.walk import Step, Walk

POLL_SECONDS = 1.0
"""How often is looked for what has been recorded since, at the end of what there is."""

Group = list[Recorded]
"""A GOP, and what else was captured meanwhile; or one picture, where only keyframes are wanted."""
Ready = tuple[Step, list[Group]]
"""A step, and the groups of it that are sent, in that order."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From when to when is played; backwards when `end_ns` is the earlier one. None: as far as there is."""

    start_ns: UtcNs
    end_ns: UtcNs | None


@dataclass(frozen=True, slots=True)
class Reading:
    """How the files of one PLAY are read."""

    files: Files
    threads: Threads
    tracks: tuple[Track, ...]
    """What the session was told of: of other codecs nothing is sent."""
    selection: Selection
    """What of it is shown."""
    backwards: bool
    intra: bool
    """Only keyframes."""

    async def groups(self, step: Step) -> list[list[Recorded]]:
        """The units of a step: of each GOP together, in the order in which they are sent.

        Raises:
            StorageError: the file cannot be read.
        """
        return await self.threads.run(self._read, step)

    def _read(self, step: Step) -> list[list[Recorded]]:
        """In a thread."""
        try:
            with self.files.reader(step.piece.path) as read_at:
                header = read_header(read_at, step.piece.size)
                units = read_units(
                    read_at,
                    header,
                    step.start,
                    step.end,
                    self._shown(header),
                    wanted=self.selection.has,
                    keyframes_only=self.intra,
                )
        except (OSError, Mp4Error) as error:
            raise unreadable(step.piece.path, error) from error
        groups = list(_by_keyframe(units))
        return groups[::-1] if self.backwards else groups

    def _shown(self, header: FileHeader) -> dict[int, Track]:
        """The tracks of a file that the session was told of; sound is not played backwards (6.6.1)."""
        told = {track.kind: track for track in self.tracks}
        return {
            number: track
            for number, track in recorded_tracks(header).items()
            if (as_told := told.get(track.kind)) is not None
            and (as_told.codec, as_told.clock_rate) == (track.codec, track.clock_rate)
            and (track.kind is not TrackKind.AUDIO or (as_told.parameters == track.parameters and not self.backwards))
        }


def _by_keyframe(units: Sequence[Recorded]) -> Iterator[list[Recorded]]:
    """The units, cut before each keyframe of video; what comes before the first one goes with it."""
    group: list[Recorded] = []
    has_picture = False
    for one in units:
        if one.unit.track.kind is TrackKind.VIDEO and one.unit.is_keyframe:
            if has_picture:
                yield group
                group = []
            has_picture = True
        group.append(one)
    if group:
        yield group


async def read_ahead(
    walk: Walk, reading: Reading, interval: Interval, clock: Clock, owner: TaskOwner, *, follow: bool
) -> AsyncGenerator[Ready]:
    """All that is to be sent, one step of it read ahead. With `follow` an interval without an end goes on with what is
    being recorded.

    Raises:
        StorageError: a file or the database cannot be read.
    """
    steps = _steps(walk, reading, interval, clock, follow=follow)
    ahead = owner.start(_next(steps), name="read")
    try:
        while (found := await ahead) is not None:
            if isinstance(found, SightlineError):
                raise found
            ahead = owner.start(_next(steps), name="read")
            yield found
    finally:
        cancel_once(ahead)
        await asyncio.wait({ahead})
        await steps.aclose()


async def after(ready: Ready, steps: AsyncGenerator[Ready]) -> AsyncGenerator[Ready]:
    """The steps with one that was taken already before them."""
    async with aclosing(steps):
        yield ready
        async for step in steps:
            yield step


def first_picture(groups: Sequence[Group]) -> UtcNs:
    """When the first picture was captured that is sent, or else what is sent first."""
    units = [one.unit for one in groups[0]]
    return next((unit.utc_ns for unit in units if unit.track.kind is TrackKind.VIDEO), units[0].utc_ns)


async def _next(steps: AsyncGenerator[Ready]) -> Ready | SightlineError | None:
    """The next one; why there is none; None: they have ended."""
    try:
        return await anext(steps, None)
    except SightlineError as error:
        return error


async def _steps(
    walk: Walk, reading: Reading, interval: Interval, clock: Clock, *, follow: bool
) -> AsyncGenerator[Ready]:
    begun = False
    towards = walk.backward if reading.backwards else walk.forward
    async for step in towards(interval.start_ns, interval.end_ns):
        if step is None:
            if interval.end_ns is not None or not follow:
                return
            await clock.sleep(POLL_SECONDS)
            continue
        groups = await reading.groups(step)
        cut = (
            _cut_backwards(groups, interval) if reading.backwards else _cut_forwards(groups, interval, first=not begun)
        )
        if cut:
            begun = True
            yield step, cut


def _cut_forwards(groups: list[Group], interval: Interval, *, first: bool) -> list[Group]:
    """Without what was not asked for: groups before the clean point at or before the beginning, units after the end."""
    if first:
        reached = [number for number, group in enumerate(groups) if first_picture([group]) <= interval.start_ns]
        groups = groups[reached[-1] if reached else 0 :]
        if groups:
            begin_ns = first_picture(groups[:1])
            groups = [[one for one in groups[0] if one.unit.utc_ns >= begin_ns], *groups[1:]]
    end_ns = interval.end_ns
    if end_ns is not None:
        groups = [[one for one in group if one.unit.utc_ns < end_ns] for group in groups]
    return [group for group in groups if group]


def _cut_backwards(groups: list[Group], interval: Interval) -> list[Group]:
    """Without what was captured after the beginning, and groups that lie before the end."""
    end_ns = interval.end_ns
    cut = [[one for one in group if one.unit.utc_ns <= interval.start_ns] for group in groups]
    return [group for group in cut if group and (end_ns is None or group[-1].unit.utc_ns >= end_ns)]
