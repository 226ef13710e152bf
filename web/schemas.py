"""JSON Schemas of the public surface, for the OpenAPI document. The names are the components' names there."""

from __future__ import annotations

from typing import Any

from gateway.access.audit import Action, Outcome
from gateway.access.rights import Role
from gateway.base.roles import GRANTED, OF_ONE_CAMERA
from gateway.evidence.export import Kind, Status
from gateway.ingest.fleet import CameraStatus
from gateway.ledger.chain import Fault
from gateway.media.model import GapReason, TrackKind
from gateway.recording.disk_space import Level
from gateway.viewing.renditions import Quality, Trouble


def ref(name: str) -> dict[str, str]:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _list(name: str, of: dict[str, Any]) -> dict[str, Any]:
    return _object([name], **{name: {"type": "array", "items": of}})


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_NUMBER = {"type": ["number", "null"]}
_TIME = {"type": "string", "format": "date-time"}
_TIME_OR_NULL = {"type": ["string", "null"], "format": "date-time"}

_SETTINGS = {
    "name": _TEXT,
    "url": {"type": ["string", "null"], "description": "rtsp:// or rtsps://; either this or onvif"},
    "onvif": {"type": ["string", "null"], "description": "http://…/onvif/device_service"},
    "username": _TEXT,
    "password": {"type": "string", "writeOnly": True},
    "transport": {"enum": ["tcp", "udp"]},
    "record": {"type": "boolean"},
    "record_on": {"enum": ["always", "event"]},
    "pre_roll": {"type": "string", "description": "how much from before an event is recorded, as in 30s"},
    "post_roll": {"type": "string", "description": "how long recording goes on after it, as in 60s"},
    "position": {"type": "string", "description": "metadata, onvif, http, udp://host:port or tcp://host:port"},
    "position_from": {"type": "array", "items": {"type": "string"}, "description": "networks, of udp:// only"},
    "connect": {"enum": ["always", "on_demand"]},
    "basic_auth": {"type": "boolean", "description": "answer a Basic challenge without TLS"},
    "tls_verify": {"type": "boolean", "description": "check the camera's certificate"},
    "groups": {"type": "array", "items": _TEXT, "description": "what users can be limited to"},
}

_ROLE = {"enum": [role.value for role in Role]}
_USER_GROUPS = {"type": "array", "items": _TEXT, "description": "limited to these groups of cameras"}
_USER_CAMERAS = {
    "type": "array",
    "items": _TEXT,
    "description": "limited to these cameras, beside those of the groups; neither: no limit",
}
_PASSWORD = {"type": ["string", "null"], "writeOnly": True, "description": "null: one is made"}
_LOG_IN = {
    "id": _TEXT,
    "user": _TEXT,
    "created_utc": _TIME,
    "seen_utc": {"type": ["string", "null"], "format": "date-time", "description": "to the minute"},
    "expires_utc": _TIME_OR_NULL,
    "current": {"type": "boolean", "description": "the one that asks"},
}

_EXPORT = {
    "cameras": {"type": "array", "items": _TEXT},
    "from": _TIME,
    "to": {**_TIME, "description": "exclusive"},
    "kind": {"enum": [kind.value for kind in Kind], "default": Kind.VIDEO.value},
    "burn_in": {"type": "boolean", "description": "unit, UTC, position and trail drawn into the pictures"},
}

_HOLD = {
    "from": _TIME,
    "to": {**_TIME_OR_NULL, "description": "exclusive; null: everything from then on"},
    "category": {
        **_TEXT_OR_NULL,
        "description": "kept as long as the policy keeps this category; null: until the hold is released",
    },
    "reason": _TEXT,
}

COMPONENTS: dict[str, Any] = {
    "Fix": _object(
        ["utc", "lat", "lon", "received_utc"],
        utc=_TIME,
        lat={"type": "number"},
        lon={"type": "number"},
        altitude_m=_NUMBER,
        speed_mps=_NUMBER,
        course_deg=_NUMBER,
        accuracy_m=_NUMBER,
        constellations={"type": ["array", "null"], "items": _TEXT},
        satellites={"type": ["integer", "null"]},
        carrier=_TEXT,
        received_utc=_TIME,
    ),
    "UnitHealth": _object(
        ["utc", "battery_percent", "charging", "signal_percent", "storage_free_percent", "carrier"],
        utc=_TIME,
        battery_percent=_NUMBER,
        charging={"type": ["boolean", "null"]},
        signal_percent=_NUMBER,
        storage_free_percent={**_NUMBER, "description": "of the unit's own memory"},
        carrier=_TEXT_OR_NULL,
    ),
    "Camera": _object(
        ["id", "name", "status", "reason", "tracks", "position", "viewers", "recording"],
        id=_TEXT,
        name=_TEXT,
        groups={"type": "array", "items": _TEXT},
        status={"enum": [status.value for status in CameraStatus]},
        reason={"type": ["string", "null"]},
        tracks={"type": "array", "items": _object(["kind", "codec"], kind=_TEXT, codec=_TEXT)},
        position=_or_null(ref("Fix")),
        position_reason={
            "type": ["string", "null"],
            "description": "why its position is not known or not believed; null: nothing is wrong",
        },
        health={**_or_null(ref("UnitHealth")), "description": "the newest known value of each; null: it never said"},
        viewers={"type": "integer"},
        recording={"type": "boolean"},
        record_on={"enum": ["always", "event"]},
        recorded_because={"type": ["string", "null"], "description": "what set it off, where it records on an event"},
        retry_utc=_TIME_OR_NULL,
        video_utc=_TIME_OR_NULL,
        source={"enum": ["file", "database"]},
        rights={"type": "array", "items": {"enum": [right.value for right in GRANTED if right in OF_ONE_CAMERA]}},
        watermark={"type": "boolean", "description": "draw the viewer's name over the picture"},
        reason_needed={"type": "boolean", "description": "a live view must say why (X-Reason)"},
        watched={"type": ["integer", "null"], "description": "how many watch, where the wearer is told; else null"},
        private={"type": "boolean", "description": "the wearer's privacy mode hides the picture"},
        privacy=_or_null(
            _object(
                ["since", "hides", "recording"],
                since=_TIME,
                hides={"type": "array", "items": {"enum": ["position", "stream"]}},
                recording={"type": "boolean", "description": "whether it goes on"},
            )
        ),
        has_privacy={"type": "boolean", "description": "the policy says what a privacy mode of it does"},
        settings={"type": "object", "description": "only for who may configure, and only of one camera"},
    ),
    "Group": _object(
        ["name", "cameras"],
        name=_TEXT,
        cameras={"type": "array", "items": _TEXT, "description": "ids of those that one may see"},
        users={"type": "array", "items": _TEXT, "description": "who is limited to it; only for who may configure"},
    ),
    "NewCamera": _object(["id"], id=_TEXT, **_SETTINGS),
    "CameraChange": _object([], **_SETTINGS),
    "Device": _object(
        ["endpoint", "onvif", "address"],
        endpoint=_TEXT,
        onvif={"type": "string", "description": "the device service"},
        name=_TEXT,
        model=_TEXT,
        location=_TEXT,
        address=_TEXT,
        camera={"type": ["string", "null"], "description": "the camera that uses it already"},
    ),
    "Viewer": _object(
        ["quality", "trouble"],
        quality={"enum": [quality.value for quality in Quality]},
        trouble={"enum": [*(trouble.value for trouble in Trouble), None]},
        loss=_NUMBER,
        round_trip_s=_NUMBER,
        jitter_s=_NUMBER,
        estimate_bps={"type": ["integer", "null"], "description": "what the viewer believes to get through (REMB)"},
        packets_sent={"type": "integer"},
        packets_lost={"type": "integer", "description": "before anything was sent again"},
        packets_wanted={"type": "integer", "description": "asked for again, each time counted"},
        packets_resent={"type": "integer"},
    ),
    "Recording": _object(["start", "end"], start=_TIME, end=_TIME),
    "Bookmark": _object(
        ["id", "utc", "text", "created_by", "created"],
        id={"type": "integer"},
        utc=_TIME,
        text=_TEXT,
        created_by=_TEXT,
        created=_TIME,
    ),
    "Assignment": _object(
        ["id", "wearer", "from", "to"],
        id={"type": "integer"},
        wearer=_TEXT,
        **{"from": _TIME, "to": {**_TIME_OR_NULL, "description": "null: until somebody else does"}},
    ),
    "Gap": _object(
        ["start", "end", "reason"], start=_TIME, end=_TIME_OR_NULL, reason={"enum": [r.value for r in GapReason]}
    ),
    "Hold": _object(
        ["id", "camera", "from", "to", "category", "reason", "placed_by", "placed", "released_by", "released"],
        **_HOLD,
        id={"type": "integer"},
        camera=_TEXT,
        placed_by=_TEXT,
        placed=_TIME,
        released_by=_TEXT_OR_NULL,
        released={**_TIME_OR_NULL, "description": "null: it holds"},
    ),
    "User": _object(
        ["name", "role", "groups", "cameras", "created_utc", "issuer", "has_password"],
        name=_TEXT,
        created_utc=_TIME,
        issuer={"type": ["string", "null"], "description": "the OpenID Connect provider that says role and groups"},
        has_password={"type": "boolean", "description": "false: this nvr account logs in once it gets a new password"},
        password={"type": "string", "description": "one that was made: in the answer to POST or PATCH alone"},
        role=_ROLE,
        groups=_USER_GROUPS,
        cameras=_USER_CAMERAS,
    ),
    "NewUser": _object(
        ["name", "role"], name=_TEXT, password=_PASSWORD, role=_ROLE, groups=_USER_GROUPS, cameras=_USER_CAMERAS
    ),
    "UserChange": _object([], password=_PASSWORD, role=_ROLE, groups=_USER_GROUPS, cameras=_USER_CAMERAS),
    "Session": _object(
        ["id", "user", "method", "address", "agent", "created_utc", "seen_utc", "expires_utc", "current"],
        method={"enum": ["password", "oidc"]},
        address=_TEXT,
        agent=_TEXT,
        **_LOG_IN,
    ),
    "Token": _object(
        ["id", "name", "user", "created_utc", "seen_utc", "expires_utc", "current"],
        name={"type": "string", "description": "what it is for"},
        token={"type": "string", "description": "the token itself: in the answer to POST alone"},
        **_LOG_IN,
    ),
    "NewToken": _object(
        ["name", "user"],
        name={"type": "string", "description": "what it is for"},
        user={"type": "string", "description": "whose rights it has"},
        expires={"type": ["string", "null"], "description": "after how long, as in 30d; without: when it is revoked"},
    ),
    "AuditRow": _object(
        ["id", "utc", "actor", "action", "outcome", "camera", "address", "reason", "detail"],
        id={"type": "integer", "description": "its number in the chain"},
        utc=_TIME,
        actor={"type": "string", "description": "a user; shell:NAME for a command on the machine"},
        action={"type": "string", "examples": [action.value for action in Action]},
        outcome={"enum": [outcome.value for outcome in Outcome]},
        camera=_TEXT_OR_NULL,
        address=_TEXT,
        reason={"type": ["string", "null"], "description": "why, in the words of who asked"},
        detail={"type": "object", "description": "as the action has it: a view's end has view, seconds and why"},
    ),
    "Setting": _object(
        ["key", "before", "after"],
        key={"type": "string", "description": "as in webrtc.max_sessions or cameras[unit-12].url"},
        before={"description": "what holds or held; null: it was not there"},
        after={"description": "what the file says; null: it is gone"},
        secret={"type": "boolean", "description": "a secret in it differs, which is not shown"},
    ),
    "Export": _object(
        ["id", "status", "progress", "cameras", "from", "to", "kind", "burn_in", "created_by", "created", "files"],
        id=_TEXT,
        status={"enum": [status.value for status in Status]},
        progress={"type": "number", "description": "0 to 1"},
        sound={"type": "array", "items": _TEXT, "description": "the cameras whose sound is in it"},
        positions={"type": "array", "items": _TEXT, "description": "the cameras whose positions are in it"},
        reason=_TEXT_OR_NULL,
        created_by=_TEXT,
        created=_TIME,
        finished=_TIME_OR_NULL,
        error={"type": ["string", "null"], "description": "why it failed, and what to do"},
        files={
            "type": "array",
            "items": _object(["name", "bytes", "sha256"], name=_TEXT, bytes={"type": "integer"}, sha256=_TEXT),
        },
        **_EXPORT,
    ),
    "NewExport": _object(["cameras", "from", "to"], **_EXPORT),
    "Problem": _object(
        ["type", "title", "status", "detail"], type=_TEXT, title=_TEXT, status={"type": "integer"}, detail=_TEXT
    ),
}

LOG_IN = _object(["username", "password"], username=_TEXT, password=_TEXT)
SESSION = _object(
    ["user", "csrf"],
    user=_object(
        ["name", "role", "groups", "cameras", "rights", "everywhere"],
        name=_TEXT,
        role=_TEXT,
        groups=_USER_GROUPS,
        cameras=_USER_CAMERAS,
        rights={"type": "array", "items": _TEXT, "description": "what one may do, be it with some cameras only"},
        everywhere={"type": "array", "items": _TEXT, "description": "those of them that hold for all cameras"},
    ),
    csrf={"type": ["string", "null"]},
)
PASSWORD_CHANGE = _object(["old", "new"], old=_TEXT | {"writeOnly": True}, new=_TEXT | {"writeOnly": True})
PROVIDERS = _list("providers", _object(["name", "url"], name=_TEXT, url=_TEXT))
USERS = _list("users", ref("User"))
SESSIONS = _list("sessions", ref("Session"))
TOKENS = _list("tokens", ref("Token"))
RECORDING_REQUEST = _object(["on", "reason"], on={"type": "boolean"}, reason=_TEXT)
PRIVACY_CHANGE = _object(["on", "reason"], on={"type": "boolean"}, reason=_TEXT)
_SENTENCES = {"type": "array", "items": _TEXT}
_LINE = {"type": ["integer", "null"], "description": "of the settings file; null: it is the default"}
POLICY = _object(
    ["reasons", "categories", "holds", "policy"],
    reasons={"type": "array", "items": _TEXT, "description": "offered where a reason is asked"},
    categories={"type": "array", "items": _TEXT, "description": "that a hold may be for, beside until it is released"},
    holds={**_SENTENCES, "description": "for who asks"},
    policy=_or_null({"type": "array", "items": _object(["line", "says"], line=_LINE, says=_TEXT)}),
)
EXPLANATION = _object(
    ["user", "camera", "sentences"], user=_TEXT, camera={"type": ["string", "null"]}, sentences=_SENTENCES
)
CAMERAS = _list("cameras", ref("Camera"))
SETTINGS = _object(
    ["read_utc", "problem", "applied", "pending"],
    read_utc=_TIME,
    problem={"type": ["string", "null"], "description": "why the file could not be used; then nothing changed"},
    applied={"type": "array", "items": ref("Setting")},
    pending={"type": "array", "items": ref("Setting"), "description": "what waits for the next start"},
)
EXPORTS = _list("exports", ref("Export"))
GROUPS = _list("groups", ref("Group"))
VIEWERS = _list("viewers", ref("Viewer"))
NVR = _object(
    ["rtsp", "onvif", "readers", "seen"],
    rtsp=_object(
        ["port", "tls_port"],
        port={"type": "integer"},
        tls_port={"type": ["integer", "null"], "description": "of RTSPS; null: the gateway has no certificate"},
    ),
    onvif=_object(
        ["devices", "ports"],
        devices={"enum": ["one", "port", "both"]},
        ports={"type": "object", "additionalProperties": {"type": "integer"}, "description": "of cameras' own devices"},
    ),
    readers={
        "type": "array",
        "items": _object(
            ["id", "account", "address", "agent", "camera", "recorded", "sound", "positions", "since_utc"],
            id=_TEXT,
            account=_TEXT,
            address=_TEXT,
            agent={"type": "string", "description": "what its program calls itself"},
            camera=_TEXT,
            recorded={"type": "boolean", "description": "it plays what was recorded, not what is live"},
            sound={"type": "boolean"},
            positions={"type": "boolean", "description": "whether it gets the metadata track"},
            since_utc=_TIME,
        ),
    },
    seen={
        "type": "array",
        "description": "who logged in, the last first",
        "items": _object(
            ["account", "address", "service", "utc"],
            account=_TEXT,
            address=_TEXT,
            service={"enum": ["rtsp", "onvif"]},
            utc=_TIME,
        ),
    },
)
DEVICES = _list("devices", ref("Device"))
FIXES = _list("fixes", ref("Fix"))
AUDIT_PAGE = _object(
    ["rows", "before"],
    rows={"type": "array", "items": ref("AuditRow")},
    before={"type": ["integer", "null"], "description": "ask with it for the next page; null: this is the last"},
)
VERDICT = _object(
    ["day", "holds", "first", "last", "broken", "head"],
    day={"type": "string", "format": "date"},
    holds={"type": "boolean"},
    first={"type": "integer", "description": "the first row proved"},
    last={"type": "integer", "description": "the last; 0: there was none"},
    broken=_or_null(
        _object(["row", "fault", "detail"], row={"type": "integer"}, fault={"enum": list(Fault)}, detail=_TEXT)
    ),
    head={"type": "string", "description": "number and SHA-256 of the newest row: keep it elsewhere"},
)
ASSIGNMENTS = _list("assignments", ref("Assignment"))
NEW_ASSIGNMENT = _object(
    ["wearer"],
    wearer=_TEXT,
    **{"from": {**_TIME, "description": "default: now"}, "to": {**_TIME_OR_NULL, "description": "null: until another"}},
)
ASSIGNMENT_CHANGE = _object([], wearer=_TEXT, **{"from": _TIME, "to": _TIME_OR_NULL})
WEARERS = _list(
    "wearers",
    _object(
        ["wearer", "assignments"],
        wearer=_TEXT,
        assignments={
            "type": "array",
            "items": {
                "allOf": [
                    ref("Assignment"),
                    _object(
                        ["camera", "recordings"],
                        camera=_TEXT,
                        recordings={"type": "array", "items": ref("Recording"), "description": "of that time"},
                    ),
                ]
            },
        },
    ),
)
_BOOKMARK = {"utc": _TIME, "text": _TEXT}
NEW_BOOKMARK = _object(["utc", "text"], **_BOOKMARK)
BOOKMARKS = _list("bookmarks", ref("Bookmark"))
TIMELINE = _object(
    ["recordings", "imported", "gaps", "privacy", "bookmarks", "holds", "assignments", "deleted", "first", "last"],
    recordings={"type": "array", "items": ref("Recording")},
    imported={
        "type": "array",
        "items": ref("Recording"),
        "description": "what of the recordings came from a dock or a card",
    },
    gaps={
        "type": "array",
        "items": {
            "allOf": [
                ref("Gap"),
                _object(
                    ["count", "track"],
                    count={"type": "integer", "description": "so many, closer than can be told apart"},
                    track={"enum": [*(kind.value for kind in TrackKind), None], "description": "null: all"},
                ),
            ]
        },
    },
    privacy={
        "type": "array",
        "items": _object(
            ["start", "end", "hides"],
            start=_TIME,
            end={**_TIME_OR_NULL, "description": "null: it is on"},
            hides={"type": "array", "items": {"enum": ["position", "stream"]}},
        ),
    },
    bookmarks={"type": "array", "items": ref("Bookmark")},
    holds={"type": "array", "items": ref("Hold")},
    assignments={"type": "array", "items": ref("Assignment")},
    deleted={
        "type": "array",
        "items": _object(["start", "end", "deleted", "rule"], start=_TIME, end=_TIME, deleted=_TIME, rule=_TEXT),
    },
    first={**_TIME_OR_NULL, "description": "where all that there is of the camera begins; null: there is nothing"},
    last={**_TIME_OR_NULL, "description": "to where it reaches"},
)
RECORDINGS = _object(
    ["recordings", "gaps"],
    recordings={"type": "array", "items": ref("Recording")},
    gaps={"type": "array", "items": ref("Gap")},
)
HOLDS = _list("holds", ref("Hold"))
NEW_HOLD = _object(["from", "reason"], **_HOLD)
_DAYS = {"type": ["number", "null"]}
_GROWTH = {
    "bytes": {"type": "integer", "description": "of finished Segments"},
    "bytes_a_day": {"type": "integer", "description": "as on the last day that was recorded"},
}
_CHAIN = {
    "rows": {"type": "integer"},
    "head": {"type": "string", "description": "number and SHA-256 of the newest row"},
    "anchored_rows": {"type": "integer", "description": "of them, those that an anchor outside holds"},
}
EVIDENCE = _object(
    ["anchored_utc", "anchor_every", "places", "anchor", "key", "keys", "audit", "cameras", "verified"],
    anchored_utc={**_TIME_OR_NULL, "description": "all that was written until then is anchored outside; null: nothing"},
    anchor_every=_TEXT,
    places={
        "type": "array",
        "items": _object(
            ["kind", "where", "anchored_utc", "problem"],
            kind={"enum": ["file", "timestamp"]},
            where=_TEXT,
            anchored_utc=_TIME_OR_NULL,
            problem={"type": ["string", "null"], "description": "why the last try failed; null: it did not"},
        ),
    },
    anchor=_or_null(_object(["utc", "root"], utc=_TIME, root=_TEXT)),
    key={"type": "string", "description": "the id of the key that signs now"},
    keys={
        "type": "array",
        "items": _object(
            ["id", "public", "since", "previous"],
            id=_TEXT,
            public={"type": "string", "description": "Ed25519, Base64"},
            since=_TIME,
            previous={"type": ["string", "null"], "description": "the key that vouches for it; null: only itself"},
        ),
    },
    audit=_object(["rows", "head", "anchored_rows"], **_CHAIN),
    cameras={"type": "array", "items": _object(["id", "rows", "head", "anchored_rows"], id=_TEXT, **_CHAIN)},
    verified=_or_null(
        _object(
            ["utc", "findings", "anchored_utc"],
            utc=_TIME,
            findings={"type": "integer", "description": "what did not hold; 0: all did"},
            anchored_utc=_TIME_OR_NULL,
        )
    ),
)
STORAGE = _object(
    ["disk", "level", "bytes", "bytes_a_day", "full_days", "warnings", "cameras"],
    disk=_or_null(
        _object(
            ["total", "free", "keep_free", "warn_free"],
            total={"type": "integer", "description": "bytes, as all sizes here"},
            free={"type": "integer"},
            keep_free={"type": "integer", "description": "below, the oldest that may be deleted is"},
            warn_free={"type": "integer", "description": "below, people are told"},
        )
    ),
    level={"enum": [level.value for level in Level]},
    **_GROWTH,
    full_days={**_DAYS, "description": "until room has to be made that no rule makes; null: rules make it before"},
    warnings={"type": "array", "items": _TEXT},
    cameras={
        "type": "array",
        "items": _object(
            ["camera", "bytes", "bytes_a_day", "from", "to", "retention_days", "keep_days", "max_bytes"],
            camera=_TEXT,
            **_GROWTH,
            **{"from": _TIME, "to": _TIME},
            retention_days={**_DAYS, "description": "until its own rule deletes its oldest; null: it has none"},
            keep_days={**_DAYS, "description": "how long the policy has it kept; null: until its room is needed"},
            max_bytes={"type": ["integer", "null"], "description": "how much of it is kept; null: what fits"},
        ),
    },
)
