"""How NVRs prove who they are over ONVIF, and what counts as a guess."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import pytest

from gateway.base.clock import ManualClock
from gateway.nvr.log_in import NvrLogIn
from onvif_protocol.authentication import Credentials, SlowedError, StaleNonceError
from onvif_protocol.soap import NotAuthorizedError, StaleTokenError, build_username_token, element

PEER = "10.0.0.5"
S = 1_000_000_000


@dataclass
class Accounts:
    """One account, and what it was told."""

    wait: float | None = None
    told: list[tuple[str, ...]] = field(default_factory=list)

    def password(self, name: str) -> str | None:
        return {"milestone": "secret"}.get(name)

    def refusal(self, address: str, name: str) -> float | None:
        return self.wait

    def failed(self, address: str, name: str, service: str) -> None:
        self.told.append(("failed", address, name, service))

    def succeeded(self, address: str, name: str, service: str) -> None:
        self.told.append(("succeeded", address, name, service))


@dataclass
class Stage:
    clock: ManualClock = field(default_factory=ManualClock)
    accounts: Accounts = field(default_factory=Accounts)

    def __post_init__(self) -> None:
        self.log_in = NvrLogIn(self.accounts, self.clock)

    def come(self, password: str = "secret", *, nonce: bytes = b"1", late_s: int = 0) -> str | None:
        now = self.clock.utc_ns()
        token = build_username_token("milestone", password, nonce=nonce, utc_ns=now - late_s * S)
        header = element("s:Header", token)
        return self.log_in.authenticate(Credentials("POST", "/onvif/x", "", header, PEER), now)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_good_token_logs_in(stage: Stage) -> None:
    assert stage.come() == "milestone"
    assert stage.accounts.told == [("succeeded", PEER, "milestone", "onvif")]


def test_a_wrong_password_is_a_guess(stage: Stage) -> None:
    with pytest.raises(NotAuthorizedError):
        stage.come("wrong")
    assert stage.accounts.told == [("failed", PEER, "milestone", "onvif")]


def test_who_brings_nothing_is_not_refused(stage: Stage) -> None:
    assert stage.log_in.authenticate(Credentials("POST", "/", "", None, PEER), 0) is None
    assert stage.accounts.told == []
    assert ["SHA-256" in challenge for challenge in stage.log_in.challenges(stage.clock.utc_ns())] == [True, False]


def test_who_has_to_wait_is_refused_unheard(stage: Stage) -> None:
    stage.accounts.wait = 7.5
    with pytest.raises(SlowedError) as caught:
        stage.come()
    assert caught.value.seconds == 7.5
    assert stage.accounts.told == [("failed", PEER, "milestone", "onvif")]


@pytest.mark.parametrize("late_s", [301, -301])
def test_a_clock_that_is_off_is_no_guess_and_is_told_to_the_log(
    stage: Stage, caplog: pytest.LogCaptureFixture, late_s: int
) -> None:
    for _ in range(3):
        with pytest.raises(StaleTokenError):
            stage.come(late_s=late_s)
    assert stage.accounts.told == []
    assert [record.levelno for record in caplog.records] == [logging.WARNING], "once a minute"
    assert "compare its clock with ours" in caplog.text


def test_a_token_that_comes_again_is_no_guess(stage: Stage) -> None:
    stage.come()
    with pytest.raises(StaleTokenError):
        stage.come()
    assert [told[0] for told in stage.accounts.told] == ["succeeded"]


def test_a_nonce_that_is_too_old_is_no_guess(stage: Stage) -> None:
    answer = 'Digest username="milestone", realm="Sightline", uri="/", qop=auth, nonce="00", algorithm=MD5'
    with pytest.raises(StaleNonceError):
        stage.log_in.authenticate(Credentials("POST", "/", answer, None, PEER), 0)
    assert stage.accounts.told == []


@pytest.mark.parametrize("authorization", ["Basic bWlsZXN0b25lOnNlY3JldA==", "Digest", "nonsense"])
def test_what_is_no_digest_is_refused(stage: Stage, authorization: str) -> None:
    with pytest.raises(NotAuthorizedError):
        stage.log_in.authenticate(Credentials("POST", "/", authorization, None, PEER), 0)
