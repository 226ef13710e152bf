"""The RTSP client over UDP and TLS."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.base.errors import CameraError, Fault
from gateway.rtsp.client import RtspClient
from gateway.rtsp.headers import Pair, Transport
from gateway.rtsp.protocol import Headers, Response
from tests.rtsp_client_rig import CLOCK, Receiver, digest, refusal, rtp
from tests.scripted_camera import ScriptedCamera, frame, running


def _udp_setup(server_ports: Pair, source: str = "") -> Response:
    value = Transport(False, client_port=(1, 2), server_port=server_ports, source=source).encode()
    return Response(200, Headers.of({"Session": "1", "Transport": value}))


async def test_udp_takes_packets_from_the_camera_alone() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign,
    ):
        theirs.bind(("127.0.0.1", 0))
        foreign.bind(("127.0.0.2", 0))
        theirs.setblocking(False)
        port = theirs.getsockname()[1]
        async with running(ScriptedCamera({"SETUP": [_udp_setup((port, port))]})) as camera:
            receiver = Receiver()
            async with await RtspClient.open(camera.url(), transport="udp", clock=CLOCK) as session:
                await session.play(receiver)
                offers = [Transport.parse(r.headers.get("Transport")) for r in camera.requests if r.method == "SETUP"]
                (first,), (second,) = offers
                assert first.client_port is not None
                assert second.client_port is not None
                assert first.client_port[0] % 2 == 0
                assert len(await asyncio.get_running_loop().sock_recv(theirs, 100)) == 12
                foreign.sendto(rtp(0), ("127.0.0.1", first.client_port[0]))
                theirs.sendto(rtp(1), ("127.0.0.1", first.client_port[0]))
                theirs.sendto(b"sr", ("127.0.0.1", second.client_port[1]))
                await receiver.wait(2)
                assert session.foreign_packets == 1
    assert sorted(receiver.got) == [("rtcp", 1, b"sr"), ("rtp", 0, rtp(1))]


@pytest.mark.parametrize(
    ("setup", "says"),
    [
        (Response(461), "set transport = tcp"),
        (Response(200, Headers.of({"Transport": "RTP/AVP/TCP;interleaved=0-1"})), "not offered"),
        (Response(200, Headers.of({"Transport": "RTP/AVP;multicast;client_port=5000"})), "not offered"),
    ],
)
async def test_a_camera_that_does_not_send_by_udp(setup: Response, says: str) -> None:
    async with running(ScriptedCamera({"SETUP": [setup]})) as camera:
        error = await refusal(camera, transport="udp")
    assert error.fault is Fault.REFUSED
    assert says in error.reason


async def test_rtsps_carries_its_media_within() -> None:
    with pytest.raises(CameraError, match="transport = tcp"):
        await RtspClient.open("rtsps://127.0.0.1/", transport="udp", clock=CLOCK)


async def test_a_port_that_does_not_speak_tls() -> None:
    async with running(ScriptedCamera()) as camera:
        with pytest.raises(CameraError, match="does not speak TLS") as caught:
            await RtspClient.open(camera.url().replace("rtsp:", "rtsps:"), clock=CLOCK)
    assert caught.value.fault is Fault.TLS


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """What a camera with a certificate of its own making listens with."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "camera")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "camera.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_rtsps_with_a_certificate_of_the_cameras_own_making(self_signed: ssl.SSLContext) -> None:
    camera = ScriptedCamera(media=frame(0, rtp(1)))
    digest(camera, basic_only=True)
    async with running(camera, self_signed):
        url = camera.url().replace("rtsp:", "rtsps:")
        with pytest.raises(CameraError, match="tls_verify = false") as caught:
            await RtspClient.open(url, clock=CLOCK)
        assert caught.value.fault is Fault.TLS
        receiver = Receiver()
        async with await RtspClient.open(
            url, username="op", password="secret", clock=CLOCK, tls_verify=False
        ) as session:
            await session.play(receiver)
            await receiver.wait(1)
    assert camera.requests[2].headers.get("Authorization").startswith("Basic ")
