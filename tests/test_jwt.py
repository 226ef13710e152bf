"""Machines' JWTs: which are taken, and that none that is forged, stale or meant for others is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from gateway.access.fetch import Fetcher, IssuerUnreachableError
from gateway.access.jwt import LEEWAY, BadTokenError, Machines
from gateway.access.keys import PAUSE_SECONDS, STALE_SECONDS
from gateway.access.rights import Role
from gateway.base.clock import ManualClock
from gateway.base.errors import RefusedError, SettingsError
from gateway.base.issuers import Jwt
from gateway.base.settings import Settings

ISSUER = "https://issuer.example"
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
PEM_OF_NOTHING = "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n"


class Published(Fetcher):
    """A JWK Set that an issuer publishes, or does not."""

    def __init__(self, *keys: Any) -> None:
        super().__init__()
        self.document: dict[str, Any] | None = KeySet(list(keys)).as_dict()
        self.fetched = 0

    async def get(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        self.fetched += 1
        if self.document is None:
            raise IssuerUnreachableError(url, "gone")
        return self.document


@pytest.fixture
def clock():
    return ManualClock()


def settings(**more: Any) -> Jwt:
    values = {
        "issuer": ISSUER,
        "audience": "sightline",
        "jwks_url": f"{ISSUER}/keys",
        "roles": {"ops": "dispatcher", "root": "administrator"},
    }
    return Jwt.model_validate(values | more)


@pytest.fixture
def published():
    return Published(RSA, EC, ED)


@pytest.fixture
def machines(clock, published):
    return Machines([settings()], published, clock)


def claims(clock: ManualClock, **more: Any) -> dict[str, Any]:
    now = clock.utc_ns() // 10**9
    values = {"iss": ISSUER, "aud": "sightline", "sub": "robot", "roles": ["ops"], "iat": now, "exp": now + 600}
    return {key: value for key, value in (values | more).items() if value is not None}


def signed(clock: ManualClock, key: Any = RSA, algorithm: str = "RS256", **more: Any) -> str:
    header = {"alg": algorithm, "kid": key.kid}
    return jwt.encode(header, claims(clock, **more), key, algorithms=[algorithm])


def raw(header: dict[str, Any], body: dict[str, Any], signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(body).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


# ---- what is taken


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256"), (ED, "Ed25519")], ids=["RSA", "EC", "Ed25519"]
)
async def test_a_machine_is_who_its_issuer_says(machines, clock, key, algorithm):
    who = await machines.by_token(signed(clock, key, algorithm))
    assert (who.name, who.role, who.groups, who.by_token) == ("jwt:issuer.example:robot", Role.DISPATCHER, (), True)


async def test_the_first_role_that_fits_counts_wherever_the_claim_lies(clock, published):
    machines = Machines([settings(role_claim="realm_access.roles", groups_claim="areas")], published, clock)
    token = signed(clock, realm_access={"roles": ["root", "ops"]}, areas=["north", 7, "a/b"])
    who = await machines.by_token(token)
    assert (who.role, who.groups) == (Role.DISPATCHER, ("north",))


@pytest.mark.parametrize("areas", [None, [], "a b", 7, {"north": True}])
async def test_who_is_to_be_limited_and_names_no_group_is_refused(clock, published, areas):
    machines = Machines([settings(groups_claim="areas")], published, clock)
    with pytest.raises(RefusedError, match="no group of cameras"):
        await machines.by_token(signed(clock, areas=areas))


@pytest.mark.parametrize("roles", [None, [], ["king"], "", 7, {"ops": 1}])
async def test_who_has_no_role_here_is_told(machines, clock, roles):
    with pytest.raises(RefusedError, match='"roles" stands in the settings'):
        await machines.by_token(signed(clock, roles=roles))


async def test_a_token_holds_until_it_expires_and_is_checked_once(machines, clock, published):
    token = signed(clock)
    who = await machines.by_token(token)
    assert machines.holding([who.key, b"x"]) == {who.key: who}
    published.document = None
    assert await machines.by_token(token) == who
    clock.advance(600 + LEEWAY + 1)
    assert machines.holding([who.key]) == {}
    with pytest.raises(BadTokenError, match="expired"):
        await machines.by_token(token)


# ---- issuers that change while the gateway runs


async def test_tokens_of_an_issuer_that_changes_hold_no_longer_and_others_do(clock, published):
    other = settings(issuer="https://other.example", name_claim="sub")
    machines, told = Machines([settings(), other], published, clock), []
    machines.on_changed.append(lambda: told.append("changed"))
    ours = await machines.by_token(signed(clock))
    theirs = await machines.by_token(signed(clock, iss="https://other.example"))
    fetched = published.fetched
    apply = await machines.prepare(Settings(jwt=(settings(audience="elsewhere"), other)))
    assert set(machines.holding([ours.key, theirs.key])) == {ours.key, theirs.key}, "nothing changes before its time"
    apply()
    assert machines.holding([ours.key, theirs.key]) == {theirs.key: theirs}
    assert told == ["changed"]
    with pytest.raises(BadTokenError, match="aud"):
        await machines.by_token(signed(clock))
    await machines.by_token(signed(clock, iss="https://other.example", jti="2"))
    assert published.fetched == fetched + 1, "the other's keys are known already"
    (await machines.prepare(Settings()))()
    assert machines.holding([theirs.key]) == {}
    assert not machines.could_be(signed(clock))


async def test_a_key_file_is_read_again_and_tokens_hold_while_it_says_the_same(tmp_path, clock, published):
    file = tmp_path / "key.pem"
    file.write_bytes(RSA.as_pem(private=False))
    one = settings(jwks_url=None, key_file=str(file))
    machines = Machines([one], published, clock)
    who = await machines.by_token(signed(clock))
    (await machines.prepare(Settings(jwt=(one,))))()
    assert machines.holding([who.key]) == {who.key: who}
    file.write_bytes(EC.as_pem(private=False))
    (await machines.prepare(Settings(jwt=(one,))))()
    assert machines.holding([who.key]) == {}
    file.write_text("nothing")
    with pytest.raises(SettingsError, match="no key that is taken"):
        await machines.prepare(Settings(jwt=(one,)))


# ---- what is not


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"iss": [ISSUER]}, "issuer"),
        ({"aud": "other"}, "aud"),
        ({"aud": ["other", "another"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"exp": None}, "exp"),
        ({"iat": None}, "iat"),
        ({"exp": 1}, "expired"),
        ({"exp": "soon"}, "exp"),
        ({"exp": True}, "exp|expired"),
        ({"exp": float("inf")}, "exp|longer"),
        ({"exp": float("nan")}, "exp|longer"),
        ({"nbf": 2**40}, "nbf"),
        ({"iat": 2**40}, "iat"),
        ({"exp": 1_700_000_000 + 86400}, "longer than 1h"),
    ],
)
async def test_claims_that_do_not_hold_are_refused(machines, clock, more, why):
    with pytest.raises(BadTokenError, match=why):
        await machines.by_token(signed(clock, **more))


async def test_no_algorithm_but_signatures_by_public_keys(machines, clock):
    body = claims(clock)
    for name in ("none", "None", "NONE", "", "HS256", "HS512", "RS1", "PS256", None, ["RS256"], 7):
        with pytest.raises(BadTokenError, match="signed by none of"):
            await machines.by_token(raw({"alg": name, "kid": "rsa"}, body))


async def test_a_public_key_is_no_secret_to_sign_with(machines, clock):
    body, pem = claims(clock), RSA.as_pem(private=False)
    for header in ({"alg": "HS256", "kid": "rsa"}, {"alg": "RS256", "kid": "rsa"}):
        unsigned = raw(header, body).rpartition(".")[0]
        for secret in (pem, pem.strip(), RSA.as_der(private=False)):
            signature = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest()
            with pytest.raises(BadTokenError):
                await machines.by_token(raw(header, body, signature))


async def test_a_key_is_used_for_its_own_algorithm_only(machines, clock):
    token = signed(clock)
    header, body, signature = token.split(".")
    for other in ({"alg": "ES256", "kid": "rsa"}, {"alg": "ES256", "kid": "ec"}, {"alg": "RS256", "kid": "ec"}):
        forged = base64.urlsafe_b64encode(json.dumps(other).encode()).rstrip(b"=").decode()
        with pytest.raises(BadTokenError):
            await machines.by_token(f"{forged}.{body}.{signature}")
    with pytest.raises(BadTokenError):
        await machines.by_token(f"{header}.{body}.{signature[:-4]}AAAA")
    with pytest.raises(BadTokenError):
        await machines.by_token(f"{header}.{body}.")


async def test_keys_that_the_token_brings_along_are_not_looked_at(machines, clock, published):
    mine = RSAKey.generate_key(2048, {"kid": "rsa"})
    for more in ({"jwk": mine.as_dict(private=False)}, {"jku": "https://evil.example/keys"}, {"x5u": "https://evil"}):
        header = {"alg": "RS256", "kid": "rsa"} | more
        token = jwt.encode({"alg": "RS256", "kid": "rsa"}, claims(clock), mine, algorithms=["RS256"])
        unsigned = raw(header, claims(clock)).rpartition(".")[0]
        with pytest.raises(BadTokenError):
            await machines.by_token(f"{unsigned}.{token.rpartition('.')[2]}")
    assert published.fetched == 1


async def test_symmetric_and_weak_keys_that_an_issuer_publishes_are_not_taken(clock):
    oct_key = OctKey.generate_key(256, {"kid": "oct"})
    with warnings.catch_warnings(action="ignore"):
        weak = RSAKey.generate_key(1024, {"kid": "weak"})
    other = ECKey.generate_key("P-384", {"kid": "p384"})
    machines = Machines([settings()], Published(oct_key, weak, other), clock)
    tokens = [
        jwt.encode({"alg": "HS256", "kid": "oct"}, claims(clock), oct_key, algorithms=["HS256"]),
        signed(clock, weak),
    ]
    for token in tokens:
        with pytest.raises(BadTokenError):
            await machines.by_token(token)


@pytest.mark.parametrize(
    "token", ["..", "a.b.c", "e30.e30.", "W10.W10.x", "é.é.é", ".." + "x" * 9000, "[" * 3000 + ".."]
)
async def test_what_is_no_jwt_is_refused(machines, token):
    with pytest.raises(BadTokenError):
        await machines.by_token(token)


# ---- keys that change


async def test_a_new_key_is_fetched_when_it_is_named_and_an_old_one_forgotten(machines, clock, published):
    await machines.by_token(signed(clock))
    assert published.fetched == 1
    new = RSAKey.generate_key(2048, {"kid": "new"})
    published.document = KeySet([new]).as_dict()
    clock.advance(PAUSE_SECONDS + 1)
    assert (await machines.by_token(signed(clock, new))).role is Role.DISPATCHER
    with pytest.raises(BadTokenError, match="does not publish"):
        await machines.by_token(signed(clock, RSA, sub="another"))


async def test_tokens_that_name_keys_which_do_not_exist_cause_few_fetches(machines, clock, published):
    stranger = RSAKey.generate_key(2048, {"kid": "stranger"})
    for number in range(50):
        with pytest.raises(BadTokenError, match="does not publish"):
            await machines.by_token(signed(clock, stranger, sub=f"robot-{number}"))
    assert published.fetched == 1


async def test_known_keys_hold_for_a_day_while_the_issuer_is_gone(machines, clock, published):
    await machines.by_token(signed(clock))
    published.document = None
    clock.advance(STALE_SECONDS - 1)
    await machines.by_token(signed(clock))
    clock.advance(STALE_SECONDS)
    with pytest.raises(IssuerUnreachableError):
        await machines.by_token(signed(clock))


# ---- keys from a file


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=["RSA", "EC", "Ed25519"])
async def test_a_key_from_a_file_as_pem_or_jwk_set(tmp_path, clock, key):
    algorithm = {"RSA": "RS256", "EC": "ES256", "OKP": "Ed25519"}[key.key_type]
    pem, jwks = tmp_path / "key.pem", tmp_path / "keys.json"
    pem.write_bytes(key.as_pem(private=False))
    jwks.write_text(json.dumps(KeySet([key]).as_dict()))
    for header in ({"alg": algorithm}, {"alg": algorithm, "kid": key.kid}):
        token = jwt.encode(header, claims(clock), key, algorithms=[algorithm])
        for file in (pem, jwks):
            machines = Machines([settings(jwks_url=None, key_file=file)], Fetcher(), clock)
            assert (await machines.by_token(token)).role is Role.DISPATCHER


@pytest.mark.parametrize("text", ["", "{}", "{", '{"keys": [7, {}]}', PEM_OF_NOTHING])
def test_a_file_without_a_key_is_refused_at_the_start(tmp_path, clock, text):
    file = tmp_path / "key.pem"
    file.write_text(text)
    with pytest.raises(SettingsError, match="key file"):
        Machines([settings(jwks_url=None, key_file=file)], Fetcher(), clock)
