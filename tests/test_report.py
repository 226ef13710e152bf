"""The report for citizens: its figures, and that it names no bystander and no place."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import re
import shutil
import sqlite3
from html.parser import HTMLParser

import pytest

from gateway.access.audit import Action, Audit, Outcome
from gateway.access.views import Views
from gateway.base.clock import ManualClock
from gateway.base.rfc3339 import parse_utc
from gateway.media.model import GapReason
from gateway.recording.catalog import Catalog
from gateway.recording.entries import LossFound, RecordingClosed, RecordingOpened, SegmentFinished
from gateway.store.engine import open_catalog
from tests.command_line import sightline

START = parse_utc("2026-01-10T08:00:00Z")
HOUR = 3600 * 10**9
CANARIES = ("Kebab House", "Jane Bystander", "52.52", "13.405", "Main Street", "<script>", "ann")
"""Names of places and people, and what is no text: none may come through."""
POLICY = """
[policy]
ask_reason = ["live"]
reasons = ["complaint", "court order & warrant"]
"""


async def fill(data_dir, dispatcher="ann"):
    clock = ManualClock(START)
    with contextlib.closing(open_catalog(data_dir)) as database:
        audit, catalog = Audit(database, clock), Catalog(database)
        await database.write(
            lambda c: (
                c.exec_driver_sql(
                    "INSERT INTO users (name, role, created_ns) VALUES (?, 'dispatcher', 1), ('bob', 'auditor', 1)",
                    (dispatcher,),
                ).rowcount
            )
        )
        views = Views(database, audit, clock)
        ann = {"actor": dispatcher, "address": "10.0.0.9", "camera": "unit-1"}
        for reason, seconds in (("complaint", 90), ("Jane Bystander at Kebab House", 3600), (None, 30)):
            view = await views.begin(Action.LIVE_VIEW, **ann, reason=reason, agent="<script>")
            clock.advance(seconds)
            views.end(view, "Main Street")
        views.end(await views.begin(Action.LIVE_VIEW, **ann), "it was not live", shown=False)
        await views.flush()
        await views.begin(Action.LIVE_VIEW, **ann)
        await Views(database, audit, clock).close_left()
        await audit.record(Action.SNAPSHOT, actor="bob", address="", camera="unit-1", reason="court order & warrant")
        await audit.record(Action.RECORDINGS, actor="gone", address="", camera="Kebab House", at={"lat": 52.52})
        await audit.record(Action.LOG_IN, actor="x", address="", outcome=Outcome.REFUSED)
        await audit.record(Action.LOG_IN, actor="several", address="", outcome=Outcome.REFUSED, count=41)
        await audit.record(Action.POLICY, actor="shell:root", address="local")
        for step in ("asked", "finished", "fetched", "fetched", "removed"):
            await audit.record(Action.EXPORT, actor="ann", address="", camera="unit-1", step=step, export="7")
        segment = SegmentFinished("unit-1/a.mp4", START, START + HOUR, 5, bytes(32), (), adopted=False)
        disconnected = RecordingClosed(START + HOUR, GapReason.DISCONNECTED, "Main Street 52.52,13.405")
        lost = LossFound(START + 5, START + 5 + 6 * 10**10, GapReason.LOSS, None, 3, "")
        entries = [RecordingOpened(START), segment, lost, disconnected, RecordingOpened(START + 3 * HOUR // 2)]
        await catalog.store("unit-1", entries)
        later = SegmentFinished("unit-1/b.mp4", START + 2 * HOUR, START + 50 * HOUR, 5, bytes(32), (), adopted=False)
        await catalog.store("unit-1", [later, RecordingClosed(START + 50 * HOUR, None, "")])


@pytest.fixture
def config(tmp_path):
    path, data_dir = tmp_path / "sightline.toml", tmp_path / "data"
    camera = '[[cameras]]\nid = "unit-2"\nname = "Main Street"\nurl = "rtsp://127.0.0.1:1/s"\n'
    path.write_text(f'data_dir = "{data_dir}"\n{camera}{POLICY}')
    asyncio.run(fill(data_dir))
    return path


def report(config, *, day="2026-01-10", code=0):
    out = config.parent / "out"
    ran = sightline("policy", "report", "--from", day, "--to", day, "--out", out, "--config", config)
    assert ran.code == code, ran.err
    return out


def table(out, name):
    with (out / name).open(newline="") as file:
        heads, *rows = csv.reader(file)
    return [dict(zip(heads, row, strict=True)) for row in rows]


class Cells(HTMLParser):
    """The rows of all tables, and each tag."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags = [], set()
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self._open = tag in {"th", "td"}
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data):
        if self._open:
            self.rows[-1].append(data)

    def handle_endtag(self, tag):
        self._open = False


def test_it_counts_what_was_recorded_and_what_is_missing(config):
    out = report(config)
    # From 9:30 on the second Recording, cut at midnight; unit-2 is configured and recorded nothing.
    one, other, two = table(out, "cameras.csv")
    assert one == {"camera": "unit-1", "recorded_s": str(3600 + 52200), "missing_s": str(1800 + 60), "gaps": "2"}
    assert (two["camera"], other["camera"]) == ("other cameras", "unit-2")
    assert table(out, "gaps.csv") == [
        {"camera": "unit-1", "reason": "packets lost", "gaps": "1", "missing_s": "60"},
        {"camera": "unit-1", "reason": "camera disconnected", "gaps": "1", "missing_s": "1800"},
    ]


def test_it_counts_who_looked_and_why(config):
    out = report(config)
    who = {row["who"]: row for row in table(out, "who.csv")}
    assert set(who) == {"auditor", "dispatcher", "former user"}
    assert (who["dispatcher"]["live_view"], who["dispatcher"]["live_watched_s"]) == ("4", "3720")
    assert who["dispatcher"]["live_unknown"] == "1"
    assert who["auditor"]["snapshot"] == "1"
    reasons = {row["reason"]: row["live_view"] for row in table(out, "reasons.csv")}
    assert reasons == {"complaint": "1", "another reason": "1", "no reason given": "2", "court order & warrant": "0"}
    events = {row["event"]: row["times"] for row in table(out, "events.csv")}
    assert (events["policy"], events["export"], events["deletion"]) == ("1", "1", "0")


def test_the_page_shows_the_same_and_needs_nothing_else(config):
    text = (report(config) / "report.html").read_text()
    cells = Cells(text)
    assert ["unit-1", "15:30", "2", "0:31"] in cells.rows
    assert ["The camera was not connected", "1", "0:30"] in cells.rows
    assert ["dispatcher", "4", "1:02", "0", "0", "0"] in cells.rows
    assert ["court order & warrant", "0", "1", "0", "0"] in cells.rows
    assert ["Recordings handed out", "1"] in cells.rows
    assert ["Attempts refused: a wrong password, or no right to it", "42"] in cells.rows
    assert "A reason is asked before looking at live pictures." in text
    assert "are unbroken" in text
    assert not cells.tags & {"script", "img", "link", "iframe", "a", "form"}
    assert not re.search(r"\s(?:src|href|on\w+)=|url\(|@import", text)


def test_it_names_no_bystander_and_no_place(config):
    out = report(config)
    for file in out.iterdir():
        text = file.read_text()
        for canary in CANARIES:
            assert not re.search(rf"\b{re.escape(canary)}\b" if canary.isalpha() else re.escape(canary), text), file


def test_names_stand_in_it_where_the_policy_says_so(config):
    config.write_text(config.read_text() + 'report_by = "name"\n')
    who = {row["who"] for row in table(report(config), "who.csv")}
    assert who == {"ann", "bob", "gone"}


def test_a_hostile_name_is_text_in_the_page_and_runs_in_no_spreadsheet(config):
    name = '=<img/src=x/onerror="x()">'
    shutil.rmtree(config.parent / "data")
    asyncio.run(fill(config.parent / "data", name))
    config.write_text(config.read_text() + 'report_by = "name"\n')
    out = report(config)
    cells = Cells((out / "report.html").read_text())
    assert name in {row[0] for row in cells.rows}
    assert not {"img", "script"} & cells.tags
    assert f"'{name}" in {row["who"] for row in table(out, "who.csv")}


def test_a_time_of_which_nothing_is_known_makes_a_report_too(config):
    text = (report(config, day="2020-01-01") / "report.html").read_text()
    assert ["unit-2", "0:00", "0", "0:00"] in Cells(text).rows
    assert "something is missing: none." in text
    assert "Live views whose length nobody knows" not in text


def test_a_log_that_was_touched_is_said_to_be(config):
    connection = sqlite3.connect(config.parent / "data" / "sightline.db")
    with connection:
        connection.execute("UPDATE audit SET actor='bob' WHERE id=1")
    connection.close()
    out = report(config, code=1)
    assert "The log is damaged: row 1 does not hold" in (out / "report.html").read_text()


def test_without_its_time_there_is_no_report(config):
    ran = sightline("policy", "report", "--from", "2026-01-01", "--config", config)
    assert (ran.code, "--to 2026-01-31" in ran.err) == (2, True)
