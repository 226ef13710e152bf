"""E-mail: what people read, that nobody's words become headers, how a server is spoken to, how floods are bounded."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.channel_settings import Mail
from gateway.base.clock import ManualClock
from gateway.incidents import mail as mail_module
from gateway.incidents.delivery import Delivery, NotDeliveredError
from gateway.incidents.mail import AFTER_REFUSAL, TOGETHER, MailSender, compose, mailbox
from tests.certificates import certificate
from tests.receivers import mail_server

CLOCK = ManualClock()
WHO = {
    "name": "desk",
    "host": "127.0.0.1",
    "from": "Sightline <s@example.org>",
    "to": ["a@example.org", "b@example.org"],
}


def channel(**more) -> Mail:
    return Mail.model_validate(WHO | {"security": "none"} | more)


def delivery(number: int = 1, *, unit: str | None = "Unit 12", text: str = "SOS", kind="sos", **more) -> Delivery:
    data = {"id": number, "kind": kind, "text": text, "detail": {}, "resolved": None} | more
    event = "alert.opened" if data["resolved"] is None else "alert.resolved"
    message = {
        "type": event, "timestamp": "2026-01-31T12:00:07.250000Z", "data": data, "unit": unit,
        "url": f"https://sightline.example/#/alerts/{number}",
    }  # fmt: skip
    return Delivery(number, number, "mail:desk", message, 1_769_860_807_000_000_000)


def body(mail) -> list[str]:
    return mail.get_content().splitlines()


def test_a_mail_says_what_where_and_when_and_leads_to_the_page():
    fix = {"lat": 52.51, "lon": 13.4, "utc": "2026-01-31T12:00:06.000000Z"}
    mail = compose(channel(), [delivery(detail={"fix": fix})], CLOCK.utc_ns())
    assert (mail["From"], mail["To"]) == ("Sightline <s@example.org>", "a@example.org, b@example.org")
    assert mail["Subject"] == "[Sightline] SOS: Unit 12"
    assert mail["Message-ID"] == f"<{delivery().message_id}@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert body(mail)[:5] == [
        "SOS: Unit 12", "SOS", "When: 2026-01-31 12:00:07 UTC",
        "Where: 52.510000, 13.400000 at 2026-01-31 12:00:06 UTC", "https://sightline.example/#/alerts/1",
    ]  # fmt: skip


def test_one_of_something_resolved_says_by_whom():
    resolved = {"by": "ann", "utc": "…", "word": "a drill"}
    mail = compose(channel(), [delivery(resolved=resolved, unit=None, kind="not_recording")], CLOCK.utc_ns())
    assert mail["Subject"] == "[Sightline] Not recording (resolved)"
    assert "Resolved by ann: a drill" in body(mail)


def test_many_are_put_together_in_one():
    mail = compose(channel(), [delivery(n, unit=f"Unit {n}") for n in range(1, 8)], CLOCK.utc_ns())
    assert mail["Subject"] == "[Sightline] 7 alerts, SOS: Unit 1 and others"
    assert [line for line in body(mail) if line.startswith("SOS: ")] == [f"SOS: Unit {n}" for n in range(1, 8)]


@given(st.text(max_size=400), st.text(max_size=400))
@settings(max_examples=30)
def test_nobodys_words_become_headers(unit, text):
    mail = compose(channel(), [delivery(unit=unit, text=text)], CLOCK.utc_ns())
    raw = mail.as_bytes()
    head, _, _ = raw.partition(b"\r\n\r\n")
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert sorted(names) == sorted(
        [b"from", b"to", b"subject", b"date", b"message-id", b"auto-submitted", b"mime-version", b"content-type",
         b"content-transfer-encoding"]
    )  # fmt: skip
    assert raw.isascii()


def test_words_with_line_breaks_stay_on_a_line():
    mail = compose(channel(), [delivery(unit="x\r\nBcc: eve@example.org", text="a\n\n-- \nb\x00\x1b[2J")], 0)
    assert mail["Subject"] == "[Sightline] SOS: x Bcc: eve@example.org"
    assert mail["Bcc"] is None
    assert body(mail)[1] == "a -- b [2J"


def test_the_bare_address_is_taken_from_either_form():
    assert mailbox("Sightline <s@example.org>") == mailbox("s@example.org") == "s@example.org"


async def test_a_server_gets_one_mail_for_all(tmp_path):
    async with mail_server() as server:
        sender = MailSender(channel(port=server.port), ssl.create_default_context(), CLOCK)
        assert await sender.send([delivery(text="Grüße")]) is None
        await sender.close()
    (mail,) = server.mails
    assert server.envelopes == [("s@example.org", ["a@example.org", "b@example.org"])]
    assert mail["Subject"] == "[Sightline] SOS: Unit 12"
    assert "Grüße" in mail.get_content()


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_with_tls_it_logs_in_and_the_certificate_is_checked(tmp_path, security):
    cert, key = certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    async with mail_server(tls=tls, at_once=security == "tls") as server:
        server.accounts = {"u": "pass word"}
        wanted = channel(port=server.port, security=security, username="u", password="pass word")
        with pytest.raises(NotDeliveredError, match="certificate"):
            await MailSender(wanted, ssl.create_default_context(), CLOCK).send([delivery()])
        trusting = ssl.create_default_context(cafile=cert)
        await MailSender(wanted, trusting, CLOCK).send([delivery()])
        assert (server.logged_in, server.encrypted) == (["u"], [True])
        wrong = channel(port=server.port, security=security, username="u", password="no")
        with pytest.raises(NotDeliveredError, match="535") as refused:
            await MailSender(wrong, trusting, CLOCK).send([delivery()])
        assert "no" not in str(refused.value).split()
        assert refused.value.retry_after == AFTER_REFUSAL


async def test_a_server_without_starttls_gets_nothing():
    async with mail_server() as server:
        wanted = channel(port=server.port, security="starttls")
        with pytest.raises(NotDeliveredError, match="STARTTLS"):
            await MailSender(wanted, ssl.create_default_context(), CLOCK).send([delivery()])
        assert server.mails == []


@pytest.mark.parametrize(
    ("replies", "says", "asked"),
    [
        ({"RCPT": "550 nobody here"}, "550 nobody here", AFTER_REFUSAL),
        ({"RCPT": "451 later"}, "451 later", 0),
        ({"MAIL": "553 not from you"}, "553", AFTER_REFUSAL),
        ({"DATA": "421 going down"}, "421", 0),
        ({"EHLO": "500 what", "HELO": "500 what"}, "500", AFTER_REFUSAL),
    ],
)
async def test_what_a_server_refuses_is_told_and_for_good_it_is_left_alone_for_longer(replies, says, asked):
    async with mail_server() as server:
        server.replies = replies
        with pytest.raises(NotDeliveredError, match=says) as refused:
            await MailSender(channel(port=server.port), ssl.create_default_context(), CLOCK).send([delivery()])
    assert refused.value.retry_after == asked


async def test_when_some_get_it_it_is_told_who_does_not():
    async with mail_server() as server:
        server.replies = {"RCPT TO:<b@": "550 nobody here"}
        sender = MailSender(channel(port=server.port), ssl.create_default_context(), CLOCK)
        assert await sender.send([delivery()]) == "not taken for b@example.org"
    assert server.envelopes == [("s@example.org", ["a@example.org"])]


async def test_a_server_that_never_answers_is_left(monkeypatch):
    monkeypatch.setattr(mail_module, "SECONDS", 0.2)
    async with mail_server() as server:
        server.replies = {"MAIL": "nothing"}
        with pytest.raises(NotDeliveredError, match="does not answer"):
            await MailSender(channel(port=server.port), ssl.create_default_context(), CLOCK).send([delivery()])


async def test_nobody_there_is_told_so():
    async with mail_server() as server:
        port = server.port
    with pytest.raises(NotDeliveredError, match=r"127\.0\.0\.1"):
        await MailSender(channel(port=port), ssl.create_default_context(), CLOCK).send([delivery()])


async def test_of_a_flood_there_are_so_many_mails_a_minute_and_the_last_takes_the_rest():
    clock = ManualClock()
    async with mail_server() as server:
        sender = MailSender(channel(port=server.port, per_minute=3), ssl.create_default_context(), clock)
        waiting, sent = [delivery(n) for n in range(1, 31)], []
        for _ in range(180):
            while waiting and not sender.wait_seconds():
                now, waiting = waiting[: sender.most], waiting[sender.most :]
                await sender.send(now)
                sent.append((clock.monotonic(), len(now)))
            clock.advance(1)
            if len(sent) == 3:
                waiting += [delivery(99)]  # one more each second
    assert [count for _, count in sent[:3]] == [1, 1, 28]
    assert sent[3][1] > 1
    assert max(count for _, count in sent) <= TOGETHER
    assert len(sent) <= 3 + 9
    assert sender.wait_seconds() <= 20
