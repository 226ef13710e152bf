"""JSON Schemas of alerts, geofences, incidents and shares, as `web.schemas` has those of everything else."""

from __future__ import annotations

from typing import Any

from gateway.incidents.alert import Grade, Kind
from web.schema_forms import TEXT, TEXT_OR_NULL, TIME, TIME_OR_NULL, object_of, or_null, ref

COMPONENTS: dict[str, Any] = {
    "Alert": object_of(
        ["id", "kind", "grade", "camera", "text", "detail", "utc", "created", "ended", "resolved"],
        id={"type": "integer"},
        kind={"enum": [kind.value for kind in Kind]},
        grade={"enum": [grade.value for grade in Grade if grade is not Grade.OFF]},
        camera={**TEXT_OR_NULL, "description": "null: it is about the gateway as a whole"},
        text={**TEXT, "description": "a sentence"},
        detail=object_of(
            [],
            fix={**ref("Fix"), "description": "where the wearer was; only for who has the right to positions"},
            fix_age_s={"type": "number", "description": "how old that was"},
            by={**TEXT, "description": "who raised it"},
            count={"type": "integer", "description": "how often it was raised; left out: once"},
            last={**TIME, "description": "when it was raised last"},
        ),
        utc={**TIME, "description": "when it happened"},
        created={**TIME, "description": "when the gateway knew"},
        ended={**TIME_OR_NULL, "description": "when its cause ended; null: it goes on, or nobody can tell"},
        resolved={
            **or_null(object_of(["by", "utc", "word"], by=TEXT, utc=TIME, word=TEXT)),
            "description": "null: it is open",
        },
    ),
}
"""By their names in the OpenAPI document."""

ALERTS = object_of(
    ["alerts", "before"],
    alerts={"type": "array", "items": ref("Alert")},
    before={"type": ["integer", "null"], "description": "ask with it for the next page; null: this is the last"},
)
RESOLVE = object_of(["word"], word={**TEXT, "description": "what came of it"})
SOS = object_of([], text={**TEXT, "description": "what the caller says"})
