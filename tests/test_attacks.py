"""What attackers send: refused, counted, and in the audit, a row a minute for each kind.

Guessing passwords is in test_throttle.py, what JWTs are made of in test_jwt.py, log-ins at a provider in
peers/test_oidc_provider.py.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import io
import json
import re
from typing import Any
from urllib.parse import quote, unquote

import aiohttp
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey
from yarl import URL

from gateway.access.rights import NEEDED, Right, Role
from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from tests.running import PASSWORD, Client, Running, running
from web.app import MAX_BODY, all_routes
from web.refusals import leads_away

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = CameraSettings(id="fixed", url="rtsp://127.0.0.1:1/s")
KEY = RSAKey.generate_key(2048, {"kid": "k"})
ISSUER = "https://issuer.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory):
    """One gateway for all tests of this module, behind a proxy that names where each test comes from."""
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "key.pem").write_bytes(KEY.as_pem(private=False))
    issuer = {
        "issuer": ISSUER,
        "audience": "sightline",
        "key_file": folder / "key.pem",
        "roles": {"ops": "dispatcher"},
    }
    http = {"listen": "127.0.0.1:0", "proxies": ["127.0.0.0/8"]}
    async with running(folder / "data", NOBODY, jwt=[issuer], http=http) as gateway:
        yield gateway


class Attacker:
    """Somebody at an address of their own."""

    last = 0

    def __init__(self, gateway: Running) -> None:
        Attacker.last += 1
        self.gateway = gateway
        self.address = f"203.0.113.{Attacker.last}"
        self.before = 0.0

    async def send(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> tuple[int, str]:
        """Status and body; the path goes out as it is."""
        url = URL(f"{self.gateway.url}{path}", encoded=True)
        sent = {"X-Forwarded-For": self.address, **(headers or {})}
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
            http.request(method, url, headers=sent, allow_redirects=False, **more) as answer,
        ):
            return answer.status, await answer.text(errors="replace")

    async def raw(self, request: bytes) -> bytes:
        """What comes back for bytes, until the gateway closes."""
        reader, writer = await asyncio.open_connection(*self.gateway.url.removeprefix("http://").split(":"))
        try:
            writer.write(request)
            return await asyncio.wait_for(reader.read(), 10)
        except ConnectionResetError:
            return b""
        finally:
            writer.close()
            with contextlib.suppress(ConnectionResetError):
                await writer.wait_closed()

    async def counted(self, kind: str) -> float:
        text = (await self.gateway.client(Role.AUDITOR).get("/metrics")).decode()
        found = re.search(rf'^sightline_refusals_total\{{why="{kind}"\}} (\S+)', text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def noted(self, kind: str, address: str | None = None) -> list[Any]:
        rows = await self.gateway.audit()
        return [row for row in rows if row.detail.get("kind") == kind and row.address == (address or self.address)]


@pytest.fixture
def attacker(gateway):
    return Attacker(gateway)


async def log_in(gateway: Running, headers: dict[str, str] | None = None) -> tuple[str, str]:
    """The cookie's value and the CSRF token of a new session."""
    body = {"username": "administrator", "password": PASSWORD}
    status, said, answer = await Client(gateway.http, headers or {}).call("POST", "/api/session", json=body)
    gateway.http.cookie_jar.clear()
    assert status == 200, said
    return answer.cookies["sightline_session"].value, said["csrf"]


# ---- log-ins


async def test_forged_and_replayed_cookies(gateway, attacker):
    before = await attacker.counted("session")
    ended, csrf = await log_in(gateway)
    cookie = {"Cookie": f"sightline_session={ended}"}
    assert (await attacker.send("GET", "/api/cameras", cookie))[0] == 200
    assert (await attacker.send("DELETE", "/api/session", cookie | {"X-CSRF-Token": csrf}))[0] == 204
    other = base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()
    forged = [ended, other, hashlib.sha256(ended.encode()).hexdigest(), "x", "a" * 4000, "' or 1=1 --", quote("\x00é")]
    for value in forged:
        status, body = await attacker.send("GET", "/api/cameras", {"Cookie": f"sightline_session={value}"})
        assert (status, "log in first" in body) == (401, True), value
    assert await attacker.counted("session") - before == len(forged)
    assert len(await attacker.noted("session")) == 1


async def test_a_session_key_that_somebody_fixed_is_not_taken_over(gateway, attacker):
    fixed = base64.urlsafe_b64encode(b"f" * 32).rstrip(b"=").decode()
    key, _ = await log_in(gateway, {"Cookie": f"sightline_session={fixed}"})
    again, _ = await log_in(gateway, {"Cookie": f"sightline_session={key}"})
    assert len({fixed, key, again}) == 3
    assert (await attacker.send("GET", "/api/session", {"Cookie": f"sightline_session={fixed}"}))[0] == 401


async def test_forged_and_revoked_tokens(gateway, attacker):
    before = await attacker.counted("token")
    admin = gateway.client()
    _, made, _ = await admin.call("POST", "/api/tokens", json={"name": "t", "user": "dispatcher"})
    assert (await attacker.send("GET", "/api/cameras", {"Authorization": f"Bearer {made['token']}"}))[0] == 200
    await admin.call("DELETE", f"/api/tokens/{made['id']}")
    session, _ = await log_in(gateway)
    forged = [
        f"Bearer {made['token']}",
        f"Bearer {made['id']}",
        f"Bearer {session}",
        "Bearer",
        "Bearer x",
        f"Bearer {made['token']} {made['token']}",
        f"Digest {made['token']}",
        "Basic " + base64.b64encode(f"administrator:{PASSWORD}".encode()).decode(),
    ]
    for value in forged:
        assert (await attacker.send("GET", "/api/cameras", {"Authorization": value}))[0] == 401, value
    assert await attacker.counted("token") - before == len(forged)
    assert len(await attacker.noted("token")) == 1


def encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_jwts_without_signature_or_signed_with_the_public_key(gateway, attacker):
    before = await attacker.counted("token")
    now = SystemClock().utc_ns() // 10**9
    claims = {"iss": ISSUER, "aud": "sightline", "sub": "robot", "roles": ["ops"], "iat": now, "exp": now + 60}
    genuine = jwt.encode({"alg": "RS256", "kid": "k"}, claims, KEY, algorithms=["RS256"])
    assert (await attacker.send("GET", "/api/cameras", {"Authorization": f"Bearer {genuine}"}))[0] == 200
    unsigned = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(claims)}"
    mac = hmac.new(KEY.as_pem(private=False), unsigned.encode(), hashlib.sha256).digest()
    forged = [
        f"{encoded({'alg': 'none'})}.{encoded(claims)}.",
        f"{encoded({'alg': 'nOnE'})}.{encoded(claims)}.{genuine.rpartition('.')[2]}",
        f"{unsigned}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
        f"{genuine.partition('.')[0]}.{encoded(claims | {'roles': ['root']})}.{genuine.rpartition('.')[2]}",
        genuine.rpartition(".")[0] + ".",
    ]
    for token in forged:
        assert (await attacker.send("GET", "/api/cameras", {"Authorization": f"Bearer {token}"}))[0] == 401, token
    assert await attacker.counted("token") - before == len(forged)
    (row,) = await attacker.noted("token")
    assert (row.action, row.outcome, row.detail["asked"]) == ("refusal", "refused", "GET /api/cameras")


# ---- other sites' pages


async def test_cross_site_requests(gateway, attacker):
    before = await attacker.counted("csrf"), await attacker.counted("origin")
    key, csrf = await log_in(gateway)
    cookie = {"Cookie": f"sightline_session={key}"}
    changing = [route for route in all_routes() if route.method not in {"GET", "OPTIONS"}]
    changing = [route for route in changing if NEEDED[route.name] is not Right.OPEN]
    for route in changing:
        path = re.sub(r"\{\w+\}", "fixed", route.path)
        for headers in ({}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": csrf[:-1]}, {"X-CSRF-Token": key}):
            status, body = await attacker.send(route.method, path, cookie | headers)
            assert (status, "X-CSRF-Token" in body) == (403, True), (route.name, headers)
        for origin in ("https://evil.example", "null", f"{gateway.url}.evil.example", "http://127.0.0.1"):
            sent = cookie | {"X-CSRF-Token": csrf, "Origin": origin}
            status, body = await attacker.send(route.method, path, sent)
            assert (status, "another site" in body) == (403, True), (route.name, origin)
    assert await attacker.counted("csrf") - before[0] == 4 * len(changing)
    assert await attacker.counted("origin") - before[1] == 4 * len(changing)
    for kind in ("csrf", "origin"):
        assert len(await attacker.noted(kind)) == 1


async def test_a_log_in_that_another_site_sends_is_refused(attacker):
    body = {"username": "administrator", "password": PASSWORD}
    status, _ = await attacker.send("POST", "/api/session", {"Origin": "https://evil.example"}, json=body)
    assert status == 403


# ---- paths

CLIMBING = [
    "..",
    "%2e%2e",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fsightline.db",
    "..%5c..%5csecret.key",
    "%252e%252e%252f%252e%252e%252fsecret.key",
    "fixed%2f..%2fother",
    "fixed%00.jpg",
    "fixed%0d%0aSet-Cookie:%20a=b",
    "%2fetc%2fpasswd",
]


async def test_no_id_of_any_route_leads_anywhere_else(gateway, attacker):
    before, sent = await attacker.counted("path"), 0
    token = {"Authorization": f"Bearer {gateway.tokens[Role.ADMINISTRATOR]}"}
    for route in all_routes():
        for variable in re.findall(r"\{\w+\}", route.path):
            for climbing in CLIMBING:
                path = re.sub(r"\{\w+\}", "fixed", route.path.replace(variable, climbing))
                if unquote(path).endswith("/...jpg"):
                    continue  # three dots are a name like any other
                status, body = await attacker.send(route.method, path, token)
                assert status in {404, 405}, (route.name, path, status)
                assert "root:" not in body
                sent += 1
    assert sent > 100
    assert await attacker.counted("path") - before == sent
    (row,) = await attacker.noted("path")
    assert "\n" not in row.detail["asked"]


@given(
    st.lists(
        st.sampled_from(["a", "..", ".", "%2e", "%2E%2e", "%2f", "%5c", "\\", "%25", "2e", "/", "%00"]), max_size=8
    )
)
@settings(max_examples=100)
async def test_whatever_a_path_is_made_of_it_does_not_climb_unnoticed(parts):
    path = "/api/" + "".join(parts)
    for decoded in (path, unquote(path), unquote(unquote(path))):
        climbs = ".." in re.split(r"[/\\]", decoded)
        assert leads_away(path) or not climbs, path


@pytest.mark.parametrize(
    "path", ["/", "/api/cameras/unit-12", "/api/cameras/a..b", "/api/users/J%C3%BCrgen", "/a?b=../c"]
)
async def test_ordinary_paths_pass(path):
    assert not leads_away(path)


# ---- headers and bodies

WRITTEN_SECONDS = 20.0
MALFORMED = [
    b"GET /api/cameras HTTP/1.1\r\nHost: a\r\nX-Reason: a\rb\r\n\r\n",
    b"GET /api/cameras HTTP/1.1\r\nHost: a\r\nX-Reason: a\x00b\r\n\r\n",
    b"GET /api/cameras HTTP/1.1\r\nHost: a\r\n folded: b\r\nX y: z\r\n\r\n",
    b"POST /api/session HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /api/session HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"a" * 9000 + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS",
]


async def test_malformed_and_smuggled_requests(gateway, attacker, caplog):
    before = await attacker.counted("malformed")
    for request in MALFORMED:
        answer = await attacker.raw(request)
        assert re.match(rb"HTTP/1\.[01] 400 ", answer), request[:60]
    assert await attacker.counted("malformed") - before == len(MALFORMED)
    assert "Traceback" not in caplog.text
    async with asyncio.timeout(WRITTEN_SECONDS):  # after the answer: who sends so much waits for no disk
        while not (noted := await attacker.noted("malformed", "127.0.0.1")):
            await asyncio.sleep(0.01)
    assert len(noted) == 1


async def test_nothing_that_is_sent_becomes_a_header(gateway, attacker):
    token = {"Authorization": f"Bearer {gateway.tokens[Role.ADMINISTRATOR]}"}
    evil = "x%0d%0aInjected:%20yes"
    for path in (
        f"/api/cameras/fixed/positions?format={evil}",
        f"/api/sessions?user={evil}",
        f"/api/cameras/fixed/recordings?from={evil}&reason={evil}",
        f"/api/session/oidc/ours?{evil}",
        f"/?{evil}",
    ):
        headers = "".join(f"{name}: {value}\r\n" for name, value in token.items())
        answer = await attacker.raw(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n".encode())
        head = answer.partition(b"\r\n\r\n")[0].lower()
        assert head.startswith(b"http/1.1 ")
        assert b"\r\ninjected" not in head, path
    new = {"name": "a\r\nInjected:yes", "role": "auditor", "password": PASSWORD}
    assert (await attacker.send("POST", "/api/users", token, json=new))[0] == 400


async def test_oversized_bodies(gateway, attacker):
    before, sent = await attacker.counted("oversized"), 0
    token = {"Authorization": f"Bearer {gateway.tokens[Role.ADMINISTRATOR]}"}
    body = b'{"name": "' + b"a" * MAX_BODY + b'"}'
    for method, path in (
        ("POST", "/api/session"),
        ("POST", "/api/cameras"),
        ("PATCH", "/api/cameras/fixed"),
        ("POST", "/api/users"),
        ("POST", "/api/tokens"),
        ("PUT", "/api/session/password"),
    ):
        status, said = await attacker.send(method, path, token, data=io.BytesIO(body))
        assert status == 413, (method, path, said[:100])
        sent += 1
    assert await attacker.counted("oversized") - before == sent
    assert len(await attacker.noted("oversized")) == 1


async def test_a_proxy_is_believed_and_nobody_else(gateway, attacker):
    """The left of X-Forwarded-For is what a client wrote itself; the right is what the proxy saw."""
    await attacker.send(
        "GET", "/api/cameras", {"Authorization": "Bearer x", "X-Forwarded-For": f"10.9.9.9, {attacker.address}"}
    )
    assert len(await attacker.noted("token")) == 1
    assert await attacker.noted("token", "10.9.9.9") == []
