"""What a WHEP PATCH does to the ICE session, and what it must say first."""

from __future__ import annotations

import pytest

from gateway.base.errors import BadRequestError
from gateway.base.metrics import REGISTRY
from gateway.viewing.ice_session import IceSession, PreconditionFailedError, PreconditionRequiredError
from gateway.webrtc.ice import Credentials, host_candidates
from gateway.webrtc.sdp import LocalTransport
from gateway.webrtc.sdp_fragment import TaggedMedia, parse_fragment

FIRST = Credentials("first", "a" * 22)
SECOND = Credentials("second", "b" * 22)
CANDIDATES = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n"


def said(credentials: Credentials) -> str:
    return f"a=ice-ufrag:{credentials.ufrag}\na=ice-pwd:{credentials.password}\n{CANDIDATES}"


def restarts() -> float:
    return REGISTRY.get_sample_value("sightline_ice_restarts_total") or 0.0


@pytest.fixture
def made() -> list[Credentials]:
    return []


@pytest.fixture
def ice(made: list[Credentials]) -> IceSession:
    def restart() -> LocalTransport:
        made.append(Credentials.make())
        return LocalTransport(made[-1], "AB", host_candidates([("192.0.2.7", 8189)]))

    return IceSession(TaggedMedia("m=video 9 UDP/TLS/RTP/SAVPF 96", "0", ("0",)), FIRST, restart)


@pytest.mark.parametrize("fragment", [CANDIDATES, said(FIRST)])
def test_candidates_change_nothing(ice: IceSession, made: list[Credentials], fragment: str) -> None:
    tag = ice.etag
    assert ice.patch(fragment, {tag}) is None
    assert ice.patch(fragment, {"another", tag}) is None
    assert (ice.etag, made) == (tag, [])


def test_new_credentials_restart(ice: IceSession, made: list[Credentials]) -> None:
    tag, before = ice.etag, restarts()
    answer = ice.patch(said(SECOND), {"*"})
    assert answer is not None
    assert parse_fragment(answer).credentials == made[0]
    assert ice.etag != tag
    assert restarts() == before + 1
    with pytest.raises(PreconditionFailedError, match="restarted"):
        ice.patch(CANDIDATES, {tag})
    assert ice.patch(said(SECOND), {ice.etag}) is None, "candidates of the session that it has now"
    assert ice.patch(said(FIRST), {"*"}) is not None
    assert len(made) == 2


def test_a_request_must_say_which_session_it_means(ice: IceSession) -> None:
    with pytest.raises(PreconditionRequiredError, match="If-Match"):
        ice.patch(CANDIDATES, None)
    with pytest.raises(PreconditionFailedError):
        ice.patch(CANDIDATES, set())


def test_what_cannot_be_used_changes_nothing(ice: IceSession, made: list[Credentials]) -> None:
    tag = ice.etag
    with pytest.raises(BadRequestError):
        ice.patch("a=ice-ufrag:only\n", {"*"})
    assert (ice.etag, made) == (tag, [])
