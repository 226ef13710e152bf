"""Logging in at npm's `oidc-provider`, a process of its own: who gets in as what, and who is refused why."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
import pytest_asyncio

from gateway.access.rights import Role
from tests.peers.conftest import node_with
from tests.running import Running, running

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

FOLDER = Path(__file__).with_name("oidc")
CALLBACK = "/api/session/oidc/ours/callback"
SECRET = "a-secret-of-the-tests"


@dataclass
class Provider:
    issuer: str
    process: subprocess.Popen[str]

    def know(self, redirect_uri: str) -> None:
        """Tell it where its client is."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{redirect_uri}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ready\n"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """The provider; skips where Node is absent or its package cannot be installed."""
    environment = node_with(FOLDER, "oidc-provider")
    with subprocess.Popen(
        ["node", "provider.js"],
        cwd=FOLDER,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Provider(process.stdout.readline().strip(), process)
        process.stdin.close()
        process.wait(30)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory, provider) -> AsyncIterator[Running]:
    settings = {
        "name": "ours",
        "issuer": provider.issuer,
        "client_id": "sightline",
        "client_secret": SECRET,
        "role_claim": "realm.roles",
        "roles": {"ops": "dispatcher"},
        "groups_claim": "areas",
    }
    gone = settings | {"name": "gone", "issuer": "http://127.0.0.1:1"}
    async with running(tmp_path_factory.mktemp("gateway"), oidc=[settings, gone]) as gateway:
        provider.know(f"{gateway.url}{CALLBACK}")
        yield gateway


@dataclass
class Answer:
    status: int
    location: str
    text: str
    cookies: dict[str, Any]


class Browser:
    """Follows nothing by itself."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self._at = ""

    async def go(self, url: str, form: dict[str, str] | None = None) -> Answer:
        async with self.http.request(
            "GET" if form is None else "POST", url, data=form, allow_redirects=False
        ) as answer:
            return Answer(answer.status, answer.headers.get("Location", ""), await answer.text(), dict(answer.cookies))

    async def until_callback(self, start: str, account: str) -> str:
        """Log in at the provider and agree to everything; where it sends the browser then."""
        answer = await self.go(start)
        for _ in range(12):
            if answer.status in {302, 303}:
                url = answer.location
                if urlsplit(url).path == CALLBACK:
                    return url
                base = f"{urlsplit(self._at).scheme}://{urlsplit(self._at).netloc}" if url.startswith("/") else ""
                self._at = base + url
                answer = await self.go(self._at)
                continue
            assert answer.status == 200, answer
            action = re.search(r'action="([^"]+)"', answer.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert action is not None, answer.text
            assert prompt is not None, answer.text
            form = {"prompt": prompt[1]} | ({"login": account, "password": "x"} if prompt[1] == "login" else {})
            answer = await self.go(html.unescape(action[1]), form)
        raise AssertionError("the provider sends the browser round in circles")


@pytest_asyncio.fixture(loop_scope="module")
async def browser(gateway) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield Browser(http)


async def log_in(gateway: Running, browser: Browser, account: str) -> Answer:
    callback = await browser.until_callback(f"{gateway.url}/api/session/oidc/ours", account)
    return await browser.go(callback)


async def who(gateway: Running, browser: Browser) -> dict[str, Any] | None:
    async with browser.http.get(f"{gateway.url}/api/session") as answer:
        return (await answer.json())["user"] if answer.status == 200 else None


async def test_the_page_learns_which_providers_there_are(gateway):
    listed = await gateway.client(None).get("/api/session/providers")
    assert listed == {
        "providers": [
            {"name": "ours", "url": "/api/session/oidc/ours"},
            {"name": "gone", "url": "/api/session/oidc/gone"},
        ]
    }


async def test_a_log_in_gets_role_and_groups_from_the_claims(gateway, browser):
    answer = await log_in(gateway, browser, "ann")
    assert (answer.status, answer.location) == (302, "/"), answer.text
    cookie = answer.cookies["sightline_session"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")
    user = await who(gateway, browser)
    assert user is not None
    assert (user["name"], user["role"]) == ("ann", "dispatcher")
    listed = {user["name"]: user for user in (await gateway.client().get("/api/users"))["users"]}
    assert (listed["ann"]["groups"], listed["ann"]["issuer"] is not None) == (["north"], True)
    sessions = (await gateway.client().get("/api/sessions?user=ann"))["sessions"]
    assert sessions[0]["method"] == "oidc"
    rows = [row for row in await gateway.audit() if row.actor in {"ann", "oidc:ours"}]
    assert [row.action for row in rows] == ["log_in", "user_add"]


async def test_what_the_provider_says_is_changed_there(gateway, browser):
    await log_in(gateway, browser, "ann")
    admin = gateway.client()
    status, problem, _ = await admin.call("PATCH", "/api/users/ann", json={"role": "administrator"})
    assert (status, "change them there" in problem["detail"]) == (409, True)
    status, _, _ = await gateway.client(None).call("POST", "/api/session", json={"username": "ann", "password": ""})
    assert status == 403, "there is no password here that could be right"


@pytest.mark.parametrize(
    ("account", "status", "why"),
    [
        ("guest", 403, "guest has no role here"),
        ("lost", 403, "lost is in no group of cameras"),
        ("nobody", 403, "has no name that can be used here"),
    ],
)
async def test_who_may_not_is_told_why_on_a_page(gateway, browser, account, status, why):
    answer = await log_in(gateway, browser, account)
    assert answer.status == status
    assert why in html.unescape(answer.text)
    assert "Back to the log-in" in answer.text
    assert await who(gateway, browser) is None
    assert account not in [user["name"] for user in (await gateway.client().get("/api/users"))["users"]]


async def test_a_name_that_somebody_has_already_is_not_taken_over(gateway, browser):
    admin = gateway.client()
    await admin.call("DELETE", "/api/users/ann")
    local = {"name": "ann", "role": "administrator", "password": "correct horse"}
    assert (await admin.call("POST", "/api/users", json=local))[0] == 201
    answer = await log_in(gateway, browser, "ann")
    assert answer.status == 409
    assert "another account" in answer.text
    assert await who(gateway, browser) is None
    assert (await admin.call("DELETE", "/api/users/ann"))[0] == 204


async def test_only_the_browser_that_began_can_finish_and_only_once(gateway, browser):
    callback = await browser.until_callback(f"{gateway.url}/api/session/oidc/ours", "ann")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as other:
        answer = await Browser(other).go(callback)
        assert answer.status == 403
        assert "not begun in this browser" in answer.text
        assert "sightline_session" not in answer.cookies
    kept = {cookie.key: cookie.value for cookie in browser.http.cookie_jar}["sightline_oidc"]
    assert (await browser.go(callback)).status == 302
    for cookies in ({}, {"sightline_oidc": kept}, {"sightline_oidc": kept[:-6] + "AAAA=="}, {"sightline_oidc": "x"}):
        async with aiohttp.ClientSession(cookies=cookies, cookie_jar=aiohttp.CookieJar(unsafe=True)) as again:
            answer = await Browser(again).go(callback)
            assert answer.status == 403, "replayed"
            assert "sightline_session" not in answer.cookies


@pytest.mark.parametrize(
    "forged", [{"state": "x"}, {"state": ""}, {"iss": "https://evil.example"}, {"code": "x"}, {"error": "<b>no</b>"}]
)
async def test_an_answer_that_was_tampered_with_is_refused(gateway, browser, forged):
    callback = urlsplit(await browser.until_callback(f"{gateway.url}/api/session/oidc/ours", "ann"))
    query = {name: values[0] for name, values in parse_qs(callback.query).items()} | forged
    if "error" in forged:
        del query["code"]
    answer = await browser.go(callback._replace(query=urlencode(query)).geturl())
    assert answer.status == 403
    assert "<b>" not in answer.text
    assert await who(gateway, browser) is None


async def test_a_provider_that_does_not_answer_is_said_so(gateway, browser):
    answer = await browser.go(f"{gateway.url}/api/session/oidc/gone")
    assert answer.status == 503
    assert "does not answer" in answer.text
    assert (await browser.go(f"{gateway.url}/api/session/oidc/none")).status == 404


async def test_refusals_are_counted_and_in_the_audit(gateway, browser):
    await log_in(gateway, browser, "guest")
    metrics = (await gateway.client(Role.AUDITOR).get("/metrics")).decode()
    assert re.search(r'sightline_refusals_total\{why="oidc"\} [1-9]', metrics)
    refused = [row for row in await gateway.audit() if row.detail.get("kind") == "oidc"]
    assert len(refused) == 1, "a row a minute and source"
