"""The figures of the report, from catalog and audit: counts and durations, and nothing that names a bystander or place.

No position is read, and no text that somebody wrote goes in: of reasons only those that the policy offers, all others
are counted together. A camera is its id. Who looked is a role, or a name where the policy says so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, or_, select

from gateway.access.audit import Action, Audit, Outcome
from gateway.access.audit_chain import Verdict, verify
from gateway.base.policy import Policy
from gateway.media.model import NS, GapReason, UtcNs
from gateway.recording.catalog import Catalog
from gateway.store.tables import audit as table
from gateway.store.tables import users

LOOKS = (Action.LIVE_VIEW, Action.SNAPSHOT, Action.RECORDINGS, Action.POSITIONS)
"""What counts as looking at a camera."""
COUNTED = (
    Action.FOLLOW, Action.EXPORT, Action.HOLD, Action.HOLD_RELEASE, Action.DELETION, Action.POLICY, Action.SETTINGS,
    Action.PRIVACY,
)  # fmt: skip
OTHER = "another reason"
NO_REASON = "no reason given"
FORMER = "former user"
MACHINE = "administration of the machine"
UNKNOWN_CAMERA = "other cameras"


@dataclass(slots=True)
class Looks:
    """How often, and in live views how long, somebody looked, or something was looked at."""

    times: Counter[Action] = field(default_factory=Counter)
    live_seconds: float = 0.0
    live_unknown: int = 0
    """Live views of which nobody knows how long they were: the gateway was killed."""


@dataclass(slots=True)
class Missing:
    """Gaps of one reason."""

    count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CameraFigures:
    """One camera."""

    id: str
    recorded_seconds: float
    missing: dict[GapReason, Missing]
    looks: Looks


@dataclass(frozen=True, slots=True)
class Figures:
    """The whole report. Times in nanoseconds since 1970, `to_ns` not included."""

    from_ns: UtcNs
    to_ns: UtcNs
    made_ns: UtcNs
    cameras: list[CameraFigures]
    who: dict[str, Looks]
    """By role or name."""
    reasons: dict[str, Counter[Action]]
    counted: Counter[Action]
    refusals: int
    verdict: Verdict


async def gather(
    audit: Audit,
    catalog: Catalog,
    policy: Policy,
    configured: Iterable[str],
    interval: tuple[UtcNs, UtcNs],
    now_ns: UtcNs,
    progress: Callable[[int, int], None],
) -> Figures:
    """The figures between two moments; `progress` is told of the proof of the audit, which takes the longest.

    Raises:
        StorageError: the database refused.
    """
    from_ns, to_ns = interval
    until_ns = min(to_ns, now_ns)
    known = sorted({*configured, *await catalog.cameras(from_ns, to_ns)})
    looked = await audit.database.read(lambda connection: _looked(connection, policy, set(known), from_ns, to_ns))
    cameras = []
    for camera in known:
        spans = await catalog.recordings(camera, from_ns, to_ns)
        missing: dict[GapReason, Missing] = {}
        for gap in await catalog.gaps(camera, from_ns, to_ns):
            of_reason = missing.setdefault(gap.reason, Missing())
            of_reason.count += 1
            of_reason.seconds += _within(gap.start_ns, gap.end_ns or until_ns, from_ns, until_ns)
        recorded = sum(_within(span.start_ns, span.end_ns, from_ns, until_ns) for span in spans)
        cameras.append(CameraFigures(camera, recorded, missing, looked.cameras.get(camera, Looks())))
    if UNKNOWN_CAMERA in looked.cameras:
        cameras.append(CameraFigures(UNKNOWN_CAMERA, 0.0, {}, looked.cameras[UNKNOWN_CAMERA]))
    verdict = await verify(audit.database, from_ns, to_ns, progress=progress)
    return Figures(
        from_ns, to_ns, now_ns, cameras, looked.who, looked.reasons, looked.counted, looked.refusals, verdict
    )


def _within(start_ns: UtcNs, end_ns: UtcNs, from_ns: UtcNs, to_ns: UtcNs) -> float:
    """Seconds of a span that lie in the interval."""
    return max(0, min(end_ns, to_ns) - max(start_ns, from_ns)) / NS


@dataclass(slots=True)
class _Looked:
    """What the audit says."""

    cameras: dict[str, Looks] = field(default_factory=dict)
    who: dict[str, Looks] = field(default_factory=dict)
    reasons: dict[str, Counter[Action]] = field(default_factory=dict)
    counted: Counter[Action] = field(default_factory=Counter)
    refusals: int = 0

    def looks(self, who: str, camera: str) -> tuple[Looks, Looks]:
        return self.who.setdefault(who, Looks()), self.cameras.setdefault(camera, Looks())


def _looked(connection: Connection, policy: Policy, known: set[str], from_ns: UtcNs, to_ns: UtcNs) -> _Looked:
    columns = table.c
    within = (columns.utc_ns >= from_ns, columns.utc_ns < to_ns)
    roles: dict[str, str] = {row.name: row.role for row in connection.execute(select(users.c.name, users.c.role))}
    found = _Looked()

    def who(actor: str) -> str:
        if policy.report_by == "name":
            return actor
        return MACHINE if actor.startswith("shell:") else roles.get(actor, FORMER)

    def camera(named: str | None) -> str:
        return named if named in known else UNKNOWN_CAMERA

    def why(reason: str | None) -> str:
        return NO_REASON if reason is None else reason if reason in policy.reasons else OTHER

    said = (columns.actor, columns.camera, columns.action, columns.reason)
    groups = select(*said, func.count()).where(*within, columns.outcome == Outcome.DONE.value).group_by(*said)
    for actor, named, did, reason, count in connection.execute(groups.where(columns.action.in_(LOOKS))):
        action = Action(did)
        for looks in found.looks(who(actor), camera(named)):
            looks.times[action] += count
        found.reasons.setdefault(why(reason), Counter())[action] += count
    ends = select(columns.actor, columns.camera, columns.reason, columns.detail).where(
        *within, columns.action == Action.LIVE_VIEW.value, columns.outcome == Outcome.ENDED.value
    )
    for actor, named, reason, text in connection.execute(ends):
        detail = json.loads(text)
        never = not detail.get("shown", True)
        found.reasons.setdefault(why(reason), Counter())[Action.LIVE_VIEW] -= never
        for looks in found.looks(who(actor), camera(named)):
            if detail.get("seconds") is None:
                looks.live_unknown += 1
            else:
                looks.live_seconds += detail["seconds"]
            looks.times[Action.LIVE_VIEW] -= never
    # An export has a row for each step; it counts when it is finished.
    counting = or_(columns.action != Action.EXPORT.value, columns.detail.contains('"step":"finished"'))
    counts = select(columns.action, func.count()).where(*within, columns.outcome == Outcome.DONE.value, counting)
    for did, count in connection.execute(counts.where(columns.action.in_(COUNTED)).group_by(columns.action)):
        found.counted[Action(did)] = count
    refusals = select(columns.detail).where(*within, columns.outcome == Outcome.REFUSED.value)
    found.refusals = sum(json.loads(text).get("count", 1) for text in connection.scalars(refusals))
    return found
