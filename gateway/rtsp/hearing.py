"""The server's end of a backchannel: what a client sends reaches who hears it (ONVIF Streaming Specification 5.3).

Here belongs the way in for a track that was set up, within the RTSP connection or by UDP. What may be sent is described
by `backchannel`; what becomes of the sound is for whoever serves the presentation.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.rtsp.headers import Pair, Transport
from gateway.rtsp.presentation import Back
from gateway.rtsp.protocol import Route
from gateway.rtsp.udp import PortPair

Ending = Callable[[], None]


def hear_within(back: Back, channels: Pair, routes: list[Route | None]) -> tuple[Transport, Ending]:
    """Take what comes by `channels` of a connection with these `routes`; the answer, and what ends it."""
    routes[channels[0]] = back.take
    routes[channels[1]] = _ignore

    def end() -> None:
        routes[channels[0]] = routes[channels[1]] = None

    return Transport(tcp=True, interleaved=channels, mode="PLAY"), end


async def hear_datagrams(
    back: Back, client_port: Pair, local: str, remote: str, on_report: Callable[[], None]
) -> tuple[Transport, Ending]:
    """Take what `remote` sends to a pair of ports of `local`; its reports are signs of life.

    Raises:
        OSError: there are no such ports.
    """
    ports = await PortPair.open(local, back.take, lambda _: on_report())
    ports.connect(remote, client_port, knock=False)
    return Transport(tcp=False, client_port=client_port, server_port=ports.numbers, mode="PLAY"), ports.close


def _ignore(_: list[bytes]) -> None:
    """Reports of a client that TCP itself says is there."""
