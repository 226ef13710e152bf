"""`sightline verify`: catches whatever was done to an archive, and names where."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from gateway.evidence.findings import Finding, Report
from gateway.evidence.verify import Proving, verify_archive
from gateway.media.model import NS
from gateway.recording.archive import Archive
from gateway.store.tables import gaps, segments
from tests.command_line import sightline
from tests.media_samples import T0, stream
from tests.proof_rig import (
    ELSEWHERE,
    RECORDED,
    QuickClock,
    flipped,
    opened,
    random_audit_flip,
    random_file_flip,
)
from tests.recording_rig import CAMERA, rig

FLIPS = 30
"""Here; two hundred in tests/soak."""


@pytest.fixture
def archive(built_archive: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built_archive, tmp_path / "archive"))


def lines(report: Report) -> str:
    return "\n".join(map(str, report.findings))


async def verified(folder: Path) -> Report:
    async with opened(folder) as it:
        return await it.verify()


def recordings(folder: Path) -> list[Path]:
    return sorted((folder / RECORDED).rglob("*.mp4"))


async def test_what_nobody_touched_holds_and_is_anchored(archive: Path) -> None:
    report = await verified(archive)
    assert report.holds, lines(report)
    assert report.anchored_ns is not None
    assert any(note.startswith("anchored outside up to 2023-11-14T22:16:") for note in report.notes)


async def test_a_file_that_a_repair_found_missing_is_still_named(archive: Path, tmp_path: Path) -> None:
    gone = recordings(archive)[0]
    gone.unlink()
    config = tmp_path / "s.toml"
    config.write_text(f'data_dir = "{archive}"\n')
    assert (await asyncio.to_thread(sightline, "check", "--repair", "--config", config)).code == 0
    report = await verified(archive)
    assert gone.name in lines(report)
    assert "no rule deleted it" in lines(report)


async def test_flipped_bytes_are_caught_and_named(archive: Path) -> None:
    await catch_flips(archive, FLIPS, seed=6)


async def catch_flips(archive: Path, count: int, *, seed: int) -> None:
    chance = random.Random(seed)
    async with opened(archive) as it:
        for number in range(count):
            if number % 3 == 2:
                flip, restore = await random_audit_flip(it.database, chance)
                report = await it.verify()
                await restore()
                assert f"audit: row {flip.at} " in lines(report), (flip, lines(report))
                continue
            flip = random_file_flip(archive, chance)
            assert flip.path is not None
            row = flip.path.read_bytes()[: flip.at].count(b"\n") + 1
            flipped(flip.path, flip.at, flip.bit)
            report = await it.verify()
            flipped(flip.path, flip.at, flip.bit)
            if flip.of == "file":
                found = next(
                    one for one in report.findings if one.where == flip.path.relative_to(archive / RECORDED).as_posix()
                )
                assert covers(found, flip.at), (flip, str(found))
            else:
                assert re.search(rf"ledger of {CAMERA}: row {row} ", lines(report)), (flip, lines(report))
        assert (await it.verify()).holds


def covers(finding: Finding, at: int) -> bool:
    named = re.search(r"bytes (\d+) to (\d+) were changed", finding.what)
    assert named is not None, finding
    return int(named[1]) <= at <= int(named[2])


async def test_a_deleted_last_segment_is_missed(archive: Path) -> None:
    last = recordings(archive)[-1]
    file = last.relative_to(archive / RECORDED).as_posix()
    last.unlink()
    async with opened(archive) as it:
        await it.database.write(lambda connection: connection.execute(delete(segments).where(segments.c.path == file)))
        report = await it.verify()
    assert f"{file}: the file is missing: row " in lines(report)


async def test_a_ledger_cut_off_before_its_last_anchor_is_noticed(archive: Path) -> None:
    ledger = archive / "ledger" / f"{CAMERA}.jsonl"
    rows = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(rows[:-3]))
    report = await verified(archive)
    assert f"it was cut off: it ends with row {len(rows) - 3}, but row {len(rows)} was anchored" in lines(report)
    # With the archive's own anchors gone too, the second place still has them.
    (archive / "ledger" / "anchors.jsonl").unlink()
    report = await verified(archive)
    assert "it was cut off" in lines(report)
    assert "2 anchors from 2023-11-14T22:14:" in lines(report)
    assert str(archive / ELSEWHERE) in lines(report)


async def test_what_was_cut_off_behind_the_last_anchor_is_in_the_tail_that_is_told(archive: Path) -> None:
    anchors = archive / "ledger" / "anchors.jsonl"
    first = anchors.read_bytes().splitlines(keepends=True)[0]
    anchors.write_bytes(first)
    (archive / ELSEWHERE).write_bytes(first)
    report = await verified(archive)
    assert report.holds
    assert any(re.match(rf"{CAMERA}: rows \d+ to \d+, since .* are in no anchor yet", note) for note in report.notes)


async def test_an_open_segment_that_was_edited_while_the_gateway_was_dead(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await made.play(stream(20, gop=15, size=300))
        made.task.cancel()  # kill -9: what was synced lies there, nothing else was told
        await asyncio.gather(made.task, return_exceptions=True)
        (left,) = recordings(tmp_path)
        dead = Proving(made.catalog._database, made.disk, made.journals, made.threads, QuickClock(T0))
        report = await verify_archive(dead)
        assert report.holds, lines(report)
        assert any("a crash left it" in note for note in report.notes)
        flipped(left, 3000, 1)
        file = left.relative_to(tmp_path / RECORDED).as_posix()
        report = await verify_archive(dead)  # before the next start, which adopts it
        assert covers(next(one for one in report.findings if one.where == file), 3000)
        await Archive(tmp_path / RECORDED, made.catalog, made.journals, made.threads, made.clock).adopt()
        report = await verify_archive(dead)
        found = next(one for one in report.findings if one.where == file)
        assert covers(found, 3000)
        assert any("recovered, unproven" in note for note in report.notes)


async def test_beside_a_gateway_that_records_nothing_is_called_wrong(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        proving = Proving(made.catalog._database, made.disk, made.journals, made.threads, QuickClock(T0))
        for part in range(3):  # a Segment ends in the third
            await made.play(stream(25, start=25 * part, gop=15, size=300))
            report = await verify_archive(proving)
            assert report.holds, lines(report)
        await made.close()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("a file nobody knows", "neither ledger nor catalog knows this file"),
        ("a file of no camera", "neither ledger nor catalog knows this file"),
        ("a row of the catalog", "the catalog's row is missing"),
        ("a time in the catalog", "the catalog says otherwise than row"),
        ("a gap that is gone", "is missing: the ledger knows it"),
        ("a gap that is new", "the ledger knows no gap at"),
        ("bytes that were added", "were added: row"),
        ("bytes that were cut off", "it ends at byte"),
        ("a key that is another", "keys"),
    ],
)
async def test_ledger_catalog_and_disk_contradict_each_other(archive: Path, what: str, says: str) -> None:
    first = recordings(archive)[0]
    async with opened(archive) as it:
        write = it.database.write
        match what:
            case "a file nobody knows":
                shutil.copy(first, first.with_name("20231114T221500.000Z.mp4"))
            case "a file of no camera":
                (archive / RECORDED / "stray.mp4").write_bytes(b"x")
            case "a row of the catalog":
                await write(lambda c: c.execute(delete(segments).where(segments.c.path.endswith(first.name))))
            case "a time in the catalog":
                later = update(segments).where(segments.c.path.endswith(first.name)).values(end_ns=T0 + 59 * NS)
                await write(lambda c: c.execute(later))
            case "a gap that is gone":
                await write(lambda c: c.execute(delete(gaps)))
            case "a gap that is new":
                row = {"camera": CAMERA, "start_ns": T0 + 30 * NS, "reason": "packets lost", "packets": 1, "detail": ""}
                await write(lambda c: c.execute(gaps.insert().values(**row)))
            case "bytes that were added":
                with first.open("ab") as file:
                    file.write(b"more")
            case "bytes that were cut off":
                first.write_bytes(first.read_bytes()[:-10])
            case "a key that is another":
                flipped(archive / "ledger" / "keys.jsonl", 100, 0)
        report = await it.verify()
    assert says in lines(report)


def test_the_command_names_what_does_not_hold(archive: Path, tmp_path: Path) -> None:
    config = tmp_path / "sightline.toml"
    config.write_text(f'data_dir = "{archive}"\n[evidence]\nanchor_file = "{archive.parent / ELSEWHERE}"\n')
    shutil.move(archive / ELSEWHERE, archive.parent / ELSEWHERE)
    ran = sightline("verify", "--config", config)
    assert (ran.code, ran.lines[-1]) == (0, "The archive holds: everything is as it was written.")
    assert "Note: anchored outside up to " in ran.out
    recording = recordings(archive)[1]
    assert sightline("verify", recording, "--config", config).code == 0
    copy = Path(shutil.copy(recording, tmp_path / "copy.mp4"))
    ran = sightline("verify", copy, "--config", config)
    assert ran.code == 0
    assert "a copy, byte for byte, of " in ran.out
    flipped(recording, 4000, 3)
    ran = sightline("verify", "--json", "--camera", CAMERA, "--config", config)
    assert ran.code == 1
    assert '"holds": false' in ran.out
    ran = sightline("verify", recording, "--config", config)
    assert ran.code == 1
    assert re.search(r"bytes \d+ to \d+ were changed", ran.lines[0])
    flipped(copy, 4000, 3)
    ran = sightline("verify", copy, "--config", config)
    assert (ran.code, ran.lines[0]) == (1, "copy.mp4: nothing here speaks of this file, and it carries no credentials")
    assert sightline("verify", tmp_path / "none.mp4", "--config", config).code == 1
