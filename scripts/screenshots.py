"""The pictures of the documents: `docs/pictures/*.webp`, made from the real page of a real gateway.

Runs `sightline demo`, gives it something to show (an incident with notes, a geofence, a wall, a person, an SOS), opens
the pages in Debian's Chromium, and writes one file for each entry of `PICTURES`. To add a picture, add an entry. What a
picture shows is said where it is used; how the page works, in `docs/page.md`.

    make screenshots
    .venv/bin/python scripts/screenshots.py wall map    # only these
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

FOLDER = Path(__file__).resolve().parents[1] / "docs/pictures"
CHROMIUM = Path("/usr/bin/chromium")
DESKTOP = (1440, 900)
PHONE = (390, 844)
START_SECONDS = 600.0
"""How long the gateway and its cameras may take to start; on an idle machine it is ten seconds."""
STEP_MS = 60_000
SETTLE_MS = 3_000
"""Positions come in this time, and maps are where they are going."""
PATIENCE_MS = 12_000
"""How long is waited for all pictures in full quality; a busy machine's are taken as they are."""
MOST_BYTES = 1_500_000
"""All pictures together: they are in the repository for good."""
QUALITY = "72"
FLAGS = [
    "--no-sandbox",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    # A map without graphics hardware.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-gpu-compositing",
    # A microphone that beeps.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
SETTINGS = """
[[alerts.webhook]]
name = "control-room"
url = "http://127.0.0.1:{port}/hooks/sightline"
secret = "{secret}"

[policy]
watermark = true

[[policy.retention]]
keep = "30d"
keep_at_least = "7d"

[[policy.retention]]
category = "arrest"
keep = "365d"
"""
"""What the demo is not by itself: it tells somebody of alerts, and keeps recordings for so long."""

SEND = """async ([method, path, body]) => {
  const {csrf} = await (await fetch('/api/session')).json();
  const answer = await fetch(path, {
    method, body: body && JSON.stringify(body), headers: {'Content-Type': 'application/json', 'X-CSRF-Token': csrf},
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}"""
PLACE = """async camera => {
  for (;;) {
    const {cameras} = await (await fetch('/api/cameras')).json();
    const {position} = cameras.find(({id}) => id === camera);
    if (position?.lat !== undefined) return [position.lon, position.lat];
    await new Promise(resolve => setTimeout(resolve, 500));
  }
}"""
"""Where a unit is, as soon as it is known: longitude and latitude."""

Step: TypeAlias = Callable[[Any], Awaitable[None]]
"""Something that is done on the (Playwright) page before its picture is taken."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: the page at `address`, once `shows` (a CSS selector) is to be seen after the `steps`.

    In the address `{wall}` and `{incident}` are the numbers of those that `something_to_show` made.
    """

    name: str
    size: tuple[int, int]
    address: str
    shows: str
    steps: tuple[Step, ...] = ()


def by(test_id: str) -> str:
    return f'[data-testid="{test_id}"]'


def click(selector: str) -> Step:
    return lambda page: page.locator(selector).first.click()


def keys(*pressed: str) -> Step:
    async def press(page: Any) -> None:
        for key in pressed:
            await page.keyboard.press(key)

    return press


def written(text: str) -> Step:
    return lambda page: page.keyboard.type(text)


def chosen(selector: str, value: str) -> Step:
    async def choose(page: Any) -> None:
        await page.locator(selector).first.select_option(value)

    return choose


def seen(selector: str) -> Step:
    return lambda page: page.locator(selector).first.wait_for()


async def settled(page: Any) -> None:
    """Until nothing is awaited any more: a picture is of the page at work, not of what comes before."""
    await page.wait_for_timeout(SETTLE_MS)
    awaited = page.locator(", ".join(map(by, ("picture-message", "quality", "link-slow"))))
    for _ in range(PATIENCE_MS // 1000):
        if not await awaited.count():
            break
        await page.wait_for_timeout(1000)


async def offline(page: Any) -> None:
    await page.context.set_offline(True)


async def sos(page: Any) -> None:
    """The wearer of unit 12 calls for help, and goes on calling: there is one alert."""
    await send(page, "POST", "/api/cameras/unit-12/sos", {"text": "Needs a second unit"})


PICTURES = (
    Picture("wall", DESKTOP, "#/wall/all", "unit-tile video"),
    Picture("wall-large", DESKTOP, "#/wall/{wall}", "unit-tile video"),
    Picture("unit", DESKTOP, "#/unit/unit-07", "unit-view video"),
    Picture("talk", DESKTOP, "#/unit/unit-07", by("talk") + '[aria-pressed="true"]', (settled, click(by("talk")))),
    Picture("replay", DESKTOP, "#/unit/unit-07", by("replay-video"), (settled, click(by("replay")))),
    Picture("map", DESKTOP, "#/map", by("map-unit")),
    Picture("search", DESKTOP, "#/map", by("found"), (settled, keys("/"), written("unit"))),
    Picture("incident", DESKTOP, "#/incident/{incident}", by("note")),
    Picture("incident-replay", DESKTOP, "#/incident/{incident}", by("room-pictures"), (settled, keys("Space"))),
    Picture("archive", DESKTOP, "#/archive/unit-12,unit-07", "archive-page video"),
    Picture("geofences", DESKTOP, "#/geofences", by("geofence")),
    Picture("fleet", DESKTOP, "#/settings/fleet", by("fleet-unit")),
    Picture("camera", DESKTOP, "#/settings/cameras/unit-12", by("test-verdict"), (click(by("test-start")),)),
    Picture("cameras", DESKTOP, "#/settings/cameras", "cameras-page"),
    Picture(
        "phones",
        DESKTOP,
        "#/settings/phones",
        by("phone-qr"),
        (seen(by("phone-make")), chosen(by("phone-unit"), "unit-21"), click(by("phone-make"))),
    ),
    Picture("nvr", DESKTOP, "#/settings/nvr", "nvr-page"),
    Picture(
        "notifications",
        DESKTOP,
        "#/settings/notifications",
        by("channel-tested"),
        (click(by("channel-test")),),
    ),
    Picture("storage", DESKTOP, "#/settings/storage", by("storage-unit")),
    Picture("users", DESKTOP, "#/settings/users", by("user")),
    Picture("policy", DESKTOP, "#/settings/policy", "policy-page"),
    Picture("audit", DESKTOP, "#/settings/audit", by("audit-row")),
    Picture("phone-unit", PHONE, "#/unit/unit-07", "unit-view video"),
    Picture("phone-incident", PHONE, "#/incident/{incident}", by("note")),
    Picture("link", DESKTOP, "#/wall/all", by("link-banner"), (settled, offline)),
    # From here on every page has the alert.
    Picture("sos", DESKTOP, "#/wall/all", by("alert-banner"), (sos,)),
    Picture("alerts", DESKTOP, "#/alerts", "alert-row", (sos,)),
    Picture("phone-duty", PHONE, "#/duty", by("duty-alert"), (sos,)),
)


async def main() -> None:
    """Make all of them, or those that the command line names; what did not come is said at the end."""
    ours = asyncio.current_task()
    assert ours is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ours.cancel)
    wanted = [picture for picture in PICTURES if not sys.argv[1:] or picture.name in sys.argv[1:]]
    FOLDER.mkdir(exist_ok=True)
    faults = []
    async with demo() as login, browser() as chromium:
        pages = {size: await logged_in(chromium, size, login) for size in (DESKTOP, PHONE)}
        numbers = await something_to_show(pages[DESKTOP])
        for picture in wanted:
            try:
                await take(pages[picture.size], picture, login.url, numbers)
            except Exception as error:  # the others are made all the same
                faults.append(f"{picture.name}: {str(error).splitlines()[0]}")
    faults += [f"{path.name} is made by nothing" for path in FOLDER.iterdir() if path.stem not in names()]
    if (size := sum(path.stat().st_size for path in FOLDER.iterdir())) > MOST_BYTES:
        faults.append(f"{size} bytes are more than {MOST_BYTES}")
    if faults:
        sys.exit("\n".join(faults))


def names() -> set[str]:
    return {picture.name for picture in PICTURES}


@dataclass(frozen=True, slots=True)
class Login:
    url: str
    name: str
    password: str


@contextlib.asynccontextmanager
async def demo() -> AsyncIterator[Login]:
    """`sightline demo`, which tells this process of alerts."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sightline-pictures-")))
        receiver = await stack.enter_async_context(await asyncio.start_server(take_message, "127.0.0.1", 0))
        secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
        settings = folder / "sightline.toml"
        settings.write_text(SETTINGS.format(port=receiver.sockets[0].getsockname()[1], secret=secret))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "demo", "--config", str(settings), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                line = (await process.stdout.readline()).decode()
            if not line.startswith("Sightline "):
                sys.exit("`sightline demo` did not start")
            yield Login(*line.split()[1:])
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def take_message(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a webhook's one request: taken."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            yield chromium
        finally:
            await chromium.close()


async def logged_in(chromium: Any, size: tuple[int, int], login: Login) -> Any:
    """A page of a browser of its own, after the log-in."""
    context = await chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="en-GB", has_touch=size == PHONE
    )
    context.set_default_timeout(STEP_MS)
    page = await context.new_page()
    await page.goto(login.url)
    await page.get_by_test_id("login-username").fill(login.name)
    await page.get_by_test_id("login-password").fill(login.password)
    await page.get_by_test_id("login-submit").click()
    await page.get_by_test_id("login-submit").wait_for(state="detached")
    return page


async def send(page: Any, method: str, path: str, body: object = None) -> Any:
    """A request in the name of who is logged in; what was answered."""
    return await page.evaluate(SEND, [method, path, body])


async def something_to_show(page: Any) -> dict[str, int]:
    """A person, a geofence, a wall and an incident with notes; the numbers of the wall and the incident."""
    person = {"name": "ann", "role": "dispatcher", "password": "a long enough password"}
    await send(page, "POST", "/api/users", person)
    circle = {"type": "Point", "coordinates": await page.evaluate(PLACE, "unit-12"), "radius_m": 150.0}
    await send(page, "POST", "/api/geofences", {"name": "Market", "shape": circle})
    tiles = ["unit-12", "unit-07", "unit-03", "unit-21", None, None]
    wall = await send(page, "POST", "/api/walls", {"name": "Market day", "layout": "1+5", "tiles": tiles})
    units = ["unit-12", "unit-07"]
    incident = await send(page, "POST", "/api/incidents", {"title": "Fight at the market", "cameras": units})
    for text in ("Two people, one with a red jacket", "Unit 07 is on the way"):
        await send(page, "POST", f"/api/incidents/{incident['id']}/notes", {"text": text})
    return {"wall": int(wall["id"]), "incident": int(incident["id"])}


async def take(page: Any, picture: Picture, url: str, numbers: dict[str, int]) -> None:
    """Open the page, do the steps, wait, and write the file."""
    await page.goto(f"{url}/{picture.address.format(**numbers)}")
    await page.reload()  # each picture begins anew, with nothing open of the one before
    try:
        for step in picture.steps:
            await step(page)
        await page.locator(picture.shows).first.wait_for()
        await settled(page)
        (FOLDER / f"{picture.name}.webp").write_bytes(webp(await page.screenshot()))
        print(picture.name, flush=True)
    finally:
        await page.context.set_offline(False)
        await page.goto("about:blank")  # nothing goes on while another page's picture is taken


def webp(png: bytes) -> bytes:
    """The same picture as WebP, which is a fifth as large."""
    import av

    with av.open(io.BytesIO(png), "r") as source:
        frame = next(source.decode(video=0)).reformat(format="yuv420p")
    written = io.BytesIO()
    with av.open(written, "w", format="webp") as target:
        stream: Any = target.add_stream("libwebp", options={"quality": QUALITY, "compression_level": "6"})
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
        frame.pts = None
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return written.getvalue()


if __name__ == "__main__":
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(main())
