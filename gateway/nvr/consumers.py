"""The way to those who are told of events by HTTP (ONVIF's base notification).

Whoever subscribes names the address that events are posted to, and so could send the gateway to any address that it
reaches. It posts to the address that the subscriber itself came from, and to networks that the settings name, whatever
a name resolves to at the time; redirects are not followed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from onvif_protocol.soap import CONTENT_TYPE

SECONDS = 5.0
"""For one post, from the look-up of the name to the answer."""
MAX_URL = 1000


class NotAllowedError(OSError):
    """Nothing is posted there."""


class HttpConsumers:
    """Posts to consumers. `networks` are those that the settings name now."""

    def __init__(self, networks: Callable[[], Sequence[str]]) -> None:
        self._networks = networks

    def refusal(self, url: str, peer: str) -> str | None:
        """See `onvif_protocol.pushing.Consumers`. A name is looked up when something is posted."""
        try:
            parts = URL(url)
            host = parts.host
        except ValueError:
            return "the consumer's address is no URL"
        if parts.scheme not in {"http", "https"} or not host or parts.user is not None or len(url) > MAX_URL:
            return "events are posted to an address of http or https, without a password in it"
        literal = _address(host)
        if literal is None or self._allowed(literal, peer):
            return None
        return (
            "events are posted to the address that asks for them, and to networks that the settings name"
            f' ("onvif.notify_networks"): {literal} is neither'
        )

    async def post(self, url: str, peer: str, message: bytes) -> None:
        """See `onvif_protocol.pushing.Consumers`."""
        if (refusal := self.refusal(url, peer)) is not None:
            raise NotAllowedError(refusal)
        # Whoever receives decides how much its certificate is worth: it could have asked for plain HTTP.
        connector = aiohttp.TCPConnector(resolver=_Resolver(self, peer), ssl=False, force_close=True)
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        headers = {"Content-Type": CONTENT_TYPE}
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.post(url, data=message, headers=headers, allow_redirects=False) as response,
            ):
                if response.status >= 300:
                    raise OSError(f"the consumer answers with status {response.status}")
        except aiohttp.ClientConnectorError as error:
            raise error.os_error from error  # the resolver's own, or the system's
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OSError(str(error) or type(error).__name__) from error

    def _allowed(self, address: IPv4Address | IPv6Address, peer: str) -> bool:
        """Whether something may be posted to an address for a subscriber at `peer`."""
        return address == _address(peer) or any(address in ip_network(network) for network in self._networks())


class _Resolver(AbstractResolver):
    """Looks names up, and finds allowed addresses alone."""

    def __init__(self, consumers: HttpConsumers, peer: str) -> None:
        self._consumers = consumers
        self._peer = peer
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)  # type: ignore[arg-type]
        allowed = [
            one
            for one in found
            if (address := _address(one["host"])) is not None and self._consumers._allowed(address, self._peer)
        ]
        if not allowed:
            raise NotAllowedError(f"{host} is at no address that events may be posted to")
        return allowed

    async def close(self) -> None:
        await self._inner.close()


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
