"""SOAP over HTTP toward one camera: bounded in size and time, signed, its failures turned into OnvifError.

Here belongs what every call to a camera has in common. What is called belongs to `camera`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field

import aiohttp

from onvif_protocol.base import Clock, ErrorKind, OnvifError
from onvif_protocol.camera_media import origin
from onvif_protocol.soap import (
    CONTENT_TYPE,
    MAX_XML_BYTES,
    Element,
    Envelope,
    SoapError,
    build_envelope,
    build_username_token,
    parse_envelope,
    raise_for_fault,
)


@dataclass(slots=True)
class Credentials:
    """Signs messages with the camera's clock: a digest made with another time is refused."""

    username: str
    password: str = field(repr=False)
    clock: Clock
    skew_ns: int = 0

    def header(self) -> Element | None:
        """The signature of one message, None without a user name."""
        if not self.username:
            return None
        now = self.clock.utc_ns() + self.skew_ns
        return build_username_token(self.username, self.password, nonce=os.urandom(16), utc_ns=now)


class Channel:
    """SOAP over HTTP to one camera. HTTP digest answers a challenge, WS-UsernameToken signs every message."""

    def __init__(self, credentials: Credentials, timeout: float) -> None:
        self.credentials = credentials
        self.peers: set[str] = set()
        """The addresses that answered, as numbers."""
        self._digest = (
            (aiohttp.DigestAuthMiddleware(credentials.username, credentials.password),) if credentials.username else ()
        )
        # Cameras sign their own certificates, so there is nothing to verify them against.
        connector = aiohttp.TCPConnector(ssl=False, limit=4)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=timeout))

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def call(self, url: str, body: Element, *, signed: bool = True, headers: Iterable[Element] = ()) -> Envelope:
        """Send `body` and return the answer. Raises OnvifError, FaultError."""
        header = self.credentials.header() if signed else None
        blocks = [*map(deepcopy, headers), *([] if header is None else [header])]
        message = build_envelope(body, blocks, keep=("tns1",) if blocks[1:] else ())
        return raise_for_fault(self._parse(url, *await self._post(url, message, CONTENT_TYPE, signed=signed)))

    async def post(self, url: str, message: bytes, content_type: str, *, signed: bool) -> bytes:
        """Send a whole message and return an answer that is safe to parse again. Raises OnvifError, FaultError."""
        status, data = await self._post(url, message, content_type, signed=signed)
        raise_for_fault(self._parse(url, status, data))
        return data

    def _parse(self, url: str, status: int, data: bytes) -> Envelope:
        try:
            return parse_envelope(data)
        except SoapError as error:
            where = origin(url)
            if status in (401, 403):
                raise OnvifError(f"{where} refuses the user name or password", ErrorKind.AUTHENTICATION) from None
            reason = f"what answers at {where} is not an ONVIF device: HTTP status {status}, {error}"
            raise OnvifError(reason, ErrorKind.NOT_ONVIF) from None

    async def _post(self, url: str, message: bytes, content_type: str, *, signed: bool) -> tuple[int, bytes]:
        where = origin(url)
        try:
            async with self._session.post(
                url,
                data=message,
                headers={"Content-Type": content_type},
                middlewares=self._digest if signed else (),
                allow_redirects=False,  # the message is signed for this camera, not for whoever it names
            ) as response:
                if response.connection is not None and response.connection.transport is not None:
                    self.peers.add(response.connection.transport.get_extra_info("peername")[0])
                if 300 <= response.status < 400:
                    reason = f"{where} redirects to another address (HTTP status {response.status}); enter that one"
                    raise OnvifError(reason, ErrorKind.NOT_ONVIF)
                data = bytearray()
                async for chunk in response.content.iter_chunked(65_536):
                    data += chunk
                    if len(data) > MAX_XML_BYTES:
                        reason = f"the answer of {where} is longer than {MAX_XML_BYTES} bytes"
                        raise OnvifError(reason, ErrorKind.NOT_ONVIF)
                return response.status, bytes(data)
        except TimeoutError:
            raise OnvifError(f"{where} does not answer in time", ErrorKind.TIMEOUT) from None
        except aiohttp.ClientSSLError:
            raise OnvifError(f"no TLS connection to {where} could be made", ErrorKind.TLS) from None
        except aiohttp.ClientConnectorError as error:
            cause = error.os_error.strerror or str(error.os_error)
            raise OnvifError(f"{where} cannot be reached: {cause}", ErrorKind.UNREACHABLE) from None
        except aiohttp.InvalidURL:
            raise OnvifError(f"the address {where} is not a URL", ErrorKind.NOT_ONVIF) from None
        except (aiohttp.ClientError, OSError) as error:
            reason = f"what answers at {where} does not speak HTTP properly ({type(error).__name__})"
            raise OnvifError(reason, ErrorKind.NOT_ONVIF) from None
