"""What `sightline camera position-key` does: the key with which a phone reports where a unit is, made or revoked."""

from __future__ import annotations

import argparse

from gateway.access.position_keys import PositionKeys
from gateway.base.errors import NotFoundError
from gateway.base.settings import parse_address
from gateway.commands.state import open_state, who
from gateway.positions.phone_apps import osmand_template, report_address, traccar_link


async def camera_position_key(arguments: argparse.Namespace) -> int:
    """`sightline camera position-key`: the address to report to, and what goes into the apps."""
    settings = arguments.settings
    async with open_state(settings) as state:
        known = {camera.settings.id: camera.settings for camera in await state.registry.all()}
        if arguments.id not in known:
            raise NotFoundError(f'there is no camera "{arguments.id}"')
        keys = PositionKeys(state.database, state.audit, state.clock)
        if arguments.revoke:
            await keys.revoke(arguments.id, **who())
            print(f"Revoked: no phone reports for {arguments.id} any more.")
            return 0
        key = await keys.make(arguments.id, **who())
    listen = parse_address(settings.http.listen)
    scheme = "http" if settings.http.tls_certificate is None else "https"
    address = report_address(settings.http.public_url or f"{scheme}://{listen}", key)
    print(f"Report to:      {address}")
    print(f"Traccar Client: {traccar_link(address, arguments.id)}")
    print(f"OsmAnd:         {osmand_template(address, arguments.id)}")
    if not settings.http.public_url:
        print("Phones may know this machine by another address: write that in its place, or set http.public_url.")
    if known[arguments.id].position != "http":
        print(f'For now the position comes from "{known[arguments.id].position}": set "position" to "http".')
    return 0
