"""Chromium as the viewer: the plain WHEP exchange from an empty page, and when which picture was on the screen.

What counts as the first picture, as latency and as live is defined here and used by `start` and `latency` alike.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import BenchmarkError

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-web-security",  # the page is about:blank, the baseline knows no CORS
    "--autoplay-policy=no-user-gesture-required",
)
LIVE_MS = 100
"""At the live edge: no picture from then on is later than the usual latency by more."""
CLOCK_BITS = 32
CLOCK_ROWS = 32
"""The clock in the picture: milliseconds since 1970, the highest bit left, in as many blocks along the upper edge."""

_JOIN = """async ([url, headers, seconds, clockBits, clockRows]) => {
  const video = document.createElement('video');
  video.muted = video.autoplay = true;
  document.body.replaceChildren(video);
  const strip = new OffscreenCanvas(clockBits, 1).getContext('2d', {willReadFrequently: true});
  const clock = () => {
    strip.drawImage(video, 0, 0, video.videoWidth, clockRows, 0, 0, clockBits, 1);
    const pixels = strip.getImageData(0, 0, clockBits, 1).data;
    let burnt = 0;
    for (let bit = 0; bit < clockBits; bit++) burnt = burnt * 2 + (pixels[4 * bit] > 128);
    return ((Date.now() - burnt) % 2 ** clockBits + 2 ** clockBits + 2 ** 31) % 2 ** clockBits - 2 ** 31;
  };
  const clicked = performance.now(), shown = [];
  const pc = new RTCPeerConnection();
  for (const kind of ['video', 'audio']) pc.addTransceiver(kind, {direction: 'recvonly'});
  pc.ontrack = event => { if (event.track.kind == 'video') video.srcObject = new MediaStream([event.track]); };
  const first = new Promise(resolve => {
    const frame = () => {
      shown.push([performance.now() - clicked, clock()]);
      resolve();
      video.requestVideoFrameCallback(frame);
    };
    video.requestVideoFrameCallback(frame);
  });
  const gathered = new Promise(resolve => {
    pc.onicegatheringstatechange = () => { if (pc.iceGatheringState == 'complete') resolve(); };
    setTimeout(resolve, 300);
  });
  await pc.setLocalDescription();
  await gathered;
  const asked = performance.now() - clicked;
  headers['Content-Type'] = 'application/sdp';
  const response = await fetch(url, {method: 'POST', headers, body: pc.localDescription.sdp});
  if (response.status != 201) throw new Error('WHEP answers ' + response.status + ' ' + await response.text());
  await pc.setRemoteDescription({type: 'answer', sdp: await response.text()});
  await Promise.race([first, new Promise(resolve => setTimeout(resolve, 20000))]);
  await new Promise(resolve => setTimeout(resolve, seconds * 1000));
  const resource = response.headers.get('Location');
  if (resource) await fetch(new URL(resource, url), {method: 'DELETE', headers});
  pc.close();
  return {asked, shown};
}"""


@dataclass(frozen=True, slots=True)
class Join:
    """One session, in milliseconds from the click."""

    asked: float
    """When the offer was sent: until then the browser gathered its candidates."""
    shown: tuple[tuple[float, float], ...]
    """Of each picture: when it was on the screen, and how old it was by the clock in it, if it has one."""

    @property
    def first(self) -> float:
        return self.shown[0][0]

    @property
    def latencies(self) -> list[float]:
        """Of the pictures in the second half of the session."""
        return [age for _, age in self.shown[len(self.shown) // 2 :]]

    @property
    def live(self) -> float:
        """When the live edge was reached."""
        usual = statistics.median(self.latencies)
        behind = [index for index, (_, age) in enumerate(self.shown[: len(self.shown) // 2]) if age > usual + LIVE_MS]
        return self.shown[behind[-1] + 1 if behind else 0][0]


class Browser:
    """Made by `browser`."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def join(self, url: str, headers: dict[str, str], seconds: float = 0.0) -> Join:
        """Watch for so many seconds after the first picture.

        Raises:
            BenchmarkError: no picture came.
        """
        from playwright.sync_api import Error

        try:
            seen = self._page.evaluate(_JOIN, [url, headers, seconds, CLOCK_BITS, CLOCK_ROWS])
        except Error as error:
            raise BenchmarkError(f"Chromium at {url}: {error}") from error
        if not seen["shown"]:
            raise BenchmarkError(f"Chromium at {url} saw no picture")
        return Join(seen["asked"], tuple((at, age) for at, age in seen["shown"]))


@contextlib.contextmanager
def chromium(flags: Sequence[str]) -> Iterator[Any]:
    """Playwright's browser, started with `flags`.

    Raises:
        BenchmarkError: there is none, or playwright is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise BenchmarkError("playwright is not installed: run make setup") from None
    if not CHROMIUM.exists():
        raise BenchmarkError(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(flags))
        try:
            yield started
        finally:
            started.close()


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium with an empty page; raises as `chromium`."""
    with chromium(FLAGS) as started:
        yield Browser(started.new_page())
