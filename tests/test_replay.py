"""Recordings played by RTSP as ONVIF has it: where it begins, what is marked, which way it goes, and for whom."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from gateway.access.portion import Portion
from gateway.access.rights import Role
from gateway.base.policy import Allow, Policy
from gateway.media.model import NS
from gateway.nvr.replay import MAX_OF_ACCOUNT
from tests.filmed import CAMERA
from tests.media_samples import PCMU, T0, stream, unit
from tests.replay_stage import Stage

VIDEO, AUDIO, METADATA = 0, 1, 2


@pytest.fixture
async def stage(tmp_path):
    made = Stage(tmp_path)
    await made.start()
    yield made
    await made.close()


def sound(seconds, start=0.0):
    return [unit(PCMU, start + n / 25, payload=bytes(320)) for n in range(round(seconds * 25))]


def by_time(*parts):
    return sorted((item for part in parts for item in part), key=lambda item: item.received_ns)


@pytest.fixture
async def filmed(stage):
    """Two Recordings of 20 and 10 seconds, 10 pictures a second, a keyframe each second, ten seconds between them."""
    stage.film.record(by_time(stream(20, rate=10, gop=10), sound(20)), rotate=8)
    stage.film.record(by_time(stream(10, start=30, rate=10, gop=10), sound(10, 30)))
    return stage


async def opened(stage, *tracks, path=f"{CAMERA}/replay"):
    reader = await stage.reader(path)
    responses = await reader.set_up(*tracks or (VIDEO,))
    assert [response.status for response in responses] == [200] * len(responses)
    return reader


def times(units):
    return [one.at for one in units]


def marked(units, flag):
    return [one.at for one in units if flag in one.flags]


def tenths(start, end, step=1):
    return [n / 10 for n in range(start, end, step)]


async def test_it_is_described_with_its_tracks(filmed):
    reader = await filmed.reader()
    body = (await reader.call("DESCRIBE", Accept="application/sdp", Require="onvif-replay")).body.decode()
    assert [line for line in body.splitlines() if "x-onvif-track" in line] == [
        "a=x-onvif-track:VIDEO001",
        "a=x-onvif-track:AUDIO001",
        "a=x-onvif-track:META001",
    ]
    assert "sprop-parameter-sets=" in body


async def test_it_begins_with_the_clean_point_at_or_before_what_was_asked_for(filmed):
    reader = await opened(filmed)
    response = await reader.play(5.55, 7.0)
    assert response.headers.get("Range") == "clock=20231114T221325.000Z-20231114T221327.000Z"
    assert response.headers.get("Rate-Control") == "no"
    await reader.until(lambda: len(reader.units()) == 20)
    units = reader.units()
    assert times(units) == tenths(50, 70)
    assert marked(units, "C") == [5.0, 6.0]
    assert marked(units, "D") == [5.0]
    assert {one.cseq for one in units} == {reader.cseq & 0xFF}
    # The timestamps are those of the recording, the numbers those of the sending.
    assert [(one.timestamp - units[0].timestamp) % 2**32 for one in units] == [n * 9000 for n in range(20)]
    assert [(one.sequence - units[0].sequence) % 2**16 for one in units] == list(range(20))
    info = response.headers.get("RTP-Info")
    assert f"seq={units[0].sequence};rtptime={units[0].timestamp}" in info


async def test_it_goes_on_across_files_and_marks_where_something_is_missing(filmed):
    reader = await opened(filmed, VIDEO, AUDIO, METADATA)
    await reader.play(18, 45)
    await reader.until(lambda: any("T" in one.flags for one in reader.units(0)))
    units = reader.units(0)
    assert times(units) == tenths(180, 200) + tenths(300, 400)
    assert marked(units, "E") == [19.9, 39.9]
    assert marked(units, "D") == [18.0, 30.0]
    assert marked(units, "T") == [39.9]
    await reader.until(lambda: any("T" in one.flags for one in reader.units(2)))
    assert marked(reader.units(2), "E") == [19.96, 39.96]
    assert marked(reader.units(4), "D") == [18.01, 30.01]


async def test_a_beginning_in_a_gap_means_what_comes_next(filmed):
    reader = await opened(filmed)
    assert (await reader.play(25, 31)).headers.get("Range").startswith("clock=20231114T221350.000Z-")
    await reader.until(lambda: len(reader.units()) == 10)
    assert times(reader.units()) == tenths(300, 310)


# ---- backwards


async def test_backwards_gops_come_in_reverse_and_their_pictures_forwards(filmed):
    reader = await opened(filmed, VIDEO, AUDIO, METADATA)
    response = await reader.play(31.25, 18, Scale="-1.0")
    assert response.headers.get("Scale") == "-1"
    await reader.until(lambda: len(reader.units(0)) == 33)
    units = reader.units(0)
    assert times(units) == tenths(310, 313) + tenths(300, 310) + tenths(190, 200) + tenths(180, 190)
    assert marked(units, "D") == [31.0, 30.0, 19.0, 18.0]
    assert marked(units, "E") == [30.9]  # before that GOP there is a gap
    assert [(one.sequence - units[0].sequence) % 2**16 for one in units] == list(range(33))
    forwards = {one.at: one.timestamp for one in units}
    assert (forwards[31.0] - forwards[18.0]) % 2**32 == 13 * 90_000
    assert reader.units(2) == []  # sound
    assert times(reader.units(4))[:2] == [31.01, 30.01]


async def test_backwards_it_ends_where_everything_begins(filmed):
    reader = await opened(filmed)
    await reader.play(2.5, Scale="-1.0")
    await reader.until(lambda: any("T" in one.flags for one in reader.units()))
    units = reader.units()
    assert times(units) == tenths(20, 26) + tenths(10, 20) + tenths(0, 10)
    assert (marked(units, "E"), marked(units, "T")) == ([0.9], [0.9])


async def test_a_beginning_in_a_gap_means_what_came_before_when_it_goes_backwards(filmed):
    reader = await opened(filmed)
    await reader.play(25, 19.5, Scale="-1.0", Frames="intra")
    await reader.until(lambda: len(reader.units()) == 1)
    assert times(reader.units()) == [19.0]


# ---- fewer pictures


@pytest.mark.parametrize(
    ("frames", "scale", "expected"),
    [
        ("intra", "1.0", [15.0, 16.0, 17.0, 18.0, 19.0, 30.0, 31.0]),
        ("intra/3000", "1.0", [15.0, 18.0, 30.0]),
        ("intra", "-1.0", [31.0, 30.0, 19.0, 18.0, 17.0, 16.0, 15.0]),
    ],
)
async def test_intra_pictures_alone(filmed, frames, scale, expected):
    reader = await opened(filmed)
    start, end = (15, 31.5) if scale == "1.0" else (31.5, 15)
    await reader.play(start, end, Frames=frames, Scale=scale)
    await reader.until(lambda: len(reader.units()) == len(expected))
    units = reader.units()
    assert times(units) == expected
    assert all("C" in one.flags for one in units)
    if scale == "-1.0":
        assert marked(units, "D") == expected


# ---- PAUSE, PLAY, elsewhere


async def test_paused_it_goes_on_from_there(filmed):
    reader = await opened(filmed)
    await reader.play(0)
    await reader.until(lambda: len(reader.units()) >= 5)
    assert (await reader.call("PAUSE")).status == 200
    stopped = len(reader.units())
    reached = reader.units()[-1].at
    response = await reader.play()
    assert response.headers.get("Range").startswith("clock=")
    await reader.until(lambda: len(reader.units()) > stopped)
    first = reader.units()[stopped]
    assert first.flags == "CD"
    # The keyframe at or before what comes next; sound of that moment may have been sent already.
    assert int(reached) <= first.at <= reached + 0.1


async def test_it_plays_from_elsewhere_at_once(filmed):
    reader = await opened(filmed)
    await reader.play(0, Immediate="yes")
    before = reader.cseq & 0xFF
    await reader.play(35, 36, Immediate="yes")
    after = reader.cseq & 0xFF
    await reader.until(lambda: len([one for one in reader.units() if one.cseq == after]) == 10)
    units = reader.units()
    assert times([one for one in units if one.cseq == after]) == tenths(350, 360)
    assert [one.cseq for one in units] == sorted(one.cseq for one in units)
    assert next(one for one in units if one.cseq == after).flags == "CD"
    assert {one.cseq for one in units} <= {before, after}
    rows = await filmed.rows()
    assert [row.outcome for row in rows if row.action == "playback"].count("done") == 2


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Range": "clock=20231114T221330Z-20231114T221320Z"}, 457),  # backwards, forwards
        ({"Range": "clock=20231114T221330Z-", "Scale": "0"}, 400),
        ({"Range": "clock=yesterday-"}, 400),
        ({"Range": "smpte=0:00:00-"}, 457),
        ({"Range": "clock=20331114T221330Z-20331114T221340Z"}, 457),  # nothing is recorded then
        ({"Range": "clock=20231114T221330Z-", "Frames": "predicted"}, 451),
        ({"Require": "com.other"}, 551),
    ],
)
async def test_what_cannot_be_played_is_refused(filmed, fields, status):
    reader = await opened(filmed)
    assert (await reader.play(**fields)).status == status
    assert (await reader.play(1, 2)).status == 200  # and harms nothing


async def test_a_play_that_is_refused_leaves_the_one_before_alone(filmed):
    reader = await opened(filmed)
    await reader.play(0, 20)
    assert (await reader.play(Range="clock=never-")).status == 400
    await reader.until(lambda: len(reader.units()) == 200)
    assert times(reader.units()) == tenths(0, 200)


async def test_backwards_at_a_pace_each_group_is_there_before_it_is_shown(filmed):
    reader = await opened(filmed)
    await reader.play(3.95, 0, **{"Rate-Control": "yes", "Scale": "-16"})
    await reader.until(lambda: len(reader.units()) == 40)
    units = reader.units()
    assert times(units) == tenths(30, 40) + tenths(20, 30) + tenths(10, 20) + tenths(0, 10)
    origin = units[9].timestamp  # of the picture that is shown first
    shown = [(one.timestamp - origin) % 2**32 for one in sorted(units, key=lambda one: -one.at)]
    assert shown == [pytest.approx(n * 9000 / 16, abs=2) for n in range(40)]


# ---- players that know no absolute times


async def test_a_player_gets_an_interval_by_its_path_and_hears_when_it_is_over(filmed):
    reader = await filmed.reader(f"{CAMERA}/replay/20231114T221338.500Z-20231114T221351Z")
    described, *_ = await reader.set_up(VIDEO)
    assert [line for line in described.body.decode().splitlines() if line.startswith("a=range")] == [
        "a=range:clock=20231114T221338.500Z-20231114T221351.000Z",
        "a=range:npt=0-12.500",
    ]
    response = await reader.call("PLAY", Range="npt=0.000-", Scale="32")
    assert response.headers.get("Scale") == "32"
    await reader.until(lambda: any(packet[1] == 203 or b"\xcb" in packet for packet in reader.packets[1][1:]))
    units = reader.units()
    assert times(units) == tenths(180, 200) + tenths(300, 310)
    steps = [(b.timestamp - a.timestamp) % 2**32 for a, b in itertools.pairwise(units)]
    assert all(step in range(280, 284) or step in range(3600, 3900) for step in steps)  # the hole is passed over
    assert reader.packets[1][0][1] == 200  # a sender report comes first


@pytest.mark.parametrize("path", ["other/replay", f"{CAMERA}/past", f"{CAMERA}/replay/never", f"{CAMERA}/replay/-"])
async def test_what_is_not_there_is_not_found(filmed, path):
    reader = await filmed.reader(path)
    expected = 404
    assert (await reader.call("DESCRIBE", Accept="application/sdp")).status == expected


# ---- bounds


async def test_a_client_that_takes_nothing_is_sent_no_more_than_fits(stage):
    stage.film.record(stream(12, rate=10, gop=10, size=60_000))
    reader = await opened(stage)
    await reader.play(0, 12)
    for _ in range(200):  # as far as the server gets while nobody reads
        await asyncio.sleep(0.005)
        (session,) = stage.server.sessions.values()
        if session.delivery.waiting > 512 << 10:
            break
    assert session.delivery.waiting < 2 << 20
    await reader.until(lambda: len(reader.units()) == 120)
    assert times(reader.units()) == tenths(0, 120)


async def test_an_account_plays_so_many_at_a_time(filmed):
    readers = [await opened(filmed) for _ in range(MAX_OF_ACCOUNT + 1)]
    for reader in readers[:-1]:
        assert (await reader.play(0)).status == 200
    assert (await readers[-1].play(0)).status == 503


# ---- for whom


async def test_each_play_is_a_view(filmed):
    reader = await opened(filmed)
    await reader.play(1, 2)
    await reader.until(lambda: len(reader.units()) == 10)
    async with asyncio.timeout(20):
        while filmed.replays.readers():
            await asyncio.sleep(0.001)
    await reader.call("TEARDOWN")
    rows = [row for row in await filmed.rows() if row.action == "playback"]
    assert [row.outcome for row in rows] == ["done", "ended"]
    began = rows[0]
    assert (began.actor, began.camera, began.address) == ("nvr", CAMERA, "127.0.0.1")
    assert began.detail["interval"] == {"from": "2023-11-14T22:13:21.000000Z", "to": "2023-11-14T22:13:22.000000Z"}
    assert rows[1].detail["why"] == "all of it was played"


@pytest.mark.parametrize(
    ("rights", "tracks"),
    [
        (("recorded", "audio", "position"), ["VIDEO001", "AUDIO001", "META001"]),
        (("recorded", "audio"), ["VIDEO001", "AUDIO001"]),
        (("recorded", "position"), ["VIDEO001", "META001"]),
    ],
)
async def test_without_a_right_there_is_no_track(filmed, rights, tracks):
    filmed.authority.update(policy=Policy(allow=(Allow(role=Role.NVR, rights=rights),)))
    reader = await filmed.reader()
    body = (await reader.call("DESCRIBE", Accept="application/sdp")).body.decode()
    assert [line.rpartition(":")[2] for line in body.splitlines() if "x-onvif-track" in line] == tracks


async def test_who_may_not_see_what_is_recorded_is_refused(filmed):
    filmed.authority.update(policy=Policy(allow=(Allow(role=Role.NVR, rights=("live",)),)))
    reader = await filmed.reader()
    assert (await reader.call("DESCRIBE", Accept="application/sdp")).status == 403


async def test_a_right_that_is_lost_ends_it(filmed):
    reader = await opened(filmed)
    await reader.play(0)
    await reader.until(lambda: len(reader.units()) >= 1)
    filmed.authority.update(policy=Policy(allow=(Allow(role=Role.NVR, rights=("live",)),)))
    while await reader.read():
        pass
    rows = [row for row in await filmed.rows() if row.action == "playback"]
    assert rows[-1].outcome == "ended"
    assert rows[-1].detail["why"].startswith("the policy says what the role nvr may do")


async def test_an_account_that_is_gone_plays_no_more(filmed):
    reader = await opened(filmed)
    await reader.play(0)
    del filmed.accounts.who["nvr"]
    filmed.replays.look()
    while await reader.read():
        pass


async def test_who_plays_is_listed_and_ended_one_by_one(filmed):
    reader, other = await opened(filmed), await opened(filmed)
    for one in (reader, other):
        await one.play(0)
        await one.until(lambda one=one: len(one.units()) >= 1)
    listed, _ = filmed.replays.readers()
    assert (listed.account, listed.camera, listed.recorded) == ("nvr", CAMERA, True)
    assert listed.portion == Portion(sound=True, positions=True)
    assert filmed.replays.end(listed.id, "an administrator ended it")
    while await reader.read():
        pass
    assert [left.id for left in filmed.replays.readers()] != [listed.id]
    assert not filmed.replays.end(listed.id, "an administrator ended it")
    assert (await filmed.rows())[-1].detail["why"] == "an administrator ended it"


async def test_what_a_privacy_mode_hid_does_not_come_out(filmed, monkeypatch):
    async def streams(camera, start_ns, end_ns):
        from gateway.access.privacy import Span

        return [Span(T0 + 5 * NS, T0 + 6 * NS)]

    async def positions(camera, start_ns, end_ns):
        from gateway.access.privacy import Span

        return [Span(T0 + 12 * NS, T0 + 14 * NS)]

    monkeypatch.setattr(filmed.privacy, "hidden_streams", streams)
    monkeypatch.setattr(filmed.privacy, "hidden_positions", positions)
    reader = await opened(filmed, VIDEO, METADATA)
    await reader.play(0, 20)
    await reader.until(lambda: any("T" in one.flags for one in reader.units(0)))
    seen = times(reader.units(0))
    assert not [at for at in seen if 5 <= at < 6]
    assert seen[0] == 0
    assert seen[-1] == 19.9
    assert not [at for at in times(reader.units(2)) if 12 <= at < 14 or 5 <= at < 6]
    assert any(11 <= at < 12 for at in times(reader.units(2)))
    assert marked(reader.units(0), "E") == [3.9]  # pictures can be cut at chunks alone
