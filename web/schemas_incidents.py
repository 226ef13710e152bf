"""JSON Schemas of alerts, geofences, incidents and shares, as `web.schemas` has those of everything else."""

from __future__ import annotations

from typing import Any

from gateway.incidents.alert import Grade, Kind
from gateway.incidents.geofence import Tells
from gateway.incidents.geofence_shapes import LEAST_RADIUS_M, MOST_RADIUS_M
from gateway.incidents.geofences import MAX_NAME
from gateway.incidents.incident import MAX_CAMERAS, MAX_NOTE, MAX_TAG, MAX_TAGS, MAX_TITLE
from gateway.incidents.share import MAX_RECIPIENT
from web.schema_forms import NUMBER, TEXT, TEXT_OR_NULL, TIME, TIME_OR_NULL, list_of, object_of, or_null, ref

_CAMERAS = {"type": "array", "items": TEXT, "maxItems": MAX_CAMERAS}
_TAGS = {"type": "array", "items": {**TEXT, "minLength": 1, "maxLength": MAX_TAG}, "maxItems": MAX_TAGS}
_TITLE = {**TEXT, "minLength": 1, "maxLength": MAX_TITLE}
_CATEGORY = {**TEXT_OR_NULL, "description": "of the policy: under it recordings go on that the incident lets go of"}
_ALERT = object_of(["alert"], alert={"type": "integer"})
_PLACE = object_of(
    ["lat", "lon"],
    lat={"type": "number"},
    lon={"type": "number"},
    radius_m={"type": "number", "description": "how far from there a unit may be"},
)
_ORIGIN = {"anyOf": [_ALERT, object_of(["camera"], camera=TEXT), _PLACE, {"type": "object", "maxProperties": 0}]}
_GROWING = {"from": TIME, "to": {**TIME_OR_NULL, "description": "null: it grows"}}
_SHARE = {
    "recipient": {**TEXT, "minLength": 1, "maxLength": MAX_RECIPIENT, "description": "who it is for"},
    "expires": TIME,
    "sound": {"type": "boolean", "description": "with the sound of what is shown"},
    "positions": {"type": "boolean", "description": "with where the wearers were"},
}
_NOTE = {**TEXT, "minLength": 1, "maxLength": MAX_NOTE, "description": "text with line breaks, and nothing but text"}
_GEOFENCE = {
    "name": {**TEXT, "minLength": 1, "maxLength": MAX_NAME},
    "shape": {
        "oneOf": [
            object_of(
                ["type", "coordinates"],
                type={"const": "Polygon"},
                coordinates={"type": "array", "items": {"type": "array"}, "minItems": 1},
            ),
            object_of(
                ["type", "coordinates", "radius_m"],
                type={"const": "Point"},
                coordinates={"type": "array", "items": {"type": "number"}},
                radius_m={"type": "number", "minimum": LEAST_RADIUS_M, "maximum": MOST_RADIUS_M},
            ),
        ],
        "description": "GeoJSON (RFC 7946): a Polygon, or a Point with a radius",
    },
    "cameras": {"type": "array", "items": TEXT, "description": "those it is for, and"},
    "groups": {"type": "array", "items": TEXT, "description": "groups it is for; neither: all cameras"},
    "tells": {"enum": [tells.value for tells in Tells]},
    "grade": {"enum": [grade.value for grade in Grade]},
}

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
            said={
                "type": "array",
                "items": object_of(["by", "utc", "text"], by=TEXT, utc=TIME, text=TEXT),
                "description": "by people who raised it again; the newest",
            },
        ),
        utc={**TIME, "description": "when it happened"},
        created={**TIME, "description": "when the gateway knew"},
        ended={**TIME_OR_NULL, "description": "when its cause ended; null: it goes on, or nobody can tell"},
        resolved={
            **or_null(object_of(["by", "utc", "word"], by=TEXT, utc=TIME, word=TEXT)),
            "description": "null: it is open",
        },
    ),
    "Geofence": object_of(
        ["id", "name", "shape", "cameras", "groups", "tells", "grade", "created_by", "created", "may"],
        id={"type": "integer"},
        **_GEOFENCE,
        created_by=TEXT,
        created=TIME,
        may={"type": "array", "items": {"enum": ["change"]}, "description": "what one may do with it oneself"},
    ),
    "Incident": object_of(
        ["id", "title", "cameras", "from", "to", "live", "notes", "may"],
        id={"type": "integer"},
        title=_TITLE,
        category=_CATEGORY,
        tags=_TAGS,
        origin=_ORIGIN,
        **_GROWING,
        live={"type": "boolean"},
        opened_by=TEXT,
        opened=TIME,
        closed_by=TEXT_OR_NULL,
        closed={**TIME_OR_NULL, "description": "null: people work on it"},
        cameras={
            "type": "array",
            "description": "those that one sees",
            "items": object_of(
                ["camera", "from", "to"],
                camera=TEXT,
                name=TEXT,
                **_GROWING,
                follows={"type": "boolean", "description": "it ends when the incident does"},
                hold={"type": "integer", "description": "the number of the hold that keeps it"},
                added_by=TEXT,
                added=TIME,
            ),
        },
        alerts={"type": "array", "items": {"type": "integer"}},
        notes={"type": "integer", "description": "how many there are"},
        may={
            "type": "array",
            "items": {"enum": ["change", "close", "export"]},
            "description": "what one may do with it; export: share, too",
        },
    ),
    "IncidentNote": object_of(
        ["id", "utc", "text", "created_by", "created"],
        id={"type": "integer"},
        utc={**TIME, "description": "the moment it is about"},
        text=_NOTE,
        created_by=TEXT,
        created=TIME,
    ),
    "Share": object_of(
        ["id", "incident", "recipient", "sound", "positions", "created_by", "created", "expires", "ended"],
        id={"type": "integer"},
        incident={"type": "integer"},
        **_SHARE,
        created_by=TEXT,
        created=TIME,
        revoked_by=TEXT_OR_NULL,
        revoked=TIME_OR_NULL,
        ended={"enum": ["revoked", "expired", "orphaned", None], "description": "null: it holds"},
        url={**TEXT, "description": "the link; only in the answer to its making"},
    ),
    "SharedIncident": object_of(
        ["share", "incident"],
        share=object_of(["id", "recipient", "sound", "positions", "expires"], id={"type": "integer"}, **_SHARE),
        incident=object_of(
            ["title", "from", "to", "live", "cameras"],
            title=_TITLE,
            **_GROWING,
            live={"type": "boolean"},
            cameras={
                "type": "array",
                "items": object_of(
                    ["camera", "name", "from", "to", "rights", "watermark"],
                    camera=TEXT,
                    name=TEXT,
                    **_GROWING,
                    rights={"type": "array", "items": {"enum": ["audio", "position", "recorded"]}},
                    watermark={**TEXT_OR_NULL, "description": "what is to be drawn over the picture"},
                ),
            },
        ),
    ),
}
"""By their names in the OpenAPI document."""

ALERTS = object_of(
    ["alerts", "before"],
    alerts={"type": "array", "items": ref("Alert")},
    before={"type": ["integer", "null"], "description": "ask with it for the next page; null: this is the last"},
)
_DELIVERY = {
    "id": {**TEXT, "description": "the same at each attempt: what the receiver has as webhook-id"},
    "channel": {**TEXT, "description": "webhook:NAME or mail:NAME"},
    "type": {"enum": ["alert.opened", "alert.resolved"]},
    "created": TIME,
    "attempts": {"type": "integer"},
    "next": {**TIME_OR_NULL, "description": "when it is tried again; null: it is over"},
    "delivered": TIME_OR_NULL,
    "error": {**TEXT_OR_NULL, "description": "of the last attempt"},
}
DELIVERIES = list_of("deliveries", object_of(list(_DELIVERY), **_DELIVERY))
CHANNELS = list_of(
    "channels",
    object_of(
        ["name", "kind", "waiting", "delivered", "given_up", "delivered_utc", "failed_utc", "error"],
        name=TEXT,
        kind={"enum": ["webhook", "mail"]},
        waiting={"type": "integer"},
        delivered={"type": "integer"},
        given_up={"type": "integer"},
        delivered_utc={**TIME_OR_NULL, "description": "when it was told something last"},
        failed_utc={**TIME_OR_NULL, "description": "when an attempt failed last, since the start"},
        error={**TEXT_OR_NULL, "description": "why the last attempt failed; null: it did not"},
        grades={"type": "array", "items": TEXT, "description": "of the alerts that it is told of"},
        kinds={"type": "array", "items": TEXT, "description": "of these kinds; none: of all"},
        groups={"type": "array", "items": TEXT, "description": "about cameras in one of these; none: about any"},
        resolved={"type": "boolean", "description": "it is told when an alert is resolved, too"},
        positions={"type": "boolean", "description": "it is told where"},
        deliveries={
            "type": "array",
            "description": "the last few messages, the newest first",
            "items": object_of(["alert", *_DELIVERY], alert={"type": "integer"}, **_DELIVERY),
        },
    ),
)
TESTED = object_of(["delivered", "error"], delivered={"type": "boolean"}, error=TEXT_OR_NULL)
GEOFENCES = list_of("geofences", ref("Geofence"))
NEW_GEOFENCE = object_of(["name", "shape"], **_GEOFENCE)
GEOFENCE_CHANGE = object_of([], **_GEOFENCE)
RESOLVE = object_of(["word"], word={**TEXT, "description": "what came of it"})
SOS = object_of([], text={**TEXT, "description": "what the caller says"})

INCIDENTS = list_of("incidents", ref("Incident"))
NOTES = list_of("notes", ref("IncidentNote"))
NEW_INCIDENT = object_of(
    [],
    title={**_TITLE, "description": "without it, what it is opened from says"},
    origin={**_ORIGIN, "description": "what it is opened from; {}: a time"},
    cameras={**_CAMERAS, "description": "besides those that follow from the origin"},
    **{
        "from": {**TIME, "description": "without it, five minutes before what it is opened from"},
        "to": {**TIME_OR_NULL, "description": "null: it is live, and grows"},
    },
    category=_CATEGORY,
    tags=_TAGS,
)
INCIDENT_CHANGE = object_of([], title=_TITLE, tags=_TAGS, category=_CATEGORY)
NEW_CAMERA = object_of(
    ["camera"],
    camera=TEXT,
    **{
        "from": {**TIME_OR_NULL, "description": "null: from the incident's beginning"},
        "to": {**TIME_OR_NULL, "description": "null: to the incident's end"},
    },
)
CAMERA_CHANGE = object_of(
    [],
    **{"from": TIME, "to": {**TIME_OR_NULL, "description": "null: the incident's end"}},
    reason={**TEXT, "description": "why it needs less than before"},
)
LINK = _ALERT
SHARES = list_of("shares", ref("Share"))
NEW_SHARE = object_of(
    ["recipient"], **_SHARE | {"expires": {**TIME_OR_NULL, "description": "null: in seven days; 90 days at most"}}
)
SHARE_KEY = object_of(["key"], key={**TEXT, "description": "what stands after #/share/ in the link"})
INCIDENT_EXPORT = object_of([], cameras={**_CAMERAS, "description": "of the incident; without it all"})
NEW_NOTE = object_of(["text"], text=_NOTE, utc={**TIME_OR_NULL, "description": "the moment it is about; null: now"})
NEARBY = object_of(
    ["utc", "lat", "lon", "units"],
    utc=TIME,
    lat={"type": "number"},
    lon={"type": "number"},
    units={
        "type": "array",
        "description": "the nearest first",
        "items": object_of(
            ["camera", "name", "distance_m", "age_s", "fix"],
            camera=TEXT,
            name=TEXT,
            distance_m={"type": "number"},
            age_s={**NUMBER, "description": "how old the position was then"},
            fix=ref("Fix"),
        ),
    },
)
