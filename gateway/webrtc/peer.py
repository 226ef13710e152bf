"""One viewer's transport: where it is, whether it still wants media, its DTLS association and its streams.

Here belongs the life of a peer from the answer to its end. The socket is in `port`, what is sent in `outlet`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from gateway.base.clock import Clock
from gateway.base.metrics import BAD_INPUT
from gateway.media.rtcp import (
    BitrateEstimate,
    FullIntraRequest,
    Nack,
    PictureLossIndication,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    parse_rtcp,
)
from gateway.media.rtp import RtpError
from gateway.webrtc.datachannel import DataChannels
from gateway.webrtc.dtls import Certificate, Dtls, DtlsError
from gateway.webrtc.ice import Credentials
from gateway.webrtc.outlet import Outlet
from gateway.webrtc.port import Port, Route
from gateway.webrtc.srtp import SrtpContext, SrtpError

log = logging.getLogger(__name__)

CONNECT_SECONDS = 15.0
"""From the answer to the end of the DTLS handshake."""
CONSENT_SECONDS = 25.0
"""Without an authenticated Binding request the viewer is gone (RFC 7675 5.1 allows 30 at most; they come every few)."""


class PeerListener(Protocol):
    """Hears of the peer's life while it runs. Whoever inherits from this need not care for what is sent to a viewer."""

    def connected(self) -> None:
        """Keys are agreed: media may flow."""

    def keyframe_wanted(self) -> None:
        """The viewer's decoder cannot go on (PLI, FIR)."""
        return

    def packets_wanted(self, outlet: Outlet, count: int) -> int:
        """The viewer lacks so many packets of `outlet` (NACK); how many are to be sent again."""
        return count

    def reported(self, outlet: Outlet, block: ReportBlock) -> None:
        """The viewer says how `outlet` arrives (receiver report)."""
        return

    def estimated(self, bitrate: int) -> None:
        """The viewer says how many bits a second it believes to get through (REMB)."""
        return


class Peer:
    """Run by its owner as one task, `run`; cancelling that ends it. Not on the packet path of media."""

    def __init__(
        self,
        port: Port,
        certificate: Certificate,
        fingerprints: tuple[tuple[str, str], ...],
        clock: Clock,
        *,
        sctp_port: int | None = None,
        on_rtp: Callable[[bytes], None] | None = None,
    ) -> None:
        """`on_rtp` takes the RTP packets of a peer that speaks; without it, what comes is refused."""
        self.port = port
        self.credentials = Credentials.make()
        self.address: Route | None = None
        """Where media goes: the first authenticated address or TCP connection, then the one last nominated."""
        self.srtp: SrtpContext | None = None
        """Set once the handshake is done, None again when the peer is gone."""
        self.data: DataChannels | None = None
        """Set once the handshake is done, for a viewer that offered data channels at `sctp_port`."""
        self._sctp_port = sctp_port
        self._on_rtp = on_rtp
        self._clock = clock
        self._listener: PeerListener | None = None
        self._outlets: dict[int, Outlet] = {}
        self._created = self._heard = clock.monotonic()
        self._dtls = Dtls(certificate, fingerprints, self._send)
        self._silent = False

    def add_outlet(self, outlet: Outlet) -> None:
        """Let feedback find `outlet` by its SSRC."""
        self._outlets[outlet.ssrc] = outlet

    @property
    def outlets(self) -> tuple[Outlet, ...]:
        """The streams of this peer."""
        return tuple(self._outlets.values())

    def restart_ice(self) -> Credentials:
        """New credentials of ours (RFC 8445 9). The old ones hold until these are used; media goes on meanwhile."""
        self.credentials = Credentials.make()
        self.port.renew(self)
        return self.credentials

    def expire(self) -> None:
        """End the peer if it never connected in time, or stopped asking for media. Call this every second or so."""
        now = self._clock.monotonic()
        late = self.srtp is None and now - self._created > CONNECT_SECONDS
        if late or now - self._heard > CONSENT_SECONDS:
            self._silent = True
            self._dtls.give_up()

    async def run(self, listener: PeerListener) -> str:
        """Shake hands, then wait for the end; returns its reason. Nothing of the peer remains then."""
        self._listener = listener
        self.port.add(self)
        try:
            keys = await self._dtls.handshake()
            self.srtp = SrtpContext(keys)
            for outlet in self.outlets:
                outlet.open()
            log.debug("peer %s connected with %s", self.credentials.ufrag, keys.profile)
            if self._sctp_port is not None:
                self.data = await self._dtls.open_data(self._sctp_port, self._clock)
            listener.connected()
            await self._dtls.closed()
        except DtlsError as error:
            return f"{error} within {CONNECT_SECONDS:.0f} s" if self._silent else str(error)
        finally:
            self.port.remove(self)
            self.srtp = None
            self._listener = None
            for outlet in self.outlets:
                outlet.close()
            self._outlets.clear()
            if self.data is not None:
                await self.data.close()
                self.data = None
            await self._dtls.close()
        return "the viewer fell silent" if self._silent else "closed by the viewer"

    # ---- what the port calls

    def bound(self, source: Route, *, nominated: bool) -> None:
        """See `port.PortPeer`."""
        self._heard = self._clock.monotonic()
        if (nominated or self.address is None) and source != self.address:
            self.address = source
            for outlet in self.outlets:
                outlet.aim()

    def dtls_received(self, datagram: bytes) -> None:
        """See `port.PortPeer`."""
        self._dtls.receive(datagram)

    def rtcp_received(self, datagram: bytes) -> None:
        """See `port.PortPeer`."""
        if self.srtp is None or self._listener is None:
            return
        try:
            packets = parse_rtcp(self.srtp.unprotect_rtcp(datagram))
        except (SrtpError, RtpError):
            BAD_INPUT.labels("", "SRTCP").inc()
            return
        for packet in packets:
            match packet:
                case Nack(media_ssrc=ssrc, sequences=sequences):
                    if outlet := self._outlets.get(ssrc):
                        outlet.resend(sequences[: self._listener.packets_wanted(outlet, len(sequences))])
                case PictureLossIndication() | FullIntraRequest():
                    self._listener.keyframe_wanted()
                case ReceiverReport() | SenderReport():
                    for block in packet.blocks:
                        if outlet := self._outlets.get(block.ssrc):
                            self._listener.reported(outlet, block)
                case BitrateEstimate(bitrate=bitrate):
                    self._listener.estimated(bitrate)
                case _:
                    pass

    def rtp_received(self, datagram: bytes) -> None:
        """See `port.PortPeer`."""
        if self.srtp is None or self._listener is None:
            return
        if self._on_rtp is None:
            BAD_INPUT.labels("", "media of a viewer").inc()
            return
        try:
            packet = self.srtp.unprotect(datagram)
        except SrtpError:
            BAD_INPUT.labels("", "SRTP").inc()
            return
        self._on_rtp(packet)

    def _send(self, datagram: bytes) -> None:
        if self.address is not None:
            self.port.send(datagram, self.address)
