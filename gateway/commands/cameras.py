"""What `sightline discover` and `sightline camera …` do: finding, adding, listing, removing and testing cameras."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from gateway.base.clock import SystemClock
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.commands.state import line_from_stdin, open_state, table, who
from gateway.ingest.registry import camera_settings
from gateway.ingest.trial_steps import Step

NOBODY_ANSWERED = """No ONVIF device answered.
Cameras answer on their own network only: is this machine on it, and does its firewall let UDP port 3702 pass?
A camera can also be added by its address: sightline camera add ID URL"""
NO_CAMERAS = 'No cameras yet: find some with "sightline discover", add one with "sightline camera add ID URL".'


async def discover(arguments: argparse.Namespace) -> int:
    """`sightline discover`."""
    if not 0 < arguments.timeout <= 60:
        raise BadRequestError("--timeout takes up to 60 seconds")
    from gateway.ingest.discovery import Finder
    from gateway.nvr.identities import own_endpoints

    async with open_state(arguments.settings) as state:
        ours = await own_endpoints(state.database)
    finder = Finder(arguments.settings.discovery.interfaces, SystemClock(), ours=lambda: ours)
    found = await finder.find(arguments.timeout)
    if arguments.json:
        fields = ("endpoint", "onvif", "name", "model", "location", "address")
        print(json.dumps([{field: getattr(device, field) for field in fields} for device in found], indent=2))
    elif found:
        table(["NAME", "MODEL", "ONVIF"], [[device.name, device.model, device.onvif] for device in found])
    else:
        print(NOBODY_ANSWERED, file=sys.stderr)
    return 0 if found else 1


async def camera_add(arguments: argparse.Namespace) -> int:
    """`sightline camera add`."""
    way_in = "onvif" if arguments.url.startswith(("http://", "https://")) else "url"
    values: dict[str, Any] = {
        "id": arguments.id,
        "name": arguments.name,
        way_in: arguments.url,
        "transport": arguments.transport,
        "record": not arguments.no_record,
        "connect": "on_demand" if arguments.on_demand else "always",
        "groups": arguments.group,
        "position": arguments.position,
        "position_from": arguments.position_from,
    }
    values |= _given_credentials(arguments)
    async with open_state(arguments.settings) as state:
        await state.registry.add(camera_settings(values), **who())
    print(f"Added {arguments.id}.")
    return 0


async def camera_list(arguments: argparse.Namespace) -> int:
    """`sightline camera list`."""
    async with open_state(arguments.settings) as state:
        configured = await state.registry.all()
    rows = [
        {
            "id": c.settings.id,
            "name": c.settings.label,
            "url": c.settings.onvif or c.settings.url,
            "record": c.settings.record,
            "connect": c.settings.connect,
            "groups": list(c.settings.groups),
            "position": c.settings.position,
            "source": c.origin.value,
        }
        for c in configured
    ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif rows:
        heads = ["ID", "NAME", "GROUPS", "URL", "SOURCE"]
        cells = ({**row, "groups": ",".join(c.settings.groups)} for row, c in zip(rows, configured, strict=True))
        table(heads, [[cell[head.lower()] for head in heads] for cell in cells])
    else:
        print(NO_CAMERAS, file=sys.stderr)
    return 0


async def camera_remove(arguments: argparse.Namespace) -> int:
    """`sightline camera remove`."""
    async with open_state(arguments.settings) as state:
        await state.registry.remove(arguments.id, **who())
    print(f"Removed {arguments.id}; its recordings and positions stay.")
    return 0


async def camera_test(arguments: argparse.Namespace) -> int:
    """`sightline camera test`: one attempt, step by step, up to the first pictures."""
    if "://" in arguments.camera:
        way_in = "onvif" if arguments.camera.startswith("http") else "url"
        settings = camera_settings({"id": "test", way_in: arguments.camera} | _given_credentials(arguments))
    else:
        async with open_state(arguments.settings) as state:
            configured = {c.settings.id: c.settings for c in await state.registry.all()}
        if arguments.camera not in configured:
            raise NotFoundError(f'there is no camera "{arguments.camera}"')
        settings = configured[arguments.camera]
    from gateway.base.workers import Threads
    from gateway.ingest.camera import IngestParts
    from gateway.ingest.trial import TrialParts, try_camera
    from onvif_protocol.camera import Wsdls

    threads = Threads("xml", 1)
    try:
        ingest = IngestParts(SystemClock(), Wsdls(threads.run), threads)
        await try_camera(settings, TrialParts(ingest), _tell_step)
    finally:
        threads.close()
    print(f"{settings.label}: connected.")
    return 0


def _tell_step(step: Step) -> None:
    if step.seconds is None:
        return
    print(f"{step.name.value.replace('_', ' '):10} {step.state.value:7} {step.says}", flush=True)
    if step.advice:
        print(f"{'':18} {step.advice}", flush=True)


def _given_credentials(arguments: argparse.Namespace) -> dict[str, str]:
    """What was given beside the URL; a URL may carry its own."""
    given = {"username": arguments.username, "password": line_from_stdin() if arguments.password_stdin else ""}
    return {key: value for key, value in given.items() if value}
