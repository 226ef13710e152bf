"""Cameras that are not ours, for every test that wants one."""

from __future__ import annotations

import subprocess
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
