"""`sightline audit`: rows as lines, and a proof whose answer is its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3

import pytest

from gateway.access.audit import Action, Audit
from gateway.base.clock import SystemClock
from gateway.store.engine import open_catalog
from tests.command_line import sightline


@pytest.fixture
def config(tmp_path):
    """A gateway's settings, and rows in its audit: one of a user who has an odd name."""
    path, data_dir = tmp_path / "sightline.toml", tmp_path / "data"
    path.write_text(f'data_dir = "{data_dir}"\n')
    asyncio.run(fill(data_dir))
    return path


async def fill(data_dir):
    with contextlib.closing(open_catalog(data_dir)) as database:
        audit = Audit(database, SystemClock())
        for name in ("ann", 'b"ob'):
            await audit.record(Action.USER_ADD, actor="shell:root", address="local", user=name)


def change(config, statement):
    connection = sqlite3.connect(config.parent / "data" / "sightline.db")
    with connection:
        connection.execute(statement)
    connection.close()


def test_a_search_prints_what_fits_and_is_audited(config):
    found = sightline("audit", "search", "--action", "user_add", "--config", config)
    assert found.code == 0
    assert [line.split()[0] for line in found.lines] == ["2", "1"]
    assert "user_add done" in found.lines[0]
    assert 'b\\"ob' in found.lines[0]
    newest = json.loads(sightline("audit", "search", "--limit", "2", "--json", "--config", config).lines[1])
    assert (newest["action"], newest["detail"]) == ("audit_search", {"asked": {"action": "user_add"}})


def test_no_row_of_anybody_moves_the_cursor_or_looks_like_another(config):
    change(config, "UPDATE audit SET actor=char(27) || '[2J' || char(10) || '9 x', address='a b' WHERE id=1")
    asked = ("--action", "user_add", "--from", "2020-01-01", "--to", "2999-01-01")
    _, line = sightline("audit", "search", *asked, "--config", config).lines
    assert '"\\u001b[2J\\n9 x" ("a b")' in line


def test_a_search_that_finds_nothing_says_so(config):
    found = sightline("audit", "search", "--actor", "nobody", "--config", config)
    assert (found.code, found.out, found.err) == (0, "", "No row fits.\n")


def test_an_untouched_audit_holds_and_its_head_can_be_kept(config):
    proof = sightline("audit", "verify", "--config", config)
    assert (proof.code, proof.lines[0]) == (0, "Rows 1 to 3 hold.")
    kept = proof.lines[1].split()[-1]
    again = sightline("audit", "verify", "--head", kept, "--config", config)
    assert (again.code, again.lines[0]) == (0, "Rows 1 to 4 hold.")
    other = sightline("audit", "verify", "--head", f"3:{'0' * 64}", "--config", config)
    assert other.code == 1
    assert "row 3 does not hold" in other.out


def test_a_touched_row_is_named(config):
    change(config, "UPDATE audit SET address='10.0.0.1' WHERE id=2")
    proof = sightline("audit", "verify", "--config", config)
    assert proof.code == 1
    assert "row 2 does not hold" in proof.out
    assert sightline("audit", "verify", "--to", "2020-01-01", "--config", config).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "--limit", "0"],
        ["search", "--action", "dance"],
        ["search", "--from", "yesterday"],
        ["search", "--from", "2026-02-02", "--to", "2026-02-01"],
        ["verify", "--head", "nonsense"],
        ["verify", "--to", "2026-02-30"],
    ],
)
def test_a_question_that_makes_no_sense_is_a_usage_error(config, arguments):
    ran = sightline("audit", *arguments, "--config", config)
    assert ran.code == 2
    assert ran.err.startswith("sightline: ")
