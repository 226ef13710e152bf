"""Who is moved to which stream of a camera, when it is moved back, and what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise

import pytest

from gateway.base.errors import CameraError, Fault
from gateway.base.supervise import TaskOwner
from gateway.hub import Hub
from gateway.media.model import NS, AccessUnit, Codec, TimeSource, Track
from gateway.media.rtcp import ReportBlock
from gateway.media.rtp import parse_rtp
from gateway.viewing import renditions
from gateway.viewing.budget import BusyError
from gateway.viewing.link import HOLD
from gateway.viewing.renditions import Lower, Place, Quality, Renditions, Trouble
from gateway.viewing.sound import Sound
from gateway.viewing.viewer import Phase
from tests.viewing_stage import SOUND, TRACK, Stage, ascends
from tests.webrtc_samples import UTC, picture

ORIGIN = 5_000_000
"""The lower streams count from elsewhere."""


class SmallStream:
    """A stream below the original, filled by the test."""

    def __init__(self, size: int, track: Track) -> None:
        self.hub = Hub("cam")
        self.hub.open((track,))
        self.track = track
        self.size = size
        self.asked = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        try:
            await self.ended
        finally:
            self.hub.close()

    def close(self) -> None:
        self.hub.close()

    def request_keyframe(self) -> None:
        self.asked += 1


class Theatre(Stage):
    """A camera with a second profile of 1 Mbit/s, and a gateway that can make 400 kbit/s; its viewers' links."""

    def __init__(self, codec: Codec = Codec.H264) -> None:
        super().__init__()
        self.broadcast.close()
        self.track = replace(TRACK, codec=codec)
        self.hub.open((self.track, SOUND))
        self.is_busy = False
        self.made: dict[Quality, list[SmallStream]] = {Quality.SECOND: [], Quality.REDUCED: []}
        self.has_second = True
        self.told: list[tuple[str, Quality, Trouble | None]] = []
        self.renditions = Renditions(
            self.hub,
            self.fanout,
            self.clock,
            codec=codec,
            lower=(
                Lower(Quality.SECOND, lambda: self.make(Quality.SECOND, 4000) if self.has_second else None),
                Lower(Quality.REDUCED, lambda: self.make(Quality.REDUCED, 1600)),
            ),
            on_anchor=lambda *anchor: self.anchors.append(anchor),
            on_quality=lambda *told: self.told.append(told),
            request_keyframe=self.ask,
        )
        self.index = 0
        self.silent: set[Quality] = set()
        self.carries = 50e6
        self.places: dict[str, Place] = {}
        self.counts: dict[str, tuple[int, int]] = {}
        """Packets sent and lost."""

    def make(self, quality: Quality, size: int) -> SmallStream:
        if self.is_busy:
            raise BusyError("cam", 1)
        self.made[quality].append(SmallStream(size, self.track))
        return self.made[quality][-1]

    def open(self, quality: Quality) -> SmallStream | None:
        """The stream that is open now."""
        return next((stream for stream in self.made[quality] if not stream.hub.closed), None)

    def enter(self, name: str, audio: Codec | None = None, *, small: bool = False, slow: bool = False) -> Place:
        self.places[name] = self.renditions.join(self.viewer(name, audio), small=small, slow=slow)
        return self.places[name]

    async def film(self, seconds: float) -> None:
        """Everything goes on for so long: 30 pictures a second of each stream, a report of each viewer a second."""
        for _ in range(round(seconds * 30)):
            await self.publish(picture(self.index, key=self.index % 30 == 0, track=self.track, size=16_000))
            for quality in (Quality.SECOND, Quality.REDUCED):
                stream = self.open(quality)
                if stream is not None and quality not in self.silent:
                    key = stream.asked > 0
                    stream.asked = 0
                    size = stream.size
                    stream.hub.publish(picture(self.index, key=key, track=stream.track, origin=ORIGIN, size=size))
            await self.settle()
            self.index += 1
            self.clock.advance(1 / 30)
            if self.index % 30 == 15:
                self.report()
        await self.settle()

    def report(self) -> None:
        for name, place in list(self.places.items()):
            rate = self.renditions._rate(place.level)
            highest, lost = self.counts.get(name, (0, 0))
            packets = round(rate / 9600)
            lost += 0 if rate <= self.carries else round(packets * (1 - self.carries / rate))
            self.counts[name] = highest + packets, lost
            reports = [d for d in self.port.signalled.get(self.addresses[name], []) if d[1] == 200]
            last_sr = int.from_bytes(reports[-1][10:14], "big") if reports else 0
            queue = 0.05
            if place.judge._probe is not None:
                queue += place.judge._probe[1] / self.carries
            # As if the report had been under way for the queue's time: the clock stands still meanwhile.
            sent_at = next((at for sr, at in reversed(place.viewer.link._sent) if sr == last_sr), 0.0)
            delay = max(0.0, self.clock.monotonic() - sent_at - queue)
            block = ReportBlock(
                1, 0, lost, highest + packets, last_sr=last_sr, delay_since_last_sr=round(delay * 65536)
            )
            self.renditions.received(place, block)


@pytest.fixture
async def theatre(request: pytest.FixtureRequest) -> AsyncIterator[Theatre]:
    theatre = Theatre(getattr(request, "param", Codec.H264))
    theatre.task = asyncio.create_task(theatre.renditions.run())
    await theatre.settle()
    yield theatre
    theatre.renditions.close()
    await asyncio.wait({theatre.task})
    assert theatre.hub.readers == ()
    assert all(stream.hub.readers == () for streams in theatre.made.values() for stream in streams)


async def test_a_viewer_whose_link_carries_it_sees_the_original(theatre: Theatre) -> None:
    place = theatre.enter("v")
    await theatre.film(10)
    assert (place.quality, place.trouble) == (Quality.ORIGINAL, None)
    assert theatre.told == []
    assert theatre.made == {Quality.SECOND: [], Quality.REDUCED: []}, "nothing is fetched that nobody needs"


async def test_the_cameras_second_stream_comes_first_and_the_original_again_when_the_link_heals(
    theatre: Theatre,
) -> None:
    place, well = theatre.enter("v"), theatre.enter("w")
    await theatre.film(4)
    theatre.places.pop("w")
    theatre.carries = 2e6
    await theatre.film(3)
    assert (place.quality, place.trouble) == (Quality.SECOND, Trouble.SLOW_LINK)
    assert (well.quality, well.trouble) == (Quality.ORIGINAL, None)
    assert theatre.told[-1] == ("v", Quality.SECOND, Trouble.SLOW_LINK)
    assert theatre.open(Quality.REDUCED) is None
    await theatre.film(6)
    theatre.carries = 50e6
    await theatre.film(HOLD + 8)
    assert (place.quality, place.trouble) == (Quality.ORIGINAL, None)
    assert theatre.told[-1] == ("v", Quality.ORIGINAL, None)
    assert theatre.open(Quality.SECOND) is None, "nobody needs it any more"
    shown = theatre.pictures("v")
    assert ascends([timestamp for _, timestamp in shown])
    indexes = [index for index, _ in shown]
    assert indexes == sorted(indexes), "never back in time"
    assert len(set(indexes)) > 0.95 * theatre.index, "and hardly a picture is missing"
    sequences = [packet.sequence for packet in theatre.packets("v")]
    assert all((b - a) % 0x10000 == 1 for a, b in pairwise(sequences))


async def test_without_a_second_stream_one_is_made_for_all_who_need_it(theatre: Theatre) -> None:
    theatre.has_second = False
    places = [theatre.enter(name) for name in "abc"]
    await theatre.film(4)
    theatre.carries = 1e6
    await theatre.film(4)
    assert {place.quality for place in places} == {Quality.REDUCED}
    assert len(theatre.made[Quality.REDUCED]) == 1
    for place in places:
        theatre.renditions.leave(place)
        theatre.renditions.leave(place)
    await theatre.settle()
    assert theatre.open(Quality.REDUCED) is None


async def test_who_cannot_carry_the_second_stream_gets_what_is_made(theatre: Theatre) -> None:
    place = theatre.enter("v")
    await theatre.film(4)
    theatre.carries = 0.6e6
    await theatre.film(12)
    assert (place.quality, place.trouble) == (Quality.REDUCED, Trouble.SLOW_LINK)
    assert theatre.open(Quality.SECOND) is None


@pytest.mark.parametrize("theatre", [Codec.H265], indirect=True)
async def test_players_of_h265_have_smaller_pictures_in_h265(theatre: Theatre) -> None:
    place = theatre.enter("v")
    await theatre.film(4)
    theatre.carries = 2e6
    await theatre.film(4)
    assert (place.quality, place.trouble) == (Quality.SECOND, Trouble.SLOW_LINK)
    theatre.carries = 0.6e6
    await theatre.film(8)
    assert place.quality is Quality.REDUCED


@pytest.mark.parametrize("theatre", [Codec.H265], indirect=True)
async def test_a_second_stream_of_another_codec_is_passed_over(theatre: Theatre) -> None:
    place = theatre.enter("v")
    await theatre.film(4)
    theatre.carries = 2e6
    while (second := theatre.open(Quality.SECOND)) is None:
        await theatre.film(0.1)
    second.track = TRACK
    await theatre.film(4)
    assert place.quality is Quality.REDUCED


async def test_who_gets_no_smaller_picture_because_too_many_are_made_is_told_and_gets_the_next(
    theatre: Theatre,
) -> None:
    theatre.has_second = False
    theatre.is_busy = True
    place = theatre.enter("v")
    await theatre.film(4)
    theatre.carries = 1e6
    await theatre.film(4)
    assert (place.quality, place.trouble) == (Quality.ORIGINAL, Trouble.BUSY)
    assert theatre.told[-1] == ("v", Quality.ORIGINAL, Trouble.BUSY)
    assert theatre.pictures("v")[-1][0] == theatre.index - 1, "the picture goes on"
    theatre.is_busy = False
    await theatre.film(renditions.BUSY_SECONDS + 3)
    assert place.quality is Quality.REDUCED


async def test_the_last_one_who_needs_a_smaller_picture_ends_it_by_leaving(theatre: Theatre) -> None:
    theatre.has_second = False
    slow, other = theatre.enter("v"), theatre.enter("w")
    await theatre.film(4)
    theatre.places.pop("w")
    theatre.carries = 1e6
    await theatre.film(4)
    assert (slow.quality, other.quality) == (Quality.REDUCED, Quality.ORIGINAL)
    stream = theatre.open(Quality.REDUCED)
    theatre.renditions.leave(theatre.places.pop("v"))
    await theatre.settle()
    assert stream is not None
    assert stream.hub.closed, "though the camera is still watched"


async def test_an_estimate_that_drops_is_acted_on_at_once(theatre: Theatre) -> None:
    theatre.has_second = False
    place = theatre.enter("v")
    await theatre.film(4)
    theatre.renditions.estimated(place, 30_000_000)
    theatre.renditions.estimated(place, 800_000)
    assert theatre.told == [], "nothing else speaks for it"
    place.viewer.link._round_trips.extend([0.05, 0.3, 0.3])
    theatre.renditions.estimated(place, 790_000)
    assert theatre.open(Quality.REDUCED) is not None
    assert theatre.told == [("v", Quality.ORIGINAL, Trouble.SLOW_LINK)], "told before there is another picture"
    await theatre.film(0.2)
    assert place.quality is Quality.REDUCED


async def test_until_there_is_a_smaller_picture_a_link_that_loses_most_gets_keyframes_alone(theatre: Theatre) -> None:
    theatre.has_second = False
    theatre.enter("v")
    await theatre.film(4)
    theatre.silent.add(Quality.REDUCED)
    theatre.carries = 1e6
    asked = theatre.asked
    await theatre.film(4)
    assert theatre.asked >= asked + 2, "a picture a second, where the camera can"
    late = [index for index, _ in theatre.pictures("v")][-2:]
    assert all(index % 30 == 0 for index in late), late
    theatre.silent.clear()
    await theatre.film(1)
    shown = [index for index, _ in theatre.pictures("v")]
    assert shown[-10:] == list(range(theatre.index - 10, theatre.index))


async def test_a_stream_that_dies_leaves_its_viewers_with_the_original_and_they_are_told(theatre: Theatre) -> None:
    theatre.has_second = False
    place = theatre.enter("v")
    await theatre.film(4)
    theatre.carries = 1e6
    await theatre.film(4)
    stream = theatre.open(Quality.REDUCED)
    assert stream is not None
    assert place.quality is Quality.REDUCED
    stream.ended.set_exception(CameraError(Fault.ENDED, "It is over."))
    await theatre.film(6)
    assert (place.quality, place.trouble) == (Quality.ORIGINAL, Trouble.NOTHING_SMALLER)
    assert theatre.told[-1] == ("v", Quality.ORIGINAL, Trouble.NOTHING_SMALLER)
    assert theatre.pictures("v")[-1][0] == theatre.index - 1, "the picture goes on"
    await theatre.film(renditions.RETRY_SECONDS)
    assert place.quality is Quality.REDUCED, "it is tried again"


async def test_a_stream_that_falls_silent_is_left(theatre: Theatre) -> None:
    place = theatre.enter("v")
    await theatre.film(4)
    theatre.carries = 2e6
    await theatre.film(4)
    assert place.quality is Quality.SECOND
    theatre.silent.add(Quality.SECOND)
    await theatre.film(renditions.SILENT_SECONDS + 5)
    assert place.quality is Quality.REDUCED


async def test_a_stream_that_never_comes_is_given_up(theatre: Theatre) -> None:
    place = theatre.enter("v")
    theatre.silent |= {Quality.SECOND, Quality.REDUCED}
    await theatre.film(4)
    theatre.carries = 2e6
    await theatre.film(2 * renditions.OPEN_SECONDS + 6)
    assert (place.quality, place.trouble) == (Quality.ORIGINAL, Trouble.NOTHING_SMALLER)
    theatre.carries = 50e6
    await theatre.film(renditions.ALL_CLEAR_SECONDS + 3)
    assert place.trouble is None
    assert theatre.told[-1] == ("v", Quality.ORIGINAL, None)


async def test_sound_goes_on_while_the_picture_changes(theatre: Theatre) -> None:
    place = theatre.enter("v", Codec.PCMU)
    tasks = TaskOwner("sound")
    Sound(theatre.hub, theatre.fanout, theatre.clock, tasks).add(place.viewer)
    await theatre.film(4)
    theatre.carries = 2e6
    await theatre.film(4)
    assert place.quality is Quality.SECOND
    utc = UTC + round(theatre.index / 30 * NS)
    theatre.hub.publish(AccessUnit(SOUND, 800, 800, utc, TimeSource.RTCP, utc, (bytes(160),), True, 160))
    await theatre.settle()
    assert len(theatre.packets("v", payload_type=0)) == 1
    await tasks.close()
    reports = [d for d in theatre.port.signalled[theatre.addresses["v"]] if d[1] == 200]
    assert reports


async def test_a_probe_sends_what_was_sent_before(theatre: Theatre) -> None:
    place = theatre.enter("v")
    await theatre.film(2)
    before = {(p.sequence, p.payload) for p in theatre.packets("v")}
    sent = place.viewer.video.repeat(20_000)
    again = [parse_rtp(d) for d in theatre.port.signalled[theatre.addresses["v"]] if d[1] & 0x7F == 96]
    assert {(packet.sequence, packet.payload) for packet in again} <= before
    assert 20_000 <= sent < 23_000
    assert place.viewer.video.resent == 0, "nobody asked for it"


async def test_a_small_picture_comes_from_the_cameras_second_stream_and_a_large_one_from_the_first(
    theatre: Theatre,
) -> None:
    first = theatre.enter("v", small=True)
    assert first.quality is Quality.ORIGINAL, "there is a picture at once"
    await theatre.film(2)
    assert (first.quality, first.trouble) == (Quality.SECOND, None)
    second = theatre.enter("w", small=True)
    assert second.quality is Quality.SECOND, "it flows already"
    await theatre.film(HOLD + 5)
    assert (first.quality, second.quality) == (Quality.SECOND, Quality.SECOND), "a good link is no reason to leave it"
    theatre.renditions.resize(first, small=False)
    await theatre.film(2)
    assert (first.quality, second.quality) == (Quality.ORIGINAL, Quality.SECOND)
    theatre.renditions.resize(first, small=True)
    await theatre.film(2)
    assert first.quality is Quality.SECOND
    for name, place in (("v", first), ("w", second)):
        del theatre.places[name]
        theatre.renditions.leave(place)
    await theatre.film(1)
    assert theatre.open(Quality.SECOND) is None, "nobody needs it any more"
    assert theatre.made[Quality.REDUCED] == []
    assert [trouble for _, _, trouble in theatre.told] == [None] * 4


async def test_nothing_is_made_for_a_picture_that_is_merely_small(theatre: Theatre) -> None:
    theatre.has_second = False
    place = theatre.enter("v", small=True)
    await theatre.film(renditions.RETRY_SECONDS + 2)
    assert (place.quality, place.trouble) == (Quality.ORIGINAL, None)
    assert theatre.made[Quality.REDUCED] == []


async def test_a_small_picture_whose_stream_ends_is_the_original_until_that_is_back(theatre: Theatre) -> None:
    place = theatre.enter("v", small=True)
    await theatre.film(2)
    theatre.made[Quality.SECOND][0].ended.set_exception(CameraError(Fault.TIMEOUT, "gone"))
    await theatre.film(2)
    assert (place.quality, place.trouble) == (Quality.ORIGINAL, None)
    assert theatre.made[Quality.REDUCED] == [], "its link is well"
    await theatre.film(renditions.RETRY_SECONDS)
    assert place.quality is Quality.SECOND


async def test_a_picture_that_becomes_large_before_it_was_small_stays_as_it_is(theatre: Theatre) -> None:
    theatre.silent.add(Quality.SECOND)
    place = theatre.enter("v", small=True)
    await theatre.film(1)
    theatre.renditions.resize(place, small=False)
    theatre.silent.clear()
    await theatre.film(3)
    assert (place.quality, place.trouble) == (Quality.ORIGINAL, None)
    assert theatre.open(Quality.SECOND) is None
    assert theatre.told == []


async def test_a_small_picture_on_a_link_too_slow_even_for_it_is_reduced_and_comes_back_to_small(
    theatre: Theatre,
) -> None:
    place = theatre.enter("v", small=True)
    await theatre.film(2)
    theatre.carries = 0.6e6
    await theatre.film(12)
    assert (place.quality, place.trouble) == (Quality.REDUCED, Trouble.SLOW_LINK)
    theatre.carries = 50e6
    await theatre.film(3 * HOLD)
    assert (place.quality, place.trouble) == (Quality.SECOND, None)


@pytest.mark.parametrize(("has_second", "begins"), [(True, Quality.SECOND), (False, Quality.REDUCED)])
async def test_who_says_that_the_link_is_slow_begins_with_less_and_rises(
    theatre: Theatre, has_second: bool, begins: Quality
) -> None:
    theatre.has_second = has_second
    place = theatre.enter("v", slow=True)
    assert place.viewer.phase is Phase.SPARSE, "what does not fit is not sent first"
    await theatre.film(0.5)
    assert (place.quality, place.trouble) == (begins, Trouble.SLOW_LINK)
    await theatre.film(3 * HOLD)
    assert (place.quality, place.trouble) == (Quality.ORIGINAL, None), "it was not slow after all"


async def test_who_says_that_the_link_is_slow_gets_the_original_where_there_is_nothing_smaller(
    theatre: Theatre,
) -> None:
    theatre.has_second, theatre.is_busy = False, True
    place = theatre.enter("v", slow=True)
    assert (place.quality, place.trouble) == (Quality.ORIGINAL, Trouble.BUSY)
    assert place.viewer.phase is not Phase.SPARSE
