"""In which forms viewers can have what a camera sends: as it is, or made by the gateway.

Here belongs the choice by codec. Which form a player takes is negotiated with its offer (`gateway.webrtc.sdp`); what is
made is made by `transcode` and `opus`; smaller streams for slow links are `renditions`' affair.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.hub import Hub
from gateway.media.bits import BitstreamError
from gateway.media.h264 import parse_sps
from gateway.media.model import NS, AccessUnit, AudioParameters, Codec, Track, TrackKind, UtcNs, VideoParameters
from gateway.viewing.opus_worker import RATE
from gateway.viewing.order import Order
from gateway.viewing.transcode import CONSTRAINED_BASELINE, VideoSettings

PLAYABLE = VideoSettings(max_width=1920)
"""What is made of a camera that players do not play: its own size, and what pictures of that size take."""
_ENOUGH_PICTURES = 16
"""Whoever sent so many in order will go on, whatever its parameter set allows."""


def forms(hub: Hub) -> tuple[Track, ...]:
    """The tracks that a viewer can have of a camera, best first: to be negotiated with an offer.

    H.264 as it is, or as it will be made if its pictures come in another order than they are shown; H.265 as it is
    and as H.264; G.711 as it is, AAC as Opus. Other codecs stand there as they are, and no offer will fit them.
    """
    video = next((track for track in hub.tracks if track.kind is TrackKind.VIDEO), None)
    found: list[Track] = []
    if video is not None:
        made = replace(video, codec=Codec.H264, parameters=VideoParameters(CONSTRAINED_BASELINE))
        if video.codec is Codec.H264:
            found = [video if plays_as_sent(hub) else made]
        elif video.codec is Codec.H265:
            assert isinstance(video.parameters, VideoParameters)
            found = [made] if video.parameters.reorder_depth else [video, made]
        else:
            found = [video]
    for track in hub.tracks:
        if track.codec is Codec.AAC:
            track = replace(track, codec=Codec.OPUS, clock_rate=RATE, parameters=AudioParameters(RATE))
        if track.kind is TrackKind.AUDIO:
            found.append(track)
    return tuple(found)


def plays_as_sent(hub: Hub) -> bool:
    """Whether the newest pictures are H.264 of a kind that browsers decode, in the order in which they are shown.

    Pictures that come late and that no other needs are left out, so they do not count.
    """
    track = next((track for track in hub.tracks if track.kind is TrackKind.VIDEO), None)
    if track is None or not _plays_in_order(track):
        return False
    assert isinstance(track.parameters, VideoParameters)
    order = Order()
    for item in hub.since(hub.end if hub.last_keyframe is None else hub.last_keyframe):
        if isinstance(item, AccessUnit) and item.track.id == track.id:
            order.add(item)
    if order.needs_reordering:
        return False
    return track.parameters.reorder_depth == 0 or order.pictures >= _ENOUGH_PICTURES


def plays_for(hub: Hub, seconds: float, now_ns: UtcNs) -> bool:
    """Whether all pictures that came in the last `seconds` before `now_ns` would have played as they came.

    A camera that sent none in the first half of that time has not shown it.
    """
    track = next((track for track in hub.tracks if track.kind is TrackKind.VIDEO), None)
    if track is None or hub.last_keyframe is None:
        return False
    since = now_ns - round(seconds * NS)
    order = Order()
    earliest: UtcNs | None = None
    for item in hub.since(hub.first):
        if not isinstance(item, AccessUnit) or item.track.kind is not TrackKind.VIDEO or item.received_ns < since:
            continue
        if not _plays_in_order(item.track):
            return False
        earliest = item.received_ns if earliest is None else earliest
        order.add(item)
    if earliest is None or earliest > since + round(seconds / 2 * NS):
        return False
    return order.pictures >= _ENOUGH_PICTURES and not order.needs_reordering


def _plays_in_order(track: Track) -> bool:
    """Whether a browser decodes such pictures, if they come in the order in which they are shown."""
    assert isinstance(track.parameters, VideoParameters)
    return track.codec is Codec.H264 and _is_ordinary(track.parameters.sps)


def _is_ordinary(sps: bytes) -> bool:
    """Whether this H.264 has 8 bits a sample and 4:2:0, as all that browsers decode; one that cannot be read may."""
    try:
        info = parse_sps(sps)
    except BitstreamError:
        return True
    return (info.chroma_format_idc, info.bit_depth_luma, info.bit_depth_chroma) == (1, 8, 8)
