from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_protocol.soap import (
    Fault,
    FaultError,
    NotAuthorizedError,
    ReplayMemory,
    SoapError,
    TokenVerifier,
    build_envelope,
    build_fault,
    build_username_token,
    element,
    format_utc,
    parse_envelope,
    parse_fault,
    parse_username_token,
    parse_utc,
    parse_xml,
    password_digest,
    qname,
    raise_for_fault,
    text_of,
)

NOW = 1_768_332_325_250_000_000
S = 1_000_000_000
PASSWORDS = {"op": "secret"}


def envelope(body: str, header: str = "") -> bytes:
    return (
        f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:ter="http://www.onvif.org/ver10/error">'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


# --- XML


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
        b"<!DOCTYPE a [" + b'<!ENTITY a "aaaaaaaaaa">' + b"]><a>&a;</a>",
        b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY a%d "%s">' % (i, (b"&a%d;" % (i - 1) if i else b"&a;") * 10) for i in range(12))
        + b']><a x="&a11;"/>',
        b"<a>" * 300 + b"</a>" * 300,
        b"<a",
        b"",
        b"\xff\xfe<\x00a",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
    ],
)
def test_unsafe_or_broken_documents_are_refused(document: bytes) -> None:
    with pytest.raises(SoapError):
        parse_xml(document)


def test_too_long_a_document_is_refused_unread() -> None:
    with pytest.raises(SoapError, match="at most 10"):
        parse_xml(b"<a>" + b" " * 20 + b"</a>", max_bytes=10)


def test_comments_and_instructions_are_not_content() -> None:
    parsed = parse_envelope(envelope("<!-- hi --><?pi x?><a><!-- hi -->text</a>"))
    assert parsed.name == "a"
    assert parsed.body.text == "text"


@pytest.mark.parametrize(
    "document",
    [
        b"<html><body>Login</body></html>",
        b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><a/></e:Body></e:Envelope>',
        b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"/>',
        b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body>text</e:Body></e:Envelope>',
    ],
)
def test_what_is_no_soap_1_2_is_refused(document: bytes) -> None:
    with pytest.raises(SoapError):
        parse_envelope(document)


def test_messages_use_the_prefixes_of_the_specification_and_declare_only_those() -> None:
    body = element("tds:GetScopesResponse", element("tds:Scopes", element("tt:ScopeItem", "a & b"), fixed=True))
    message = build_envelope(body, keep=("tns1",))
    assert b'<tds:Scopes fixed="true"><tt:ScopeItem>a &amp; b</tt:ScopeItem>' in message
    assert message.count(b"xmlns:") == 4  # s, tds, tt and tns1, which only occurs in text
    assert text_of(parse_envelope(message).body, "tds:Scopes/tt:ScopeItem") == "a & b"


@settings(max_examples=100)
@given(st.binary(max_size=300) | st.text(alphabet="<>/sa:&;\"'= ![]-", max_size=80).map(envelope))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    try:
        parsed = parse_envelope(data)
    except SoapError:
        return
    try:
        raise_for_fault(parsed)
        parse_username_token(parsed.header)
    except (FaultError, NotAuthorizedError):
        pass


# --- Faults


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault("Sender", "no <such> profile", ("ter:InvalidArgVal", "ter:NoProfile")), 400),
        (Fault("Receiver", "not supported", ("ter:ActionNotSupported",)), 500),
        (Fault("Receiver", "broken"), 500),
    ],
)
def test_faults_survive_the_wire(fault: Fault, status: int) -> None:
    parsed = parse_envelope(build_fault(fault))
    assert parse_fault(parsed) == fault
    assert fault.http_status == status
    with pytest.raises(FaultError) as caught:
        raise_for_fault(parsed)
    assert caught.value.fault == fault


def test_a_subcode_comes_back_with_the_conventional_prefix() -> None:
    body = (
        '<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value xmlns:e="http://www.onvif.org/ver10/error">'
        "e:NotAuthorized</s:Value></s:Subcode></s:Code>"
        "<s:Reason><s:Text>Sender not\n Authorized</s:Text></s:Reason></s:Fault>"
    )
    fault = parse_fault(parse_envelope(envelope(body)))
    assert fault == Fault("Sender", "Sender not Authorized", ("ter:NotAuthorized",))
    assert fault.not_authorized


@pytest.mark.parametrize(
    ("fault", "about_credentials"),
    [
        (Fault("Sender", "x", ("wsse:FailedAuthentication",)), True),
        (Fault("Sender", "Authority failure"), True),
        (Fault("Sender", "Method 'tds:GetGeoLocation' not implemented"), False),
    ],
)
def test_faults_about_credentials_are_told_by_code_or_word(fault: Fault, about_credentials: bool) -> None:
    assert fault.not_authorized is about_credentials


# --- WS-UsernameToken


def test_the_digest_is_that_of_the_specification() -> None:
    # ONVIF Application Programmer's Guide 6.1.1.3
    nonce = base64.b64decode("LKqI6G/AikKCQrN0zqZFlg==")
    assert password_digest(nonce, "2010-09-16T07:50:45Z", "userpassword") == "tuOSpGlFlIXsozq4HFNeeGeFLEI="


@pytest.mark.parametrize(
    ("text", "utc_ns"),
    [
        ("1970-01-01T00:00:01Z", S),
        ("1970-01-01T01:00:01.250+01:00", S + S // 4),
        ("1970-01-01T00:00:01", S),
        (" 2026-01-13T19:25:25.250Z ", NOW),
    ],
)
def test_times(text: str, utc_ns: int) -> None:
    assert parse_utc(text) == utc_ns
    assert parse_utc(format_utc(utc_ns)) == utc_ns


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_utc(text)


def signed(username: str = "op", password: str = "secret", *, nonce: bytes = b"n" * 16, utc_ns: int = NOW) -> bytes:
    header = build_username_token(username, password, nonce=nonce, utc_ns=utc_ns)
    return build_envelope(element("tds:GetScopes"), [header])


def verify(verifier: TokenVerifier, message: bytes, now_ns: int = NOW) -> str:
    token = parse_username_token(parse_envelope(message).header)
    assert token is not None
    return verifier.verify(token, now_ns)


def test_a_good_token_is_accepted_once() -> None:
    verifier = TokenVerifier(PASSWORDS.get)
    assert verify(verifier, signed()) == "op"
    with pytest.raises(NotAuthorizedError, match="before"):
        verify(verifier, signed())
    assert verify(verifier, signed(nonce=b"another")) == "op"


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (signed(password="wrong"), "wrong password"),
        (signed("nobody", ""), "unknown user"),
        (signed(utc_ns=NOW - 301 * S), "too long ago"),
        (signed(utc_ns=NOW + 301 * S), "future"),
    ],
)
def test_a_bad_token_is_refused(message: bytes, why: str) -> None:
    with pytest.raises(NotAuthorizedError, match=why):
        verify(TokenVerifier(PASSWORDS.get), message)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"#PasswordDigest", b"#PasswordText"),
        (b"2026-01-13T19:25:25.250Z", b"yesterday"),
        (base64.b64encode(b"n" * 16), b""),
        (base64.b64encode(b"n" * 16), b"?"),
    ],
)
def test_a_token_without_digest_nonce_or_time_is_refused(old: bytes, new: bytes) -> None:
    assert old in signed()
    with pytest.raises(NotAuthorizedError):
        parse_username_token(parse_envelope(signed().replace(old, new)).header)


def test_no_token_is_none() -> None:
    assert parse_username_token(None) is None
    assert parse_username_token(parse_envelope(build_envelope(element("tds:GetScopes"))).header) is None


def test_a_full_memory_still_lets_no_replay_through() -> None:
    memory = ReplayMemory(capacity=2)
    assert memory.accept(b"a", 10, 0)
    assert memory.accept(b"b", 11, 0)
    assert memory.accept(b"c", 12, 0)  # forgets a
    assert len(memory) == 2
    assert not memory.accept(b"a", 10, 0)
    assert not memory.accept(b"b", 11, 0)
    assert memory.accept(b"d", 13, 0)


def test_the_memory_forgets_what_is_too_old_to_be_accepted_anyway() -> None:
    memory = ReplayMemory(capacity=100)
    for number in range(50):
        assert memory.accept(str(number).encode(), number, 0)
    assert memory.accept(b"new", 200, 100)
    assert len(memory) == 1


def test_qualified_names() -> None:
    assert qname("tds:Scope") == "{http://www.onvif.org/ver10/device/wsdl}Scope"
    assert qname("plain") == "plain"
