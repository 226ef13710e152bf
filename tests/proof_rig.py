"""A small archive with ledger, audit and anchors, and what somebody may do to it: for tests of `sightline verify`."""

from __future__ import annotations

import asyncio
import pickle
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, update

from gateway.access.audit import Action, Audit
from gateway.access.audit_chain import verify as verify_audit
from gateway.access.authority import Authority
from gateway.access.privacy import PrivacyModes
from gateway.base.clock import ManualClock
from gateway.base.policy import Policy
from gateway.base.workers import Threads
from gateway.evidence.export import ExportRequest, Kind
from gateway.evidence.findings import Report
from gateway.evidence.package import build_package
from gateway.evidence.package_gathering import gather_package
from gateway.evidence.parts import ExportParts
from gateway.evidence.verify import Proving, verify_archive
from gateway.ledger.anchor import ANCHORS_FILE, make
from gateway.ledger.journal import Journals
from gateway.media.model import NS, GapReason
from gateway.positions.store import PositionStore
from gateway.recording.archive import Archive
from gateway.recording.catalog import Catalog
from gateway.recording.files import SystemFiles
from gateway.store.engine import Database, open_catalog, open_positions
from gateway.store.tables import audit
from tests.media_samples import T0, stream
from tests.recording_rig import CAMERA, gap, rig

RECORDED = "recordings"
ELSEWHERE = "elsewhere.jsonl"


class QuickClock(ManualClock):
    """Nobody waits: whoever sleeps wakes at once, and time has passed."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)


async def make_archive(folder: Path) -> Path:
    """Three minutes of a camera, with a gap and a loss; six rows of audit; an anchor half way and one at the end."""
    async with rig(folder) as made:
        await made.play(stream(70, gop=15, size=300))
        await anchor(made.catalog._database, made.journals, made.clock, folder)
        await made.play(stream(50, start=70, gop=15, size=300))
        await made.play([gap(120, GapReason.DISCONNECTED)])
        await made.play(stream(20, start=130, gop=15, size=300))
        await made.play([gap(150, GapReason.LOSS, end=150.5, track_id=0, packets=3)])
        await made.play(stream(40, start=150, gop=15, size=300))
        await made.close()
        entries = Audit(made.catalog._database, made.clock)
        for number in range(6):
            await entries.record(
                Action.RECORDINGS, actor="ann", address="10.0.0.7", camera=CAMERA, reason="a complaint", number=number
            )
        await anchor(made.catalog._database, made.journals, made.clock, folder)
    return folder


async def anchor(database: Database, journals: Journals, clock: ManualClock, folder: Path) -> None:
    """Make an anchor of all heads, here and elsewhere."""
    head = (await verify_audit(database)).head
    heads = {"audit": head, **{f"camera/{camera}": journals.head(camera) for camera in journals.cameras()}}
    line = make(heads, clock.utc_ns(), journals.signer, None).line()
    for path in (folder / "ledger" / ANCHORS_FILE, folder / ELSEWHERE):
        with path.open("ab") as file:
            file.write(line)


@dataclass
class Opened:
    """An archive, and what proves it."""

    folder: Path
    database: Database
    proving: Proving

    async def verify(self) -> Report:
        return await verify_archive(self.proving)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Opened]:
    """Open an archive of `make_archive` as `sightline verify` does."""
    database = await asyncio.to_thread(open_catalog, folder)
    clock, threads = QuickClock(T0 + 600 * NS), Threads("proof", 1)
    journals = await asyncio.to_thread(Journals.open, folder, clock)
    files = SystemFiles(folder / RECORDED)
    try:
        proving = Proving(database, files, journals, threads, clock, folder / ELSEWHERE)
        yield Opened(folder, database, proving)
    finally:
        threads.close()
        journals.close()
        database.close()


ALL = frozenset([CAMERA])


async def make_package(
    archive: Path, folder: Path, *, sound: frozenset[str] = ALL, positions: frozenset[str] = ALL
) -> Path:
    """Seconds 75 to 110 of an archive of `make_archive`, as a package in the new `folder`."""
    folder.mkdir()
    request = ExportRequest(
        (CAMERA,), T0 + 75 * NS, T0 + 110 * NS, "ann", "10.0.0.7", Kind.PACKAGE,
        sound=sound, positions=positions, reason="a complaint",
    )  # fmt: skip
    async with opened(archive) as it:
        proving, threads = it.proving, it.proving.threads
        store = await asyncio.to_thread(open_positions, archive)
        try:
            privacy = PrivacyModes(it.database, Audit(it.database, proving.clock), proving.clock, Authority(Policy()))
            catalog = Catalog(it.database)
            parts = ExportParts(
                archive, it.database,
                Archive(archive / RECORDED, catalog, proving.journals, threads, proving.clock),
                PositionStore(store, proving.clock), privacy, threads, proving.clock, lambda _: "Unit 12",
            )  # fmt: skip
            plan = await gather_package(parts, "package", request, folder, with_audit=True)
        finally:
            store.close()
        plan = pickle.loads(pickle.dumps(plan))
        shares: list[float] = []
        made = await asyncio.to_thread(
            build_package, plan, SystemFiles(archive / RECORDED), proving.clock, shares.append
        )
    assert shares == sorted(shares)
    assert list(folder.iterdir()) == [made.path]
    return made.path


@dataclass(frozen=True)
class Flip:
    """One changed byte: where, and how to change it back."""

    of: str
    """`file`, `ledger` or `audit`."""
    path: Path | None
    at: int
    """Its offset; of the audit the row's number."""
    bit: int = 0


def flipped(path: Path, at: int, bit: int) -> None:
    """Flip a bit of a file; again, and it is as it was."""
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def random_file_flip(folder: Path, chance: random.Random) -> Flip:
    """A byte of a recording, or of a ledger; nothing is done to it yet."""
    of, pattern = chance.choice([("file", "recordings/**/*.mp4"), ("ledger", f"ledger/{CAMERA}.jsonl")])
    path = chance.choice(sorted(folder.glob(pattern)))
    return Flip(of, path, chance.randrange(path.stat().st_size), chance.randrange(8))


async def random_audit_flip(database: Database, chance: random.Random) -> tuple[Flip, Callable[[], Awaitable[None]]]:
    """A byte of a value in a row of the audit, and how to put it right."""
    names = ["utc_ns", "actor", "action", "outcome", "camera", "address", "reason", "detail", "sha256"]
    rows = await database.read(lambda connection: connection.execute(select(audit).order_by(audit.c.id)).all())
    row, name = chance.choice(rows), chance.choice(names)
    value = row._mapping[name]
    changed: object
    match value:
        case int():
            changed = value ^ 1 << chance.randrange(40)
        case bytes():
            at = chance.randrange(len(value))
            changed = value[:at] + bytes([value[at] ^ 1 << chance.randrange(8)]) + value[at + 1 :]
        case str():
            at = chance.randrange(len(value))
            changed = value[:at] + chr(ord(value[at]) ^ 1 << chance.randrange(7)) + value[at + 1 :]
        case _:
            changed = "x"

    async def write(value: object) -> None:
        await database.write(
            lambda connection: connection.execute(update(audit).where(audit.c.id == row.id).values({name: value}))
        )

    await write(changed)
    return Flip("audit", None, row.id), lambda: write(value)
