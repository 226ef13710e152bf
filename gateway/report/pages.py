"""The report as one HTML page that needs nothing else (no script, no font, no picture), and as tables in CSV.

It is written for people who know nothing of the gateway: plain words, whole hours and minutes, UTC. It reads on a
phone, with a screen reader, and on paper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from gateway.access.audit import Action
from gateway.base.csv_cells import csv_lines
from gateway.base.policy import Policy
from gateway.base.rfc3339 import format_utc
from gateway.media.model import GapReason, UtcNs
from gateway.report.figures import LOOKS, UNKNOWN_CAMERA, CameraFigures, Figures, Looks, Missing

Row = Sequence[object]

LOOK_HEADS = ("Live views", "Hours watched live", "Single pictures", "Lists of recordings", "Lists of positions")
GAP_WORDS = {
    GapReason.LOSS: "Data lost on the way",
    GapReason.DISCONNECTED: "The camera was not connected",
    GapReason.STALLED: "The camera sent nothing",
    GapReason.CLOCK_JUMP: "The camera's clock jumped",
    GapReason.SLOW_READER: "The recorder could not keep up",
    GapReason.DISK: "The disk could not be written",
    GapReason.RESTART: "The server was not running",
    GapReason.DISABLED: "Recording was switched off",
    GapReason.PRIVACY: "The wearer's privacy mode was on",
    GapReason.STREAM_CHANGED: "The camera changed its picture",
    GapReason.IDLE: "Nothing happened that would be recorded",
}
EVENTS = {
    Action.FOLLOW: "Times the page with the cameras' states and positions was opened",
    Action.EXPORT: "Recordings handed out",
    Action.HOLD: "Recordings kept from deletion",
    Action.HOLD_RELEASE: "Recordings no longer kept from deletion",
    Action.DELETION: "Recordings deleted",
    Action.POLICY: "Changes of these rules",
    Action.SETTINGS: "Changes of other settings",
    Action.PRIVACY: "Changes of a wearer's privacy mode",
}

_STYLE = """
:root { color-scheme: light dark; --line: #8889; --soft: #8882; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { line-height: 1.2; margin-bottom: 0; }
h2 { margin-top: 2.5rem; }
dl.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1.5rem 0; }
dl.key div { border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .75rem; }
dl.key dt { font-size: .875rem; }
dl.key dd { margin: 0; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .5rem; }
caption span { display: block; position: sticky; left: 0; max-width: calc(100vw - 2rem); }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
thead th { background: var(--soft); }
tfoot th, tfoot td { border-top: 2px solid; font-weight: 700; }
.proof { overflow-wrap: anywhere; }
@media print {
  caption span { max-width: none; }
  body { font-size: 10pt; max-width: none; padding: 0; }
  .wide { overflow: visible; }
  thead { display: table-header-group; }
  tr, dl.key div { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""


def html(figures: Figures, policy: Policy) -> str:
    """The page."""
    period = f"{_day(figures.from_ns)} to {_day(figures.to_ns - 1)}"
    looks = _sum(camera.looks for camera in figures.cameras)
    body = [
        f"<h1>Body-worn cameras: who recorded, who looked</h1><p>{escape(period)}, all times in UTC.</p>",
        _key(
            {
                "Cameras": sum(camera.id != UNKNOWN_CAMERA for camera in figures.cameras),
                "Hours recorded": _hours(sum(camera.recorded_seconds for camera in figures.cameras)),
                "Live views": looks.times[Action.LIVE_VIEW],
                "Hours watched live": _hours(looks.live_seconds),
                "Recordings handed out": figures.counted[Action.EXPORT],
                "Attempts refused": figures.refusals,
            }
        ),
        "<h2>The rules</h2>",
        "".join(f"<p>{escape(sentence)}</p>" for sentence in rules(policy)),
        "<h2>What was recorded</h2>",
        _table("Each camera, by the number it goes by", *_recorded(figures), total=True),
        "<h2>What is missing, and why</h2>",
        _table("Times at which a camera should have recorded and something is missing", *_missing(figures)),
        "<h2>Who looked</h2>",
        _table(f"How often, by {policy.report_by}", *_who(figures), total=True),
        _unknown(looks.live_unknown),
        "<h2>At which cameras</h2>",
        _table("How often each camera was looked at", *_watched(figures)),
        "<h2>For which reasons</h2>",
        _table("Reasons people chose from the list; what they wrote themselves is counted, not shown", *_why(figures)),
        "<h2>What else happened</h2>",
        _table("What was opened, done with recordings, and changed", *_events(figures)),
        "<h2>Can this be believed?</h2>",
        *(f'<p class="proof">{escape(sentence)}</p>' for sentence in proof(figures)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>Body-worn cameras, {escape(period)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{chr(10).join(body)}\n</main>\n</body>\n</html>\n"
    )


def tables(figures: Figures) -> dict[str, str]:
    """The same figures as CSV: name of the file, and what is in it. Durations are in seconds."""
    seconds = ("recorded_s", "missing_s", "gaps")
    cameras = [
        (camera.id, round(camera.recorded_seconds), round(_lost(camera).seconds), _lost(camera).count)
        for camera in figures.cameras
    ]
    gaps = [
        (camera.id, reason.value, missing.count, round(missing.seconds))
        for camera in figures.cameras
        for reason, missing in camera.missing.items()
    ]
    counts = [action.value for action in LOOKS]
    looked = ("live_watched_s", "live_unknown")
    return {
        "cameras.csv": csv_lines([("camera", *seconds), *cameras]),
        "gaps.csv": csv_lines([("camera", "reason", "gaps", "missing_s"), *gaps]),
        "who.csv": csv_lines([("who", *counts, *looked), *((w, *_raw(look)) for w, look in figures.who.items())]),
        "looked_at.csv": csv_lines(
            [("camera", *counts, *looked), *((camera.id, *_raw(camera.looks)) for camera in figures.cameras)]
        ),
        "reasons.csv": csv_lines(
            [("reason", *counts), *((why, *(times[a] for a in LOOKS)) for why, times in figures.reasons.items())]
        ),
        "events.csv": csv_lines([("event", "times"), *((a.value, figures.counted[a]) for a in EVENTS)]),
    }


def rules(policy: Policy) -> list[str]:
    """What the policy says of these things now, as sentences."""
    said = {"live": "looking at live pictures", "recorded": "looking at recordings"}
    asked = [said[view] for view in policy.ask_reason]
    return [
        f"A reason is asked before {' and before '.join(asked)}." if asked else "No reason is asked before looking.",
        "The viewer's name stands over the picture."
        if policy.watermark
        else "No name of the viewer stands over the picture.",
        "The wearer is told when somebody watches."
        if policy.tell_wearer
        else "The wearer is not told when somebody watches.",
        "For some cameras other rules hold than these." if policy.rule else "The same holds for all cameras.",
        "These are the rules as they stood when this report was made.",
    ]


def proof(figures: Figures) -> list[str]:
    """How far the log can be trusted, as sentences."""
    verdict = figures.verdict
    made = f"This report was made at {format_utc(figures.made_ns)} from the server's own log."
    if verdict.broken is not None:
        return [made, f"The log is damaged: {verdict.broken}. The figures on this page cannot be relied on."]
    if not verdict.last:
        return [made, "The log has no entries."]
    unbroken = (
        f"Every look is written to the log before a picture is shown. Entries {verdict.first} to {verdict.last}, those "
        "of this time, are unbroken: none was changed, taken out or put in since they were written."
    )
    return [
        made,
        unbroken,
        f"The log stood at {verdict.head} then. Whoever keeps this line can check later that nobody wrote it anew.",
    ]


# ---- tables


def _recorded(figures: Figures) -> tuple[Row, list[Row]]:
    rows: list[Row] = [
        (camera.id, _hours(camera.recorded_seconds), _lost(camera).count, _hours(_lost(camera).seconds))
        for camera in figures.cameras
    ]
    lost = [_lost(camera) for camera in figures.cameras]
    total = (
        "All",
        _hours(sum(camera.recorded_seconds for camera in figures.cameras)),
        sum(missing.count for missing in lost),
        _hours(sum(missing.seconds for missing in lost)),
    )
    return ("Camera", "Hours recorded", "Gaps", "Hours missing"), [*rows, total]


def _missing(figures: Figures) -> tuple[Row, list[Row]]:
    whole: dict[GapReason, Missing] = {}
    for camera in figures.cameras:
        for reason, missing in camera.missing.items():
            so_far = whole.setdefault(reason, Missing())
            so_far.count += missing.count
            so_far.seconds += missing.seconds
    rows: list[Row] = [
        (GAP_WORDS[reason], missing.count, _hours(missing.seconds))
        for reason, missing in sorted(whole.items(), key=lambda item: -item[1].seconds)
    ]
    return ("Why", "Gaps", "Hours missing"), rows


def _who(figures: Figures) -> tuple[Row, list[Row]]:
    rows: list[Row] = [(who, *_shown(looks)) for who, looks in sorted(figures.who.items())]
    return ("Who", *LOOK_HEADS), [*rows, ("All", *_shown(_sum(figures.who.values())))]


def _watched(figures: Figures) -> tuple[Row, list[Row]]:
    return ("Camera", *LOOK_HEADS), [(camera.id, *_shown(camera.looks)) for camera in figures.cameras]


def _why(figures: Figures) -> tuple[Row, list[Row]]:
    times = sorted(figures.reasons.items(), key=lambda item: -item[1].total())
    heads = ("Reason", "Live views", "Single pictures", "Lists of recordings", "Lists of positions")
    return heads, [(why, *(counts[action] for action in LOOKS)) for why, counts in times]


def _events(figures: Figures) -> tuple[Row, list[Row]]:
    rows: list[Row] = [(words, figures.counted[action]) for action, words in EVENTS.items()]
    return ("What", "Times"), [*rows, ("Attempts refused: a wrong password, or no right to it", figures.refusals)]


def _lost(camera: CameraFigures) -> Missing:
    missing = camera.missing.values()
    return Missing(sum(one.count for one in missing), sum(one.seconds for one in missing))


def _sum(looks: Iterable[Looks]) -> Looks:
    whole = Looks(Counter())
    for one in looks:
        whole.times.update(one.times)
        whole.live_seconds += one.live_seconds
        whole.live_unknown += one.live_unknown
    return whole


def _shown(looks: Looks) -> Row:
    live, *others = (looks.times[action] for action in LOOKS)
    return live, _hours(looks.live_seconds), *others


def _raw(looks: Looks) -> Row:
    return *(looks.times[action] for action in LOOKS), round(looks.live_seconds), looks.live_unknown


# ---- markup


def _table(caption: str, heads: Row, rows: list[Row], *, total: bool = False) -> str:
    if len(rows) <= total:
        return f"<p>{escape(caption)}: none.</p>"
    *body, last = [_row(row) for row in rows]
    foot = f"<tfoot>{last}</tfoot>" if total else ""
    if not total:
        body.append(last)
    columns = "".join(f'<th scope="col">{escape(str(head))}</th>' for head in heads)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}"><table>'
        f"<caption><span>{escape(caption)}</span></caption><thead><tr>{columns}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody>{foot}</table></div>"
    )


def _row(cells: Row) -> str:
    first, *others = (escape(str(cell)) for cell in cells)
    return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'


def _key(figures: dict[str, object]) -> str:
    cells = (f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in figures.items())
    return f'<dl class="key">{"".join(cells)}</dl>'


def _unknown(count: int) -> str:
    if not count:
        return ""
    return f"<p>Live views whose length nobody knows, because the server stopped while they were open: {count}.</p>"


def _hours(seconds: float) -> str:
    """Hours and minutes, as in 12:05."""
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02}"


def _day(utc_ns: UtcNs) -> str:
    return format_utc(utc_ns)[:10]
