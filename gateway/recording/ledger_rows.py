"""What a recorder tells its camera's ledger, and how the start reads it back: entries as bodies of rows, and back.

The same happens to the catalog a moment later: an entry is in the ledger first, so that what a crash kept from the
catalog can be told to it from there. How rows are chained and signed is `gateway.ledger`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.base.rfc3339 import format_utc_ns, parse_utc_ns
from gateway.ledger.rows import FRAGMENT
from gateway.media.model import GapReason, TimeSource, TrackKind, UtcNs
from gateway.recording.entries import (
    CameraClock,
    Entry,
    LossFound,
    Original,
    RecordingClosed,
    RecordingOpened,
    Recovered,
    Recovery,
    SegmentFinished,
    TrackContent,
)

IMPORTED = "imported"
"""The kind of a row that tells of a Segment from a dock or a card."""
MAX_DETAIL = 1000
"""Characters of a text that came from somewhere."""


def fragment(path: str, size: int, sha256: bytes, end_ns: UtcNs) -> dict[str, Any]:
    """The first `size` bytes of the open file are on the disk itself, and reach to `end_ns`."""
    return {"kind": FRAGMENT, "file": path, "bytes": size, "sha256": sha256.hex(), "to": format_utc_ns(end_ns)}


def body(entry: Entry) -> dict[str, Any]:
    """What the ledger says of `entry`."""
    match entry:
        case RecordingOpened():
            return {"kind": "opened", "at": format_utc_ns(entry.start_ns)}
        case SegmentFinished():
            return _segment(entry)
        case RecordingClosed():
            reason = None if entry.reason is None else entry.reason.value
            at = format_utc_ns(entry.end_ns)
            return {"kind": "closed", "at": at, "reason": reason, "detail": _fit(entry.detail)}
        case LossFound():
            return {
                "kind": "loss",
                "from": format_utc_ns(entry.start_ns),
                "to": format_utc_ns(entry.end_ns),
                "reason": entry.reason.value,
                "track": None if entry.kind is None else entry.kind.value,
                "packets": entry.packets,
                "detail": _fit(entry.detail),
            }


def _segment(entry: SegmentFinished) -> dict[str, Any]:
    said: dict[str, Any] = {
        "kind": "segment" if entry.original is None else IMPORTED,
        "file": entry.path,
        "from": format_utc_ns(entry.start_ns),
        "to": format_utc_ns(entry.end_ns),
        "bytes": entry.size,
        "sha256": entry.sha256.hex(),
        "tracks": [{"id": t.id, "kind": t.kind.value, "codec": t.codec, "units": t.units} for t in entry.tracks],
        "adopted": entry.adopted,
    }
    if entry.camera_clock is not None:
        clock = entry.camera_clock
        said["camera_clock"] = {"source": clock.source.value, "offset_ms": clock.offset_ms}
    if entry.recovered is not None:
        said["recovered"] = {
            "proven_bytes": entry.recovered.proven_bytes,
            "why": entry.recovered.why.value,
            "detail": _fit(entry.recovered.detail),
        }
    if entry.original is not None:
        original = entry.original
        said["original"] = {
            "name": _fit(original.name),
            "bytes": original.size,
            "sha256": original.sha256.hex(),
        }
    return said


def entry(said: Mapping[str, Any]) -> Entry | None:
    """What `body` made a row of; None of other kinds.

    Raises:
        ValueError: nobody here wrote it so.
    """
    try:
        match said["kind"]:
            case "opened":
                return RecordingOpened(parse_utc_ns(said["at"]))
            case "closed":
                reason = said["reason"]
                return RecordingClosed(
                    parse_utc_ns(said["at"]), None if reason is None else GapReason(reason), str(said["detail"])
                )
            case "loss":
                track = said["track"]
                return LossFound(
                    parse_utc_ns(said["from"]), parse_utc_ns(said["to"]), GapReason(said["reason"]),
                    None if track is None else TrackKind(track), int(said["packets"]), str(said["detail"]),
                )  # fmt: skip
            case "segment" | "imported":
                return _finished(said)
            case _:
                return None
    except (KeyError, TypeError) as error:
        raise ValueError(f"a row without what its kind needs: {error}") from error


def segment_end(said: Mapping[str, Any]) -> UtcNs:
    """Where the media ends that a `segment` row speaks of.

    Raises:
        ValueError: nobody here wrote it so.
    """
    return parse_utc_ns(str(said.get("to")))


def _finished(said: Mapping[str, Any]) -> SegmentFinished:
    clock, recovered, original = said.get("camera_clock"), said.get("recovered"), said.get("original")
    return SegmentFinished(
        str(said["file"]), parse_utc_ns(said["from"]), parse_utc_ns(said["to"]), int(said["bytes"]),
        bytes.fromhex(said["sha256"]),
        tuple(TrackContent(t["id"], TrackKind(t["kind"]), t["codec"], t["units"]) for t in said["tracks"]),
        adopted=bool(said["adopted"]),
        camera_clock=None
        if clock is None
        else CameraClock(TimeSource(clock["source"]), int(clock["offset_ms"])),
        recovered=None
        if recovered is None
        else Recovered(int(recovered["proven_bytes"]), Recovery(recovered["why"]), str(recovered["detail"])),
        original=None
        if original is None
        else Original(str(original["name"]), int(original["bytes"]), bytes.fromhex(original["sha256"])),
    )  # fmt: skip


def _fit(text: str) -> str:
    """Texts may come from anywhere: what canonical JSON does not take is replaced."""
    return text[:MAX_DETAIL].encode("utf-8", "replace").decode()
