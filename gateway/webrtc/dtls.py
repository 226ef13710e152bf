"""DTLS-SRTP (RFC 5763, RFC 5764) with aiortc's RTCDtlsTransport over a transport of our own.

This and `datachannel` are the only modules that reach into aiortc's underscore names; the minor version is pinned for
their sake. It turns datagrams of one peer into keys and tells when the peer closes. SRTP never passes through aiortc.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final, cast

from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_PROFILES,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    SRTPProtectionProfile,
    State,
)
from aiortc.rtcicetransport import RTCIceTransport

from gateway.base.clock import Clock
from gateway.webrtc.datachannel import DataChannels
from gateway.webrtc.srtp import SrtpKeys

MAX_QUEUED = 32
"""Datagrams of one peer waiting for the handshake to read them. A flight has fewer than ten."""

_SESS_CACHE_OFF = 0
"""OpenSSL's SSL_SESS_CACHE_OFF."""


class DtlsError(Exception):
    """The handshake failed: another certificate than the offer's fingerprint names, no common cipher, or given up."""


class _OneContext(RTCCertificate):
    """A certificate whose sessions share an OpenSSL context, of which each would otherwise hold 21 KB."""

    _context: Any = None

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> Any:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            self._context.set_session_cache_mode(_SESS_CACHE_OFF)  # it would keep the sessions that have ended
        return self._context


class Certificate:
    """The self-signed certificate of this process (RFC 5763 5): one serves every session."""

    def __init__(self) -> None:
        self.rtc: Final = _OneContext.generateCertificate()
        self.fingerprint: Final = next(f.value for f in self.rtc.getFingerprints() if f.algorithm == "sha-256")
        """SHA-256, as in `a=fingerprint:sha-256 …`."""


class _Link:
    """What RTCDtlsTransport asks of an ICE transport."""

    role = "controlled"
    state = "completed"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._transmit = send
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue(MAX_QUEUED)
        self._gone = False

    def receive(self, datagram: bytes) -> None:
        """Raises asyncio.QueueFull."""
        self._incoming.put_nowait(datagram)

    def give_up(self) -> None:
        """Whoever waits for the next datagram gets a ConnectionError instead."""
        self._gone = True
        if self._incoming.empty():
            self._incoming.put_nowait(b"")

    def forget(self) -> None:
        """Nothing is sent any more."""
        self._transmit = _nowhere

    async def _send(self, data: bytes) -> None:
        self._transmit(data)

    async def _recv(self) -> bytes:
        datagram = await self._incoming.get()
        if self._gone:
            raise ConnectionError
        return datagram


def _nowhere(_: bytes) -> None:
    """Where datagrams go once the association is closed."""


class Dtls:
    """The server side of one peer's DTLS association. One task calls `handshake`, `closed` and `close`, in that order.

    `send` takes a datagram for the peer and must not block.
    """

    def __init__(
        self, certificate: Certificate, fingerprints: tuple[tuple[str, str], ...], send: Callable[[bytes], None]
    ) -> None:
        self.dropped = 0
        """Datagrams that found the queue full."""
        self._link = _Link(send)
        self._remote = RTCDtlsParameters([RTCDtlsFingerprint(algorithm, value) for algorithm, value in fingerprints])
        self._transport = RTCDtlsTransport(cast("RTCIceTransport", self._link), [certificate.rtc])
        self._transport._set_role("server")
        # The server's order decides. AES-128-GCM first: the cheapest to compute, and strong enough.
        self._transport._srtp_profiles = sorted(SRTP_PROFILES, key=lambda p: p is not SRTP_AEAD_AES_128_GCM)
        self._ended = asyncio.Event()
        self._transport.on("statechange", self._state_changed)

    def receive(self, datagram: bytes) -> None:
        """Take one DTLS datagram (first byte 20 to 63, RFC 7983) from the peer."""
        try:
            self._link.receive(datagram)
        except asyncio.QueueFull:
            self.dropped += 1

    def give_up(self) -> None:
        """The peer will not be heard of again: `handshake` fails, `closed` returns."""
        self._link.give_up()

    async def handshake(self) -> SrtpKeys:
        """Wait for the peer's ClientHello, shake hands, and export the keys.

        Raises:
            DtlsError: see there.
        """
        await self._transport.start(self._remote)
        # Before Python 3.12 asyncio.wait_for, by which aiortc waits, forgets a cancellation that comes with a datagram.
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError
        if self._transport._state is not State.CONNECTED:
            raise DtlsError("the DTLS handshake did not succeed")
        ssl = self._transport._ssl
        assert ssl is not None
        chosen = ssl.get_selected_srtp_profile()
        profile = next(p for p in self._transport._srtp_profiles if p.openssl_profile == chosen)
        length = 2 * (profile.key_length + profile.salt_length)
        # Media never passes through here: what libsrtp would keep for it is not needed. (aiortc begins with None, too.)
        self._transport._rx_srtp = self._transport._tx_srtp = None  # type: ignore[assignment]
        return _server_keys(profile, ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", length))

    async def open_data(self, remote_port: int, clock: Clock) -> DataChannels:
        """Data channels in this association, after the handshake. Close them before this."""
        channels = DataChannels(self._transport, clock)
        with contextlib.suppress(ConnectionError):  # it has ended already, as `closed` will tell
            await channels.start(remote_port)
        return channels

    async def closed(self) -> None:
        """Return when the peer has said close_notify, or was given up."""
        await self._ended.wait()

    async def close(self) -> None:
        """Say close_notify and let go of everything. Idempotent."""
        pump = self._transport._task
        await self._transport.stop()
        if pump is not None:
            await asyncio.wait([pump])
        self._transport.remove_all_listeners()
        # OpenSSL's 40 KB and the way back to the peer go now, not when the cycles are collected: perhaps in an hour.
        self._transport._ssl = None
        self._link.forget()

    def _state_changed(self) -> None:
        if self._transport._state in (State.CLOSED, State.FAILED):
            self._ended.set()


def _server_keys(profile: SRTPProtectionProfile, material: bytes) -> SrtpKeys:
    # Index 0 is what the client writes with, 1 what the server does (RFC 5764 4.2).
    return SrtpKeys(
        profile.openssl_profile.decode(),
        profile.libsrtp_profile,
        send=profile.get_key_and_salt(material, 1),
        receive=profile.get_key_and_salt(material, 0),
    )
