"""RTSP messages and the connection parser: recorded replies, quirks, junk, limits, any chunking."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rtsp.protocol import (
    MAX_BODY,
    MAX_HEADER,
    MAX_SKIPPED,
    Connection,
    Event,
    Headers,
    RemoteProtocolError,
    Request,
    Response,
    Role,
    interleaved_header,
)
from tests.data import shared

RTP = bytes((0x80, 96)) + bytes(range(40))


def frame(channel: int, packet: bytes) -> bytes:
    return interleaved_header(channel, len(packet)) + packet


def parse(data: bytes, role: Role = Role.CLIENT, chunk: int = 0, channels: frozenset[int] = frozenset()) -> list[Event]:
    connection = Connection(role)
    connection.channels = channels
    return feed(connection, data, chunk)


def feed(connection: Connection, data: bytes, chunk: int = 0) -> list[Event]:
    events: list[Event] = []
    for at in range(0, len(data), chunk or len(data) or 1):
        events += connection.receive(data[at : at + (chunk or len(data))])
    return events


def outcome(data: bytes, role: Role, chunk: int, channels: frozenset[int]) -> tuple[list[Event], bool, int]:
    """The events, whether an error ended them, and the bytes skipped."""
    connection = Connection(role, max_header=200, max_body=300)
    connection.channels = channels
    events: list[Event] = []
    try:
        for at in range(0, len(data), chunk):
            for event in connection.receive(data[at : at + chunk]):
                events.append(event)
    except RemoteProtocolError as error:
        failed = error
    else:
        return events, False, connection.skipped
    assert 0 <= failed.offset <= len(data)
    with pytest.raises(RemoteProtocolError):
        list(connection.receive(b"x"))
    return events, True, connection.skipped


@pytest.mark.parametrize(
    "name",
    [
        "bunny_describe", "bunny_play", "bunny_setup", "dahua_describe_h264_aac_onvif", "dahua_describe_h265_pcma",
        "dahua_options", "dahua_play", "dahua_setup", "hikvision_describe", "hikvision_play", "hikvision_setup",
        "longse_unauthorized", "reolink_describe", "reolink_play", "reolink_setup", "reolink_teardown",
    ],
)  # fmt: skip
def test_recorded_replies_of_real_cameras(name: str) -> None:
    data = shared(f"rtsp/{name}.txt").read_bytes()
    whole = parse(data)
    assert len(whole) == 1
    assert isinstance(whole[0], Response)
    assert whole[0].status == (401 if "unauthorized" in name else 200)
    assert whole[0].headers.get("cseq").isdigit()
    assert parse(data, chunk=1) == whole


def test_header_names_in_any_case_folded_and_broken_lines() -> None:
    connection = Connection(Role.CLIENT)
    data = b"RTSP/1.0  200\ncSEQ:7\nPublic: OPTIONS,\n DESCRIBE\nno colon here\nX:\n\n"
    [response] = connection.receive(data)
    assert isinstance(response, Response)
    assert response.headers.fields == (("cSEQ", "7"), ("Public", "OPTIONS, DESCRIBE"), ("X", ""))
    assert "CSeq" in response.headers
    assert "cseqs" not in response.headers
    assert response.headers.get("Absent", "?") == "?"
    assert connection.ignored_lines == 1


def test_a_url_with_spaces_and_a_foreign_version_reach_the_server() -> None:
    data = b"DESCRIBE rtsp://h/my camera RTSP/2.0\r\nCSeq: 1\r\n\r\n"
    assert parse(data, Role.SERVER) == [
        Request("DESCRIBE", "rtsp://h/my camera", Headers.of({"CSeq": "1"}), version="2.0")
    ]


@pytest.mark.parametrize("chunk", [0, 1, 3])
def test_responses_lie_between_interleaved_frames(chunk: int) -> None:
    reply = Response(200, Headers.of({"CSeq": "3"}), b"$\x00\x00\x05 a body full of $")
    data = frame(0, RTP) + reply.encode() + b"\r\n\r\n" + frame(1, b"") + frame(200, RTP)
    events = parse(data, chunk=chunk)
    assert events[0] == (0, RTP)
    assert isinstance(events[1], Response)
    assert events[1].body == reply.body
    assert events[2:] == [(1, b""), (200, RTP)]


def test_packets_outlive_the_buffer() -> None:
    connection = Connection(Role.CLIENT)
    [first] = connection.receive(frame(0, RTP))
    for _ in range(50):
        list(connection.receive(frame(0, bytes(60_000))))
    assert first == (0, RTP)


@pytest.mark.parametrize("chunk", [0, 1, 1448])
def test_a_route_takes_the_packets_of_its_channel_in_order_with_the_events(chunk: int) -> None:
    connection = Connection(Role.CLIENT)
    got: list[object] = []
    connection.routes[0] = lambda packets: got.extend((0, packet) for packet in packets)
    connection.routes[1] = lambda packets: got.extend((1, packet) for packet in packets)
    reply = Response(200, Headers.of({"CSeq": "3"}))
    sent: list[tuple[int, bytes]] = [(n // 2 % 3, RTP * (n % 90)) for n in range(100)]
    data = b"".join(frame(*packet) for packet in sent)
    for at in range(0, len(data), chunk or len(data)):
        for event in connection.receive(data[at : at + (chunk or len(data))]):
            got.append(event)
    got += connection.receive(reply.encode())
    assert got[:-1] == sent
    assert isinstance(got[-1], Response)
    assert not connection.incomplete


def test_packets_in_a_row_on_one_channel_come_at_once_and_none_after_the_route_is_gone() -> None:
    connection = Connection(Role.CLIENT)
    got: list[list[bytes]] = []

    def take(packets: list[bytes]) -> None:
        got.append(packets)
        connection.routes[0] = None

    connection.routes[0] = take
    data = frame(0, b"one") + frame(0, b"two") + frame(1, b"else") + frame(0, b"three") + b"$"
    assert list(connection.receive(data)) == [(1, b"else"), (0, b"three")]
    assert got == [[b"one", b"two"]]
    assert connection.incomplete


@pytest.mark.parametrize("chunk", [0, 1])
def test_junk_between_frames_is_passed_over(chunk: int) -> None:
    junk = b"\x00\x17$\x63\x00\x20\x80$\x00\x00\x02\x80RTSP/2 nonsense"
    connection = Connection(Role.CLIENT)
    connection.channels = frozenset((0, 1))
    reply = Response(200, Headers.of({"CSeq": "3"})).encode()
    events = feed(connection, frame(0, RTP) + junk + frame(1, RTP) + junk + reply + frame(0, RTP), chunk)
    assert [type(event) for event in events] == [tuple, tuple, Response, tuple]
    assert events[1] == (1, RTP)
    assert connection.skipped == 2 * len(junk)


def test_junk_without_end_is_given_up() -> None:
    connection = Connection(Role.CLIENT)
    connection.channels = frozenset((0, 1))
    with pytest.raises(RemoteProtocolError, match="in a row") as caught:
        list(connection.receive(frame(0, RTP) + bytes(MAX_SKIPPED + 100)))
    assert caught.value.offset == len(frame(0, RTP)) + MAX_SKIPPED
    assert caught.value.where == f"byte {caught.value.offset}"


@pytest.mark.parametrize(
    ("role", "data", "says"),
    [
        (Role.CLIENT, b"HTTP/1.1 400 Bad Request\r\n\r\n", "not RTSP.*HTTP"),
        (Role.CLIENT, b"SSH-2.0-OpenSSH_9.6\r\n", "not RTSP.*SSH"),
        (Role.CLIENT, b"RTSP/1.0 OK\r\n\r\n", "not RTSP"),
        (Role.SERVER, b"\x16\x03\x01\x02\x00", "not RTSP"),
        (Role.SERVER, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not RTSP.*GET"),
        (Role.SERVER, b"A" * 40, "not RTSP"),
        (Role.SERVER, b"RTSP/1.0 200 OK\r\n\r\n", "not RTSP"),
        (Role.CLIENT, b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", "Content-Length"),
        (Role.CLIENT, b"RTSP/1.0 200 OK\r\nContent-Length: 1\r\nContent-length: 2\r\n\r\n", "Content-Length"),
        (Role.CLIENT, b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), "body"),
        (Role.CLIENT, b"RTSP/1.0 200 OK\r\nX: " + b"a" * MAX_HEADER, "header"),
    ],
)
def test_what_is_not_rtsp_says_so(role: Role, data: bytes, says: str) -> None:
    with pytest.raises(RemoteProtocolError, match=says):
        parse(data, role)
    with pytest.raises(RemoteProtocolError):
        parse(data, role, chunk=1)


def test_events_before_an_error_are_delivered() -> None:
    connection = Connection(Role.CLIENT)
    events = connection.receive(frame(0, RTP) + b"junk")
    assert next(events) == (0, RTP)
    with pytest.raises(RemoteProtocolError) as caught:
        next(events)
    assert caught.value.offset == len(frame(0, RTP))


def test_a_cut_off_message_is_incomplete() -> None:
    connection = Connection(Role.CLIENT)
    assert not connection.incomplete
    assert list(connection.receive(b"RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabc")) == []
    assert connection.incomplete
    [response] = connection.receive(b"de")
    assert isinstance(response, Response)
    assert response.body == b"abcde"
    assert not connection.incomplete


def test_messages_encode_with_their_length() -> None:
    request = Request("SETUP", "rtsp://h/a", Headers.of([("CSeq", "1"), ("X", "ü")]), b"body")
    assert request.encode() == "SETUP rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\nX: ü\r\nContent-Length: 4\r\n\r\nbody".encode()
    assert Response(454).encode() == b"RTSP/1.0 454 Session Not Found\r\n\r\n"
    assert Response(299, reason="Well").encode() == b"RTSP/1.0 299 Well\r\n\r\n"
    assert Headers.of({"A": "1", "b": "2"}).replaced("B", "3").fields == (("A", "1"), ("B", "3"))


@pytest.mark.parametrize(
    "message",
    [
        Request("PLAY", "rtsp://h/\r\nX: y"),
        Response(200, Headers.of({"A": "b\nC: d"})),
        Response(200, Headers.of({"A b": "c"})),
        Response(200, reason="OK\r\n"),
    ],
)
def test_a_line_break_cannot_be_smuggled_into_a_message(message: Request | Response) -> None:
    with pytest.raises(ValueError, match=r"RTSP message|header field"):
        message.encode()


def test_an_interleaved_header_holds_what_fits() -> None:
    assert interleaved_header(255, 65535) == b"$\xff\xff\xff"
    with pytest.raises(ValueError, match="65536"):
        interleaved_header(0, 65536)


pieces = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            frame(0, RTP),
            frame(1, b""),
            frame(9, RTP),
            b"$",
            b"RTSP/1.0 200 OK\r\n",
            b"RTSP/1.",
            b"CSeq: 1\r\n",
            b"\r\n",
            b"\n",
            b"Content-Length: 3\r\n\r\n",
            b"OPTIONS * RTSP/1.0\r\n\r\n",
            b"OPTIONS",
        ]
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces, max_size=12).map(b"".join), st.sampled_from(Role), st.booleans(), st.integers(1, 7))
def test_any_chunking_gives_the_same_events(data: bytes, role: Role, known: bool, chunk: int) -> None:
    channels = frozenset((0, 1)) if known else frozenset[int]()
    assert outcome(data, role, chunk, channels) == outcome(data, role, max(len(data), 1), channels)


names = st.text("abcXYZ-", min_size=1, max_size=8).filter(lambda name: name.lower() != "content-length")
values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).map(str.strip)


@given(st.integers(100, 999), st.lists(st.tuples(names, values), max_size=5), st.binary(max_size=50))
def test_what_is_encoded_is_parsed_again(status: int, fields: list[tuple[str, str]], body: bytes) -> None:
    [event] = parse(Response(status, Headers.of(fields), body, "Because").encode())
    assert isinstance(event, Response)
    assert (event.status, event.body, event.reason) == (status, body, "Because")
    assert event.headers.fields[: len(fields)] == tuple(fields)
