"""What a camera really sends, as an NVR wants to be told it: read from its tracks, and measured in what came of them.

Pure: no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.hub import Hub
from gateway.media import h264, h265
from gateway.media.bits import BitstreamError
from gateway.media.model import AccessUnit, AudioParameters, Codec, Track, TrackKind, VideoParameters

WINDOW = 400
"""Items of the ring that are looked at: some five seconds."""
LEAST_KBPS = 64
FRAME_RATES = (1.0, 120.0)
"""What is believed of a parameter set's timing: many cameras invent theirs."""
H264_PROFILES = {66: "Baseline", 77: "Main", 88: "Extended"}
"""Any other is one of the High profiles, as far as ONVIF has words for it (ITU-T H.264 A.2)."""
H265_PROFILES = {2: "Main10"}
AUDIO = {Codec.PCMU: "PCMU", Codec.PCMA: "PCMA", Codec.AAC: "mpeg4-generic"}
"""What ONVIF Media2 calls the codecs that can be passed on."""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """Of the video."""

    codec: str
    profile: str
    width: int
    height: int
    frame_rate: float
    kbps: int
    """The next power of two above what is sent, so that it need not change each time somebody looks."""
    gov_length: int


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """Of the sound."""

    codec: str
    kbps: int
    sample_rate_khz: int
    channels: int


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """Of all that a camera sends."""

    video: VideoFacts
    audio: AudioFacts | None
    has_metadata: bool


UNSEEN = StreamFacts(VideoFacts("H264", "Main", 1920, 1080, 25, 4096, 50), None, True)
"""What is said of a camera of which nothing is known. A camera of which nothing is said could not be added to an NVR;
what it sends is told once it does."""


def stream_facts(hub: Hub) -> StreamFacts:
    """What the camera of `hub` sends, or sent last."""
    return described(hub.tracks, [item for item in hub.since(hub.end - WINDOW) if type(item) is AccessUnit])


def described(tracks: Sequence[Track], sent: Iterable[AccessUnit]) -> StreamFacts:
    """What tracks are said to be of which `sent` came; `UNSEEN` itself where no video is among them."""
    video = next((t for t in tracks if t.kind is TrackKind.VIDEO and isinstance(t.parameters, VideoParameters)), None)
    if video is None or video.codec not in {Codec.H264, Codec.H265}:
        return UNSEEN
    units: dict[int, list[AccessUnit]] = {track.id: [] for track in tracks}
    for unit in sent:
        if unit.track.id in units:
            units[unit.track.id].append(unit)
    audio = next((t for t in tracks if t.kind is TrackKind.AUDIO and t.codec in AUDIO), None)
    return StreamFacts(
        _video(video, units[video.id]),
        None if audio is None else _audio(audio, units[audio.id]),
        any(t.codec is Codec.ONVIF_METADATA for t in tracks),
    )


def _video(track: Track, units: Sequence[AccessUnit]) -> VideoFacts:
    parameters = track.parameters
    assert isinstance(parameters, VideoParameters)
    profile, told = _parameter_set(track.codec, parameters.sps)
    seconds = _seconds(units)
    rate = round((len(units) - 1) / seconds) if seconds else round(told or UNSEEN.video.frame_rate)
    keyframes = [index for index, unit in enumerate(units) if unit.is_keyframe]
    return VideoFacts(
        codec=track.codec.value,
        profile=profile,
        width=parameters.width or UNSEEN.video.width,
        height=parameters.height or UNSEEN.video.height,
        frame_rate=max(rate, 1),
        kbps=_kbps(units, seconds) or UNSEEN.video.kbps,
        gov_length=keyframes[-1] - keyframes[-2] if len(keyframes) > 1 else max(len(units), 1),
    )


def _audio(track: Track, units: Sequence[AccessUnit]) -> AudioFacts:
    parameters = track.parameters
    assert isinstance(parameters, AudioParameters)
    kbps = (_kbps(units, _seconds(units)) or LEAST_KBPS) if track.codec is Codec.AAC else LEAST_KBPS
    rate = round(parameters.sample_rate / 1000)
    return AudioFacts(AUDIO[track.codec], kbps, rate, parameters.channels)


@lru_cache(maxsize=1024)
def _parameter_set(codec: Codec, sps: bytes) -> tuple[str, float | None]:
    """The profile, and the frames a second where they are said in a way that can be believed."""
    try:
        if codec is Codec.H265:
            return H265_PROFILES.get(h265.parse_sps(sps).profile_idc, "Main"), None
        info = h264.parse_sps(sps)
    except BitstreamError:
        return UNSEEN.video.profile, None
    rate = 1 / info.frame_seconds if info.frame_seconds else 0.0
    believed = rate if FRAME_RATES[0] <= rate <= FRAME_RATES[1] else None
    return H264_PROFILES.get(info.profile_idc, "High"), believed


def _seconds(units: Sequence[AccessUnit]) -> float:
    """From the first to the last; 0: they say nothing, being too few or of two attempts."""
    if len(units) < 2:
        return 0.0
    first, last = units[0], units[-1]
    seconds = (last.dts - first.dts) / last.track.clock_rate
    return seconds if 0 < seconds < WINDOW else 0.0


def _kbps(units: Sequence[AccessUnit], seconds: float) -> int:
    """The next power of two above what these take; 0: not known."""
    if not seconds:
        return 0
    measured = sum(unit.size for unit in units[:-1]) * 8 / 1000 / seconds
    return max(LEAST_KBPS, 1 << max(int(measured), 1).bit_length())
