"""Every page and dialog in Chromium, in both themes and on both sizes, with names that are attacks: axe-core finds no
fault, nothing of what is shown as text runs, nothing sticks out of the page, and the Tab key comes to every control.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.access.rights import Role
from gateway.base.clock import SystemClock
from gateway.base.rfc3339 import format_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import Fix
from tests.browser.chromium import chromium, log_in, opened
from tests.browser.recorded import filmed, record
from tests.media_samples import T0
from tests.running import Running, running

pytestmark = pytest.mark.browser

UI = Path(__file__).resolve().parents[2] / "web/ui"
AXE = UI / "node_modules/axe-core/axe.min.js"
HOSTILE = "<img src=x onerror=ran=1><script>ran=1</script>" + "W" * 60
REVERSED = f"\u202egnp.exe\u200b{HOSTILE}"
"""As a settings file or a camera may say it. The interface refuses what cannot be printed."""
CONTRAST = ["color-contrast"]
"""What a theme alone can break; the rest is judged once for each size."""
GO = """hash => new Promise(done => {
  if (location.hash === hash) return done();
  addEventListener('hashchange', () => setTimeout(done), {once: true});
  location.hash = hash;
})"""
DRAWN = """() => {
  const found = {heading: false, waits: false};
  const look = root => {
    for (const node of root.querySelectorAll('*')) {
      if (node.localName === 'h1') found.heading = true;
      const says = node.role === 'status' || node.getAttribute('role') === 'status' ? node.textContent.trim() : '';
      if (node.ariaBusy === 'true' || says.startsWith('Loading')) found.waits ||= node.checkVisibility();
      if (node.shadowRoot) look(node.shadowRoot);
    }
  };
  look(document);
  return found.heading && !found.waits;
}"""
"""Whether a page has its heading, and nothing on it says that it is still being loaded."""
FRAME = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
RUN = """async rules => {
  const options = {resultTypes: ['violations'], ...(rules ? {runOnly: rules} : {})};
  const {violations} = await axe.run(document, options);
  return violations.flatMap(({id, nodes}) => nodes.map(({target, html, any}) =>
    `${id}: ${JSON.stringify(target.flat(2))} ${html.slice(0, 160)} ${any[0]?.message ?? ''}`));
}"""
BROKEN = """() => {
  const text = root => [...root.childNodes].map(node =>
    node instanceof Text ? node.data : node instanceof HTMLStyleElement ? '' :
    text(node.shadowRoot ?? node)).join(' ');
  return {
    ran: 'ran' in window,
    wide: document.documentElement.scrollWidth - innerWidth,
    text: (text(document.body).match(/undefined|\\[object|NaN|"type":/) ?? [''])[0],
  };
}"""
TABBED = """() => {
  const tabbed = window.tabbed = {all: new Map(), bare: []};
  const groups = new Set(), heard = window.tabsHeard ??= new WeakSet();
  const reached = event => {
    const path = event.composedPath(), node = path[0];
    window.tabbed.all.delete(node.type === 'radio' ? node.name : node);
    const lit = path.slice(0, 6).some(one => one instanceof Element &&
      (getComputedStyle(one).outlineStyle !== 'none' || getComputedStyle(one).boxShadow !== 'none'));
    if (!lit) window.tabbed.bare.push(`${node.localName} ${node.dataset?.testid ?? node.className}`);
  };
  const look = root => {
    if (!heard.has(root)) root.addEventListener('focusin', event => event.target.shadowRoot || reached(event));
    heard.add(root);
    for (const node of root.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')) {
      const shown = node.checkVisibility({checkVisibilityCSS: true, contentVisibilityAuto: true});
      if (!shown || node.disabled || node.tabIndex < 0 || node.closest('[inert]')) continue;
      if (node.type === 'radio' && (node.name && groups.has(node.name) || !groups.add(node.name))) continue;
      const what = node.dataset.testid ?? node.ariaLabel ?? node.textContent.trim().slice(0, 40);
      tabbed.all.set(node.type === 'radio' ? node.name : node, `${node.localName} ${what}`);
    }
    for (const node of root.querySelectorAll('*')) if (node.shadowRoot) look(node.shadowRoot);
  };
  look(document);
  return tabbed.all.size;
}"""
"""How many controls there are that the Tab key should come to; from then on those that it comes to are struck off."""
UNTABBED = "() => ({never: [...window.tabbed.all.values()], unlit: window.tabbed.bare})"
MORE_TABS = 24
"""For the parts of a date, what scrolls, and what appears where the focus is, such as a tile's tools."""
PAGES = {
    "wall": ["#/", "#/wall/all"],
    "duty": ["#/duty"],
    "map": ["#/map"],
    "unit": ["#/unit/a", "#/unit/private", "#/unit/nobody"],
    "archive": ["#/archive/a", "#/archive"],
    "alerts": ["#/alerts", "#/alerts/1", "#/alerts/999"],
    "geofences": ["#/geofences"],
    "incidents": ["#/incidents"],
    "incident": ["#/incident/1", "#/incident/999"],
    "share": ["#/share"],
    "settings": ["#/settings", "#/settings/cameras/a"],
    "account": ["#/settings/account"],
    "users": ["#/settings/users"],
    "groups": ["#/settings/groups"],
    "policy": ["#/settings/policy"],
    "audit": ["#/settings/audit"],
    "fleet": ["#/settings/fleet"],
    "cameras": ["#/settings/cameras"],
    "phones": ["#/settings/phones"],
    "storage": ["#/settings/storage"],
    "nvr": ["#/settings/nvr"],
    "notifications": ["#/settings/notifications"],
}
"""What is looked at of each page that route.ts knows."""
DIALOGS = [
    ("#/", "press ?"),
    ("#/unit/a", "click sos"),
    ("#/archive/a", "click tab-holds", "click hold-begin"),
    ("#/archive/a", "click tab-exports", "click export-begin"),
    ("#/alerts", "click row-resolve"),
    ("#/geofences", "click geofence-add"),
    ("#/incidents", "click incident-open"),
    ("#/incident/1", "click incident-change"),
    ("#/incident/1", "click incident-close"),
    ("#/incident/1", "click share"),
    ("#/settings/cameras", "click cameras-add"),
    ("#/settings/users", "click add-user"),
]
"""Where each dialog is, and how it is opened: what is clicked or pressed."""
OPENED = "dialog[open], geofence-form"
SIZES = {"dark": (1440, 900), "light": (390, 844)}
OTHER = {"dark": "light", "light": "dark"}


def known_pages() -> set[str]:
    """The names of the pages and of the settings' sections in route.ts."""
    text = (UI / "src/route.ts").read_text()
    parts = re.search(r"export const PARTS = \{(.*?)\} as const", text, re.DOTALL)
    view = re.search(r"export type View =(.*?);\n\n", text, re.DOTALL)
    assert parts
    assert view
    return set(re.findall(r'"(\w+)"', parts[1])) | set(re.findall(r'name: "(\w+)"', view[1]))


def test_no_page_is_forgotten() -> None:
    assert known_pages() == set(PAGES)


async def furnish(gateway: Running) -> None:
    """An alert, a geofence, an incident with a note, and units on the map; all named after an attack."""
    now = SystemClock().utc_ns()
    for n, camera in enumerate(("a", "private")):
        gateway.fleet.camera(camera).take_fix(Fix(now, 52.5 + n / 1000, 13.4, accuracy_m=9.0, received_ns=now))
    client = gateway.client()
    circle = {"type": "Point", "coordinates": [13.4, 52.5], "radius_m": 200}
    for path, body in (
        ("/api/cameras/a/sos", {"text": HOSTILE}),
        ("/api/geofences", {"name": HOSTILE[:60], "shape": circle}),
        ("/api/incidents", {"title": HOSTILE, "origin": {"camera": "a"}}),
        ("/api/incidents/1/notes", {"text": f"{HOSTILE}\n{HOSTILE}"}),
        ("/api/cameras/a/bookmarks", {"utc": format_utc(T0), "text": HOSTILE}),
    ):
        status, said, _ = await client.call("POST", path, json=body)
        assert status in {200, 201}, (path, said)


async def go(page: Any, address: str) -> None:
    """Go to a page, and wait until it has what it asked for."""
    await page.evaluate(GO, address)
    await page.wait_for_function(DRAWN)


async def take(page: Any, step: str) -> None:
    """One step to a dialog, as `DIALOGS` has it."""
    how, what = step.split(" ", 1)
    if how == "press":
        await page.keyboard.press(what)
    else:
        await page.get_by_test_id(what).first.click()


async def judge(page: Any, where: str, theme: str, faults: list[str]) -> None:
    """Add what is wrong with what is on the screen."""
    for look, rules in ((theme, None), (OTHER[theme], CONTRAST)):
        await page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", look)
        await page.evaluate(FRAME)
        faults += [f"{where} {look}: {fault}" for fault in await page.evaluate(RUN, rules)]
    seen = await page.evaluate(BROKEN)
    if seen["ran"] or seen["wide"] > 0 or seen["text"]:
        faults.append(f"{where} {theme}: {seen}")


async def tab_through(page: Any, where: str) -> list[str]:
    """What the Tab key does not come to on this page, and what does not show that it has."""
    await page.evaluate("document.activeElement?.blur()")
    presses = await page.evaluate(TABBED) + MORE_TABS
    await asyncio.gather(*(page.keyboard.press("Tab") for _ in range(presses)))
    found = await page.evaluate(UNTABBED)
    await page.evaluate("document.activeElement?.blur()")
    return [f"{where}: {found}"] if found["never"] or found["unlit"] else []


async def walk(page: Any, theme: str, pages: Sequence[str], dialogs: Sequence[tuple[str, ...]] = ()) -> list[str]:
    """What is wrong with these pages and dialogs, for somebody who is logged in."""
    faults: list[str] = []
    for address in pages:
        await go(page, address)
        await judge(page, address, theme, faults)
        if theme == "dark":  # the size with a keyboard
            faults += await tab_through(page, address)
    for address, *steps in dialogs:
        await go(page, address)
        for step in steps:
            await take(page, step)
        await page.locator(OPENED).first.wait_for()
        await page.wait_for_function(DRAWN)
        await judge(page, f"{address} {steps[-1]}", theme, faults)
        await page.keyboard.press("Escape")
    return faults


@pytest.mark.parametrize("theme", SIZES)
async def test_every_page_is_without_fault(theme, tmp_path) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run make setup")
    idle = {"url": "rtsp://127.0.0.1:9/none", "connect": "on_demand", "record": False}
    cameras = [
        CameraSettings.model_validate({"id": "a", "name": REVERSED[:120], "groups": ["north"], **idle}),
        CameraSettings.model_validate({"id": "private", "name": "Asks", **idle}),
        CameraSettings.model_validate({"id": "off", "name": "Off", **idle}),
    ]
    policy = {"reasons": ["Complaint"], "rule": [{"cameras": ["private"], "ask_reason": ["live"]}]}
    quiet = {"camera_offline": "off", "unit_lost": "off", "not_recording": "off"}
    track, units = filmed(4)
    await record(tmp_path, "a", track, units, (0, 4))
    width, height = SIZES[theme]
    axe = AXE.read_text()
    faults: list[str] = []
    async with running(tmp_path, *cameras, policy=policy, alerts=quiet) as gateway, chromium() as browser:
        await furnish(gateway)
        async with opened(browser, gateway.url, width=width, height=height) as page:
            await page.evaluate(axe)
            await page.get_by_test_id("login-username").wait_for()
            await judge(page, "log-in", theme, faults)
            await log_in(page, Role.ADMINISTRATOR.value)
            await page.get_by_test_id("nav-alerts").wait_for()
            every = [address for addresses in PAGES.values() for address in addresses]
            faults += await walk(page, theme, every, DIALOGS)
    assert faults == [], "\n".join(sorted(set(faults)))


async def test_an_empty_gateway_and_who_may_little_are_without_fault_too(tmp_path) -> None:
    """What is there before the first camera, and the palette; what is said to somebody who has no right to a page."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run make setup")
    empty = ["#/", "#/map", "#/duty", "#/archive", "#/alerts", "#/geofences", "#/incidents"]
    empty += [f"#/settings/{section}" for section in ("cameras", "fleet", "groups", "phones", "storage", "audit")]
    little = ["#/settings", "#/settings/users", "#/settings/cameras", "#/incidents"]
    faults: list[str] = []
    async with running(tmp_path) as gateway, chromium() as browser:
        for role, pages in ((Role.ADMINISTRATOR, empty), (Role.SUPERVISOR, little)):
            async with opened(browser, gateway.url, width=1440, height=900) as page:
                await page.evaluate(AXE.read_text())
                await log_in(page, role.value)
                await page.locator(".stage").wait_for()
                faults += await walk(page, "light", pages)
                await page.keyboard.press("Control+k")
                await page.keyboard.type("map")
                await page.get_by_test_id("found").first.wait_for()
                await judge(page, f"the palette of {role.value}", "light", faults)
    assert faults == [], "\n".join(sorted(set(faults)))
