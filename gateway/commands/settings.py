"""What `sightline settings …` does: looking at the settings file before a running gateway does."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Collection

from gateway.access.secrets import Vault
from gateway.base.settings import Settings
from gateway.commands.state import open_state
from gateway.settings_preview import preview


async def settings_check(arguments: argparse.Namespace) -> int:
    """`sightline settings check`: what a SIGHUP would change. Settings that do not hold never come this far."""
    settings: Settings = arguments.settings
    async with open_state(settings) as state:
        await state.registry.all()
    found = await asyncio.to_thread(preview, settings, Vault.open(settings.data_dir).mark)
    if found is None:
        print(f"These settings hold. No gateway runs on {settings.data_dir}: they count when one starts.")
    elif not (found.at_once or found.at_the_next_start):
        print(f"These settings hold, and the running gateway (process {found.process}) has them already.")
    else:
        _section(f"Changes at once, by kill -HUP {found.process}:", found.at_once)
        _section("Cameras that connect anew then:", found.connecting_anew)
        _section("Changes at the next start only:", found.at_the_next_start)
    return 0


def _section(head: str, lines: Collection[object]) -> None:
    if lines:
        print(head)
    for line in lines:
        print(f"  {line}")
