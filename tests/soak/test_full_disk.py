"""A gateway on a real disk of its own that fills up for a minute, or stands still for five seconds.

Viewers notice neither; what the full disk cost is a gap that says so, the stall costs nothing, and what is kept agrees
with its ledger afterwards. The gateway is a process of its own; the disks are a small tmpfs, and an ext4 in a file
which `fsfreeze` stops: every write to it waits in the kernel then. Both take root.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from gateway.base.rfc3339 import parse_utc
from gateway.media.model import NS, GapReason
from tests.command_line import Served, apart, beside, serving
from tests.filming import CLOCK, RATE, FrameViewer, Studio, recorded, studio

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

CAMERAS = ("a", "b")
BEFORE = 15.0
FULL = 60.0
STALL = 5.0
AFTER = 20.0
STUTTER = 0.5
"""Seconds without a picture that a person would see as one. The machine's own noise stays far below."""
DISK_BYTES = 64 << 20
SETTINGS = """
[http]
listen = "127.0.0.1:0"
[rtsp]
listen = "127.0.0.1:0"
[webrtc]
listen = "127.0.0.1:0"
[discovery]
interfaces = ["lo"]
[[policy.retention]]
keep_at_least = "1d"
"""


class Watcher(FrameViewer):
    """A viewer that also measures how long it goes without a picture."""

    def __init__(self) -> None:
        super().__init__()
        self._at: float | None = None
        self._longest = 0.0

    def _count(self, sequence: int, packets: int, octets: int) -> None:
        before = self.frames
        super()._count(sequence, packets, octets)
        if self.frames > before:
            now = CLOCK.monotonic()
            self._longest = max(self._longest, now - (now if self._at is None else self._at))
            self._at = now

    def longest_pause(self) -> float:
        """Seconds, since this was asked last."""
        assert self._at is not None
        longest, self._longest = max(self._longest, CLOCK.monotonic() - self._at), 0.0
        return longest


@dataclass
class Stage:
    """The gateway and who watches it."""

    config: Path
    served: Served
    http: aiohttp.ClientSession
    filming: Studio
    viewers: list[Watcher]

    async def look(self, seconds: float) -> float:
        """The longest pause of any viewer in this time."""
        await asyncio.sleep(seconds)
        return max(viewer.longest_pause() for viewer in self.viewers)

    async def get(self, path: str) -> dict[str, list[dict[str, str]]]:
        async with self.http.get(path) as answer:
            assert answer.status == 200, await answer.text()
            return dict(await answer.json())

    async def end(self) -> int:
        """Stop filming and the gateway; how many pictures there were of each camera."""
        sent = await self.filming.cut()
        await asyncio.sleep(2)  # what is under way arrives
        assert {viewer.longest_step for viewer in self.viewers} == {1}, "no picture is missing"
        assert sum(viewer.tally.lost for viewer in self.viewers) == 0
        self.served.signal(signal.SIGTERM)
        assert await self.served.end() == 0
        for viewer in self.viewers:
            viewer.resource = None  # the gateway has gone
        return sent


def mounted(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{command[0]} is refused here, which takes root: {done.stderr.strip()}")


@contextlib.contextmanager
def disk(folder: Path, *options: object) -> Iterator[None]:
    """A file system of its own on `folder`."""
    folder.mkdir()
    mounted("mount", *options, folder)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.asynccontextmanager
async def on_air(folder: Path) -> AsyncIterator[Stage]:
    """Two cameras that are recorded, each with a viewer; what is recorded may not be deleted to make room."""
    config = folder / "sightline.toml"
    async with studio(CAMERAS) as filming:
        cameras = [
            f'[[cameras]]\nid = "{c.id}"\nurl = "{c.url}"\n'
            f'username = "{c.id}"\npassword = "{filming.passwords[c.id]}"\n'
            for c in map(filming.settings, CAMERAS)
        ]
        config.write_text(SETTINGS + "".join(cameras))
        await beside("user", "add", "ann", "--role", "administrator", "--config", config)
        token = (await beside("token", "create", "t", "--user", "ann", "--config", config)).out.strip()
        headers = {"Authorization": f"Bearer {token}"}
        async with serving(config) as served, aiohttp.ClientSession(served.url, headers=headers) as http:
            await filming.begin()
            stage = Stage(config, served, http, filming, [Watcher() for _ in CAMERAS])
            for camera_id, viewer in zip(CAMERAS, stage.viewers, strict=True):
                async with asyncio.timeout(20):
                    while (await stage.get(f"/api/cameras/{camera_id}"))["status"] != "live":
                        await asyncio.sleep(0.1)
                await viewer.open(http, f"{served.url}/api/cameras/{camera_id}/whep", headers)
                await viewer.more(RATE)
                viewer.longest_pause()
            yield stage
            for viewer in stage.viewers:
                await viewer.close(http, headers)


async def agree(config: Path) -> None:
    """What is on the disk, in the catalog and in the ledger is the same, and nobody has touched it."""
    for command in ("check", "verify"):
        ran = await apart(command, "--config", config)
        assert ran.code == 0, (command, ran.out, ran.err)


def fill(path: Path) -> None:
    """Take all that is left of the disk."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


async def test_a_full_disk_costs_what_its_gap_says_and_viewers_nothing(tmp_path: Path, record_property) -> None:
    data = tmp_path / "data"
    with disk(data, "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "sightline-test"):
        async with on_air(tmp_path) as stage:
            calm = await stage.look(BEFORE)
            await asyncio.to_thread(fill, data / "somebody-elses")
            full = await stage.look(FULL)
            warnings = (await stage.get("/api/storage"))["warnings"]
            (data / "somebody-elses").unlink()
            again = await stage.look(AFTER)
            listed = {camera_id: await stage.get(f"/api/cameras/{camera_id}/recordings") for camera_id in CAMERAS}
            sent = await stage.end()
        counts = await recorded(data)
        await agree(stage.config)
    lost = {}
    for camera_id, answer in listed.items():
        spans, gaps = answer["recordings"], answer["gaps"]
        assert {gap["reason"] for gap in gaps} == {GapReason.DISK}
        assert [(gap["start"], gap["end"]) for gap in gaps] == [
            (one["end"], two["start"]) for one, two in itertools.pairwise(spans)
        ], "recordings and gaps are all of the time"
        seconds = sum(parse_utc(gap["end"]) - parse_utc(gap["start"]) for gap in gaps) / NS
        lost[camera_id] = round(seconds, 1)
        assert 0 < seconds < FULL + 10
        assert abs(sent - counts[camera_id] - seconds * RATE) <= len(gaps), "the gap is as long as what was lost"
    record_property("longest pause before, while full, after", (calm, full, again))
    record_property("lost seconds", lost)
    print({"pauses": (calm, full, again), "lost": lost, "sent": sent, "warnings": warnings})
    assert any("Nothing is recorded" in warning for warning in warnings)
    assert max(full, again) < STUTTER


async def test_a_disk_that_stands_still_costs_nothing(tmp_path: Path, record_property) -> None:
    data, image = tmp_path / "data", tmp_path / "image"
    image.touch()
    with image.open("r+b") as file:
        file.truncate(DISK_BYTES)
    mounted("mkfs.ext4", "-q", image)
    with disk(data, "-o", "loop", image):
        async with on_air(tmp_path) as stage:
            calm = await stage.look(BEFORE)
            await asyncio.to_thread(mounted, "fsfreeze", "--freeze", data)
            try:
                still = await stage.look(STALL)
            finally:
                await asyncio.to_thread(mounted, "fsfreeze", "--unfreeze", data)
            again = await stage.look(AFTER)
            listed = {camera_id: await stage.get(f"/api/cameras/{camera_id}/recordings") for camera_id in CAMERAS}
            sent = await stage.end()
        counts = await recorded(data)
        await agree(stage.config)
    record_property("longest pause before, while still, after", (calm, still, again))
    print({"pauses": (calm, still, again), "sent": sent, "recorded": dict(counts)})
    assert {camera_id: (len(answer["recordings"]), answer["gaps"]) for camera_id, answer in listed.items()} == (
        dict.fromkeys(CAMERAS, (1, []))
    )
    assert counts == dict.fromkeys(CAMERAS, sent)
    assert max(still, again) < STUTTER
