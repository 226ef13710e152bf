"""Asking others over HTTP, within bounds: issuers of people's or machines' log-ins, and who stamps time.

What is asked and what an answer means belongs to whoever asks.
"""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from gateway.base.errors import LaterError

SECONDS = 5.0
MAX_BYTES = 256 << 10


class IssuerUnreachableError(LaterError):
    """Whoever was asked does not answer, or not as it should."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url} does not answer as it should: {why}", retry_after=30)


class Fetcher:
    """One HTTP client for all of them. Redirects are not followed: what they lead to vouches for nobody."""

    def __init__(self) -> None:
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()

    async def get(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """The JSON object at `url`.

        Raises:
            IssuerUnreachableError: there is none within bounds.
        """
        status, body = await self._call("GET", url, headers=headers)
        if status != 200:
            raise IssuerUnreachableError(url, f"status {status}")
        return body

    async def post(self, url: str, body: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of a form that is posted.

        Raises:
            IssuerUnreachableError: no JSON object comes within bounds.
        """
        return await self._call("POST", url, data=body, headers=headers)

    async def exchange(self, url: str, body: bytes, content_type: str, answer_type: str) -> bytes:
        """What a POST of `body` is answered with.

        Raises:
            IssuerUnreachableError: no answer of that type comes within bounds.
        """
        headers = {"Content-Type": content_type, "Accept": answer_type}
        status, answered, raw = await self._send("POST", url, data=body, headers=headers)
        if status != 200:
            raise IssuerUnreachableError(url, f"status {status}")
        if answered != answer_type:
            raise IssuerUnreachableError(url, f"the answer is {answered}, not {answer_type}")
        return raw

    async def _call(self, method: str, url: str, **more: Any) -> tuple[int, dict[str, Any]]:
        status, _, raw = await self._send(method, url, **more)
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            raise IssuerUnreachableError(url, "the answer is not JSON") from None
        if not isinstance(value, dict):
            raise IssuerUnreachableError(url, "the answer is no JSON object")
        return status, value

    async def _send(self, method: str, url: str, **more: Any) -> tuple[int, str, bytes]:
        """Status, type and body of the answer."""
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS))
        try:
            async with self._http.request(method, url, allow_redirects=False, **more) as response:
                raw = b""
                while len(raw) <= MAX_BYTES and (more_bytes := await response.content.read(MAX_BYTES + 1 - len(raw))):
                    raw += more_bytes
                if len(raw) > MAX_BYTES:
                    raise IssuerUnreachableError(url, "the answer is too long")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise IssuerUnreachableError(url, str(error) or type(error).__name__) from error
        return response.status, response.content_type, raw
