"""The policy: what can be written, what contradicts itself and on which lines, and what it says in sentences."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.rights import RIGHTS, Right, Role
from gateway.base.errors import SettingsError
from gateway.base.policy import Policy
from gateway.base.settings import load
from gateway.base.toml_lines import key_lines
from tests.command_line import sightline

CAMERA = '[[cameras]]\nid = "unit-12"\nurl = "rtsp://h/"\ngroups = ["north"]\n'
WHOLE = """
[policy]
ask_reason = ["live", "recorded"]
reasons = ["an alarm", "a complaint"]
watermark = true
tell_wearer = true
pre_roll_sound = false
[[policy.retention]]
keep = "30d"
keep_at_least = "7d"
[[policy.retention]]
category = "arrest"
keep = "365d"
[[policy.allow]]
role = "dispatcher"
groups = ["north"]
rights = ["live", "position"]
[[policy.rule]]
cameras = ["unit-12"]
groups = ["patrol"]
ask_reason = []
watermark = false
[[policy.privacy]]
hide = ["position", "stream"]
recording = false
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "sightline.toml"
    path.write_text(text)
    return path


def read(folder: Path, text: str) -> Policy:
    return load(written(folder, text), {}).policy


def test_all_that_can_be_written_is_read_with_its_lines(tmp_path):
    policy = read(tmp_path, WHOLE)
    assert policy.ask_reason == ("live", "recorded")
    assert policy.allow[0].rights == (Right.LIVE, Right.POSITION)
    assert policy.line("watermark") == 5
    assert policy.line("retention", 1) == 11
    assert policy.line("allow", 0, "rights") == 17
    assert policy.line("rule", 0, "tell_wearer") == 18  # not written: the row's
    assert policy.line("privacy", 0, "recording") == 25


def test_without_a_policy_the_defaults_hold():
    assert load(None, {}).policy == Policy()
    assert not Policy().pre_roll_sound


@pytest.mark.parametrize(
    ("rows", "first", "second", "why"),
    [
        ('[[policy.retention]]\nkeep = "7d"\nkeep_at_least = "30d"', 2, 3, "deleted after 7d"),
        ('[[policy.retention]]\nkeep = "7d"\n[[policy.retention]]\nkeep = "8d"', 1, 3, "write one row"),
        (
            (
                '[[policy.retention]]\ncameras = ["c", "d"]\nkeep = "7d"\n'
                '[[policy.retention]]\ncameras = ["d"]\nmax_bytes = "8 GiB"'
            ),
            1,
            4,
            "of the camera d",
        ),
        (
            '[[policy.retention]]\ngroups = ["n"]\nkeep = "7d"\n[[policy.retention]]\ngroups = ["n"]\nkeep = "8d"',
            1,
            4,
            "of the group n",
        ),
        ('[[policy.allow]]\nrole = "nvr"\nrights = ["audio"]', 2, 3, "no sound without a picture"),
        ('[[policy.allow]]\nrole = "nvr"\nrights = ["export", "live"]', 2, 3, "cannot export"),
        ('[[policy.allow]]\nrole = "auditor"\ngroups = ["n"]\nrights = ["audit"]', 3, 4, "without groups"),
        (
            '[[policy.allow]]\nrole = "nvr"\nrights = ["live"]\n[[policy.allow]]\nrole = "nvr"\nrights = ["recorded"]',
            3,
            6,
            "what a nvr may do with all cameras",
        ),
        (
            (
                '[[policy.rule]]\ngroups = ["n"]\nwatermark = true\n'
                '[[policy.rule]]\ngroups = ["n", "s"]\nwatermark = false'
            ),
            3,
            6,
            "differ for the group n",
        ),
        (
            (
                '[[policy.rule]]\ncameras = ["c"]\nask_reason = []\n'
                '[[policy.rule]]\ncameras = ["c"]\nask_reason = ["live"]'
            ),
            3,
            6,
            "differ for the camera c",
        ),
        ("[[policy.privacy]]\nhide = []\nrecording = true", 2, 3, "would change nothing"),
        ('[[policy.privacy]]\nhide = ["stream"]\n[[policy.privacy]]\nhide = ["position"]', 1, 3, "all cameras"),
    ],
)
def test_what_contradicts_itself_is_refused_with_both_lines(tmp_path, rows, first, second, why):
    with pytest.raises(SettingsError, match=f"line {first} .* and line {second} .* contradict each other: .*{why}"):
        read(tmp_path, rows)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ('[policy]\ncolour = "red"', 'unknown key "policy.colour"'),
        ('[policy]\nask_reason = ["export"]', "policy.ask_reason"),
        ('[policy]\nreasons = ["x"]', "policy.reasons"),
        ('[[policy.retention]]\nkeep = "for ever"', "write a span of time"),
        ('[[policy.retention]]\nmax_bytes = "a lot"', 'write an amount as in "500 GiB"'),
        ('[[policy.allow]]\nrole = "chief"\nrights = []', r"policy.allow\[1\].role"),
        ('[[policy.allow]]\nrole = "nvr"\nrights = ["shell"]', '"shell" cannot be given'),
        ("[[policy.rule]]\nwatermark = true", 'name "cameras" or "groups"'),
        ('[[policy.rule]]\ngroups = ["n"]', "it says nothing"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path, rows, said):
    with pytest.raises(SettingsError, match=said):
        read(tmp_path, rows)


def test_the_environment_does_not_change_it():
    with pytest.raises(SettingsError, match="SIGHTLINE_POLICY_WATERMARK names no setting"):
        load(None, {"SIGHTLINE_POLICY_WATERMARK": "true"})


def test_moving_lines_says_the_same(tmp_path):
    assert read(tmp_path, WHOLE).says(read(tmp_path, "# a comment\n\n" + WHOLE))
    assert not read(tmp_path, WHOLE).says(Policy())


def test_the_defaults_of_the_table_contradict_nothing():
    rows = [{"role": role, "rights": sorted(RIGHTS[role] - {Right.LOGGED_IN})} for role in Role]
    assert len(Policy.model_validate({"allow": rows}).allow) == len(Role)


# ---- lines


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1", ("a",), 1),
        ('a = """\n[b]\nc = 1\n"""\nd = 2', ("d",), 5),
        ('x = [\n "[[t]]",\n]\n[t]\nk = 1', ("t", "k"), 5),
        ("[[t]]\nk = 1\n\n[[t]]\nk = 2", ("t", 1, "k"), 5),
        ("[[t]]\n[[t.u]]\nk = 1\n[t.v]\nk = 2", ("t", 0, "v", "k"), 5),
        ('["a b".c]\nd.e = 1', ("a b", "c", "d", "e"), 2),
        ("a = 1 # [b]\r\nb = 2\r\n", ("b",), 2),
        ('a = "\u2028"\nb = 2', ("b",), 2),
    ],
)
def test_each_key_has_its_line(text, path, line):
    assert key_lines(text)[path] == line


_KEY = st.text("abc-_1", min_size=1, max_size=4)
_VALUE = st.sampled_from(["1", '"x"', "[1,\n 2]", '"""\n[t]\nk = 1\n"""', "{a = 1}", "'''\n# no\n'''", "true"])


@settings(max_examples=100)
@given(st.lists(st.tuples(st.lists(st.sampled_from(["", "# [x]"])), _KEY, _VALUE), unique_by=lambda entry: entry[1]))
def test_the_line_of_a_key_is_where_it_is_written(entries):
    lines: list[str] = []
    expected = {}
    for before, key, value in entries:
        lines += before
        expected[("t", 0, key)] = len(lines) + 2
        lines += f"{key} = {value}".split("\n")
    text = "\n".join(["[[t]]", *lines])
    tomllib.loads(text)
    assert {path: line for path, line in key_lines(text).items() if path in expected} == expected


# ---- the command


def test_the_command_explains_in_sentences_and_names_the_lines(tmp_path):
    config = written(tmp_path, CAMERA + WHOLE)
    added = sightline("user", "add", "ann", "--role", "dispatcher", "--group", "south", "--config", config)
    assert added.code == 0, added.err
    said = sightline("policy", "check", "--user", "ann", "--camera", "unit-12", "--config", config).out
    assert "ann is limited to the group south, and unit-12 is in the group north." in said
    assert "To ann there is no such camera" in said
    assert "No reason is asked: line 25 says so." in said
    assert "The wearer is told that somebody watches: line 10 says so." in said
    whole = sightline("policy", "check", "--config", config)
    assert "line 18: A dispatcher may, with cameras of the group north: live, position." in whole.out
    assert whole.code == 0


def test_the_command_refuses_what_contradicts_itself(tmp_path):
    config = written(tmp_path, "[[policy.privacy]]\nhide = []\n")
    refused = sightline("policy", "check", "--config", config)
    assert refused.code == 2
    assert "contradict each other" in refused.err
