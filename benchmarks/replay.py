"""How fast an NVR is sent an hour that was recorded, as fast as it takes it (ONVIF's `Rate-Control: no`).

The gateway reads the files, cuts the pictures into packets that say when each was captured, and sends them over TCP;
all replays together have half of its time at most, for live comes first. The baseline is ffmpeg, which reads the same
files and sends nothing: the least that a program can do. They take turns.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import resource
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from benchmarks.gateway_process import GatewayProcess
from benchmarks.measure import BenchmarkError, Ratio, Table, folder
from benchmarks.recorded import PICTURES_PER_SECOND, record
from benchmarks.restream import NVR, PASSWORD
from benchmarks.rtsp_reader_process import Reader
from gateway.media.model import NS
from gateway.recording.archive import RECORDINGS
from tests.filmed import CAMERA
from tests.media_samples import T0

MINUTES = 60
KBITS = 1000
ROUNDS = 3
PATIENCE = 300.0
LOOK_SECONDS = 0.02
KEPT = f"""[[policy.retention]]
keep = "36500d"
[[cameras]]
id = "{CAMERA}"
url = "rtsp://127.0.0.1:1/none"
connect = "on_demand"
record = false
"""


def run() -> Table:
    """Record, measure and tell."""
    if shutil.which("ffmpeg") is None:
        raise BenchmarkError("ffmpeg is not installed")
    took: dict[str, list[float]] = {"gateway": [], "ffmpeg": []}
    spent: dict[str, list[float]] = {"gateway": [], "ffmpeg": []}
    with folder() as path:
        record(path / "data", MINUTES, KBITS)
        files = sorted((path / "data" / RECORDINGS).rglob("*.mp4"))
        listed = path / "list"
        listed.write_text("".join(f"file '{file}'\n" for file in files))
        with GatewayProcess(path, record=False, more=KEPT) as gateway:
            gateway.post("/api/users", {"name": NVR, "role": "nvr", "password": PASSWORD})
            for _ in range(ROUNDS):
                began, cpu = time.monotonic(), gateway.child.cpu()
                asyncio.run(_read(f"rtsp://127.0.0.1:{gateway.rtsp_port}/{CAMERA}/replay"))
                took["gateway"].append(time.monotonic() - began)
                spent["gateway"].append(gateway.child.cpu() - cpu)
                for seconds, into in zip(_ffmpeg(listed), (took, spent), strict=True):
                    into["ffmpeg"].append(seconds)
    pictures = MINUTES * 60 * PICTURES_PER_SECOND
    return Table(
        f"An hour of {KBITS / 1000:g} Mbit/s played to an NVR as fast as it goes",
        ("", "seconds", "times real time", "CPU seconds", "us a picture"),
        [
            *(
                (
                    name,
                    f"{statistics.fmean(took[name]):.1f}",
                    f"{MINUTES * 60 / statistics.fmean(took[name]):.0f}",
                    f"{statistics.fmean(spent[name]):.1f}",
                    f"{statistics.fmean(spent[name]) * 1e6 / pictures:.0f}",
                )
                for name in took
            ),
            ("gateway/ffmpeg", str(Ratio(took["gateway"], took["ffmpeg"])), "", str(Ratio(*spent.values())), ""),
        ],
        (
            f"{pictures:,} pictures, every one of which the reader counts; from connecting to the last one.",
            "CPU: of the whole process. ffmpeg: -f concat -c copy -f null, which starts anew each time.",
        ),
    )


async def _read(url: str) -> None:
    """Play all of it.

    Raises:
        BenchmarkError: not all of it came.
    """
    begin = dt.datetime.fromtimestamp(T0 / NS, dt.UTC)
    span = "-".join(f"{at:%Y%m%dT%H%M%SZ}" for at in (begin, begin + dt.timedelta(minutes=MINUTES)))
    reader, pictures = Reader(NVR, PASSWORD), MINUTES * 60 * PICTURES_PER_SECOND
    fields = {"Require": "onvif-replay", "Range": f"clock={span}", "Rate-Control": "no"}
    await reader.open(url, **fields)
    until = time.monotonic() + PATIENCE
    while reader.pictures < pictures and not reader.ended and time.monotonic() < until:  # noqa: ASYNC110 (counted without a call for each)
        await asyncio.sleep(LOOK_SECONDS)
    if reader.pictures != pictures or reader.lost:
        raise BenchmarkError(f"{reader.pictures} of {pictures} pictures came, {reader.lost} packets were lost")
    reader.close()


def _ffmpeg(listed: Path) -> tuple[float, float]:
    """Wall clock and CPU of reading all of it."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-f", "concat", "-safe", "0", "-i", str(listed), "-map", "0:v"]
    subprocess.run([*command, "-c", "copy", "-f", "null", "-"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
