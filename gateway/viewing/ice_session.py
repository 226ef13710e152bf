"""The ICE session of one WHEP session: its entity-tag, and what a PATCH does to it (draft-ietf-wish-whep-03 4.4).

Here belong preconditions and the restart. The credentials themselves are the peer's; how a fragment is written is in
`gateway.webrtc.sdp_fragment`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from typing import Final

from gateway.base.errors import SightlineError
from gateway.base.metrics import ICE_RESTARTS
from gateway.webrtc.ice import Credentials
from gateway.webrtc.sdp import LocalTransport
from gateway.webrtc.sdp_fragment import TaggedMedia, build_fragment, parse_fragment

ANY_TAG: Final = "*"


class PreconditionRequiredError(SightlineError):
    """The request does not say which ICE session it is about. Answered with 428."""


class PreconditionFailedError(SightlineError):
    """The request is about an ICE session that is over. Answered with 412."""


class IceSession:
    """`remote` are the viewer's credentials; `restart` makes new ones of ours, and says all there is to say of them."""

    def __init__(self, media: TaggedMedia, remote: Credentials, restart: Callable[[], LocalTransport]) -> None:
        self.etag = secrets.token_hex(8)
        """Names this ICE session, without quotes. A restart brings another."""
        self._media = media
        self._remote = remote
        self._restart = restart

    def patch(self, fragment: str, tags: Collection[str] | None) -> str | None:
        """Take what the viewer says: candidates, which a lite agent has no use for, or new credentials for a restart.

        `tags` are those of If-Match, `ANY_TAG` for any session, None when the request has none. Returns the fragment
        that answers a restart, else None. Old credentials hold until the new ones are used.

        Raises:
            PreconditionRequiredError: `tags` is None.
            PreconditionFailedError: ICE was restarted since.
            BadRequestError: `fragment` cannot be used; nothing has changed.
        """
        if tags is None:
            raise PreconditionRequiredError("send If-Match with the ETag of the last answer, or * to restart ICE")
        if self.etag not in tags and ANY_TAG not in tags:
            raise PreconditionFailedError("ICE was restarted after this ETag was given: restart it with If-Match: *")
        said = parse_fragment(fragment).credentials
        if said is None or said == self._remote:
            return None
        self._remote, self.etag = said, secrets.token_hex(8)
        ICE_RESTARTS.inc()
        return build_fragment(self._media, self._restart())
