"""Settings of OpenID Connect providers and issuers of JWTs: read from the file, and refused where they do not hold."""

from __future__ import annotations

import pytest

from gateway.base.errors import SettingsError
from gateway.base.issuers import claim
from gateway.base.roles import Role
from gateway.base.settings import load

PROVIDER = """
[[oidc]]
name = "city"
issuer = "https://login.example/realms/it"
client_id = "sightline"
client_secret_file = "secret"
roles = { sightline-admin = "administrator", ops = "dispatcher" }
"""
ISSUER = """
[[jwt]]
issuer = "https://ci.example"
audience = "sightline"
key_file = "keys.json"
roles = { metrics = "auditor" }
"""
HTTP = """
[http]
tls_certificate = "tls/chain.pem"
tls_key = "tls/key.pem"
proxies = ["10.0.0.7", "fd00::/8"]
"""


def read(folder, text):
    file = folder / "sightline.toml"
    file.write_text(text)
    return load(file, {})


def test_they_are_read_with_files_beside_the_settings(tmp_path):
    (tmp_path / "secret").write_text("hush hush\n")
    settings = read(tmp_path, HTTP + PROVIDER + ISSUER)
    (provider,), (issuer,) = settings.oidc, settings.jwt
    assert provider.client_secret.get_secret_value() == "hush hush"
    assert list(provider.roles.items()) == [("sightline-admin", Role.ADMINISTRATOR), ("ops", Role.DISPATCHER)]
    assert (provider.scopes, provider.role_claim, provider.groups_claim) == (
        ("openid", "profile", "email"),
        "roles",
        None,
    )
    assert issuer.key_file == tmp_path / "keys.json"
    assert (settings.http.tls_certificate, settings.http.tls_key) == (
        tmp_path / "tls/chain.pem",
        tmp_path / "tls/key.pem",
    )
    assert settings.http.proxies == ("10.0.0.7/32", "fd00::/8")
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (PROVIDER, "client_secret_file .* cannot be read"),
        (PROVIDER.replace("https://login", "http://login"), "https://"),
        (PROVIDER.replace("https://login.example/realms/it", "https://login.example/?a=b"), "without query"),
        (PROVIDER.replace('"city"', '"a city"'), "cannot name a provider"),
        (PROVIDER.replace('"dispatcher"', '"king"'), "administrator"),
        (PROVIDER.replace('{ sightline-admin = "administrator", ops = "dispatcher" }', "{}"), "nobody could log in"),
        (PROVIDER + 'scopes = ["profile"]', '"scopes" needs "openid"'),
        (PROVIDER + 'client_secret = "x"', 'either "client_secret" or "client_secret_file"'),
        (PROVIDER + PROVIDER, 'two providers are called "city"'),
        (ISSUER + ISSUER, r'two \[\[jwt\]\] have the issuer "https://ci.example"'),
        (ISSUER + 'jwks_url = "https://ci.example/keys"', 'either "jwks_url" or "key_file"'),
        (ISSUER.replace('key_file = "keys.json"', ""), 'either "jwks_url" or "key_file"'),
        (ISSUER + 'max_lifetime = "soon"', "span of time"),
        (ISSUER + "algorithms = ['none']", 'unknown key "jwt.*algorithms"'),
        ('[http]\ntls_key = "key.pem"', 'needs both "tls_certificate" and "tls_key"'),
        ('[http]\nproxies = ["proxy.example"]', "address or network"),
    ],
)
def test_what_does_not_hold_is_named(tmp_path, text, why):
    with pytest.raises(SettingsError, match=why):
        read(tmp_path, text)


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:3000", "http://[::1]/", "http://localhost:1/a"])
def test_an_issuer_on_this_machine_needs_no_tls(tmp_path, issuer):
    text = PROVIDER.replace("https://login.example/realms/it", issuer).replace('client_secret_file = "secret"', "")
    assert read(tmp_path, text).oidc[0].issuer == issuer


def test_a_claim_is_found_by_its_name_or_by_the_way_to_it():
    claims = {"roles": ["a"], "realm": {"roles": ["b"]}, "https://x.example/roles": ["c"]}
    assert claim(claims, "roles") == ["a"]
    assert claim(claims, "realm.roles") == ["b"]
    assert claim(claims, "https://x.example/roles") == ["c"]
    assert claim(claims, "realm.none") is None
    assert claim(claims, "roles.deeper") is None
