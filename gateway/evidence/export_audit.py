"""What the audit is told of an export: that it was asked for, what came of it, who fetched it, that it was removed.

There is a row for each of its cameras, so that each is found by its camera.
"""

from __future__ import annotations

from typing import Any

from gateway.access.audit import Action, Audit, Outcome
from gateway.evidence.export import Export, Status

_STEPS = {Status.DONE: "finished", Status.FAILED: "failed", Status.CANCELLED: "cancelled"}


def asked_rows(audit: Audit, export: Export) -> list[dict[str, Any]]:
    """That it was asked for, and what."""
    asked = export.request.to_json()
    for said_beside in ("actor", "address", "reason"):
        del asked[said_beside]
    return step_rows(audit, export, "asked", asked=asked)


def over_rows(
    audit: Audit, export: Export, *, actor: str | None = None, address: str | None = None
) -> list[dict[str, Any]]:
    """What came of one that is over. `actor`: who cancelled it."""
    detail: dict[str, Any] = {} if export.error is None else {"why": export.error}
    if export.status is Status.DONE:
        detail["files"] = [file.to_json() for file in export.files]
    outcome = Outcome.DONE if export.status is Status.DONE else Outcome.ENDED
    step = _STEPS[export.status]
    return step_rows(audit, export, step, outcome=outcome, actor=actor, address=address, **detail)


def step_rows(
    audit: Audit,
    export: Export,
    step: str,
    *,
    outcome: Outcome = Outcome.DONE,
    actor: str | None = None,
    address: str | None = None,
    **detail: Any,
) -> list[dict[str, Any]]:
    """That something happened to it, by whoever asked for it unless it is said who."""
    request = export.request
    return [
        audit.row(
            Action.EXPORT, actor=actor or request.actor, address=address or request.address, outcome=outcome,
            camera=camera, reason=request.reason, export=export.id, step=step, **detail,
        )
        for camera in request.cameras
    ]  # fmt: skip
