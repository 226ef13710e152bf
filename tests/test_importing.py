"""`sightline import`: files from a card fill what is missing, are proven afterwards, come in whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.access.audit import Action, Audit
from gateway.base.errors import BadRequestError, ConflictError, SightlineError, StorageError
from gateway.evidence.verify import Proving, verify_archive
from gateway.media.model import NS, GapReason, TrackKind
from gateway.recording.adopt import adopt
from gateway.recording.check import check
from gateway.recording.files import STAGING
from gateway.recording.importing import Imported, Importer, Interval
from gateway.recording.imports import Staging
from gateway.recording.media_file import UnreadableError
from gateway.recording.timeline import Timelines
from gateway.store.tables import audit, segments
from tests.cards import RATE, card
from tests.command_line import sightline
from tests.media_samples import T0, stream
from tests.proof_rig import QuickClock
from tests.recording_rig import CAMERA, Rig, frames, gap, rig, seconds

ME: Any = {"by": "shell:ann", "address": "local"}


@dataclass
class Desk:
    """An archive with a gap from 10 to 30 seconds, and who imports into it."""

    made: Rig
    importer: Importer
    root: Path

    async def take(self, path: Path, start: float | None = None, *, hidden: list[Interval] | None = None) -> Imported:
        start_ns = None if start is None else T0 + round(start * NS)
        return await self.importer.run(path, CAMERA, start_ns, hidden=hidden or [], **ME)

    async def agrees(self) -> None:
        """`sightline check` and `sightline verify` find nothing, and nothing is left of any import's work."""
        made = self.made
        assert await check(made.catalog, made.disk, made.threads) == []
        clock = QuickClock(made.clock.utc_ns())
        report = await verify_archive(Proving(made.catalog._database, made.disk, made.journals, made.threads, clock))
        assert report.findings == []
        assert made.disk.names(STAGING) == []

    async def imported(self) -> list[Path]:
        query = select(segments.c.path).where(segments.c.imported).order_by(segments.c.start_ns)
        paths = await self.made.catalog._database.read(lambda connection: connection.scalars(query).all())
        return [self.root / path for path in paths]

    def rows(self) -> list[dict[str, Any]]:
        return [dict(row.body) for row in self.made.journals.read(CAMERA) if row.kind == "imported"]


def importer_of(made: Rig) -> Importer:
    log = Audit(made.catalog._database, made.clock)
    return Importer(made.catalog, made.disk, made.journals, made.threads, log, made.clock)


@asynccontextmanager
async def desk(folder: Path, *, live: bool = True) -> AsyncIterator[Desk]:
    async with rig(folder) as made:
        await made.play(stream(10, rate=10, gop=10))
        await made.play([gap(10, GapReason.DISCONNECTED)])
        if live:
            await made.play(stream(10, start=30, rate=10, gop=10))
        else:
            await made.wait(60)
        yield Desk(made, importer_of(made), folder / "recordings")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty seconds, with sound, from 5 seconds on."""
    return card(tmp_path_factory.mktemp("card") / "MOVI0001.MP4", 30, at=5, sound="aac")


async def test_a_file_fills_the_gap_beside_a_recorder_and_nothing_else(tmp_path: Path, long: Path) -> None:
    async with desk(tmp_path) as it:
        done = await it.take(long)
        (filled,) = done.filled
        assert (seconds(filled.start_ns), seconds(filled.end_ns)) == (10, 30)
        assert [(seconds(one.start_ns), round(seconds(one.end_ns), 1)) for one in done.left_out] == [
            (5, 10),
            (30, 34.9),
        ]
        assert await it.made.spans() == [(0, 10), (10, 30), (30, pytest.approx(40, abs=0.6))]
        assert await it.made.gaps() == []
        timeline = await Timelines(it.made.catalog._database, it.made.catalog).of(CAMERA, T0, T0 + 60 * NS)
        assert [(seconds(one.start_ns), seconds(one.end_ns)) for one in timeline.imported] == [(10, 30)]
        (row,) = it.rows()
        assert row["original"] == {
            "name": "MOVI0001.MP4",
            "bytes": long.stat().st_size,
            "sha256": hashlib.sha256(long.read_bytes()).hexdigest(),
        }
        (file,) = await it.imported()
        assert len(frames(file)) == 20 * RATE
        assert len(frames(file, TrackKind.AUDIO)) == pytest.approx(20 * 48000 / 1024, abs=3)
        await it.agrees()
        query = select(audit.c.camera, audit.c.actor).where(audit.c.action == Action.IMPORT.value)
        rows = await it.made.catalog._database.read(lambda connection: connection.execute(query).all())
        assert [tuple(row) for row in rows] == [(CAMERA, "shell:ann")]
        with pytest.raises(ConflictError, match="recorded already"):
            await it.take(long)
        await it.made.play(stream(5, start=40))
        await it.made.close()
        await it.agrees()


async def test_a_gap_is_split_by_what_fills_its_middle_and_the_next_start_goes_on(tmp_path: Path, long: Path) -> None:
    async with desk(tmp_path, live=False) as it:
        await it.take(long, 20)
        assert await it.made.gaps() == [(10, 20, GapReason.DISCONNECTED), (50, None, GapReason.DISCONNECTED)]
        await it.made.play(stream(5, start=75))
        assert (await it.made.gaps())[1:] == [(50, 75, GapReason.DISCONNECTED)]
        await it.made.close()
        await it.agrees()


async def test_what_was_imported_while_no_gateway_ran_lies_between_two_gaps(tmp_path: Path, long: Path) -> None:
    async with rig(tmp_path) as made:
        await made.play(stream(10))
        await made.close()
        made.clock.advance(100)
        await Desk(made, importer_of(made), tmp_path).take(long, 30)
        await made.catalog.resume(CAMERA)
        assert await made.gaps() == [(10, 30, GapReason.RESTART), (60, None, GapReason.RESTART)]


async def test_a_pause_in_the_middle_of_a_file_stays_missing(tmp_path: Path) -> None:
    path = card(tmp_path / "a.mp4", 4, at=12, pause=12)
    async with desk(tmp_path) as it:
        done = await it.take(path)
        assert [(seconds(one.start_ns), seconds(one.end_ns)) for one in done.filled] == [(12, 14), (26, 28)]
        assert [(start, end) for start, end, _ in await it.made.gaps()] == [(10, 12), (14, 26), (28, 30)]
        await it.agrees()


async def test_what_was_not_to_be_recorded_stays_out(tmp_path: Path, long: Path) -> None:
    async with desk(tmp_path) as it:
        private = Interval(T0 + 14 * NS, T0 + 18 * NS)
        done = await it.take(long, hidden=[private])
        assert [(seconds(one.start_ns), seconds(one.end_ns)) for one in done.filled] == [(10, 14), (18, 30)]
        assert (await it.made.gaps()) == [(14, 18, GapReason.DISCONNECTED)]
        await it.agrees()


@pytest.mark.parametrize(
    ("name", "how", "tracks"),
    [
        ("a.mkv", {"b": 2, "sound": "aac"}, ["H264", "AAC"]),
        ("a.mov", {"sound": "pcm_alaw"}, ["H264", "PCMA"]),
        ("a.ts", {"b": 2}, ["H264"]),
        ("a.avi", {"sound": "mp3"}, ["H264"]),
        ("a.mp4", {"video": "libx265"}, ["H265"]),
    ],
)
async def test_containers_and_codecs(tmp_path: Path, name: str, how: dict[str, Any], tracks: list[str]) -> None:
    path = card(tmp_path / name, 4, **how)
    async with desk(tmp_path, live=False) as it:
        done = await it.take(path, 20)
        assert [track["codec"] for track in it.rows()[0]["tracks"]] == tracks
        assert bool(done.tracks_left_out) == (name == "a.avi")
        (file,) = await it.imported()
        assert len(frames(file)) == 4 * RATE
        times = [at for at, _ in frames(file)]
        assert sorted(times) == pytest.approx([times[0] + n / RATE for n in range(4 * RATE)], abs=0.002)
        await it.agrees()


async def test_our_own_files_bring_their_metadata_and_their_time(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with rig(tmp_path / "other") as other:
        await other.play(stream(8, start=15))
        await other.close()
        (ours,) = [tmp_path / "other" / "recordings" / path for path in await other.segments()]
    async with desk(tmp_path) as it:
        done = await it.take(ours)
        assert [(seconds(one.start_ns), seconds(one.end_ns)) for one in done.filled] == [(15, 23)]
        (file,) = await it.imported()
        before, after = frames(ours, TrackKind.METADATA), frames(file, TrackKind.METADATA)
        assert [document for _, document in after] == [document for _, document in before]
        assert [at for at, _ in after] == pytest.approx([at for at, _ in before], abs=0.05)
        await it.agrees()


def _no_video(folder: Path) -> Path:
    return card(folder / "sound.mp4", 2, video=None, sound="aac")


def _text(folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("no media at all")
    return path


def _playlist(folder: Path) -> Path:
    path = folder / "list.mp4"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{folder / 'secret.ts'}\n")
    return path


def _cut_off(folder: Path) -> Path:
    path = card(folder / "cut.mkv", 12)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def _undated(folder: Path) -> Path:
    return card(folder / "undated.ts", 2, at=None)


def _of_tomorrow(folder: Path) -> Path:
    return card(folder / "tomorrow.mp4", 2, at=86400)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (_no_video, UnreadableError, "no video"),
        (_text, UnreadableError, "cannot be read as media"),
        (_playlist, UnreadableError, "cannot be read as media"),
        (_cut_off, UnreadableError, "damaged"),
        (_undated, BadRequestError, "--start"),
        (_of_tomorrow, BadRequestError, "future"),
        (lambda folder: folder / "nowhere.mp4", StorageError, "cannot be read"),
    ],
)
async def test_what_cannot_be_imported_is_told_and_leaves_nothing(
    tmp_path: Path, make: Callable[[Path], Path], error: type[SightlineError], words: str
) -> None:
    path = make(tmp_path)
    async with desk(tmp_path) as it:
        start = None if make in {_undated, _of_tomorrow} else 15.0
        with pytest.raises(error, match=words):
            await it.take(path, start)
        assert await it.imported() == []
        assert it.rows() == []
        await it.agrees()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    ("step", "by"),
    [("plan", "import"), ("link", "start"), ("link", "import"), ("ledger", "start"), ("catalog", "import")],
)
async def test_a_kill_at_any_step_is_undone_or_finished(
    tmp_path: Path, long: Path, step: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the row in the ledger, it is finished; before it, nothing has happened."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    async with desk(tmp_path) as it:
        made = it.made
        with monkeypatch.context() as patch:
            # Whatever comes after the kill did not happen; the kernel let go of the locks.
            patch.setattr("gateway.recording.importing.finish_import", _nothing)
            target, name = {
                "plan": (Staging, "link"),
                "link": (made.journals, "append"),
                "ledger": (made.catalog, "place"),
                "catalog": (made.catalog, "place"),
            }[step]
            before = getattr(target, name)
            if step == "catalog":

                async def last(*arguments: Any) -> None:
                    await before(*arguments)
                    raise Killed

                patch.setattr(target, name, last)
            else:
                patch.setattr(target, name, die)
            with pytest.raises(Killed):
                await it.take(long)
        if by == "start":
            await made.close()
            await adopt(made.catalog, made.disk, made.journals, made.threads)
        else:
            await it.importer.finish()
        done = step in {"ledger", "catalog"}
        assert len(await it.imported()) == len(it.rows()) == done
        assert bool([one for one in await made.gaps() if one[0] == 10]) is not done
        await it.agrees()


async def _nothing(*_: object) -> None:
    pass


async def test_a_lost_catalog_is_told_of_imports_by_the_ledger(tmp_path: Path, long: Path) -> None:
    async with desk(tmp_path, live=False) as it:
        await it.take(long, 20)
        await it.made.close()
        database = it.made.catalog._database
        await database.write(lambda connection: connection.execute(segments.delete().where(segments.c.imported)))
        assert await it.imported() == []
        await adopt(it.made.catalog, it.made.disk, it.made.journals, it.made.threads)
        assert len(await it.imported()) == 1


def _configured(tmp_path: Path) -> Path:
    config = tmp_path / "sightline.toml"
    config.write_text(
        f'data_dir = "{tmp_path / "data"}"\n[[cameras]]\nid = "{CAMERA}"\nurl = "rtsp://127.0.0.1:9/"\nrecord = false\n'
    )
    return config


def test_the_command_takes_several_files_and_says_who_wore_the_camera(tmp_path: Path) -> None:
    config = _configured(tmp_path)
    files = [card(tmp_path / f"{n}.mp4", 2, at=10 * n) for n in range(2)]
    ran = sightline("import", *files, _text(tmp_path), "--camera", CAMERA, "--wearer", "Ann", "--config", config)
    assert ran.code == 1
    assert "notes.mp4 cannot be read as media" in ran.err
    assert [line.split(":")[0] for line in ran.lines if "imported into" in line] == [str(path) for path in files]
    assert sum(line.startswith("  filled    2023-11-14T22:13:") for line in ran.lines) == 2
    assert sightline("camera", "wearers", "--config", config).out.count("Ann") == 2
    third = card(tmp_path / "2.mp4", 2, at=1.5)
    other = sightline("import", third, "--camera", CAMERA, "--wearer", "Bob", "--config", config)
    assert (other.code, "imported into" in other.out) == (1, True)
    assert "was not noted: unit-12 was worn by another" in other.err
    again = sightline("import", files[0], "--camera", CAMERA, "--config", config)
    assert (again.code, again.out) == (1, "")
    assert "nothing of 0.mp4 is missing" in again.err
    assert sightline("check", "--config", config).code == 0
    assert sightline("verify", "--config", config).code == 0


def test_the_command_is_told_what_makes_no_sense(tmp_path: Path) -> None:
    config = _configured(tmp_path)
    one = tmp_path / "a.mp4"
    assert sightline("import", one, one, "--camera", CAMERA, "--start", "2026-01-31", "--config", config).code == 2
    assert sightline("import", one, "--camera", CAMERA, "--start", "yesterday", "--config", config).code == 2
    ran = sightline("import", one, "--camera", "unit-99", "--config", config)
    assert (ran.code, 'no camera "unit-99"' in ran.err) == (1, True)
