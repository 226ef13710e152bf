"""A start that cannot listen says which key to change, and leaves nothing running."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from gateway.base.errors import SettingsError
from gateway.base.settings import CameraSettings
from tests.running import running


@pytest.mark.parametrize("section", ["http", "rtsp"])
async def test_a_port_that_is_taken_ends_the_start_and_all_that_had_begun(tmp_path: Path, section: str) -> None:
    camera = CameraSettings(id="a", url="rtsp://127.0.0.1:9/nothing")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError, match=f'"{section}.listen": cannot listen on {listen}: something else'):
            async with running(tmp_path, camera, **{section: {"listen": listen}}):
                pass
    assert asyncio.all_tasks() == {asyncio.current_task()}
