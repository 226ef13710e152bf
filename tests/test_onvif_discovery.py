from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.clock import ManualClock, SystemClock
from onvif_protocol.base import ErrorKind, OnvifError
from onvif_protocol.discovery import Listener, Responder, Target, find_interfaces, probe
from onvif_protocol.discovery_messages import (
    DEVICE,
    GROUP,
    MAX_DATAGRAM,
    NETWORK_VIDEO_TRANSMITTER,
    Bye,
    DiscoveredDevice,
    Hello,
    Matches,
    Message,
    Probe,
    Resolve,
    Sequencing,
    build_bye,
    build_hello,
    build_probe,
    build_probe_matches,
    build_resolve,
    build_resolve_matches,
    is_match,
    merge,
    parse,
    scope,
)
from onvif_protocol.soap import NS, SoapError, qname

DEVICE_12 = DiscoveredDevice(
    endpoint="urn:uuid:00000000-0000-0000-0000-000000000012",
    xaddrs=("http://10.1.2.3/onvif/device_service", "http://[fe80::1]/onvif/device_service"),
    scopes=(
        "onvif://www.onvif.org/type/video_encoder",
        scope("name", "Unit 12 / Süd"),
        "onvif://www.onvif.org/hardware/BWC%2D1",
        "onvif://www.onvif.org/location/country/sweden",
    ),
    types=(NETWORK_VIDEO_TRANSMITTER, DEVICE),
    metadata_version=7,
    address="10.1.2.3",
)
SEQUENCING = Sequencing(1, 2)


# --- Messages


@pytest.mark.parametrize(
    ("datagram", "message"),
    [
        (build_probe(Probe("urn:uuid:1")), Probe("urn:uuid:1")),
        (
            build_probe(Probe("urn:uuid:1", (NETWORK_VIDEO_TRANSMITTER,), (scope("name", "a"),), NS["d"] + "/strcmp0")),
            Probe("urn:uuid:1", (NETWORK_VIDEO_TRANSMITTER,), (scope("name", "a"),), NS["d"] + "/strcmp0"),
        ),
        (build_resolve(Resolve("urn:uuid:1", "urn:uuid:x")), Resolve("urn:uuid:1", "urn:uuid:x")),
        (
            build_probe_matches(Matches("urn:uuid:2", "urn:uuid:1", (DEVICE_12,)), SEQUENCING),
            Matches("urn:uuid:2", "urn:uuid:1", (DEVICE_12,)),
        ),
        (
            build_resolve_matches(Matches("urn:uuid:2", "urn:uuid:1", (DEVICE_12,)), SEQUENCING),
            Matches("urn:uuid:2", "urn:uuid:1", (DEVICE_12,)),
        ),
        (build_hello(Hello("urn:uuid:2", DEVICE_12), SEQUENCING), Hello("urn:uuid:2", DEVICE_12)),
        (build_bye(Bye("urn:uuid:2", "urn:uuid:x"), SEQUENCING), Bye("urn:uuid:2", "urn:uuid:x")),
    ],
)
def test_messages_survive_the_wire(datagram: bytes, message: Message) -> None:
    assert parse(datagram, "10.1.2.3") == message


def test_scopes_say_name_hardware_and_location() -> None:
    assert DEVICE_12.name == "Unit 12 / Süd"
    assert DEVICE_12.hardware == "BWC-1"
    assert DEVICE_12.location == "country/sweden"
    assert DiscoveredDevice("urn:uuid:1").name == ""


def test_a_camera_with_its_own_prefixes_and_a_useless_xaddr_is_understood() -> None:
    datagram = b"""<?xml version="1.0" encoding="utf-8"?>
    <SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"
      xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"
      xmlns:di="http://schemas.xmlsoap.org/ws/2005/04/discovery">
     <SOAP-ENV:Header><w:RelatesTo>uuid:1</w:RelatesTo></SOAP-ENV:Header>
     <SOAP-ENV:Body><di:ProbeMatches><di:ProbeMatch>
      <w:EndpointReference><w:Address>urn:uuid:9</w:Address></w:EndpointReference>
      <di:Types xmlns:z="http://www.onvif.org/ver10/network/wsdl">z:NetworkVideoTransmitter</di:Types>
      <di:XAddrs>http://10.0.0.9/onvif file:///etc/passwd http://[ http://10.0.0.9:0/</di:XAddrs>
      <di:MetadataVersion>many</di:MetadataVersion>
     </di:ProbeMatch></di:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>"""
    expected = DiscoveredDevice(
        "urn:uuid:9", ("http://10.0.0.9/onvif",), types=(NETWORK_VIDEO_TRANSMITTER,), address="10.0.0.9"
    )
    assert parse(datagram, "10.0.0.9") == Matches("", "uuid:1", (expected,))


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"M-SEARCH * HTTP/1.1\r\n\r\n",
        build_bye(Bye("urn:uuid:2", ""), SEQUENCING),
        build_probe(Probe("urn:uuid:1")).replace(b"d:Probe", b"d:Other"),
        build_probe(Probe("urn:uuid:1")) + b" " * MAX_DATAGRAM,
    ],
)
def test_anything_else_is_refused(datagram: bytes) -> None:
    with pytest.raises(SoapError):
        parse(datagram)


@settings(max_examples=100)
@given(st.binary(max_size=200), st.integers(0, 3000), st.integers(0, 40))
def test_damaged_messages_are_understood_or_refused(noise: bytes, at: int, length: int) -> None:
    whole = build_probe_matches(Matches("urn:uuid:2", "urn:uuid:1", (DEVICE_12,)), SEQUENCING)
    with contextlib.suppress(SoapError):
        parse(whole[:at] + noise + whole[at + length :])


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (Probe("", ()), True),
        (Probe("", (NETWORK_VIDEO_TRANSMITTER,)), True),
        (Probe("", (DEVICE, "{urn:other}Printer")), False),
        (Probe("", (), ("onvif://www.onvif.org/location",)), True),
        (Probe("", (), ("ONVIF://WWW.onvif.org/location/country",)), True),
        (Probe("", (), ("onvif://www.onvif.org/loc",)), False),
        (Probe("", (), ("onvif://www.onvif.org/hardware/BWC-1",)), True),
        (Probe("", (), ("onvif://www.onvif.org/location", "onvif://www.onvif.org/name/other")), False),
        (Probe("", (), ("onvif://www.onvif.org/location",), NS["d"] + "/strcmp0"), False),
        (Probe("", (), ("onvif://www.onvif.org/type/video_encoder",), NS["d"] + "/strcmp0"), True),
        (Probe("", (), ("onvif://www.onvif.org/location",), "urn:some-other-rule"), False),
    ],
)
def test_a_probe_matches_by_type_and_scope(wanted: Probe, matches: bool) -> None:
    assert is_match(DEVICE_12, wanted) is matches


def test_answers_of_one_endpoint_become_one_device() -> None:
    other = DiscoveredDevice(DEVICE_12.endpoint, ("http://192.168.0.3/onvif/device_service",), address="192.168.0.3")
    merged = merge(merge(None, DEVICE_12), other)
    assert merged.xaddrs == (*DEVICE_12.xaddrs, *other.xaddrs)
    assert merged.address == "10.1.2.3"


# --- On the network: everything stays on the loopback interface, on a port of its own


@pytest.fixture
def group() -> tuple[str, int]:
    """A multicast address nobody else uses; skips where the loopback interface carries no multicast."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((GROUP, 0))
        receiver.settimeout(5)
        port = receiver.getsockname()[1]
        request = struct.pack(
            "@4s4si", socket.inet_aton(GROUP), socket.inet_aton("127.0.0.1"), socket.if_nametoindex("lo")
        )
        try:
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
                sender.sendto(b"?", (GROUP, port))
            receiver.recv(1)
        except OSError as error:
            pytest.skip(f"no multicast on the loopback interface: {error}")
    return GROUP, port


def target(number: int, host: str = "") -> Target:
    return Target(f"urn:uuid:{number}", 8000 + number, (scope("name", f"Unit {number}"),), host)


def responder(group: tuple[str, int], *targets: Target) -> Responder:
    return Responder(targets, ["lo"], clock=SystemClock(), max_delay=0, group=group)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the network is about to bring."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_probe_finds_every_device_once(group: tuple[str, int]) -> None:
    async with responder(group, target(1), target(2)) as first, responder(group, target(3)):
        found = await probe(["lo"], 10, clock=SystemClock(), limit=3, group=group)
        # A device answers to both types asked for, and the probe is repeated: still one entry each.
        await until(lambda: first.counters.received >= 2)
    assert sorted(device.name for device in found) == ["Unit 1", "Unit 2", "Unit 3"]
    assert {device.xaddrs for device in found if device.name == "Unit 1"} == {
        ("http://127.0.0.1:8001/onvif/device_service",)
    }
    assert {device.address for device in found} == {"127.0.0.1"}


async def test_a_probe_ends_after_its_time_and_asks_twice(group: tuple[str, int]) -> None:
    clock = ManualClock()
    async with responder(group, target(1)) as device:
        probing = asyncio.create_task(probe(["lo"], 2, clock=clock, group=group))
        await until(lambda: device.counters.received == 3)  # its own Hello, and a Probe for each type
        clock.advance(0.3)
        await until(lambda: device.counters.received == 5)
        assert not probing.done()
        clock.advance(2)
        assert [found.name for found in await probing] == ["Unit 1"]


async def test_a_listener_hears_devices_come_and_go(group: tuple[str, int]) -> None:
    heard: list[Hello | Bye] = []
    async with Listener(["lo"], heard.append, group=group):
        async with responder(group, target(1, host="cam.example")):
            await until(lambda: len(heard) == 1)
        await until(lambda: len(heard) == 2)
    hello, bye = heard
    assert isinstance(hello, Hello)
    assert hello.device.name == "Unit 1"
    assert hello.device.xaddrs == ("http://cam.example:8001/onvif/device_service",)
    assert isinstance(bye, Bye)
    assert bye.endpoint == "urn:uuid:1"


async def test_what_a_responder_answers_for_can_change(group: tuple[str, int]) -> None:
    heard: list[Hello | Bye] = []

    def said() -> list[tuple[str, str, int]]:
        """Each message, the endpoint's last character, and the version of what it says."""
        return [
            ("hello", hello.device.endpoint[-1], hello.device.metadata_version)
            if isinstance(hello, Hello)
            else ("bye", hello.endpoint[-1], 0)
            for hello in heard
        ]

    async with Listener(["lo"], heard.append, group=group), responder(group, target(1), target(2)) as device:
        await until(lambda: len(heard) == 2)
        renamed = replace(target(2), scopes=(scope("name", "Another"),), scheme="https")
        device.update([renamed, target(3)])
        await until(lambda: len(heard) == 5)
        device.update([renamed, target(3)])
        device.update([renamed])
        await until(lambda: len(heard) == 6)
        found = await probe(["lo"], 10, clock=SystemClock(), limit=1, group=group)
    assert sorted(said()[2:5]) == [("bye", "1", 0), ("hello", "2", 2), ("hello", "3", 1)]
    assert said()[5] == ("bye", "3", 0), "what stays the same is not said again"
    assert [(d.name, d.xaddrs) for d in found] == [("Another", ("https://127.0.0.1:8002/onvif/device_service",))]


async def test_a_responder_resolves_its_endpoint_and_survives_garbage(group: tuple[str, int]) -> None:
    loop = asyncio.get_running_loop()
    async with responder(group, target(1), target(2)) as device:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.setblocking(False)
            asker.bind(("127.0.0.1", 0))
            asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            asker.sendto(b"garbage", group)
            asker.sendto(b"<" * 60_000, group)
            asker.sendto(build_probe(Probe("urn:uuid:1", (qname("dn:NetworkVideoDisplay"),))), group)
            asker.sendto(build_resolve(Resolve("urn:uuid:2", "urn:uuid:2")), group)
            async with asyncio.timeout(20):
                answer = parse(await loop.sock_recv(asker, 65_536))
    assert isinstance(answer, Matches)
    assert answer.relates_to == "urn:uuid:2"
    assert [found.name for found in answer.devices] == ["Unit 2"]
    assert device.counters.ignored == 2


async def test_a_flood_of_probes_is_answered_only_so_far(group: tuple[str, int]) -> None:
    clock = ManualClock()  # stands still: no answer leaves, all of them pend
    async with Responder([target(1)], ["lo"], clock=clock, group=group) as device:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            for number in range(100):
                asker.sendto(build_probe(Probe(f"urn:uuid:{number}")), group)
                await asyncio.sleep(0)
        await until(lambda: device.counters.received == 101)
        assert clock.sleepers == 64
        assert device.counters.ignored == 36


async def test_an_unknown_interface_is_named() -> None:
    with pytest.raises(OnvifError, match="no-such-interface") as caught:
        await probe(["no-such-interface"], 1, clock=SystemClock())
    assert caught.value.kind is ErrorKind.INTERFACE


def test_no_name_means_every_interface() -> None:
    everywhere = find_interfaces([])
    assert find_interfaces(["lo"])[0] in everywhere
    assert all(interface.address for interface in everywhere)
