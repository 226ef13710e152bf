"""The wheel, built and installed where nothing of this checkout is: what is in it, and that it is a working server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from gateway import __version__
from scripts.build_kernel import compiler, sources
from scripts.build_page import up_to_date
from tests.command_line import Served, serving

ROOT = Path(__file__).resolve().parents[1]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SIGHTLINE_"))}


@dataclass(frozen=True, slots=True)
class Installed:
    """A virtual environment with the wheel in it."""

    wheel: Path
    folder: Path

    def run(self, program: str, *arguments: object, stdin: str = "") -> str:
        """What a program of the environment prints; it must succeed."""
        done = subprocess.run(
            [self.folder / "bin" / program, *map(str, arguments)],
            cwd=self.folder,
            env=CLEAN,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def site(self) -> Path:
        return Path(sysconfig.get_path("purelib", "venv", {"base": str(self.folder)}))


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    """Built and installed without a network; what the gateway depends on is lent by the tests' own environment."""
    if not up_to_date(ROOT):
        pytest.skip("web/static is older than web/ui or absent: building it needs a network (make setup)")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True, timeout=100, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    made = Installed(wheel, folder / "venv")
    venv.create(made.folder, symlinks=True)
    install = ["install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(made.folder / "bin/python"), *install], check=True, timeout=60
    )
    # A folder on the path, whose own .pth files (this checkout's among them) are not read.
    (made.site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made


def test_the_wheel_holds_the_page_and_the_migrations_and_no_sources_of_the_page(installed):
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = set(wheel.namelist())
        index = wheel.read("web/static/index.html").decode()
        licences = wheel.read("web/static/licenses.txt").decode()
        metadata = wheel.read(f"sightline_gateway-{__version__}.dist-info/METADATA").decode()
    assets = re.findall(r'(?:src|href)="\.?/(assets/[^"]+)"', index)
    assert assets
    assert {f"web/static/{asset}" for asset in assets} <= names
    migrations = ROOT / "gateway/store/migrations"
    assert {f"gateway/store/migrations/{p.relative_to(migrations)}" for p in migrations.rglob("*.py")} <= names
    assert {"gateway/py.typed", "web/py.typed", "onvif_protocol/py.typed"} <= names
    tops = {name.split("/")[0] for name in names}
    assert tops == {"gateway", "web", "onvif_protocol", f"sightline_gateway-{__version__}.dist-info"}
    assert not [name for name in names if name.startswith("web/ui") or "node_modules" in name or "__pycache__" in name]
    bundled = json.loads((ROOT / "web/ui/package.json").read_text())["dependencies"]
    assert [name for name in bundled if f"==== {name} " not in licences] == [], "their licences ask to be with them"
    assert f"Name: sightline-gateway\nVersion: {__version__}\n" in metadata


def test_the_command_and_the_packages_are_those_of_the_wheel(installed):
    assert installed.run("sightline", "--version") == f"sightline {__version__}"
    code = "import gateway as a, web as b, onvif_protocol as c, onvif as d; print(*(m.__file__ for m in (a, b, c, d)))"
    *ours, library = map(Path, installed.run("python", "-c", code).split())
    assert [file.parent.parent for file in ours] == [installed.site] * 3
    assert library.parent.parent == Path(sysconfig.get_path("purelib")), "onvif is onvif-zeep-async"
    assert (library.parent / "client.py").exists()


def test_the_compiled_kernels_are_in_it_and_work(installed):
    if compiler() is None:
        pytest.skip("no C compiler")
    modules = [".".join(source.relative_to(ROOT).with_suffix("").parts) for source in sources(ROOT)]
    assert "gateway.media.kernel._receive" in modules
    files = installed.run("python", "-c", "\n".join(f"import {m}; print({m}.__file__)" for m in modules)).split()
    assert all(Path(file).is_relative_to(installed.site) for file in files)
    assert f"-cp311-abi3-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}" in installed.wheel.name


@pytest_asyncio.fixture
async def served(installed, tmp_path) -> AsyncIterator[Served]:
    config = tmp_path / "sightline.toml"
    listen = 'listen = "127.0.0.1:0"'
    config.write_text(f'data_dir = "data"\n[http]\n{listen}\n[webrtc]\n{listen}\n[rtsp]\n{listen}\n')
    installed.run(
        "sightline", "user", "add", "ada", "--role", "administrator", "--password-stdin", "--config", config,
        stdin="correct horse\n",
    )  # fmt: skip
    async with serving(config, command=(str(installed.folder / "bin/sightline"),), environment=CLEAN) as served:
        yield served


async def test_it_serves_the_page_and_lets_in_who_was_added(served):
    async with aiohttp.ClientSession(served.url) as http:
        async with http.get("/") as page:
            assert (page.status, page.content_type) == (200, "text/html")
            index = await page.text()
        for asset in re.findall(r'(?:src|href)="\.?(/assets/[^"]+)"', index):
            async with http.get(asset) as file:
                assert (file.status, bool(await file.read())) == (200, True)
        async with http.post("/api/session", json={"username": "ada", "password": "correct horse"}) as answer:
            assert answer.status == 200
