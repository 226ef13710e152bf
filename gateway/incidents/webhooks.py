"""Web hooks: alerts as signed POSTs, as Standard Webhooks 1.0.0 has it (standardwebhooks.com).

The headers `webhook-id`, `webhook-timestamp` and `webhook-signature` prove who sent the body, and when. Where it goes
is the administrator's to say, also into a private network; where a redirect leads is not. When it is sent, `lane`'s.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Sequence
from email.utils import parsedate_to_datetime

import aiohttp

from gateway.base.channel_settings import Webhook, signing_keys
from gateway.base.clock import Clock
from gateway.incidents.delivery import Delivery, NotDeliveredError
from gateway.media.model import NS

SECONDS = 10.0
"""How long a receiver may take for one message. What it does with it, it should do afterwards."""
GONE = 410
"""By which a receiver says that it wants no more of this ("Delivery success and failure")."""


class WebHook:
    """Posts to one receiver."""

    most = 1

    def __init__(self, settings: Webhook, tls: ssl.SSLContext, clock: Clock) -> None:
        self._url = settings.url
        self._keys = signing_keys(settings.secret.get_secret_value())
        self._tls = tls
        self._clock = clock
        self._http: aiohttp.ClientSession | None = None

    def wait_seconds(self) -> float:
        """How long it has to be left alone: not at all."""
        return 0.0

    async def send(self, deliveries: Sequence[Delivery]) -> None:
        """Post one message.

        Raises:
            NotDeliveredError: nobody takes it with a status of 200 to 299.
        """
        (delivery,) = deliveries
        body = json.dumps(delivery.message, ensure_ascii=False, separators=(",", ":")).encode()
        headers = signed_headers(self._keys, delivery.message_id, self._clock.utc_ns() // NS, body)
        if self._http is None:
            # A connection of its own for each: one that the receiver has closed meanwhile would cost an attempt.
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, force_close=True),
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        try:
            async with self._http.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                status, reason, asked = response.status, response.reason, response.headers.get("Retry-After", "")
        except TimeoutError as error:
            raise NotDeliveredError(f"no answer within {SECONDS:.0f} seconds") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotDeliveredError(str(error) or type(error).__name__) from error
        if not 200 <= status < 300:
            raise NotDeliveredError(
                f"the receiver answers {status} {reason or ''}".rstrip(),
                retry_after=self._retry_after(asked),
                final=status == GONE,
            )

    async def close(self) -> None:
        """Close the connections; another message opens new ones."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    def _retry_after(self, text: str) -> float:
        """Seconds that the header asks for: a number of them, or a date (RFC 9110 10.2.3); 0 when it says nothing."""
        if text.isascii() and text.isdecimal() and len(text) < 10:
            return float(text)
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - self._clock.utc_ns() / NS)
        except (ValueError, OverflowError):
            return 0.0


def signed_headers(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt, at `timestamp` (seconds since 1970): a signature by each key ("Webhook headers")."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Sightline",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
