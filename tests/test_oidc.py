"""What a provider may answer: metadata and keys that do not hold, and how often it is asked.

Whole log-ins are in peers/test_oidc_provider.py, at a provider that is not ours.
"""

from __future__ import annotations

from typing import Any

import pytest

from gateway.access.fetch import Fetcher, IssuerUnreachableError
from gateway.access.oidc import BEGUN_SECONDS, METADATA_SECONDS, PAUSE_SECONDS, Providers
from gateway.access.secrets import Vault
from gateway.base.clock import ManualClock
from gateway.base.errors import NotFoundError, RefusedError
from gateway.base.issuers import Oidc

ISSUER = "https://login.example/it"
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}
BACK = "https://sightline.example/back"


class Told(Fetcher):
    """What the provider tells of itself."""

    def __init__(self, **more: Any) -> None:
        super().__init__()
        self.metadata: dict[str, Any] | None = METADATA | more
        self.asked: list[str] = []

    async def get(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        self.asked.append(url)
        if self.metadata is None:
            raise IssuerUnreachableError(url, "gone")
        return self.metadata


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def vault(tmp_path):
    return Vault.open(tmp_path)


def providers(fetcher: Fetcher, clock: ManualClock, vault: Vault) -> Providers:
    values = {"name": "city", "issuer": ISSUER, "client_id": "sightline", "roles": {"ops": "dispatcher"}}
    return Providers([Oidc.model_validate(values)], fetcher, vault, clock)


async def test_the_browser_is_sent_on_with_a_challenge_and_nothing_secret(clock, vault):
    told = Told()
    first, kept = await providers(told, clock, vault).begin("city", BACK)
    second, other = await providers(told, clock, vault).begin("city", BACK)
    assert told.asked[0] == f"{ISSUER}/.well-known/openid-configuration"
    assert first.startswith(
        f"{ISSUER}/auth?response_type=code&client_id=sightline&redirect_uri=https%3A%2F%2Fsightline"
    )
    assert "code_challenge_method=S256" in first
    assert len({first, second, kept, other}) == 4
    with pytest.raises(NotFoundError):
        await providers(told, clock, vault).begin("none", BACK)


@pytest.mark.parametrize(
    "more",
    [
        {"issuer": "https://evil.example"},
        {"issuer": f"{ISSUER}/"},
        {"authorization_endpoint": "http://login.example/auth"},
        {"token_endpoint": None},
        {"jwks_uri": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
)
async def test_metadata_that_does_not_hold_is_not_gone_by(clock, more, vault):
    with pytest.raises(IssuerUnreachableError):
        await providers(Told(**more), clock, vault).begin("city", BACK)


async def test_a_provider_that_is_gone_is_not_asked_by_each_who_begins(clock, vault):
    told = Told()
    told.metadata = None
    ours = providers(told, clock, vault)
    for _ in range(20):
        with pytest.raises(IssuerUnreachableError):
            await ours.begin("city", BACK)
    assert len(told.asked) == 1
    told.metadata = METADATA
    clock.advance(PAUSE_SECONDS)
    await ours.begin("city", BACK)
    clock.advance(METADATA_SECONDS - 1)
    await ours.begin("city", BACK)
    assert len(told.asked) == 2


async def test_a_log_in_that_was_begun_long_ago_is_begun_again(clock, vault):
    ours = providers(Told(), clock, vault)
    url, kept = await ours.begin("city", BACK)
    state = url.partition("state=")[2].partition("&")[0]
    clock.advance(BEGUN_SECONDS + 1)
    with pytest.raises(RefusedError, match="begin it again"):
        await ours.finish("city", kept, {"state": state, "code": "x"})
