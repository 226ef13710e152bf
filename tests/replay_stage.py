"""An RTSP server on the loopback that plays recordings made up by a test, and a reader that knows what it got."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from gateway.access.audit import Audit
from gateway.access.authority import Authority
from gateway.access.privacy import PrivacyModes
from gateway.access.rights import Role
from gateway.access.tally import Tally
from gateway.access.users import Principal
from gateway.access.views import Views
from gateway.base.clock import SystemClock
from gateway.base.policy import Policy
from gateway.base.workers import Threads
from gateway.media.model import NS
from gateway.media.rtcp import ntp_to_utc_ns
from gateway.nvr.replay import Replays
from gateway.recording.catalog import LAST_NS
from gateway.rtsp.onvif_replay import format_utc
from gateway.rtsp.server import Server
from gateway.store.engine import open_catalog
from tests.filmed import CAMERA, Film
from tests.media_samples import T0
from tests.rtsp_reader import RtspReader

LOGIN = "nvr:secret"


class Accounts:
    """What `NvrAccounts` says, of accounts that a test changes."""

    def __init__(self) -> None:
        self.on_changed = []
        self.who = {"nvr": Principal("nvr", Role.NVR, b"1", by_token=False)}

    def principal(self, name):
        return self.who.get(name)

    def holding(self, who):
        return self.who.get(who.name)

    def password(self, name):
        return "secret" if name in self.who else None


class FilmCatalog:
    """What the catalog knows of a film; nothing of it grows."""

    def __init__(self, film: Film) -> None:
        self.film = film

    def growing(self, camera):
        return None

    async def nearest(self, camera, at_ns):
        pieces = self.film.footage(-1e6).pieces if camera == CAMERA else ()
        before = [piece.end_ns for piece in pieces if piece.start_ns <= at_ns]
        after = [piece.start_ns for piece in pieces if piece.start_ns > at_ns]
        return (min(at_ns, before[-1]) - LAST_NS if before else None), min(after, default=None)

    async def find(self, camera, from_ns, to_ns):
        return self.film.footage((from_ns - T0) / NS, (to_ns - T0) / NS)


class Stage:
    """Plays `film`. Start it, and close it in the end."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.film = Film(folder / "recordings")
        self.accounts = Accounts()
        self.authority = Authority(Policy(), {CAMERA: ()})
        self.database = open_catalog(folder)
        self.audit = Audit(self.database, self.clock)
        self.views = Views(self.database, self.audit, self.clock)
        self.threads = Threads("replay", 2)
        self.catalog = FilmCatalog(self.film)
        self.privacy = PrivacyModes(self.database, self.audit, self.clock, self.authority)
        self.replays = Replays(
            self.catalog, self.catalog, self.film.files, self.threads, self.privacy, self.authority, self.accounts,
            self.views, Tally(self.audit, self.clock), self.clock,
        )  # fmt: skip
        self.server = Server(self.replays.find, self.clock, passwords=self.accounts.password)
        self.port = 0
        self.readers = []

    async def start(self) -> None:
        self.port = await self.server.listen("127.0.0.1")

    async def close(self) -> None:
        for reader in self.readers:
            await reader.close()
        await self.replays.close()
        await self.server.close()
        self.threads.close()
        self.database.close()

    async def reader(self, path: str = f"{CAMERA}/replay") -> ReplayReader:
        self.readers.append(await ReplayReader.connect(self.port, path, LOGIN))
        return self.readers[-1]

    async def rows(self) -> list:
        """The audit, oldest first."""
        await self.views.flush()
        return (await self.audit.entries())[::-1]


@dataclass(frozen=True)
class Unit:
    """An access unit as its packets told of it; `at` in seconds after T0."""

    channel: int
    at: float
    flags: str
    """Of `CEDT`, those that are set."""
    cseq: int
    timestamp: int
    sequence: int


class ReplayReader(RtspReader):
    """Reads recordings."""

    async def play(self, start=None, end=None, **fields):
        """PLAY as an NVR asks for it; the response."""
        if start is not None:
            fields["Range"] = f"clock={utc(start)}-{'' if end is None else utc(end)}"
        return await self.call("PLAY", **{"Require": "onvif-replay", "Rate-Control": "no", **fields})

    def units(self, channel: int | None = None) -> list[Unit]:
        """What has come, by channel and in the order in which it came."""
        channels = sorted(c for c in self.packets if c % 2 == 0) if channel is None else [channel]
        return [found for c in channels for packet in self.packets[c] if (found := parse(c, packet)) is not None]

    async def until(self, condition) -> None:
        """Read on until it holds."""
        async with asyncio.timeout(20):
            while not condition():
                assert await self.read()


def utc(at: float) -> str:
    return format_utc(T0 + round(at * NS))


def parse(channel: int, packet: bytes) -> Unit | None:
    """What the packet's extension says; None: it has none, and so continues a unit."""
    if not packet[0] & 0x10:
        return None
    assert packet[12:16] == b"\xab\xac\x00\x03"
    utc_ns = ntp_to_utc_ns(int.from_bytes(packet[16:24], "big"))
    bits = packet[24]
    assert not bits & 0x0F
    assert packet[26:28] == b"\0\0"
    flags = "".join(name for name, bit in zip("CEDT", (7, 6, 5, 4), strict=True) if bits >> bit & 1)
    at = round((utc_ns - T0) / NS, 4)
    return Unit(
        channel, at, flags, packet[25], int.from_bytes(packet[4:8], "big"), int.from_bytes(packet[2:4], "big")
    )  # fmt: skip
