"""Anchors: what they hold, where they go, and that nobody minds when a place fails."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
import rfc8785

from gateway.base.clock import ManualClock
from gateway.base.errors import LaterError, SettingsError
from gateway.base.settings import Evidence, load
from gateway.base.workers import Threads
from gateway.ledger import anchors as anchors_module
from gateway.ledger.anchor import parse
from gateway.ledger.anchors import RETRY_SECONDS, Anchors
from gateway.ledger.chain import Head
from gateway.ledger.journal import Journals
from gateway.ledger.keys import PublicKeys

AUDIT = Head(41, b"\x07" * 32)
OPENED = {"kind": "opened", "at": "2023-11-14T22:13:20.000000000Z"}
URL = "http://stamps.example/tsr"


class Stage:
    """Two ledgers, an audit, and a second place that can be taken away."""

    def __init__(self, folder) -> None:
        self.clock = ManualClock()
        self.folder = folder
        self.journals = Journals.open(folder, self.clock)
        self.journals.append("unit-12", [OPENED, OPENED])
        self.journals.append("unit-7", [OPENED])
        self.own = folder / "ledger" / "anchors.jsonl"
        self.second = folder / "second" / "anchors.jsonl"
        self.second.parent.mkdir()
        self.threads = Threads("disk", 1)
        self.settings = Evidence(anchor_file=self.second)
        self.asked: list[bytes] = []
        self.anchors = Anchors(
            self.journals, self.audit_head, self.threads, self.ask, self.clock, lambda: self.settings
        )

    async def audit_head(self) -> Head:
        return AUDIT

    async def ask(self, url: str, data: bytes) -> bytes:
        assert url == URL
        self.asked.append(data)
        raise LaterError("nobody answers", retry_after=30)

    def close(self) -> None:
        self.anchors.close()
        self.threads.close()
        self.journals.close()


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path)
    yield made
    made.close()


async def test_an_anchor_holds_every_chain_and_is_signed(stage):
    anchor = await stage.anchors.anchor()
    (line,) = stage.own.read_bytes().splitlines()
    value = json.loads(line)
    assert rfc8785.dumps(value) == line
    assert set(value) == {"heads", "key", "rfc3161", "root", "signature", "utc"}
    assert value["rfc3161"] is None
    assert value["heads"] == {
        "audit": str(AUDIT),
        "camera/unit-12": str(stage.journals.head("unit-12")),
        "camera/unit-7": str(stage.journals.head("unit-7")),
    }
    assert parse(line) == anchor == stage.anchors.last
    keys = PublicKeys.read(stage.journals.folder)
    assert anchor.fault(keys) is None
    assert anchor.fault(PublicKeys()) == "no known key signed it as it is"
    other = json.loads(line)
    other["heads"]["audit"] = str(Head(40, AUDIT.sha256))
    assert parse(rfc8785.dumps(other)).fault(keys) == "its root is not that of its heads"


async def test_each_flipped_bit_of_an_anchor_is_found(stage):
    await stage.anchors.anchor()
    line = stage.own.read_bytes().rstrip()
    keys = PublicKeys.read(stage.journals.folder)
    for at in range(len(line)):
        for bit in (0, 5):
            changed = line[:at] + bytes([line[at] ^ 1 << bit]) + line[at + 1 :]
            try:
                fault = parse(changed).fault(keys)
            except ValueError as error:
                fault = str(error)
            assert fault is not None, (at, bit)


async def test_what_the_second_place_missed_follows(stage):
    await stage.anchors.anchor()
    assert stage.second.read_bytes() == stage.own.read_bytes()
    first_ns = stage.anchors.anchored_ns
    assert first_ns == stage.clock.utc_ns()
    stage.second.parent.rename(stage.folder / "away")
    for _ in range(3):
        stage.clock.advance(600)
        await stage.anchors.anchor()
    (place,) = stage.anchors.places
    assert "No such file" in place.problem
    assert stage.anchors.anchored_ns == first_ns
    (stage.folder / "away").rename(stage.second.parent)
    await stage.anchors.anchor()
    assert (place.problem, stage.anchors.anchored_ns) == (None, stage.clock.utc_ns())
    assert stage.second.read_bytes() == stage.own.read_bytes()
    assert len(stage.own.read_bytes().splitlines()) == 5


async def test_a_torn_line_in_the_second_place_is_left_and_the_next_begins_anew(stage):
    await stage.anchors.anchor()
    kept = stage.second.read_bytes()
    stage.second.write_bytes(kept + b'{"heads":')
    stage.clock.advance(600)
    await stage.anchors.anchor()
    assert stage.anchors.places[0].problem is None
    lines = stage.second.read_bytes().splitlines()
    assert lines[1] == b'{"heads":'
    assert [lines[0], lines[2]] == stage.own.read_bytes().splitlines()


async def test_a_second_place_that_was_changed_is_told_and_written_again(stage, caplog):
    await stage.anchors.anchor()
    stage.second.write_bytes(b'{"something":"else"}\n')
    stage.clock.advance(600)
    await stage.anchors.anchor()
    assert "none of this gateway's" in stage.anchors.places[0].problem
    assert "none of this gateway's" in caplog.text
    newest = stage.own.read_bytes().splitlines()[-1]
    assert stage.second.read_bytes() == b'{"something":"else"}\n' + newest + b"\n"
    await stage.anchors.anchor()
    assert stage.anchors.places[0].problem is None


async def test_a_second_place_that_hangs_holds_nobody_up(stage, monkeypatch):
    may_go_on = threading.Event()
    carry = anchors_module._carry

    def hang(*files):
        may_go_on.wait(10)
        carry(*files)

    monkeypatch.setattr(anchors_module, "_carry", hang)
    monkeypatch.setattr(anchors_module, "PLACE_SECONDS", 0.01)
    for _ in range(2):
        assert await stage.anchors.anchor() is not None
        assert stage.anchors.places[0].problem == "it does not answer"
    assert len(stage.own.read_bytes().splitlines()) == 2
    may_go_on.set()
    monkeypatch.setattr(anchors_module, "PLACE_SECONDS", 10)
    await stage.anchors.anchor()
    assert stage.anchors.places[0].problem is None


async def test_a_silent_time_stamp_authority_keeps_no_anchor_from_being_made(stage):
    stage.settings = Evidence(timestamp_url=URL)
    anchor = await stage.anchors.anchor()
    assert anchor.token is None
    assert len(stage.asked) == 1
    (place,) = stage.anchors.places
    assert (place.kind, place.where, place.problem) == ("timestamp", URL, "nobody answers")
    assert stage.anchors.anchored_ns is None
    await stage.anchors.anchor(stamped=False)
    assert len(stage.asked) == 1


async def test_an_archive_that_cannot_be_written_is_told(stage, caplog):
    (stage.folder / "ledger" / "anchors.jsonl").mkdir()
    assert await stage.anchors.anchor() is None
    assert "no anchor could be made" in caplog.text


async def test_anchors_are_made_at_once_at_intervals_and_sooner_after_a_failure(stage):
    stage.settings = Evidence(anchor_every="1h", anchor_file=stage.second)
    task = asyncio.create_task(stage.anchors.run())

    async def settled() -> int:
        while not stage.clock.sleepers:
            await asyncio.sleep(0)
        return len(stage.own.read_bytes().splitlines())

    async def after(seconds: int) -> int:
        for _ in range(seconds):
            stage.clock.advance(1)
            await asyncio.sleep(0)
            await settled()
        return await settled()

    assert await settled() == 1
    assert await after(3599) == 1
    assert await after(1) == 2
    stage.second.parent.rename(stage.folder / "away")
    assert await after(3600) == 3
    assert await after(int(RETRY_SECONDS)) == 4
    stage.settings = Evidence(anchor_every="1s")
    assert await after(2) == 6
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_second_place_inside_the_data_directory_is_none(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('data_dir = "data"\n[evidence]\nanchor_file = "data/ledger/second.jsonl"\n')
    with pytest.raises(SettingsError, match="inside the data directory"):
        load(file, {})
    file.write_text('data_dir = "data"\n[evidence]\nanchor_file = "elsewhere/anchors.jsonl"\n')
    assert load(file, {}).evidence.anchor_file == tmp_path / "elsewhere/anchors.jsonl"
