"""Text that attacks, on every page of Chromium: it is shown as text, it runs nothing, and no page gets wider by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.media.model import Fix
from onvif_protocol.camera_media import DeviceInformation
from tests.accounts import PASSWORD
from tests.browser.chromium import chromium, log_in, opened
from tests.running import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

MARKUP = '<img src=x onerror="window.__ran=1">'
SCRIPT = '"><script>window.__ran=1</script>'
FORMULA = '=HYPERLINK("http://x") javascript:window.__ran=1 \U0001f6a8'
WORD = "W" * 10_000
NAMES = {"a": MARKUP, "b": WORD, "c": f"{SCRIPT} {FORMULA}"}
GROUP = "<img\u00aeonerror=window.__ran=1>"
USER = '"><script>window.__ran=1;' + "W" * 39
HIDDEN = ("Unit \u202eeno", "Unit\u200b one")
"""What turns the direction of writing, and what has no width."""
LOOK = """() => {
  const found = {ran: window.__ran, made: 0, wider: [], text: ''};
  const wide = innerWidth + 1;
  if (document.documentElement.scrollWidth > wide) found.wider.push('the page');
  const walk = root => {
    for (const element of root.querySelectorAll('*')) {
      if (element.matches('img[src="x"], [onerror], [href^="javascript:"]')) found.made++;
      if (element.localName === 'script' && element.getRootNode() !== document) found.made++;
      const scrolls = element.localName !== 'pre' && /auto|scroll/.test(getComputedStyle(element).overflowX);
      if (scrolls && element.scrollWidth > element.clientWidth + 1)
        found.wider.push(`${element.getRootNode().host?.localName} ${element.localName}.${element.className}`);
      if (element.shadowRoot) walk(element.shadowRoot);
    }
  };
  walk(document);
  return found;
}"""
"""What has run, what was made of text, and what is scrolled sideways; the example of a settings file may be."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """Everything that somebody can name is an attack."""
    idle = {"url": "rtsp://127.0.0.1:9/none", "connect": "on_demand", "record": False, "groups": [GROUP]}
    cameras = [CameraSettings.model_validate({"id": id_, "name": name, **idle}) for id_, name in NAMES.items()]
    quiet = {"camera_offline": "off", "unit_lost": "off", "not_recording": "off"}
    async with running(tmp_path_factory.mktemp("hostile"), *cameras, alerts=quiet) as gateway:
        now = SystemClock().utc_ns()
        for id_, said in zip(NAMES, (MARKUP, WORD, FORMULA), strict=True):
            camera = gateway.fleet.camera(id_)
            camera.device = DeviceInformation(said, said, said, said, said)
            camera.take_fix(Fix(now, 52.52, 13.405, accuracy_m=12.0, received_ns=now))
        yield gateway


async def made(gateway: Running, path: str, **values: Any) -> dict[str, Any]:
    status, body, _ = await gateway.client().call("POST", path, json=values)
    assert status in {200, 201}, body
    assert isinstance(body, dict)
    return body


async def fill(gateway: Running) -> int:
    """Alerts, geofences, incidents, notes, walls and users that are called so; the number of an incident."""
    for camera, text in zip(NAMES, (MARKUP, WORD[:200], FORMULA), strict=True):
        alert = await made(gateway, f"/api/cameras/{camera}/sos", text=text)
        await made(gateway, f"/api/alerts/{alert['id']}/resolve", word=text[:100])
    shape = {"type": "Point", "coordinates": [13.405, 52.52], "radius_m": 200.0}
    for text in (MARKUP, WORD[:64], FORMULA):
        await made(gateway, "/api/geofences", name=text, shape=shape)
    for text in (WORD[:100], MARKUP):
        incident = await made(gateway, "/api/incidents", title=text, cameras=list(NAMES), tags=[MARKUP[:30], WORD[:30]])
    for text in (f"{MARKUP}\n{SCRIPT}", WORD[:2000]):
        await made(gateway, f"/api/incidents/{incident['id']}/notes", text=text)
    await made(gateway, f"/api/incidents/{incident['id']}/shares", recipient=MARKUP)
    await made(gateway, "/api/walls", name=MARKUP, layout="1", tiles=["b"])
    await made(gateway, "/api/users", name=USER, role=Role.DISPATCHER.value, groups=[GROUP], password=PASSWORD)
    wrong = {"username": SCRIPT, "password": "wrong"}
    assert (await gateway.client(None).call("POST", "/api/session", json=wrong))[0] == 403
    number: int = incident["id"]
    return number


async def test_what_cannot_be_seen_is_refused(gateway) -> None:
    client = gateway.client()
    shape = {"type": "Point", "coordinates": [13.405, 52.52], "radius_m": 200.0}
    incident = (await made(gateway, "/api/incidents", title="Fight", cameras=["a"]))["id"]
    for text in HIDDEN:
        for path, values in (
            ("/api/cameras/a/sos", {"text": text}),
            ("/api/geofences", {"name": text, "shape": shape}),
            ("/api/incidents", {"title": text, "cameras": ["a"]}),
            (f"/api/incidents/{incident}/notes", {"text": text}),
            ("/api/walls", {"name": text, "layout": "1", "tiles": []}),
            ("/api/users", {"name": text.replace(" ", ""), "role": "dispatcher", "password": PASSWORD}),
        ):
            status, problem, _ = await client.call("POST", path, json=values)
            assert status == 400, (path, problem)
    assert CameraSettings(id="x", name=HIDDEN[0], url="rtsp://127.0.0.1:9/none").name == "Unit eno"


async def test_text_is_text_on_every_page(gateway) -> None:
    incident = await fill(gateway)
    pages = {
        "/": MARKUP,
        "/duty": MARKUP,
        "/map": MARKUP,
        "/unit/a": MARKUP,
        "/unit/b": WORD[:50],
        "/unit/c": FORMULA,
        "/alerts": FORMULA,
        "/geofences": FORMULA,
        "/incidents": MARKUP,
        f"/incident/{incident}": SCRIPT,
        "/archive/a": MARKUP,
        "/settings/fleet": MARKUP,
        "/settings/cameras": MARKUP,
        "/settings/cameras/b": WORD[:50],
        "/settings/phones": MARKUP,
        "/settings/notifications": "",
        "/settings/users": USER,
        "/settings/groups": GROUP,
        "/settings/policy": "",
        "/settings/nvr": "",
        "/settings/storage": "",
        "/settings/audit": SCRIPT,
    }
    wider: dict[str, Any] = {}
    async with chromium() as browser, opened(browser, gateway.url, width=390, height=844) as page:
        page.on("dialog", lambda dialog: pytest.fail(f"{dialog.message} asks something"))
        await log_in(page)
        await page.locator(".stage").wait_for()
        for path, text in pages.items():
            await page.evaluate("path => { location.hash = path }", path)
            if text:
                await page.get_by_text(text).first.wait_for(state="attached")
            if path == "/map":
                await page.locator("unit-map ul.units:not(.unseen)").wait_for()  # there is no WebGL: the list is all
            seen = await page.evaluate(LOOK)
            assert (seen.get("ran"), seen["made"]) == (None, 0), path
            if path.startswith("/unit/"):
                assert NAMES[path[-1]] in await page.title()
            if seen["wider"]:
                wider[path] = seen["wider"]
        assert wider == {}
