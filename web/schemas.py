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
from web.schema_forms import NUMBER, TEXT, TEXT_OR_NULL, TIME, TIME_OR_NULL, list_of, object_of, or_null, ref

_SETTINGS = {
    "name": TEXT,
    "url": {"type": ["string", "null"], "description": "rtsp:// or rtsps://; either this or onvif"},
    "onvif": {"type": ["string", "null"], "description": "http://…/onvif/device_service"},
    "username": TEXT,
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
    "groups": {"type": "array", "items": TEXT, "description": "what users can be limited to"},
}

_ROLE = {"enum": [role.value for role in Role]}
_USER_GROUPS = {"type": "array", "items": TEXT, "description": "limited to these groups of cameras"}
_USER_CAMERAS = {
    "type": "array",
    "items": TEXT,
    "description": "limited to these cameras, beside those of the groups; neither: no limit",
}
_PASSWORD = {"type": ["string", "null"], "writeOnly": True, "description": "null: one is made"}
_LOG_IN = {
    "id": TEXT,
    "user": TEXT,
    "created_utc": TIME,
    "seen_utc": {"type": ["string", "null"], "format": "date-time", "description": "to the minute"},
    "expires_utc": TIME_OR_NULL,
    "current": {"type": "boolean", "description": "the one that asks"},
}

_EXPORT = {
    "cameras": {"type": "array", "items": TEXT},
    "from": TIME,
    "to": {**TIME, "description": "exclusive"},
    "kind": {"enum": [kind.value for kind in Kind], "default": Kind.VIDEO.value},
    "burn_in": {"type": "boolean", "description": "unit, UTC, position and trail drawn into the pictures"},
}

_HOLD = {
    "from": TIME,
    "to": {**TIME_OR_NULL, "description": "exclusive; null: everything from then on"},
    "category": {
        **TEXT_OR_NULL,
        "description": "kept as long as the policy keeps this category; null: until the hold is released",
    },
    "reason": TEXT,
}

COMPONENTS: dict[str, Any] = {
    "Fix": object_of(
        ["utc", "lat", "lon", "received_utc"],
        utc=TIME,
        lat={"type": "number"},
        lon={"type": "number"},
        altitude_m=NUMBER,
        speed_mps=NUMBER,
        course_deg=NUMBER,
        accuracy_m=NUMBER,
        constellations={"type": ["array", "null"], "items": TEXT},
        satellites={"type": ["integer", "null"]},
        carrier=TEXT,
        received_utc=TIME,
    ),
    "UnitHealth": object_of(
        ["utc", "battery_percent", "charging", "signal_percent", "storage_free_percent", "carrier"],
        utc=TIME,
        battery_percent=NUMBER,
        charging={"type": ["boolean", "null"]},
        signal_percent=NUMBER,
        storage_free_percent={**NUMBER, "description": "of the unit's own memory"},
        carrier=TEXT_OR_NULL,
    ),
    "Camera": object_of(
        ["id", "name", "status", "reason", "tracks", "position", "viewers", "recording"],
        id=TEXT,
        name=TEXT,
        groups={"type": "array", "items": TEXT},
        status={"enum": [status.value for status in CameraStatus]},
        reason={"type": ["string", "null"]},
        tracks={"type": "array", "items": object_of(["kind", "codec"], kind=TEXT, codec=TEXT)},
        position=or_null(ref("Fix")),
        position_reason={
            "type": ["string", "null"],
            "description": "why its position is not known or not believed; null: nothing is wrong",
        },
        health={**or_null(ref("UnitHealth")), "description": "the newest known value of each; null: it never said"},
        viewers={"type": "integer"},
        talk={"type": "boolean", "description": "it has a backchannel: who may respond can talk to it"},
        talking={**TEXT_OR_NULL, "description": "who talks to it now"},
        recording={"type": "boolean"},
        record_on={"enum": ["always", "event"]},
        recorded_because={"type": ["string", "null"], "description": "what set it off, where it records on an event"},
        retry_utc=TIME_OR_NULL,
        video_utc=TIME_OR_NULL,
        source={"enum": ["file", "database"]},
        rights={"type": "array", "items": {"enum": [right.value for right in GRANTED if right in OF_ONE_CAMERA]}},
        watermark={"type": "boolean", "description": "draw the viewer's name over the picture"},
        reason_needed={"type": "boolean", "description": "a live view must say why (X-Reason)"},
        watched={"type": ["integer", "null"], "description": "how many watch, where the wearer is told; else null"},
        private={"type": "boolean", "description": "the wearer's privacy mode hides the picture"},
        privacy=or_null(
            object_of(
                ["since", "hides", "recording"],
                since=TIME,
                hides={"type": "array", "items": {"enum": ["position", "stream"]}},
                recording={"type": "boolean", "description": "whether it goes on"},
            )
        ),
        has_privacy={"type": "boolean", "description": "the policy says what a privacy mode of it does"},
        settings={"type": "object", "description": "only for who may configure, and only of one camera"},
    ),
    "Group": object_of(
        ["name", "cameras"],
        name=TEXT,
        cameras={"type": "array", "items": TEXT, "description": "ids of those that one may see"},
        users={"type": "array", "items": TEXT, "description": "who is limited to it; only for who may configure"},
    ),
    "NewCamera": object_of(["id"], id=TEXT, **_SETTINGS),
    "CameraChange": object_of([], **_SETTINGS),
    "Device": object_of(
        ["endpoint", "onvif", "address"],
        endpoint=TEXT,
        onvif={"type": "string", "description": "the device service"},
        name=TEXT,
        model=TEXT,
        location=TEXT,
        address=TEXT,
        camera={"type": ["string", "null"], "description": "the camera that uses it already"},
    ),
    "Viewer": object_of(
        ["quality", "trouble"],
        quality={"enum": [quality.value for quality in Quality]},
        trouble={"enum": [*(trouble.value for trouble in Trouble), None]},
        loss=NUMBER,
        round_trip_s=NUMBER,
        jitter_s=NUMBER,
        estimate_bps={"type": ["integer", "null"], "description": "what the viewer believes to get through (REMB)"},
        packets_sent={"type": "integer"},
        packets_lost={"type": "integer", "description": "before anything was sent again"},
        packets_wanted={"type": "integer", "description": "asked for again, each time counted"},
        packets_resent={"type": "integer"},
    ),
    "Recording": object_of(["start", "end"], start=TIME, end=TIME),
    "Bookmark": object_of(
        ["id", "utc", "text", "created_by", "created"],
        id={"type": "integer"},
        utc=TIME,
        text=TEXT,
        created_by=TEXT,
        created=TIME,
    ),
    "Assignment": object_of(
        ["id", "wearer", "from", "to"],
        id={"type": "integer"},
        wearer=TEXT,
        **{"from": TIME, "to": {**TIME_OR_NULL, "description": "null: until somebody else does"}},
    ),
    "Gap": object_of(
        ["start", "end", "reason"], start=TIME, end=TIME_OR_NULL, reason={"enum": [r.value for r in GapReason]}
    ),
    "Hold": object_of(
        ["id", "camera", "from", "to", "category", "reason", "placed_by", "placed", "released_by", "released"],
        **_HOLD,
        id={"type": "integer"},
        camera=TEXT,
        placed_by=TEXT,
        placed=TIME,
        released_by=TEXT_OR_NULL,
        released={**TIME_OR_NULL, "description": "null: it holds"},
    ),
    "User": object_of(
        ["name", "role", "groups", "cameras", "created_utc", "issuer", "has_password"],
        name=TEXT,
        created_utc=TIME,
        issuer={"type": ["string", "null"], "description": "the OpenID Connect provider that says role and groups"},
        has_password={"type": "boolean", "description": "false: this nvr account logs in once it gets a new password"},
        password={"type": "string", "description": "one that was made: in the answer to POST or PATCH alone"},
        role=_ROLE,
        groups=_USER_GROUPS,
        cameras=_USER_CAMERAS,
    ),
    "NewUser": object_of(
        ["name", "role"], name=TEXT, password=_PASSWORD, role=_ROLE, groups=_USER_GROUPS, cameras=_USER_CAMERAS
    ),
    "UserChange": object_of([], password=_PASSWORD, role=_ROLE, groups=_USER_GROUPS, cameras=_USER_CAMERAS),
    "Session": object_of(
        ["id", "user", "method", "address", "agent", "created_utc", "seen_utc", "expires_utc", "current"],
        method={"enum": ["password", "oidc"]},
        address=TEXT,
        agent=TEXT,
        **_LOG_IN,
    ),
    "Token": object_of(
        ["id", "name", "user", "created_utc", "seen_utc", "expires_utc", "current"],
        name={"type": "string", "description": "what it is for"},
        token={"type": "string", "description": "the token itself: in the answer to POST alone"},
        **_LOG_IN,
    ),
    "NewToken": object_of(
        ["name", "user"],
        name={"type": "string", "description": "what it is for"},
        user={"type": "string", "description": "whose rights it has"},
        expires={"type": ["string", "null"], "description": "after how long, as in 30d; without: when it is revoked"},
    ),
    "AuditRow": object_of(
        ["id", "utc", "actor", "action", "outcome", "camera", "address", "reason", "detail"],
        id={"type": "integer", "description": "its number in the chain"},
        utc=TIME,
        actor={"type": "string", "description": "a user; shell:NAME for a command on the machine"},
        action={"type": "string", "examples": [action.value for action in Action]},
        outcome={"enum": [outcome.value for outcome in Outcome]},
        camera=TEXT_OR_NULL,
        address=TEXT,
        reason={"type": ["string", "null"], "description": "why, in the words of who asked"},
        detail={"type": "object", "description": "as the action has it: a view's end has view, seconds and why"},
    ),
    "Setting": object_of(
        ["key", "before", "after"],
        key={"type": "string", "description": "as in webrtc.max_sessions or cameras[unit-12].url"},
        before={"description": "what holds or held; null: it was not there"},
        after={"description": "what the file says; null: it is gone"},
        secret={"type": "boolean", "description": "a secret in it differs, which is not shown"},
    ),
    "Export": object_of(
        ["id", "status", "progress", "cameras", "from", "to", "kind", "burn_in", "created_by", "created", "files"],
        id=TEXT,
        status={"enum": [status.value for status in Status]},
        progress={"type": "number", "description": "0 to 1"},
        sound={"type": "array", "items": TEXT, "description": "the cameras whose sound is in it"},
        positions={"type": "array", "items": TEXT, "description": "the cameras whose positions are in it"},
        reason=TEXT_OR_NULL,
        created_by=TEXT,
        created=TIME,
        finished=TIME_OR_NULL,
        error={"type": ["string", "null"], "description": "why it failed, and what to do"},
        files={
            "type": "array",
            "items": object_of(["name", "bytes", "sha256"], name=TEXT, bytes={"type": "integer"}, sha256=TEXT),
        },
        **_EXPORT,
        incident={"type": ["integer", "null"], "description": "that a package is of"},
    ),
    "NewExport": object_of(["cameras", "from", "to"], **_EXPORT),
    "Problem": object_of(
        ["type", "title", "status", "detail"], type=TEXT, title=TEXT, status={"type": "integer"}, detail=TEXT
    ),
}

LOG_IN = object_of(["username", "password"], username=TEXT, password=TEXT)
SESSION = object_of(
    ["user", "csrf"],
    user=object_of(
        ["name", "role", "groups", "cameras", "rights", "everywhere"],
        name=TEXT,
        role=TEXT,
        groups=_USER_GROUPS,
        cameras=_USER_CAMERAS,
        rights={"type": "array", "items": TEXT, "description": "what one may do, be it with some cameras only"},
        everywhere={"type": "array", "items": TEXT, "description": "those of them that hold for all cameras"},
    ),
    csrf={"type": ["string", "null"]},
)
PASSWORD_CHANGE = object_of(["old", "new"], old=TEXT | {"writeOnly": True}, new=TEXT | {"writeOnly": True})
PROVIDERS = list_of("providers", object_of(["name", "url"], name=TEXT, url=TEXT))
USERS = list_of("users", ref("User"))
SESSIONS = list_of("sessions", ref("Session"))
TOKENS = list_of("tokens", ref("Token"))
RECORDING_REQUEST = object_of(["on", "reason"], on={"type": "boolean"}, reason=TEXT)
PRIVACY_CHANGE = object_of(["on", "reason"], on={"type": "boolean"}, reason=TEXT)
_SENTENCES = {"type": "array", "items": TEXT}
_LINE = {"type": ["integer", "null"], "description": "of the settings file; null: it is the default"}
POLICY = object_of(
    ["reasons", "categories", "holds", "policy"],
    reasons={"type": "array", "items": TEXT, "description": "offered where a reason is asked"},
    categories={"type": "array", "items": TEXT, "description": "that a hold may be for, beside until it is released"},
    holds={**_SENTENCES, "description": "for who asks"},
    policy=or_null({"type": "array", "items": object_of(["line", "says"], line=_LINE, says=TEXT)}),
)
EXPLANATION = object_of(
    ["user", "camera", "sentences"], user=TEXT, camera={"type": ["string", "null"]}, sentences=_SENTENCES
)
CAMERAS = list_of("cameras", ref("Camera"))
SETTINGS = object_of(
    ["read_utc", "problem", "applied", "pending"],
    read_utc=TIME,
    problem={"type": ["string", "null"], "description": "why the file could not be used; then nothing changed"},
    applied={"type": "array", "items": ref("Setting")},
    pending={"type": "array", "items": ref("Setting"), "description": "what waits for the next start"},
)
EXPORTS = list_of("exports", ref("Export"))
GROUPS = list_of("groups", ref("Group"))
VIEWERS = list_of("viewers", ref("Viewer"))
NVR = object_of(
    ["rtsp", "onvif", "readers", "seen"],
    rtsp=object_of(
        ["port", "tls_port"],
        port={"type": "integer"},
        tls_port={"type": ["integer", "null"], "description": "of RTSPS; null: the gateway has no certificate"},
    ),
    onvif=object_of(
        ["devices", "ports"],
        devices={"enum": ["one", "port", "both"]},
        ports={"type": "object", "additionalProperties": {"type": "integer"}, "description": "of cameras' own devices"},
    ),
    readers={
        "type": "array",
        "items": object_of(
            ["id", "account", "address", "agent", "camera", "recorded", "sound", "positions", "since_utc"],
            id=TEXT,
            account=TEXT,
            address=TEXT,
            agent={"type": "string", "description": "what its program calls itself"},
            camera=TEXT,
            recorded={"type": "boolean", "description": "it plays what was recorded, not what is live"},
            sound={"type": "boolean"},
            positions={"type": "boolean", "description": "whether it gets the metadata track"},
            since_utc=TIME,
        ),
    },
    seen={
        "type": "array",
        "description": "who logged in, the last first",
        "items": object_of(
            ["account", "address", "service", "utc"],
            account=TEXT,
            address=TEXT,
            service={"enum": ["rtsp", "onvif"]},
            utc=TIME,
        ),
    },
)
DEVICES = list_of("devices", ref("Device"))
FIXES = list_of("fixes", ref("Fix"))
AUDIT_PAGE = object_of(
    ["rows", "before"],
    rows={"type": "array", "items": ref("AuditRow")},
    before={"type": ["integer", "null"], "description": "ask with it for the next page; null: this is the last"},
)
VERDICT = object_of(
    ["day", "holds", "first", "last", "broken", "head"],
    day={"type": "string", "format": "date"},
    holds={"type": "boolean"},
    first={"type": "integer", "description": "the first row proved"},
    last={"type": "integer", "description": "the last; 0: there was none"},
    broken=or_null(
        object_of(["row", "fault", "detail"], row={"type": "integer"}, fault={"enum": list(Fault)}, detail=TEXT)
    ),
    head={"type": "string", "description": "number and SHA-256 of the newest row: keep it elsewhere"},
)
ASSIGNMENTS = list_of("assignments", ref("Assignment"))
NEW_ASSIGNMENT = object_of(
    ["wearer"],
    wearer=TEXT,
    **{"from": {**TIME, "description": "default: now"}, "to": {**TIME_OR_NULL, "description": "null: until another"}},
)
ASSIGNMENT_CHANGE = object_of([], wearer=TEXT, **{"from": TIME, "to": TIME_OR_NULL})
WEARERS = list_of(
    "wearers",
    object_of(
        ["wearer", "assignments"],
        wearer=TEXT,
        assignments={
            "type": "array",
            "items": {
                "allOf": [
                    ref("Assignment"),
                    object_of(
                        ["camera", "recordings"],
                        camera=TEXT,
                        recordings={"type": "array", "items": ref("Recording"), "description": "of that time"},
                    ),
                ]
            },
        },
    ),
)
_BOOKMARK = {"utc": TIME, "text": TEXT}
NEW_BOOKMARK = object_of(["utc", "text"], **_BOOKMARK)
BOOKMARKS = list_of("bookmarks", ref("Bookmark"))
TIMELINE = object_of(
    [
        "recordings",
        "imported",
        "gaps",
        "privacy",
        "bookmarks",
        "alerts",
        "holds",
        "assignments",
        "deleted",
        "first",
        "last",
    ],
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
                object_of(
                    ["count", "track"],
                    count={"type": "integer", "description": "so many, closer than can be told apart"},
                    track={"enum": [*(kind.value for kind in TrackKind), None], "description": "null: all"},
                ),
            ]
        },
    },
    privacy={
        "type": "array",
        "items": object_of(
            ["start", "end", "hides"],
            start=TIME,
            end={**TIME_OR_NULL, "description": "null: it is on"},
            hides={"type": "array", "items": {"enum": ["position", "stream"]}},
        ),
    },
    bookmarks={"type": "array", "items": ref("Bookmark")},
    alerts={"type": "array", "items": ref("Alert"), "description": "by time"},
    holds={"type": "array", "items": ref("Hold")},
    assignments={"type": "array", "items": ref("Assignment")},
    deleted={
        "type": "array",
        "items": object_of(["start", "end", "deleted", "rule"], start=TIME, end=TIME, deleted=TIME, rule=TEXT),
    },
    first={**TIME_OR_NULL, "description": "where all that there is of the camera begins; null: there is nothing"},
    last={**TIME_OR_NULL, "description": "to where it reaches"},
)
RECORDINGS = object_of(
    ["recordings", "gaps"],
    recordings={"type": "array", "items": ref("Recording")},
    gaps={"type": "array", "items": ref("Gap")},
)
HOLDS = list_of("holds", ref("Hold"))
NEW_HOLD = object_of(["from", "reason"], **_HOLD)
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
EVIDENCE = object_of(
    ["anchored_utc", "anchor_every", "places", "anchor", "key", "keys", "audit", "cameras", "verified"],
    anchored_utc={**TIME_OR_NULL, "description": "all that was written until then is anchored outside; null: nothing"},
    anchor_every=TEXT,
    places={
        "type": "array",
        "items": object_of(
            ["kind", "where", "anchored_utc", "problem"],
            kind={"enum": ["file", "timestamp"]},
            where=TEXT,
            anchored_utc=TIME_OR_NULL,
            problem={"type": ["string", "null"], "description": "why the last try failed; null: it did not"},
        ),
    },
    anchor=or_null(object_of(["utc", "root"], utc=TIME, root=TEXT)),
    key={"type": "string", "description": "the id of the key that signs now"},
    keys={
        "type": "array",
        "items": object_of(
            ["id", "public", "since", "previous"],
            id=TEXT,
            public={"type": "string", "description": "Ed25519, Base64"},
            since=TIME,
            previous={"type": ["string", "null"], "description": "the key that vouches for it; null: only itself"},
        ),
    },
    audit=object_of(["rows", "head", "anchored_rows"], **_CHAIN),
    cameras={"type": "array", "items": object_of(["id", "rows", "head", "anchored_rows"], id=TEXT, **_CHAIN)},
    verified=or_null(
        object_of(
            ["utc", "findings", "anchored_utc"],
            utc=TIME,
            findings={"type": "integer", "description": "what did not hold; 0: all did"},
            anchored_utc=TIME_OR_NULL,
        )
    ),
)
STORAGE = object_of(
    ["disk", "level", "bytes", "bytes_a_day", "full_days", "warnings", "cameras"],
    disk=or_null(
        object_of(
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
    warnings={"type": "array", "items": TEXT},
    cameras={
        "type": "array",
        "items": object_of(
            ["camera", "bytes", "bytes_a_day", "from", "to", "retention_days", "keep_days", "max_bytes"],
            camera=TEXT,
            **_GROWTH,
            **{"from": TIME, "to": TIME},
            retention_days={**_DAYS, "description": "until its own rule deletes its oldest; null: it has none"},
            keep_days={**_DAYS, "description": "how long the policy has it kept; null: until its room is needed"},
            max_bytes={"type": ["integer", "null"], "description": "how much of it is kept; null: what fits"},
        ),
    },
)
