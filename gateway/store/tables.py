"""Every table of the catalog database and of the positions database (SQLAlchemy Core).

Changed only together with a migration in `migrations/versions`; a test compares the two. Times are UTC in nanoseconds.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column that is exactly INTEGER.
_RowId = BigInteger().with_variant(Integer, "sqlite")

cameras = Table(
    "cameras",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("url", Text),
    Column("onvif", Text),
    Column("username", Text, nullable=False),
    Column("password_encrypted", LargeBinary),
    Column("transport", Text, nullable=False),
    Column("record", Boolean, nullable=False),
    Column("connect", Text, nullable=False),
    Column("basic_auth", Boolean, nullable=False),
    Column("tls_verify", Boolean, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("groups", JSON, nullable=False, server_default="[]"),  # ["north", …]
    Column("record_on", Text, nullable=False, server_default="always"),  # or "event"
    Column("pre_roll", Text, nullable=False, server_default="30s"),
    Column("post_roll", Text, nullable=False, server_default="60s"),
    Column("position", Text, nullable=False, server_default="metadata"),  # gateway.base.settings.CameraSettings
    Column("position_from", JSON, nullable=False, server_default="[]"),  # networks
)

users = Table(
    "users",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("password_hash", Text),  # null: logs in elsewhere (OpenID Connect), never with a password
    Column("created_ns", BigInteger, nullable=False),
    Column("groups", JSON, nullable=False, server_default="[]"),  # camera groups this user is limited to; []: no limit
    Column("issuer", Text),  # of an account that an OpenID Connect provider vouches for
    Column("subject", Text),
    Column("password_encrypted", LargeBinary),  # of an nvr account: digests are checked with the password itself
    Column("cameras", JSON, nullable=False, server_default="[]"),  # ids this user is limited to; []: no limit
    UniqueConstraint("issuer", "subject"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", LargeBinary, primary_key=True),
    Column("user_id", BigInteger, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("method", Text, nullable=False, server_default="password"),  # or "oidc"
    Column("seen_ns", BigInteger),  # to the minute; null: not since it was opened
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_sha256", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("user_id", BigInteger, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger),  # null: until it is revoked
    Column("seen_ns", BigInteger),  # to the minute; null: never used
)

audit = Table(
    "audit",
    metadata,
    # Its number in the chain: 1, 2, 3 … without a hole.
    Column("id", _RowId, primary_key=True, autoincrement=False),
    Column("utc_ns", BigInteger, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("camera", Text),
    Column("address", Text, nullable=False),
    Column("reason", Text),  # why, in the words of who asked; null: nobody was asked
    Column("detail", Text, nullable=False),  # canonical JSON (RFC 8785), an object
    Column("sha256", LargeBinary, nullable=False),  # gateway.ledger.chain, chain "audit"
    Index(None, "actor", "utc_ns"),
    Index(None, "camera", "utc_ns"),
    Index(None, "action", "utc_ns"),
    Index(None, "outcome", "utc_ns"),
)

open_views = Table(
    "open_views",
    metadata,
    # Views whose end is not in the audit yet.
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # of the audit's row that says it began
)

ledger_heads = Table(
    "ledger_heads",
    metadata,
    # The newest entry of each chain of gateway.ledger.chain.
    Column("chain", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
)

recordings = Table(
    "recordings",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("camera", Text, nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),  # null: still growing
    Index(None, "camera", "start_ns"),
)

segments = Table(
    "segments",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("recording_id", BigInteger, ForeignKey("recordings.id"), nullable=False, index=True),
    Column("camera", Text, nullable=False),
    Column("path", Text, nullable=False, unique=True),  # relative to data_dir/recordings, '/' between parts
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("tracks", JSON, nullable=False),  # [{"id", "kind", "codec", "units"}]
    Column("adopted", Boolean, nullable=False),  # closed by the start after a crash, not by its recorder
    Column("imported", Boolean, nullable=False, server_default="0"),  # from a dock or a card, not from the Hub
    Column("chunks", LargeBinary),  # gateway.recording.chunks; null: nobody has looked at the file for them yet
    Index(None, "camera", "start_ns"),
    Index(None, "start_ns"),
)

gaps = Table(
    "gaps",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("camera", Text, nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),  # null: not over yet
    Column("reason", Text, nullable=False),  # GapReason
    Column("track", Text),  # TrackKind; null: all
    Column("packets", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "camera", "start_ns"),
)

privacy = Table(
    "privacy",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("camera", Text, nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),  # null: it is on
    Column("hides_position", Boolean, nullable=False),
    Column("hides_stream", Boolean, nullable=False),
    Column("recording", Boolean, nullable=False),  # whether it goes on
    Index(None, "camera", "start_ns"),
)

deletions = Table(
    "deletions",
    metadata,
    # Segments that are no more: what each was, when it was deleted, and under which rule.
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("camera", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("deleted_ns", BigInteger),  # null: decided, and not done yet
    Column("rule", Text, nullable=False),  # a sentence: "default: kept for 30 days"
    Index(None, "camera", "start_ns"),
    Index(None, "deleted_ns"),
)

holds = Table(
    "holds",
    metadata,
    # Intervals of a camera that are kept: under a category of the policy, or whatever any rule says.
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("camera", Text, nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),  # null: everything from then on
    Column("category", Text),  # null: a hold, which no rule outlasts
    Column("reason", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_ns", BigInteger, nullable=False),
    Column("released_by", Text),
    Column("released_ns", BigInteger),  # null: it holds
    Index(None, "camera", "start_ns"),
)

bookmarks = Table(
    "bookmarks",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("camera", Text, nullable=False),
    Column("utc_ns", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Index(None, "camera", "utc_ns"),
)

assignments = Table(
    "assignments",
    metadata,
    # Who wore a camera.
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("camera", Text, nullable=False),
    Column("wearer", Text, nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),  # null: until somebody else does
    Column("created_by", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Index(None, "camera", "start_ns"),
    Index(None, "wearer", "start_ns"),
)

exports = Table(
    "exports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("status", Text, nullable=False),  # gateway.evidence.export.Status
    Column("request", JSON, nullable=False),  # what was asked for
    Column("files", JSON, nullable=False),  # [{"name", "bytes", "sha256"}] of a finished one
    Column("error", Text),  # a sentence
    Column("attempts", Integer, nullable=False, server_default="0"),  # how often work on it has begun
    Column("created_by", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("finished_ns", BigInteger),
    Index(None, "created_ns"),
)

onvif_devices = Table(
    "onvif_devices",
    metadata,
    # The virtual ONVIF device of a camera: kept when the camera is gone, so that it comes back as the same. The one
    # without a name and with number -1 is the device of all cameras.
    Column("camera", Text, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),  # its port, counted from [onvif] base_port
    Column("uuid", Text, nullable=False),
)

position_keys = Table(
    "position_keys",
    metadata,
    # What a phone proves itself with that reports where a unit is.
    Column("camera", Text, primary_key=True),
    Column("key_sha256", LargeBinary, nullable=False, unique=True),
    Column("created_by", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
)

geofences = Table(
    "geofences",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("shape", JSON, nullable=False),  # GeoJSON (RFC 7946): a Polygon, or a Point with "radius_m"
    Column("cameras", JSON, nullable=False),  # ids it is for
    Column("groups", JSON, nullable=False),  # groups it is for; neither: all cameras
    Column("tells", Text, nullable=False),  # enter, leave, both
    Column("grade", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
)

geofence_sides = Table(
    "geofence_sides",
    metadata,
    # On which side each unit was seen last, so that a restart tells nothing twice and misses nothing.
    Column("geofence", BigInteger, ForeignKey("geofences.id", ondelete="CASCADE"), primary_key=True),
    Column("camera", Text, primary_key=True),
    Column("inside", Boolean, nullable=False),
    Column("since_ns", BigInteger, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),  # gateway.incidents.alert.Kind
    Column("subject", Text, nullable=False),  # of several that are alike only one is open: kind, camera, geofence, …
    Column("grade", Text, nullable=False),
    Column("camera", Text),  # null: it is about the gateway
    Column("text", Text, nullable=False),  # a sentence
    Column("detail", JSON, nullable=False),  # {"fix": …, "geofence": …, "by": …}
    Column("utc_ns", BigInteger, nullable=False, index=True),  # when it happened
    Column("created_ns", BigInteger, nullable=False),  # when the gateway knew
    Column("ended_ns", BigInteger),  # null: its cause goes on, or nobody could tell
    Column("resolved_by", Text),
    Column("resolved_ns", BigInteger, index=True),  # null: it is open
    Column("resolution", Text),  # the word it was resolved with
    Index(None, "camera", "utc_ns"),
)

deliveries = Table(
    "deliveries",
    metadata,
    # What is to be told of an alert, and to whom: written together with the alert.
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("alert", BigInteger, ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("channel", Text, nullable=False),  # "webhook:NAME", "mail:NAME"
    Column("message", JSON, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_ns", BigInteger, index=True),  # null: it is over
    Column("delivered_ns", BigInteger),
    Column("error", Text),  # of the last attempt, a sentence
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("title", Text, nullable=False),
    Column("category", Text),  # of the policy's retention, for its holds
    Column("tags", JSON, nullable=False),  # ["…"]
    Column("origin", JSON, nullable=False),  # {"alert": 7} | {"camera": "unit-12"} | {"lat": …, "lon": …} | {}
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),  # null: it is live
    Column("opened_by", Text, nullable=False),
    Column("opened_ns", BigInteger, nullable=False, index=True),
    Column("closed_by", Text),
    Column("closed_ns", BigInteger),
)

incident_cameras = Table(
    "incident_cameras",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("incident", BigInteger, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("camera", Text, nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),  # null: as long as the incident is live
    Column("hold", BigInteger),  # holds.id
    Column("added_by", Text, nullable=False),
    Column("added_ns", BigInteger, nullable=False),
    UniqueConstraint("incident", "camera"),
)

incident_notes = Table(
    "incident_notes",
    metadata,
    # Only ever added to: a correction is another note.
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("incident", BigInteger, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("utc_ns", BigInteger, nullable=False),  # the moment it is about
    Column("text", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Index(None, "incident", "utc_ns"),
)

incident_alerts = Table(
    "incident_alerts",
    metadata,
    Column("incident", BigInteger, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("alert", BigInteger, ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True),
)

shares = Table(
    "shares",
    metadata,
    # Links by which somebody without an account sees one incident.
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("incident", BigInteger, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("key_sha256", LargeBinary, nullable=False, unique=True),
    Column("recipient", Text, nullable=False),  # who it was made for
    Column("sound", Boolean, nullable=False),
    Column("positions", Boolean, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("revoked_by", Text),
    Column("revoked_ns", BigInteger),
)

walls = Table(
    "walls",
    metadata,
    # What somebody has saved of how their screen is arranged (gateway.access.walls).
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("user_id", BigInteger, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("layout", Text, nullable=False),
    Column("tiles", JSON, nullable=False),  # ["unit-12", null, …]: what is in each place
    Column("changed_ns", BigInteger, nullable=False),
    UniqueConstraint("user_id", "name"),
)

revisions = Table(
    "revisions",
    metadata,
    # A number per subject ("cameras", …) that each change raises: how a running gateway notices a command's work.
    Column("subject", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
)

positions_metadata = MetaData(naming_convention=metadata.naming_convention)

fix_blocks = Table(
    "fix_blocks",
    positions_metadata,
    Column("camera", Text, primary_key=True),
    Column("minute", BigInteger, primary_key=True),  # UTC nanoseconds // 60e9
    Column("fixes", LargeBinary, nullable=False),  # gateway.positions.blocks
)

fix_journal = Table(
    "fix_journal",
    positions_metadata,
    # What came in a second, of all cameras, until the blocks have it.
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("fixes", LargeBinary, nullable=False),  # gateway.positions.journal
)
