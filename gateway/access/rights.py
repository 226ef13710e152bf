"""The one table of rights: what each route, socket and command needs, and which roles have it.

What stands in no row is refused: `needed` raises, and a test walks every route and command against this table. A route
is named as the server registers it, `METHOD /path/{variable}`; a command `sightline NAME …`.
"""

from __future__ import annotations

from gateway.base.errors import RefusedError
from gateway.base.roles import GRANTED, Right, Role

__all__ = ["NEEDED", "OF_SOME_CAMERAS", "OF_THE_PAST", "RIGHTS", "Right", "Role", "needed"]

RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ADMINISTRATOR: frozenset({Right.LOGGED_IN, *GRANTED}),
    Role.DISPATCHER: frozenset(
        {Right.LOGGED_IN, Right.LIVE, Right.RECORDED, Right.POSITION, Right.AUDIO, Right.RESPOND}
    ),
    Role.SUPERVISOR: frozenset(
        {Right.LOGGED_IN, Right.LIVE, Right.RECORDED, Right.POSITION, Right.AUDIO, Right.EXPORT, Right.RESPOND}
    ),
    Role.AUDITOR: frozenset({Right.LOGGED_IN, Right.RECORDED, Right.AUDIT, Right.METRICS}),
    Role.NVR: frozenset({Right.LIVE, Right.RECORDED, Right.POSITION, Right.AUDIO}),
}
"""What a role has for which the policy has no row. Whoever may log in is not the policy's to say."""

NEEDED: dict[str, Right] = {
    "GET /healthz": Right.OPEN,
    "GET /readyz": Right.OPEN,
    "GET /": Right.OPEN,
    "GET /{file}": Right.OPEN,
    "GET /assets/{file}": Right.OPEN,
    "POST /api/session": Right.OPEN,
    "GET /api/session": Right.LOGGED_IN,
    "DELETE /api/session": Right.LOGGED_IN,
    "GET /api/session/providers": Right.OPEN,
    "GET /api/session/oidc/{provider}": Right.OPEN,
    "GET /api/session/oidc/{provider}/callback": Right.OPEN,
    "PUT /api/session/password": Right.LOGGED_IN,
    "GET /api/sessions": Right.LOGGED_IN,
    "DELETE /api/sessions/{id}": Right.LOGGED_IN,
    "GET /api/tokens": Right.LOGGED_IN,
    "POST /api/tokens": Right.CONFIGURE,
    "DELETE /api/tokens/{id}": Right.LOGGED_IN,
    "GET /api/users": Right.CONFIGURE,
    "POST /api/users": Right.CONFIGURE,
    "PATCH /api/users/{name}": Right.CONFIGURE,
    "DELETE /api/users/{name}": Right.CONFIGURE,
    "GET /api/openapi.json": Right.LOGGED_IN,
    "GET /api/cameras": Right.LOGGED_IN,
    "POST /api/cameras": Right.CONFIGURE,
    "GET /api/cameras/{id}": Right.LOGGED_IN,
    "PATCH /api/cameras/{id}": Right.CONFIGURE,
    "DELETE /api/cameras/{id}": Right.CONFIGURE,
    "GET /api/groups": Right.LOGGED_IN,
    "GET /api/walls": Right.LOGGED_IN,
    "POST /api/walls": Right.LOGGED_IN,
    "PUT /api/walls/{wall}": Right.LOGGED_IN,
    "DELETE /api/walls/{wall}": Right.LOGGED_IN,
    "PUT /api/cameras/{id}/privacy": Right.CONFIGURE,
    "POST /api/cameras/{id}/recording": Right.LIVE,
    "GET /api/policy": Right.LOGGED_IN,
    "GET /api/policy/explain": Right.AUDIT,
    "POST /api/discovery": Right.CONFIGURE,
    "POST /api/cameras/test": Right.CONFIGURE,
    "POST /api/cameras/{id}/test": Right.CONFIGURE,
    "GET /api/fleet": Right.CONFIGURE,
    "POST /api/cameras/{id}/whep": Right.LIVE,
    "GET /api/cameras/{id}/whep": Right.LIVE,
    "OPTIONS /api/cameras/{id}/whep": Right.OPEN,
    "GET /api/whep/{session}": Right.LIVE,
    "PATCH /api/whep/{session}": Right.LIVE,
    "DELETE /api/whep/{session}": Right.LIVE,
    "OPTIONS /api/whep/{session}": Right.OPEN,
    "GET /api/cameras/{id}/viewers": Right.METRICS,
    "GET /api/nvr": Right.CONFIGURE,
    "DELETE /api/nvr/readers/{id}": Right.CONFIGURE,
    "GET /api/cameras/{id}/positions": Right.POSITION,
    "GET /api/cameras/{id}/trajectory": Right.POSITION,
    "GET /api/report/{key}": Right.OPEN,  # the key in the path is the proof, and good for nothing else
    "POST /api/report/{key}": Right.OPEN,
    "GET /api/cameras/{id}/position-key": Right.CONFIGURE,
    "POST /api/cameras/{id}/position-key": Right.CONFIGURE,
    "DELETE /api/cameras/{id}/position-key": Right.CONFIGURE,
    "GET /api/cameras/{id}/recordings": Right.RECORDED,
    "GET /api/cameras/{id}/timeline": Right.RECORDED,
    "GET /api/cameras/{id}/playlist.m3u8": Right.RECORDED,
    "GET /api/cameras/{id}/media/{segment}/{part}": Right.RECORDED,
    "GET /api/cameras/{id}/bookmarks": Right.RECORDED,
    "POST /api/cameras/{id}/bookmarks": Right.RECORDED,
    "DELETE /api/cameras/{id}/bookmarks/{bookmark}": Right.RECORDED,
    "GET /api/holds": Right.RECORDED,
    "GET /api/cameras/{id}/holds": Right.RECORDED,
    "POST /api/cameras/{id}/holds": Right.EXPORT,
    "DELETE /api/cameras/{id}/holds/{hold}": Right.EXPORT,
    "GET /api/storage": Right.METRICS,
    "GET /api/cameras/{id}/assignments": Right.RECORDED,
    "POST /api/cameras/{id}/assignments": Right.CONFIGURE,
    "PATCH /api/cameras/{id}/assignments/{assignment}": Right.CONFIGURE,
    "GET /api/wearers": Right.RECORDED,
    "GET /api/cameras/{id}/video.mp4": Right.EXPORT,
    "GET /api/cameras/{id}/snapshot.jpg": Right.LIVE,
    "GET /api/exports": Right.EXPORT,
    "POST /api/exports": Right.EXPORT,
    "GET /api/exports/{id}": Right.EXPORT,
    "DELETE /api/exports/{id}": Right.EXPORT,
    "GET /api/exports/{id}/files/{name}": Right.EXPORT,
    "GET /api/alerts": Right.LOGGED_IN,
    "GET /api/alerts/{alert}": Right.LOGGED_IN,
    "POST /api/alerts/{alert}/resolve": Right.RESPOND,
    "POST /api/cameras/{id}/sos": Right.RESPOND,
    "GET /api/alerts/{alert}/deliveries": Right.LOGGED_IN,
    "GET /api/alerts/channels": Right.METRICS,
    "POST /api/alerts/channels/{channel}/test": Right.CONFIGURE,
    "GET /api/geofences": Right.POSITION,
    "POST /api/geofences": Right.RESPOND,
    "GET /api/geofences/{geofence}": Right.POSITION,
    "PATCH /api/geofences/{geofence}": Right.RESPOND,
    "DELETE /api/geofences/{geofence}": Right.RESPOND,
    "GET /api/incidents": Right.LOGGED_IN,
    "POST /api/incidents": Right.RESPOND,
    "GET /api/incidents/{incident}": Right.LOGGED_IN,
    "PATCH /api/incidents/{incident}": Right.RESPOND,
    "DELETE /api/incidents/{incident}": Right.RESPOND,
    "POST /api/incidents/{incident}/close": Right.RESPOND,
    "POST /api/incidents/{incident}/reopen": Right.RESPOND,
    "POST /api/incidents/{incident}/cameras": Right.RESPOND,
    "PATCH /api/incidents/{incident}/cameras/{camera}": Right.RESPOND,
    "DELETE /api/incidents/{incident}/cameras/{camera}": Right.RESPOND,
    "POST /api/incidents/{incident}/alerts": Right.RESPOND,
    "POST /api/incidents/{incident}/export": Right.EXPORT,
    "GET /api/incidents/{incident}/shares": Right.EXPORT,
    "POST /api/incidents/{incident}/shares": Right.EXPORT,
    "DELETE /api/incidents/{incident}/shares/{share}": Right.EXPORT,
    "POST /api/share": Right.OPEN,  # who comes by a share has its key, and no account
    "GET /api/share/incident": Right.OPEN,
    "GET /api/share/cameras/{id}/playlist.m3u8": Right.OPEN,
    "GET /api/share/cameras/{id}/media/{segment}/{part}": Right.OPEN,
    "GET /api/share/cameras/{id}/positions": Right.OPEN,
    "GET /api/share/cameras/{id}/snapshot.jpg": Right.OPEN,
    "GET /api/incidents/{incident}/notes": Right.LOGGED_IN,
    "POST /api/incidents/{incident}/notes": Right.RESPOND,
    "GET /api/nearby": Right.POSITION,
    "GET /api/audit": Right.AUDIT,
    "GET /api/audit.csv": Right.AUDIT,
    "GET /api/audit/verify": Right.AUDIT,
    "GET /api/evidence": Right.AUDIT,
    "GET /api/events": Right.LOGGED_IN,
    "GET /api/positions/live": Right.POSITION,
    "GET /region.pmtiles": Right.LOGGED_IN,
    "GET /api/settings/pending": Right.CONFIGURE,
    "POST /api/settings/reload": Right.CONFIGURE,
    "GET /metrics": Right.METRICS,
    "POST /onvif/{service}": Right.OPEN,  # the device asks for the account of an NVR itself
    "GET /onvif/snapshot/{id}.jpg": Right.OPEN,  # so does this, by HTTP digest
    "sightline serve": Right.SHELL,
    "sightline demo": Right.SHELL,
    "sightline simulate": Right.SHELL,
    "sightline discover": Right.SHELL,
    "sightline check": Right.SHELL,
    "sightline import": Right.SHELL,
    "sightline backup": Right.SHELL,
    "sightline restore": Right.SHELL,
    "sightline keys list": Right.SHELL,
    "sightline keys rotate": Right.SHELL,
    "sightline export": Right.SHELL,
    "sightline verify": Right.SHELL,
    "sightline policy report": Right.SHELL,
    "sightline audit search": Right.SHELL,
    "sightline audit verify": Right.SHELL,
    "sightline settings check": Right.SHELL,
    "sightline camera add": Right.SHELL,
    "sightline camera list": Right.SHELL,
    "sightline camera remove": Right.SHELL,
    "sightline camera assign": Right.SHELL,
    "sightline camera wearers": Right.SHELL,
    "sightline camera position-key": Right.SHELL,
    "sightline camera test": Right.SHELL,
    "sightline user add": Right.SHELL,
    "sightline user list": Right.SHELL,
    "sightline user remove": Right.SHELL,
    "sightline user set": Right.SHELL,
    "sightline user password": Right.SHELL,
    "sightline session list": Right.SHELL,
    "sightline session revoke": Right.SHELL,
    "sightline policy check": Right.SHELL,
    "sightline token create": Right.SHELL,
    "sightline token list": Right.SHELL,
    "sightline token revoke": Right.SHELL,
}

OF_THE_PAST = {"GET /api/cameras/{id}/snapshot.jpg": Right.RECORDED}
"""Calls that need another right when they ask for a moment of the past: with `at` in the query."""

OF_SOME_CAMERAS = frozenset(
    {
        "GET /api/holds",
        "POST /api/cameras",
        "POST /api/discovery",
        "POST /api/cameras/test",
        "GET /api/fleet",
        "GET /api/wearers",
        "GET /api/whep/{session}",
        "PATCH /api/whep/{session}",
        "DELETE /api/whep/{session}",
        "GET /api/exports",
        "POST /api/exports",
        "GET /api/exports/{id}",
        "DELETE /api/exports/{id}",
        "GET /api/exports/{id}/files/{name}",
        "GET /api/positions/live",
        "POST /api/alerts/{alert}/resolve",
        "GET /api/geofences",
        "POST /api/geofences",
        "GET /api/geofences/{geofence}",
        "PATCH /api/geofences/{geofence}",
        "DELETE /api/geofences/{geofence}",
        "POST /api/incidents",
        "PATCH /api/incidents/{incident}",
        "DELETE /api/incidents/{incident}",
        "POST /api/incidents/{incident}/close",
        "POST /api/incidents/{incident}/reopen",
        "POST /api/incidents/{incident}/cameras",
        "PATCH /api/incidents/{incident}/cameras/{camera}",
        "DELETE /api/incidents/{incident}/cameras/{camera}",
        "POST /api/incidents/{incident}/alerts",
        "POST /api/incidents/{incident}/notes",
        "POST /api/incidents/{incident}/export",
        "GET /api/incidents/{incident}/shares",
        "POST /api/incidents/{incident}/shares",
        "DELETE /api/incidents/{incident}/shares/{share}",
        "GET /api/nearby",
    }
)
"""Calls that name no camera and yet may be used by who has the right for some cameras only: they see to it themselves.
Every other call that names none, and needs more than a log-in, is about the whole gateway, and for who has no limit."""


def needed(what: str) -> Right:
    """The right that `what` (a route, socket or command) needs.

    Raises:
        RefusedError: it stands in no row.
    """
    try:
        return NEEDED[what]
    except KeyError:
        raise RefusedError(f"{what} names no right, so nobody may use it") from None
