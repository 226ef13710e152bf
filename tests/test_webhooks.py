"""Web hooks: what a receiver is sent, that it can prove who sent it, and what each of its answers means."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.base.channel_settings import Webhook
from gateway.base.clock import ManualClock
from gateway.base.rfc3339 import format_utc
from gateway.incidents import webhooks
from gateway.incidents.delivery import Delivery, NotDeliveredError
from gateway.incidents.webhooks import WebHook, signed_headers
from gateway.media.model import NS
from tests.certificates import certificate
from tests.receivers import SECRET, receiver

CLOCK = ManualClock()
MESSAGE = {"type": "alert.opened", "timestamp": "2026-01-31T12:00:00.000000Z", "data": {"text": "Übung"}}
DELIVERY = Delivery(7, 3, "webhook:ops", MESSAGE, CLOCK.utc_ns() - 90 * NS)


def hook(url: str, secret: str = SECRET, tls: ssl.SSLContext | None = None) -> WebHook:
    settings = Webhook.model_validate({"name": "ops", "url": url, "secret": secret})
    return WebHook(settings, tls or ssl.create_default_context(), CLOCK)


async def sent(url: str, **more) -> None:
    sender = hook(url, **more)
    try:
        await sender.send([DELIVERY])
    finally:
        await sender.close()


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As a receiver does it that reads the specification, and nothing of ours."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(mac).decode()
    return any(hmac.compare_digest(wanted, one) for one in headers["webhook-signature"].split())


async def test_a_message_comes_signed_and_dated_with_an_id_that_stays():
    async with receiver() as told:
        await sent(told.url)
        CLOCK.advance(5)
        await sent(told.url)
    (headers, body), (later, again) = told.got
    assert json.loads(body) == MESSAGE
    assert body == again == json.dumps(MESSAGE, ensure_ascii=False, separators=(",", ":")).encode()
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == later["webhook-id"] == DELIVERY.message_id
    assert "." not in headers["webhook-id"]
    assert int(later["webhook-timestamp"]) - int(headers["webhook-timestamp"]) == 5
    assert int(later["webhook-timestamp"]) == CLOCK.utc_ns() // NS
    assert verified(SECRET, headers, body)
    assert not verified(SECRET, headers, body + b" ")
    assert not verified(SECRET, headers | {"webhook-timestamp": later["webhook-timestamp"]}, body)


async def test_while_a_secret_is_replaced_both_prove_it():
    other = "whsec_" + base64.b64encode(b"o" * 24).decode()
    async with receiver() as told:
        await sent(told.url, secret=f"{other} {SECRET}")
    ((headers, body),) = told.got
    assert verified(SECRET, headers, body)
    assert verified(other, headers, body)


def test_the_signature_is_that_of_the_specifications_own_example():
    # Standard Webhooks, reference implementations: their test vector.
    secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed_headers(
        [base64.b64decode(secret)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [200, 202, 204, 299])
async def test_two_hundred_and_something_is_taken(status):
    async with receiver(status) as told:
        await sent(told.url)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 408, 429, 500, 502, 503, 410])
async def test_anything_else_is_not_and_only_gone_is_final(status):
    async with receiver(status) as told:
        told.headers = {"Location": told.url}
        with pytest.raises(NotDeliveredError, match=str(status)) as refused:
            await sent(told.url)
        assert len(told.got) == 1  # redirects are not followed
    assert refused.value.final == (status == 410)
    assert refused.value.retry_after == 0


async def test_who_asks_for_time_is_given_it():
    for asked, seconds in (
        ("120", 120.0),
        (f"{'9' * 12}", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Tue, 14 Nov 2023 22:15:20 GMT", (1_700_000_120 * NS - CLOCK.utc_ns()) / NS),
    ):
        async with receiver(503) as told:
            told.headers = {"Retry-After": asked}
            with pytest.raises(NotDeliveredError) as refused:
                await sent(told.url)
        assert refused.value.retry_after == pytest.approx(seconds), asked
    assert format_utc(CLOCK.utc_ns()).startswith("2023-11-14T22:13")


async def test_a_receiver_that_never_answers_is_left_after_ten_seconds(monkeypatch):
    assert webhooks.SECONDS == 10
    monkeypatch.setattr(webhooks, "SECONDS", 0.2)
    async with receiver(0) as told:
        with pytest.raises(NotDeliveredError, match="no answer within"):
            await sent(told.url)


async def test_nobody_there_is_told_so():
    async with receiver() as told:
        url = told.url
    with pytest.raises(NotDeliveredError, match=r"127\.0\.0\.1"):
        await sent(url)


async def test_a_certificate_is_checked(tmp_path):
    cert, key = certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    async with receiver(tls=tls) as told:
        with pytest.raises(NotDeliveredError, match="certificate"):
            await sent(told.url)
        assert told.got == []
        await sent(told.url, tls=ssl.create_default_context(cafile=cert))
        assert len(told.got) == 1


def test_the_receiver_of_the_documents_verifies_what_is_sent():
    text = (Path(__file__).resolve().parents[1] / "docs/alerts.md").read_text()
    names: dict[str, Any] = {}
    exec(text.partition("```python\n")[2].partition("```")[0], names)
    body = b'{"type":"alert.test"}'
    headers = signed_headers([b"k" * 32], "msg_1_1", int(time.time()), body)
    told = {name.lower(): value for name, value in headers.items()}
    assert names["verify"](SECRET, told, body)
    assert not names["verify"](SECRET, told, body + b" ")
    assert not names["verify"]("whsec_" + base64.b64encode(b"o" * 32).decode(), told, body)
    old = signed_headers([b"k" * 32], "msg_1_1", int(time.time()) - 600, body)
    assert not names["verify"](SECRET, {name.lower(): value for name, value in old.items()}, body)
