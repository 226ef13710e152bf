"""The RTSP client and passwords: Digest, Basic where it is allowed, refusals."""

from __future__ import annotations

import pytest

from gateway.base.errors import Fault
from gateway.rtsp.client import RtspClient
from gateway.rtsp.protocol import Headers, Response
from tests.rtsp_client_rig import CLOCK, Receiver, digest, refusal, rtp
from tests.scripted_camera import ScriptedCamera, frame, running


@pytest.mark.parametrize("in_url", [False, True])
async def test_digest(in_url: bool) -> None:
    camera = ScriptedCamera(media=frame(0, rtp(1)))
    digest(camera)
    async with running(camera):
        url = camera.url().replace("//", "//op:s%65cret@") if in_url else camera.url()
        receiver = Receiver()
        credentials = {} if in_url else {"username": "op", "password": "secret"}
        async with await RtspClient.open(url, clock=CLOCK, **credentials) as session:  # type: ignore[arg-type]
            await session.play(receiver)
            await receiver.wait(1)
            assert "secret" not in repr(session) + session.where
    assert camera.methods == ["OPTIONS", "DESCRIBE", "DESCRIBE", "SETUP", "SETUP", "PLAY", "TEARDOWN"]
    assert all("algorithm=SHA-256" in request.headers.get("Authorization") for request in camera.requests[2:])
    assert all("op" not in request.url for request in camera.requests)


@pytest.mark.parametrize(
    ("username", "password", "says"),
    [("op", "secret!", "refused the user name or the password"), ("", "", "none is set for it")],
)
async def test_a_wrong_password(username: str, password: str, says: str) -> None:
    camera = ScriptedCamera()
    digest(camera)
    async with running(camera):
        error = await refusal(camera, username=username, password=password)
    assert error.fault is Fault.AUTHENTICATION
    assert says in error.reason
    assert camera.methods.count("DESCRIBE") <= 2


async def test_a_password_goes_in_clear_text_only_where_that_is_allowed() -> None:
    camera = ScriptedCamera()
    digest(camera, basic_only=True)
    async with running(camera):
        error = await refusal(camera, username="op", password="secret")
        assert error.fault is Fault.AUTHENTICATION
        assert "Basic" in error.reason
        assert not any("Authorization" in request.headers for request in camera.requests)
        async with await RtspClient.open(
            camera.url(), username="op", password="secret", clock=CLOCK, allow_basic=True
        ) as session:
            assert len(session.tracks) == 2


async def test_a_nonce_that_is_always_stale_is_given_up() -> None:
    stale = Response(401, Headers.of({"WWW-Authenticate": 'Digest realm="r", nonce="n", stale=true'}))
    async with running(ScriptedCamera({"DESCRIBE": [stale]})) as camera:
        error = await refusal(camera, username="op", password="secret")
    assert error.fault is Fault.AUTHENTICATION
    assert camera.methods.count("DESCRIBE") == 4
