"""Recordings toward NVRs by RTSP, as ONVIF plays them: `rtsp://host/{camera id}/replay`.

Here belongs what makes a camera's recordings a presentation of the RTSP server: who may have which of its tracks, what
a privacy mode keeps from everybody, where playing begins, and the view that each PLAY is. What is sent is decided in
`replay_reading`, when it is sent in `replay_sending`.

Players that know no absolute times name the interval in the path, `…/replay/20260131T120000Z-20260131T120500Z`, and get
it from its beginning to its end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from gateway.access.audit import Action
from gateway.access.authority import Authority
from gateway.access.explain import ruling
from gateway.access.nvr_accounts import NvrAccounts
from gateway.access.portion import Portion
from gateway.access.privacy import PrivacyModes, bounds
from gateway.access.rights import Right
from gateway.access.tally import Tally
from gateway.access.users import Principal
from gateway.access.views import View, Views
from gateway.base.clock import Clock
from gateway.base.errors import RefusedError, SightlineError
from gateway.base.metrics import RIGHTS_ENDED
from gateway.base.rfc3339 import format_utc
from gateway.base.supervise import TaskOwner, cancel_once
from gateway.base.workers import Threads
from gateway.media.fmp4_samples import Mp4Error, read_header
from gateway.media.model import NS, Track, UtcNs
from gateway.nvr.readers import Reader
from gateway.nvr.refusals import refuse
from gateway.nvr.replay_reading import Interval, Reading, Ready, after, first_picture, read_ahead
from gateway.nvr.replay_sending import Pace, Sender, Sending
from gateway.nvr.tokens import TRACKS
from gateway.recording.catalog import Catalog
from gateway.recording.clip import Selection, unreadable
from gateway.recording.files import Files
from gateway.recording.footage import FootageFinder, Piece
from gateway.recording.units import recorded_tracks
from gateway.recording.walk import Walk
from gateway.rtsp.onvif_replay import OPTION, Asked, NptRange, format_range, parse_play, parse_utc
from gateway.rtsp.presentation import Client, Description, Playing, Receiver, RefusalError, Start
from gateway.rtsp.protocol import Headers

log = logging.getLogger(__name__)

PATH = "replay"
MAX_SHOWN = 64
"""Recordings played at a time: a few seconds of each are in memory."""
MAX_OF_ACCOUNT = 16
HIDDEN_BEFORE_NS = 600 * NS
"""From how much earlier something may be sent, so that decoding can start: a keyframe is not far."""


@dataclass(slots=True)
class _Showing:
    """A PLAY that is being carried out."""

    receiver: Receiver
    view: View
    reader: Reader
    sending: Sending
    steps: AsyncGenerator[Ready]
    task: asyncio.Task[None] | None = None


class Replays:
    """The recordings of all cameras as presentations. `close` in the end, before the views are flushed."""

    def __init__(
        self,
        catalog: Catalog,
        finder: FootageFinder,
        files: Files,
        threads: Threads,
        privacy: PrivacyModes,
        authority: Authority,
        accounts: NvrAccounts,
        views: Views,
        tally: Tally,
        clock: Clock,
    ) -> None:
        self.catalog = catalog
        self.finder = finder
        self.files = files
        self.threads = threads
        self.privacy = privacy
        self.authority = authority
        self.accounts = accounts
        self.views = views
        self.tally = tally
        self.clock = clock
        self.owner = TaskOwner("replay")
        self.turn = asyncio.Lock()
        self._shown: list[Replay] = []
        authority.on_changed.append(self.look)
        accounts.on_changed.append(self.look)

    async def find(self, path: str, client: Client) -> Replay | None:
        """What an account may have of the recordings that `path` names; None: it names none, or none that the account
        may know of.

        Raises:
            RefusedError: it may not see what is recorded.
            RefusalError: nothing is recorded, or too much is played already.
            StorageError: disk or database refused.
        """
        camera, _, rest = path.partition("/")
        name, _, times = rest.partition("/")
        who = self.accounts.principal(client.user)
        if name != PATH or who is None or not self.authority.sees(who, camera):
            return None
        rights = self.authority.rights(who, camera)
        if Right.RECORDED not in rights:
            await refuse(who, Right.RECORDED, camera, client, authority=self.authority, tally=self.tally)
        span = _interval(times) if times else await self._all(camera)
        piece = None if span is None else await self._example(camera, span, newest=not times)
        if span is None or piece is None:
            return None
        portion = Portion.of(rights)
        tracks = [track for track in await self.threads.run(self._tracks, piece) if portion.has(track.kind)]
        return Replay(self, camera, who, portion, tuple(tracks), span)

    def readers(self) -> list[Reader]:
        """Who plays now."""
        return [reader for shown in self._shown if (reader := shown.reader) is not None]

    def end(self, reader_id: int, why: str) -> bool:
        """End one reader, which may come again; False: there is none of that id. `why` is a clause."""
        found = [shown for shown in self._shown if shown.reader is not None and shown.reader.id == reader_id]
        for shown in found:
            shown.end(why)
        return bool(found)

    def look(self) -> None:
        """End what is played for accounts that are not what they were, or that may have more or less of it now."""
        for shown in list(self._shown):
            shown.look()

    async def close(self) -> None:
        """End all of it."""
        for shown in list(self._shown):
            shown.end("the gateway stops")
        await self.owner.close()

    # ---- for the presentations

    def admit(self, shown: Replay) -> None:
        """One more plays.

        Raises:
            RefusalError: too many do.
        """
        own = sum(other.who.name == shown.who.name for other in self._shown)
        if len(self._shown) >= MAX_SHOWN or own >= MAX_OF_ACCOUNT:
            raise RefusalError(503, {"Retry-After": "10"})
        self._shown.append(shown)

    def forget(self, shown: Replay) -> None:
        """It plays no more. Idempotent."""
        if shown in self._shown:
            self._shown.remove(shown)

    # ---- inside

    async def _all(self, camera: str) -> Interval | None:
        """All that is recorded of a camera, without an end; None: nothing."""
        _, stored = await self.catalog.nearest(camera, 0)
        growing = self.catalog.growing(camera)
        begins = [ns for ns in (stored, None if growing is None else growing.start_ns) if ns is not None]
        return Interval(min(begins), None) if begins else None

    async def _example(self, camera: str, span: Interval, *, newest: bool) -> Piece | None:
        """A Segment that tells what tracks there are: the newest one, or the first one of an interval."""
        if newest:
            at_ns, _ = await self.catalog.nearest(camera, self.clock.utc_ns())
        else:
            footage = await self.finder.find(camera, span.start_ns, span.start_ns + 1)
            _, after_ns = await self.catalog.nearest(camera, span.start_ns)
            at_ns = span.start_ns if footage.pieces else after_ns
        pieces = () if at_ns is None else (await self.finder.find(camera, at_ns, at_ns + NS)).pieces
        return pieces[0] if pieces else None

    def _tracks(self, piece: Piece) -> list[Track]:
        """In a thread."""
        try:
            with self.files.reader(piece.path) as read_at:
                return sorted(recorded_tracks(read_header(read_at, piece.size)).values(), key=lambda track: track.id)
        except (OSError, Mp4Error) as error:
            raise unreadable(piece.path, error) from error


class Replay:
    """A camera's recordings as one session plays them: a Presentation."""

    def __init__(
        self,
        replays: Replays,
        camera: str,
        who: Principal,
        portion: Portion,
        tracks: tuple[Track, ...],
        span: Interval,
    ) -> None:
        """`span`: what there is under its path, which normal play time counts from."""
        self.who = who
        self._replays = replays
        self._camera = camera
        self._portion = portion
        self._tracks = tracks
        self._span = span
        self._senders = {track.id: Sender.of(track) for track in tracks}
        self._showing: _Showing | None = None
        self._reached_ns: UtcNs | None = None
        """Up to where it was played before what is shown now."""

    @property
    def reader(self) -> Reader | None:
        """Who plays it; None: nobody does now."""
        return None if self._showing is None else self._showing.reader

    @property
    def tracks(self) -> tuple[Track, ...]:
        """See `Presentation`."""
        return self._tracks

    @property
    def options(self) -> frozenset[str]:
        """See `Presentation`."""
        return frozenset({OPTION})

    @property
    def description(self) -> Description:
        """See `Presentation`."""
        named = {track.id: (("x-onvif-track", TRACKS[track.kind][0]),) for track in self._tracks}
        span = self._span
        # GStreamer asks for absolute times if the first range has them, FFmpeg reads the other one alone.
        seconds = "" if span.end_ns is None else f"{(span.end_ns - span.start_ns) / NS:.3f}"
        return Description((format_range(span.start_ns, span.end_ns), f"npt=0-{seconds}"), named)

    def ssrc(self, track_id: int) -> int:
        """See `Presentation`."""
        return self._senders[track_id].ssrc

    async def play(self, receiver: Receiver, asked: Headers, client: Client) -> Playing:
        """See `Presentation`. What was playing ends: from now on comes what is asked for now.

        Raises:
            StorageError: disk, database or audit refused.
        """
        wanted = parse_play(asked)
        self._check()
        interval = self._resolve(wanted)
        self._stop("it was asked to play from elsewhere")
        self._replays.admit(self)
        view: View | None = None
        try:
            view = await self._begin_view(client, interval, wanted)
            reader = Reader.of(view, client.agent, self._camera, self._portion, self._replays.clock.utc_ns())
            return await self._begin(receiver, wanted, interval, view, reader)
        except BaseException as error:
            self._replays.forget(self)
            if view is not None:
                why = str(error) if isinstance(error, SightlineError) else "there is nothing"
                self._replays.views.end(view, f"nothing was shown: {why}", shown=False)
            raise

    def detach(self, receiver: Receiver, why: str) -> None:
        """See `Presentation`."""
        self._stop(why)

    def look(self) -> None:
        """End it if its account is not what it was, or may have more or less now."""
        replays, showing = self._replays, self._showing
        if showing is None:
            return
        who = replays.accounts.holding(self.who)
        if who is None:
            RIGHTS_ENDED.labels(Right.LOGGED_IN.value).inc()
            showing.receiver.end("the account was changed or removed")
            return
        rights = replays.authority.rights(who, self._camera)
        if lost := ({Right.RECORDED} | self._portion.rights) - rights:
            right = Right.RECORDED if Right.RECORDED in lost else min(lost)
            RIGHTS_ENDED.labels(right.value).inc()
            showing.receiver.end(ruling(replays.authority, who, right, self._camera).why)
        elif Portion.of(rights) != self._portion:
            showing.receiver.end("the account may have more of the camera now")

    def end(self, why: str) -> None:
        """Play no more, and let the client go."""
        if self._showing is not None:
            self._showing.receiver.end(why)

    # ---- inside

    def _check(self) -> None:
        who = self._replays.accounts.holding(self.who)
        rights = frozenset[Right]() if who is None else self._replays.authority.rights(who, self._camera)
        if Right.RECORDED not in rights or Portion.of(rights) != self._portion:
            raise RefusedError("what this account may see has changed: connect again")

    @property
    def _reached(self) -> UtcNs | None:
        """Up to where it was played; None: it was not."""
        sending = None if self._showing is None else self._showing.sending
        return sending.reached_ns if sending is not None and sending.sent else self._reached_ns

    def _resolve(self, wanted: Asked) -> Interval:
        """From when to when is to be played."""
        given, span = wanted.range, self._span
        start_ns, end_ns = (
            (None, None) if given is None or isinstance(given, NptRange) else (given.start_ns, given.end_ns)
        )
        if isinstance(given, NptRange):
            start_ns = None if given.start is None else span.start_ns + round(given.start * NS)
            end_ns = None if given.end is None else span.start_ns + round(given.end * NS)
        if end_ns is None and wanted.scale > 0:
            end_ns = span.end_ns
        if start_ns is None:
            start_ns = span.start_ns if self._reached is None else self._reached
        if end_ns is not None and (end_ns < start_ns) != (wanted.scale < 0):
            raise RefusalError(457)
        return Interval(start_ns, end_ns)

    async def _begin_view(self, client: Client, interval: Interval, wanted: Asked) -> View:
        end_ns = interval.end_ns
        return await self._replays.views.begin(
            Action.PLAYBACK,
            actor=self.who.name,
            address=client.address,
            camera=self._camera,
            agent=client.agent,
            interval={
                "from": format_utc(interval.start_ns),
                "to": None if end_ns is None else format_utc(end_ns),
            },
            scale=wanted.scale,
            through="rtsp",
        )

    async def _begin(
        self, receiver: Receiver, wanted: Asked, interval: Interval, view: View, reader: Reader
    ) -> Playing:
        """Read the first pictures, and have them sent once the client has its answer."""
        steps = await self._steps(wanted, interval)
        ready = await anext(steps, None)
        if ready is None:  # nothing is recorded there
            raise RefusalError(457)
        first_ns = first_picture(ready[1])
        pace = Pace(wanted.scale, paced=wanted.paced, from_ns=first_ns)
        clock, turn = self._replays.clock, self._replays.turn
        sending = Sending(receiver, self._senders, wanted, pace, clock, turn)
        self._showing = showing = _Showing(receiver, view, reader, sending, after(ready, steps))

        def start() -> None:
            if self._showing is showing:
                showing.task = self._replays.owner.start(self._show(showing, wanted), name=self._camera)

        starts = {
            number: Start(sender.sequence, pace.place(first_ns) * sender.track.clock_rate // NS & 0xFFFFFFFF)
            for number, sender in self._senders.items()
        }
        headers = {"Range": format_range(first_ns, interval.end_ns), "Scale": f"{wanted.scale:g}"}
        if not wanted.paced:
            headers["Rate-Control"] = "no"
        return Playing(starts, headers, start)

    async def _show(self, showing: _Showing, wanted: Asked) -> None:
        why = "all of it was played"
        try:
            async with aclosing(showing.steps):
                await showing.sending.send(showing.steps)
            if not wanted.onvif:
                await showing.sending.bye()
        except SightlineError as error:
            why = str(error)
            log.warning("camera %s: what is played ends early: %s", self._camera, error)
            showing.receiver.end(why)
        if self._showing is showing:
            self._stop(why)

    def _stop(self, why: str) -> None:
        self._reached_ns = self._reached
        showing, self._showing = self._showing, None
        if showing is None:
            return
        self._replays.forget(self)
        if showing.task is None:
            self._replays.owner.start(showing.steps.aclose(), name=f"{self._camera} is not read")
        elif showing.task is not asyncio.current_task():
            cancel_once(showing.task)
        self._replays.views.end(showing.view, why, shown=showing.sending.sent > 0)

    # ---- what is read

    async def _steps(self, wanted: Asked, interval: Interval) -> AsyncGenerator[Ready]:
        replays, backwards = self._replays, wanted.scale < 0
        selection = await self._selection(interval, backwards=backwards)
        reading = Reading(replays.files, replays.threads, self._tracks, selection, backwards, wanted.intra)
        walk = Walk(self._camera, replays.catalog, replays.finder.find, self._hidden)
        return read_ahead(walk, reading, interval, replays.clock, replays.owner, follow=wanted.onvif)

    async def _selection(self, interval: Interval, *, backwards: bool) -> Selection:
        ends = [end for end in (interval.start_ns, interval.end_ns) if end is not None]
        from_ns = None if backwards and interval.end_ns is None else min(ends) - HIDDEN_BEFORE_NS
        to_ns = None if not backwards and interval.end_ns is None else max(ends) + NS
        privacy = self._replays.privacy
        return Selection(
            self._portion.sound,
            self._portion.positions,
            bounds(await privacy.hidden_positions(self._camera, from_ns, to_ns)),
            bounds(await privacy.hidden_streams(self._camera, from_ns, to_ns)),
        )

    async def _hidden(self, from_ns: UtcNs, to_ns: UtcNs) -> tuple[tuple[UtcNs, UtcNs | None], ...]:
        return bounds(await self._replays.privacy.hidden_streams(self._camera, from_ns, to_ns))


def _interval(text: str) -> Interval:
    """`20260131T120000Z-20260131T120500Z`, the end left out or not."""
    start, _, end = text.partition("-")
    try:
        found = Interval(parse_utc(start), parse_utc(end) if end else None)
    except ValueError:
        raise RefusalError(404) from None
    if found.end_ns is not None and found.end_ns <= found.start_ns:
        raise RefusalError(404)
    return found
