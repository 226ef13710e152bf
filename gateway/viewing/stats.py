"""How one viewer is doing: what its reports say of the link, and what it is sent. Shown; nothing decides by it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.viewing.renditions import Place, Quality, Trouble


@dataclass(frozen=True, slots=True)
class ViewerStats:
    """None where the viewer has not told yet."""

    quality: Quality
    trouble: Trouble | None
    loss: float | None
    """Share of the packets of the last second or so."""
    round_trip_s: float | None
    jitter_s: float | None
    """Of the video (RFC 3550 6.4.1)."""
    estimate_bps: int | None
    """What the viewer believes to get through (REMB)."""
    packets_sent: int
    packets_lost: int
    """As the viewer counts them, before anything was sent again."""
    packets_wanted: int
    """Asked for again, each time counted."""
    packets_resent: int


def stats_of(place: Place) -> ViewerStats:
    """As of now."""
    link, video = place.viewer.link, place.viewer.video
    return ViewerStats(
        quality=place.quality,
        trouble=place.trouble,
        loss=link.loss,
        round_trip_s=link.round_trip,
        jitter_s=link.jitter,
        estimate_bps=link.estimate,
        packets_sent=video.packets,
        packets_lost=link.lost,
        packets_wanted=link.nacked,
        packets_resent=video.resent,
    )
