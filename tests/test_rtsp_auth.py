"""Basic and Digest, both roles: the RFCs' own examples, real cameras' challenges, and what must be refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rtsp.auth import (
    AuthenticationError,
    ClientAuthentication,
    ServerAuthentication,
    Verdict,
    digest_response,
    parse_challenges,
)
from gateway.rtsp.protocol import Connection, Response, Role
from tests.data import shared

URL = "rtsp://10.1.2.3/stream"
RFC7616 = {
    "username": "Mufasa",
    "realm": "http-auth@example.org",
    "password": "Circle of Life",
    "method": "GET",
    "uri": "/dir/index.html",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "nc": "00000001",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    "qop": "auth",
}
RFC2617 = RFC7616 | {
    "realm": "testrealm@host.com",
    "password": "Circle Of Life",
    "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    "cnonce": "0a4f113b",
}


def client(username: str = "op", password: str = "secret", *, allow_basic: bool = False) -> ClientAuthentication:
    return ClientAuthentication(username, password, allow_basic=allow_basic, make_cnonce=lambda: "c0ffee")


def server(*, allow_basic: bool = False) -> ServerAuthentication:
    users = {"op": "secret", 'o"p\\': "sécret"}
    return ServerAuthentication("Sightline", users.get, allow_basic=allow_basic)


@pytest.mark.parametrize(
    ("algorithm", "example", "response"),
    [
        ("MD5", RFC7616, "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", RFC7616, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ("MD5", RFC2617, "6629fae49393a05397450978507c4ef1"),
        ("MD5", RFC2617 | {"qop": ""}, "670fd8c2df070c60b045671b8b24ff02"),
    ],
)
def test_examples_of_the_rfcs(algorithm: str, example: dict[str, str], response: str) -> None:
    assert digest_response(algorithm=algorithm, **example) == response


def test_a_recorded_challenge_without_algorithm_and_qop() -> None:
    [event] = Connection(Role.CLIENT).receive(shared("rtsp/longse_unauthorized.txt").read_bytes())
    assert isinstance(event, Response)
    authentication = client()
    assert authentication.authorization("DESCRIBE", URL) is None
    authentication.challenged(event.headers.all("WWW-Authenticate"))
    expected = digest_response(
        algorithm="MD5", username="op", realm="Surveillance Server", password="secret", method="DESCRIBE", uri=URL,
        nonce="98481030",
    )  # fmt: skip
    assert authentication.authorization("DESCRIBE", URL) == (
        f'Digest username="op", realm="Surveillance Server", nonce="98481030", uri="{URL}", response="{expected}"'
    )


def test_several_challenges_in_one_field_or_many() -> None:
    one = 'Digest realm="a, b=c \\"d\\"", nonce="1", qop="auth,auth-int", stale=TRUE, Basic realm=x'
    first, second = parse_challenges([one])
    assert first.scheme == "digest"
    assert first.parameters["realm"] == 'a, b=c \\"d\\"'
    assert first.qop == {"auth", "auth-int"}
    assert first.stale
    assert second.scheme == "basic"
    assert second.parameters == {"realm": "x"}
    assert parse_challenges(one.split(", Basic ")[:1]) == (first,)
    assert parse_challenges(['realm="no scheme"', ""]) == ()


def test_the_strongest_challenge_is_answered_and_its_uses_counted() -> None:
    authentication = client(allow_basic=True)
    authentication.challenged(
        [
            'Basic realm="r"',
            'Digest realm="r", nonce="1", algorithm=SHA-512-256',
            'Digest realm="r", nonce="2", qop="auth", algorithm=sha-256, opaque="o"',
            'Digest realm="r", nonce="3"',
        ]
    )
    for nc in ("00000001", "00000002"):
        answer = authentication.authorization("PLAY", URL)
        assert answer is not None
        assert 'nonce="2"' in answer
        assert "algorithm=sha-256" in answer
        assert 'opaque="o"' in answer
        assert f"qop=auth, nc={nc}" in answer
        assert 'cnonce="c0ffee"' in answer


def test_basic_only_where_it_is_allowed() -> None:
    with pytest.raises(AuthenticationError, match="clear text"):
        client().challenged(['Basic realm="r"'])
    authentication = client(allow_basic=True)
    authentication.challenged(['Basic realm="r"'])
    assert authentication.authorization("PLAY", URL) == "Basic b3A6c2VjcmV0"


@pytest.mark.parametrize(
    ("username", "fields", "says"),
    [
        ("op", [], "does not say how"),
        ("op", ["Bearer"], "only bearer"),
        ("op", ['Digest realm="r", nonce="1", qop="auth-int"'], "only digest MD5"),
        ("", ['Digest realm="r", nonce="1"'], "none is set"),
    ],
)
def test_what_cannot_be_answered(username: str, fields: list[str], says: str) -> None:
    with pytest.raises(AuthenticationError, match=says):
        client(username).challenged(fields)


def test_a_refused_password_is_not_tried_again_but_a_stale_nonce_is() -> None:
    authentication = client()
    authentication.challenged(['Digest realm="r", nonce="1"'])
    authentication.challenged(['Digest realm="r", nonce="2", stale="true"'])
    with pytest.raises(AuthenticationError, match="refused the user name or the password") as caught:
        authentication.challenged(['Digest realm="r", nonce="3"'])
    assert "secret" not in str(caught.value)


def test_a_nonce_that_wears_out_later_is_replaced() -> None:
    authentication = client()
    authentication.challenged(['Digest realm="r", nonce="1"'])
    authentication.accepted()
    authentication.challenged(['Digest realm="r", nonce="2"'])
    assert 'nonce="2"' in (authentication.authorization("PLAY", URL) or "")


@pytest.mark.parametrize("username", ["op", 'o"p\\'])
@pytest.mark.parametrize("only", ["", "MD5", "Basic"])
def test_both_roles_understand_each_other(username: str, only: str) -> None:
    ours = server(allow_basic=True)
    theirs = client(username, "secret" if username == "op" else "sécret", allow_basic=True)
    theirs.challenged([field for field in ours.challenges(0.0) if only in field])
    for _ in range(2):
        assert ours.verify("PLAY", theirs.authorization("PLAY", URL) or "", 1.0) == Verdict(username)


def test_the_server_offers_sha_256_first_and_md5_last() -> None:
    first, last = server().challenges(0.0)
    assert "algorithm=SHA-256" in first
    assert "algorithm=MD5" in last
    assert [c.stale for c in parse_challenges(server().challenges(0.0, stale=True))] == [True, True]


@pytest.mark.parametrize(("username", "password"), [("op", "wrong"), ("nobody", "secret"), ("", "")])
def test_wrong_users_and_passwords_are_refused(username: str, password: str) -> None:
    ours = server(allow_basic=True)
    for offered in ours.challenges(0.0):
        theirs = client(username or "x", password, allow_basic=True)
        theirs.challenged([offered])
        assert ours.verify("PLAY", theirs.authorization("PLAY", URL) or "", 0.0) == Verdict()


def test_an_answer_holds_for_its_method_its_nonce_and_once() -> None:
    ours, theirs = server(), client()
    theirs.challenged(ours.challenges(0.0))
    answer = theirs.authorization("PLAY", URL) or ""
    assert ours.verify("TEARDOWN", answer, 1.0) == Verdict()
    assert ours.verify("PLAY", answer, 301.0) == Verdict(stale=True)
    assert ours.verify("PLAY", answer, 1.0) == Verdict("op")
    assert ours.verify("PLAY", answer, 1.0) == Verdict(stale=True)
    again = theirs.authorization("PLAY", URL) or ""
    assert server().verify("PLAY", again, 1.0) == Verdict(stale=True)
    ours.challenges(2.0)
    assert ours.verify("PLAY", again, 2.0) == Verdict(stale=True)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Basic b3A6c2VjcmV0",
        "Basic !",
        "Bearer x",
        'Digest username="op", Digest username="op"',
        'Digest username="op", realm="Other", nonce="n"',
        'Digest username="op", realm="Sightline", nonce="n", algorithm=SHA-1',
        'Digest username="op", realm="Sightline", nonce="n", qop=auth, nc=zzz',
    ],
)
def test_what_proves_nothing_is_refused(answer: str) -> None:
    ours = server()
    ours.challenges(0.0)
    assert ours.verify("PLAY", answer, 0.0) == Verdict()


def test_basic_that_is_not_text_is_refused() -> None:
    ours = server(allow_basic=True)
    assert ours.verify("PLAY", "Basic !!!", 0.0) == Verdict()
    assert ours.verify("PLAY", "Basic gIE=", 0.0) == Verdict()
    assert ours.verify("PLAY", "Basic b3A6c2VjcmV0", 0.0) == Verdict("op")


@given(st.text(), st.text('Digest=", \\abc', max_size=60))
def test_no_field_makes_either_role_fail(text: str, likely: str) -> None:
    for value in (text, likely, "Digest " + likely):
        parse_challenges([value])
        assert server(allow_basic=True).verify("PLAY", value, 0.0).username is None
