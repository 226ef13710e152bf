"""`verify.html` of an evidence package, opened from a file: it says of each package what `verify.py` says."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.evidence.package_files import verify
from tests.browser.chromium import chromium, opened
from tests.proof_rig import make_package

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PAGE = Path(verify.__file__).with_name("verify.html")
NO_ED25519 = """() => {
  crypto.subtle.importKey = async () => { throw new DOMException('no such thing', 'NotSupportedError'); };
}"""
HASHES = """([size, steps]) => {
  const data = Uint8Array.from({ length: size }, (_, at) => at * 7 + (at >> 8)), hash = new Sha256();
  for (let at = 0; at < size; at += steps) hash.update(data.subarray(at, at + steps)).digest();
  return crypto.subtle.digest("SHA-256", data).then(real => [hex(hash.digest()), hex(new Uint8Array(real))]);
}"""

FIRST_FILE = "async () => text(await bytesOf((await unzip(element('zip').files[0])).get('manifest.json')))"


@pytest.fixture(scope="module")
def package(built_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    archive = shutil.copytree(built_archive, folder / "archive")
    return asyncio.run(make_package(Path(archive), folder / "made"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium() as it:
        yield it


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Any) -> AsyncIterator[Any]:
    async with opened(browser, PAGE.as_uri()) as it:
        yield it


async def checked(page: Any, path: Path) -> dict[str, list[str]]:
    """What the page says of a package, by whether it holds."""
    await page.locator("#folder" if path.is_dir() else "#zip").set_input_files(str(path))
    await page.locator("#status", has_text="was checked.").wait_for()
    states = ("fault", "note", "holds")
    return {
        state: await page.locator(f"#{state} li").evaluate_all("all => all.map(i => i.dataset.what)")
        for state in states
    }


def by_script(path: Path) -> dict[str, list[str]]:
    """What the script says."""
    said: dict[str, list[str]] = {"fault": [], "note": [], "holds": []}
    names = {"NOT TRUE": "fault", "note": "note", "holds": "holds"}
    report = verify.Report(lambda line: said[names[line[:8].strip()]].append(line[10:]))
    verify.check(verify.Package(path), report)
    return said


def rewritten(package: Path, out: Path, name: str, at: bytes | float, flip: int = 1) -> Path:
    """The package with a byte of a member changed: the one behind `at`, or at that share of its length.

    As somebody would who knows ZIP: its check sums are right.
    """
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            data = bytearray(old.read(member))
            if member.endswith(name):
                data[data.index(at) + len(at) if isinstance(at, bytes) else int(at * len(data))] ^= flip
            new.writestr(member, bytes(data))
    return out


def wrongly_signed(package: Path, out: Path) -> Path:
    """The package with another signature of its manifest, well written, that does not hold."""
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            if member.endswith("manifest.sig"):
                said = json.loads(data)
                signature = bytearray(base64.b64decode(said["signature"]))
                signature[-1] ^= 1
                data = json.dumps(said | {"signature": base64.b64encode(signature).decode()}).encode()
            new.writestr(member, data)
    return out


CHANGES: list[tuple[str, bytes | float]] = [
    (".mp4", 0.5),
    ("ledger-1.jsonl", 0.5),
    ("audit.jsonl", b"a compla"),
    ("keys.jsonl", 0.5),
    ("manifest.json", b"a compla"),
    ("manifest.sig", 0.9),
    ("manifest.json", b'"root": "'),
]


async def test_the_page_says_what_the_script_says(page: Any, package: Path, tmp_path: Path) -> None:
    said = await checked(page, package)
    assert said == by_script(package)
    assert said["fault"] == []
    assert await page.locator("#verdict").inner_text() == "Everything in this package is as it was made."
    assert await page.evaluate("document.activeElement.id") == "verdict"
    assert "by ann" in await page.locator("#about").inner_text()
    for number, (name, at) in enumerate(CHANGES):
        changed = rewritten(package, tmp_path / f"{number}.zip", name, at)
        said = await checked(page, changed)
        assert said == by_script(changed), name
        assert said["fault"], name
        assert "does NOT hold" in await page.locator("#verdict").inner_text()
    with zipfile.ZipFile(package) as file:
        file.extractall(tmp_path / "unpacked")
    video = tmp_path / "unpacked" / "unit-12" / "video.mp4"
    assert await checked(page, tmp_path / "unpacked") == by_script(package)
    video.write_bytes(video.read_bytes()[:-1])
    (tmp_path / "unpacked" / "more.txt").write_text("more")
    said = await checked(page, tmp_path / "unpacked")
    assert said == by_script(tmp_path / "unpacked")
    assert "more.txt: does not belong to the package" in said["note"]
    size = video.stat().st_size
    assert f"unit-12/video.mp4: it ends at byte {size}, but the manifest knows {size + 1} bytes" in said["fault"]


async def test_what_is_no_package_is_told(page: Any, tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"PK" + bytes(100))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("manifest.json", json.dumps({"format": "something else"}))
    for name, why in (
        ("no.zip", "it is no ZIP"),
        ("other.zip", "there is no manifest.json of an evidence package"),
    ):
        await page.locator("#zip").set_input_files(str(tmp_path / name))
        await page.locator("#status", has_text=f"{name} is no evidence package: {why}").wait_for()
        assert not await page.locator("#result").is_visible()


async def test_a_dropped_package_and_a_browser_that_checks_no_signatures(
    page: Any, package: Path, tmp_path: Path
) -> None:
    changed = wrongly_signed(package, tmp_path / "changed.zip")
    await page.evaluate(NO_ED25519)
    said = await checked(page, changed)
    assert said["fault"] == []
    assert any("signatures were NOT checked" in note for note in said["note"])
    assert "its signatures were NOT checked" in await page.locator("#verdict").inner_text()
    assert not any("signed" in what for what in said["holds"])
    # The same file, dropped.
    await page.evaluate("""() => {
      const files = new DataTransfer(); files.items.add(document.getElementById('zip').files[0]);
      document.getElementById('verdict').textContent = '';
      dispatchEvent(new DragEvent('drop', { dataTransfer: files, cancelable: true }));
    }""")
    await page.locator("#verdict", has_text="fits together").wait_for()


async def test_its_sha256_is_the_browsers(page: Any) -> None:
    for size, steps in ((0, 1), (55, 55), (56, 7), (63, 1), (64, 64), (65, 63), (1 << 20, 4093)):
        ours, real = await page.evaluate(HASHES, [size, steps])
        assert ours == real, size


async def test_a_package_of_more_than_4_gib_is_read_by_its_parts(page: Any, tmp_path: Path) -> None:
    """A file with a hole: nobody writes, or reads, five gigabytes here."""
    path = tmp_path / "big.zip"
    with path.open("wb") as raw:
        raw.seek(5 << 30)  # as if that much had been written before
        with zipfile.ZipFile(raw, "a") as file:
            file.writestr("manifest.json", "{}")
    await page.locator("#zip").set_input_files(str(path))
    await page.locator("#status", has_text="there is no manifest.json of an evidence package").wait_for()
    assert await page.evaluate(FIRST_FILE) == "{}"
