"""E-mail: alerts as plain text for people, with a link to the page.

Each alert is a mail of its own as long as there are few; a flood is put together in one mail every few seconds. What
somebody else wrote (a unit's name, what a caller said) is text, and never a header. When it is sent is `lane`'s to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

import aiosmtplib

from gateway.base.alert_words import Kind
from gateway.base.channel_settings import ADDRESS, Mail
from gateway.base.clock import Clock
from gateway.base.names import one_line
from gateway.incidents.delivery import Delivery, NotDeliveredError
from gateway.incidents.where import FIX
from gateway.media.model import NS

STEP_SECONDS, SECONDS, QUIT_SECONDS = 10.0, 30.0, 2.0
"""How long a server may take for a step of the exchange, for all of it, and to say goodbye."""
AFTER_REFUSAL = 3600.0
"""How long a server is left alone that refused for good (5xx, RFC 5321 4.2.1): somebody has to change something."""
PORTS = {"starttls": 587, "tls": 465, "none": 25}
TOGETHER = 100
"""Alerts in one mail at most."""
MAX_LINE = 300
WORDS = {
    Kind.SOS: "SOS",
    Kind.GEOFENCE_ENTER: "Geofence entered",
    Kind.GEOFENCE_LEAVE: "Geofence left",
    Kind.UNIT_LOST: "Unit lost",
    Kind.NO_MOVEMENT: "No movement",
    Kind.CAMERA_OFFLINE: "Camera offline",
    Kind.BATTERY_LOW: "Battery low",
    Kind.STORAGE_LOW: "Storage low",
    Kind.NOT_RECORDING: "Not recording",
}


class MailSender:
    """Sends mails through one server, with a connection for each: between two alerts hours may pass."""

    def __init__(self, settings: Mail, tls: ssl.SSLContext, clock: Clock) -> None:
        self._settings = settings
        self._tls = tls
        self._clock = clock
        self._left = float(settings.per_minute)
        """Mails that may be sent at once."""
        self._counted_at = clock.monotonic()

    @property
    def most(self) -> int:
        """One alert in a mail, but for the last mail that may be sent now: in it goes all that waits."""
        self._count()
        return 1 if self._left >= 2 else TOGETHER

    def wait_seconds(self) -> float:
        """How long until another mail may be sent."""
        self._count()
        return max(0.0, 1 - self._left) * 60 / self._settings.per_minute

    async def send(self, deliveries: Sequence[Delivery]) -> str | None:
        """Send one mail about them. None, or who of several did not get it.

        Raises:
            NotDeliveredError: nobody gets it.
        """
        self._count()
        self._left -= 1
        mail = compose(self._settings, deliveries, self._clock.utc_ns())
        try:
            async with asyncio.timeout(SECONDS):
                refused = await self._hand_over(mail)
        except TimeoutError as error:
            raise NotDeliveredError(f"the mail server does not answer within {SECONDS:.0f} seconds") from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [one.code for one in error.recipients]
            told = "; ".join(f"{one.recipient}: {one.code} {one.message}" for one in error.recipients)
            raise _refusal(min(codes, default=0), told) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error.code, f"{error.code} {error.message}") from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise NotDeliveredError(_line(f"{self._settings.host}: {error or type(error).__name__}")) from error
        return None if not refused else _line(f"not taken for {', '.join(refused)}")

    async def close(self) -> None:
        """There is nothing open between two mails."""

    async def _hand_over(self, mail: EmailMessage) -> Sequence[str]:
        """Returns for whom it was not taken."""
        settings = self._settings
        password = settings.password.get_secret_value()
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port or PORTS[settings.security],
            username=settings.username or None,
            password=password or None,
            local_hostname=socket.gethostname(),
            timeout=STEP_SECONDS,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=None if settings.security == "none" else self._tls,
        )
        try:
            await client.connect()
            refused, _ = await client.send_message(
                mail, sender=mailbox(settings.sender), recipients=[mailbox(address) for address in settings.to]
            )
            with contextlib.suppress(aiosmtplib.SMTPException, TimeoutError):  # it is taken, whatever comes of this
                async with asyncio.timeout(QUIT_SECONDS):
                    await client.quit()
        finally:
            client.close()
        return list(refused)

    def _count(self) -> None:
        """Let what may be sent grow with the time."""
        now, most = self._clock.monotonic(), float(self._settings.per_minute)
        self._left = min(most, self._left + (now - self._counted_at) * most / 60)
        self._counted_at = now


def compose(settings: Mail, deliveries: Sequence[Delivery], now_ns: int) -> EmailMessage:
    """One mail about one alert or several.

    At another attempt it has the same Message-ID (RFC 5322 3.6.4), so that servers can drop what they have already; and
    it says that no person wrote it, so that none answers by machine (RFC 3834 5).
    """
    first, several = deliveries[0], len(deliveries) > 1
    mail = EmailMessage(policy=SMTP)
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    subject = f"{len(deliveries)} alerts, {_title(first.message)} and others" if several else _title(first.message)
    mail["Subject"] = f"[Sightline] {subject}"
    mail["Date"] = format_datetime(dt.datetime.fromtimestamp(now_ns // NS, dt.UTC))
    marked = f"{first.message_id}.{len(deliveries)}" if several else first.message_id
    mail["Message-ID"] = f"<{marked}@{mailbox(settings.sender).rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    text = "\n\n".join("\n".join(_about(delivery.message)) for delivery in deliveries)
    mail.set_content(f"{text}\n\n-- \nSightline\n", cte="quoted-printable")
    return mail


def mailbox(address: str) -> str:
    """The bare address (addr-spec, RFC 5322 3.4.1) of one of the settings."""
    found = ADDRESS.fullmatch(address)
    assert found is not None  # the settings hold no other
    return str(found[2] or found[3])


def _about(message: Mapping[str, Any]) -> list[str]:
    data = message["data"]
    lines = [_title(message), _line(data["text"]), f"When: {_time(message['timestamp'])}"]
    if (fix := data.get("detail", {}).get(FIX)) is not None:
        lines.append(f"Where: {fix['lat']:.6f}, {fix['lon']:.6f} at {_time(fix['utc'])}")
    if (resolved := data.get("resolved")) is not None:
        lines.append(_line(f"Resolved by {resolved['by']}: {resolved['word']}"))
    return [*lines, message["url"]] if message["url"] else lines


def _title(message: Mapping[str, Any]) -> str:
    if message["type"] == "alert.test":
        return "Test"
    kind = WORDS[Kind(message["data"]["kind"])]
    unit = "" if message["unit"] is None else f": {message['unit']}"
    resolved = " (resolved)" if message["type"] == "alert.resolved" else ""
    return _line(f"{kind}{unit}{resolved}")


def _time(text: str) -> str:
    return f"{text[:10]} {text[11:19]} UTC"


def _line(text: str) -> str:
    """Text of somebody else as one line that is no longer than a header may be."""
    return one_line(text)[:MAX_LINE]


def _refusal(code: int, told: str) -> NotDeliveredError:
    return NotDeliveredError(_line(f"the mail server refuses: {told}"), retry_after=AFTER_REFUSAL if code >= 500 else 0)
