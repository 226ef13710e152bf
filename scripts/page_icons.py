"""Draws the page's icons as PNG from web/ui/public/icon.svg, by Chromium: phones take no SVG for a home screen.

`python scripts/page_icons.py`, after the drawing has changed; what it draws is committed.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import sync_playwright

PUBLIC = Path(__file__).resolve().parents[1] / "web/ui/public"
GROUND = "#161b22"
ICONS = {"icon-192.png": (192, 1.0), "icon-512.png": (512, 1.0), "icon-maskable-512.png": (512, 0.72)}
"""Pixels, and how much of them the drawing takes: a launcher may cut a maskable one to a circle of four fifths."""


def main() -> None:
    drawing = (PUBLIC / "icon.svg").read_text()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, (size, share) in ICONS.items():
            page = browser.new_page(viewport={"width": size, "height": size})
            ground = "transparent" if share == 1 else GROUND
            place = f"position:absolute;inset:{(1 - share) / 2 * size}px;width:{share * size}px"
            page.set_content(f'<body style="margin:0;background:{ground}"><div style="{place}">{drawing}</div>')
            page.screenshot(path=PUBLIC / name, omit_background=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
