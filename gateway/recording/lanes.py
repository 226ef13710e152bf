"""The tracks of one open Segment: each unit's place on the file's timeline, and the fragments made of them.

Every track keeps the spacing of its own media clock; where its first unit lies is told by UTC, so that picture, sound
and positions are in step in the file. Which units come here, and when a file ends, is the composer's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.media.audio import parse_audio_config
from gateway.media.fmp4 import Fmp4Muxer, Sample
from gateway.media.model import NS, AccessUnit, AudioParameters, Codec, Track, TrackKind, UtcNs
from gateway.recording.chunks import Chunker, Cuts, chunker
from gateway.recording.commands import Append
from gateway.recording.entries import TrackContent

FRAGMENT_SECONDS = 0.5
"""No fragment spans more, unless a single sample does."""
_LEAD_NS = NS
"""How far sound may lag behind the picture at a rotation and still keep its true place in the new file."""
_BELIEVABLE_NS = 10 * NS
"""Two tracks whose UTC disagrees with their arrival by more are dated by different clocks: arrival decides."""
_MAX_DURATION = 0xFFFF_FFFF


class _Lane:
    """One track. One unit is held back until the next one tells how long it lasts."""

    __slots__ = (
        "_aac_frame", "_chunker", "_end_utc_ns", "_fragment_start", "_fragment_utc_ns", "_limit", "_muxer",
        "_samples", "_sink", "duration", "held", "is_video", "offset", "position", "track", "units",
    )  # fmt: skip

    def __init__(self, track: Track, muxer: Fmp4Muxer, chunker: Chunker, sink: Callable[[], Append]) -> None:
        self.track = track
        self.is_video = track.kind is TrackKind.VIDEO
        self.held: AccessUnit | None = None
        self.offset: int | None = None
        """From the track's dts to the file's timeline; None until the next unit is placed."""
        self.position = 0
        """Decode time of the held unit, or the earliest of the next."""
        self.duration = track.clock_rate // 25
        """Of the last sample, in ticks."""
        self.units = 0
        self._muxer = muxer
        self._chunker = chunker
        self._sink = sink
        self._aac_frame = 0
        if track.codec is Codec.AAC and isinstance(track.parameters, AudioParameters):
            self._aac_frame = parse_audio_config(track.parameters.config).frame_length
        self._limit = int(track.clock_rate * FRAGMENT_SECONDS)
        self._samples: list[Sample] = []
        """Of the fragment under way."""
        self._fragment_start = 0
        self._fragment_utc_ns = 0
        self._end_utc_ns = 0

    @property
    def end_ns(self) -> UtcNs:
        """UTC at which the last sample ends; 0 without any."""
        return self._end_utc_ns and self._end_utc_ns + self.duration * NS // self.track.clock_rate

    def add(self, unit: AccessUnit) -> None:
        """Hold `unit`, and release the one before it."""
        assert self.offset is not None
        place = unit.dts + self.offset
        position = self.position
        if self.held is None:
            if place > position:
                self.position = place
        else:
            # A dts that does not ascend is squeezed in; the next one that is beyond it finds its true place.
            duration = place - position
            self.release(duration if duration > 0 else 1)
            if self.position + duration - self._fragment_start > self._limit or (self.is_video and unit.is_keyframe):
                self.cut()
        self.held = unit

    def release(self, duration: int) -> None:
        """Make a sample of the held unit."""
        unit, offset = self.held, self.offset
        if unit is None or offset is None:
            return
        if duration > _MAX_DURATION:
            duration = _MAX_DURATION
        position, samples, utc_ns = self.position, self._samples, unit.utc_ns
        if not samples:
            self._fragment_start = position
            self._fragment_utc_ns = utc_ns
        samples.append((unit.nals, duration, unit.pts + offset - position, unit.is_keyframe))
        self.position = position + duration
        self.duration = duration
        if utc_ns > self._end_utc_ns:
            self._end_utc_ns = utc_ns
        self.held = None

    def cut(self) -> None:
        """End the fragment."""
        samples = self._samples
        if not samples:
            return
        into, count = self._sink(), len(samples)
        if self.is_video and samples[0][3]:
            self._chunker.keyframe(self._fragment_utc_ns)
        size = self._muxer.write(self.track, self._fragment_start, self._fragment_utc_ns, samples, into.buffers)
        self._chunker.fragment(size)
        into.size += size
        into.units[self.track.kind] += count
        self.units += count
        self._samples = []

    def nominal(self) -> int:
        """How long the held unit lasts, judged by itself and what came before."""
        unit, parameters = self.held, self.track.parameters
        if unit is None or not isinstance(parameters, AudioParameters):
            return self.duration
        return self._aac_frame or max(1, unit.size // max(1, parameters.channels))


class Lanes:
    """All tracks of one Segment that begins with the keyframe `key`.

    `before`: those of the Segment it goes on from. `sink` names the Append into which fragments go.

    Raises:
        BitstreamError: the parameter sets cannot be read.
    """

    def __init__(
        self, tracks: Sequence[Track], key: AccessUnit, before: Lanes | None, sink: Callable[[], Append]
    ) -> None:
        self.start_ns = key.utc_ns
        self.video_id = key.track.id
        self._continues = before is not None
        self._muxer = Fmp4Muxer(tracks, key.utc_ns)
        self.header = self._muxer.init_segment()
        """The file's init segment."""
        self._chunker = chunker(self.header)
        self._lanes = {track.id: _Lane(track, self._muxer, self._chunker, sink) for track in tracks}
        self._video = self._lanes[self.video_id]
        self._key_received_ns = key.received_ns
        # The first picture is decoded before it is shown; nothing in a file has a negative time.
        rate = key.track.clock_rate
        shown_after = max(0, key.pts - key.dts)
        self._origin_ns = key.utc_ns - shown_after * NS // rate
        if before is not None:
            self._origin_ns = before._sound_after(self._origin_ns)
        self._video.offset = _ticks(key.utc_ns - self._origin_ns, rate) - key.pts
        self._frozen_end_ns: UtcNs | None = None

    @property
    def end_ns(self) -> UtcNs:
        """UTC to which the video reaches that is released."""
        return self._frozen_end_ns or max(self._video.end_ns, self.start_ns)

    def freeze_end(self) -> None:
        """What follows is kept, but lies beyond a hole: it does not count as the same Recording."""
        held = self._video.held
        end_ns = self.end_ns
        if held is not None:
            end_ns = max(end_ns, held.utc_ns + self._video.nominal() * NS // held.track.clock_rate)
        self._frozen_end_ns = end_ns

    @property
    def cuts(self) -> Cuts:
        """Where the file can be cut, as far as it is composed."""
        return self._chunker.cuts()

    def kind(self, track_id: int) -> TrackKind | None:
        """What the track carries, if it is in this file."""
        lane = self._lanes.get(track_id)
        return None if lane is None else lane.track.kind

    def suits(self, track: Track) -> bool:
        """Whether units of `track` can go into this file as it was begun."""
        lane = self._lanes.get(track.id)
        if lane is None:
            return False
        if lane.track is not track:
            if (lane.track.codec, lane.track.clock_rate, lane.track.parameters) != (
                track.codec, track.clock_rate, track.parameters,
            ):  # fmt: skip
                return False
            lane.track = track
        return True

    def add(self, unit: AccessUnit) -> bool:
        """Take a unit; False when its track wants a new file, which it may have from the next keyframe on."""
        lane = self._lanes.get(unit.track.id)
        if lane is None:
            return False
        suits = lane.track is unit.track or self.suits(unit.track)
        if not suits and lane is not self._video:
            return False
        if lane.offset is None:
            place = self._place(unit)
            if place < 0 and lane.track.kind is TrackKind.AUDIO and not self._continues:
                return True  # sound from before the first picture
            lane.offset = max(lane.position, place) - unit.dts
        lane.add(unit)
        return suits

    def realign(self, track_id: int) -> None:
        """Media of this track is missing or its clock was set: place its next unit by UTC again."""
        lane = self._lanes.get(track_id)
        if lane is not None:
            lane.release(lane.nominal())
            lane.cut()
            lane.offset = None

    def cut(self) -> None:
        """End every fragment. What is held back for long, because the track is sparse, is let go too."""
        newest = self._video.held
        for lane in self._lanes.values():
            held = lane.held
            if held is not None and lane is not self._video and newest is not None:
                waited = (newest.received_ns - held.received_ns) * lane.track.clock_rate // NS
                if waited >= lane.track.clock_rate * FRAGMENT_SECONDS:
                    lane.release(waited)
            lane.cut()

    def finish(self, key: AccessUnit | None) -> None:
        """Release and cut everything. `key`: the keyframe that begins the next Segment of the same stream."""
        video = self._video
        if video.held is not None:
            gapless = key is not None and key.dts > video.held.dts
            video.release(key.dts - video.held.dts if key is not None and gapless else video.nominal())
        for lane in self._lanes.values():
            if lane.held is not None:
                duration = lane.nominal()
                if lane.track.kind is TrackKind.METADATA:
                    duration = max(1, (self.end_ns - lane.held.utc_ns) * lane.track.clock_rate // NS)
                lane.release(duration)
            lane.cut()

    def content(self) -> tuple[TrackContent, ...]:
        """What the file holds."""
        return tuple(
            TrackContent(lane.track.id, lane.track.kind, lane.track.codec.value, lane.units)
            for lane in self._lanes.values()
        )

    def _place(self, unit: AccessUnit) -> int:
        """Where on the file's timeline `unit` is decoded, in its track's ticks; negative before the file's origin."""
        after_ns = unit.utc_ns - self._origin_ns
        arrived_after_ns = unit.received_ns - self._key_received_ns
        if abs(after_ns - arrived_after_ns) > _BELIEVABLE_NS:
            after_ns = max(0, arrived_after_ns)
        return _ticks(after_ns, unit.track.clock_rate)

    def _sound_after(self, origin_ns: UtcNs) -> UtcNs:
        """The origin of the next file: early enough for the sound that this one does not hold yet."""
        for lane in self._lanes.values():
            if lane.track.kind is TrackKind.AUDIO and origin_ns - _LEAD_NS < lane.end_ns < origin_ns:
                origin_ns = lane.end_ns
        return origin_ns


def _ticks(ns: int, clock_rate: int) -> int:
    return (ns * clock_rate + NS // 2) // NS
