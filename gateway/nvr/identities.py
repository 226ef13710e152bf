"""Who each ONVIF device of the gateway is: a number, from which its port follows, and a UUID, for ever.

NVRs know a device again by them, so they outlive restarts, renamings and the camera itself: one that comes back is the
device that it was. What else a device says of itself follows from them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from gateway import __version__
from gateway.store.engine import Database
from gateway.store.tables import onvif_devices
from onvif_protocol.device_model import DeviceIdentity

ALL = ""
"""Stands for a camera's id: the device that all cameras are the sources of."""
_NUMBER_OF_ALL = -1
"""It has no port of its own."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """What is kept of a device."""

    number: int
    """Its port, counted from `[onvif] base_port`."""
    uuid: uuid.UUID

    @property
    def endpoint(self) -> str:
        """Its address in WS-Discovery."""
        return f"urn:uuid:{self.uuid}"

    def identity(self, name: str, hostname: str, *, model: str) -> DeviceIdentity:
        """Who it says it is, under that name."""
        octets = (0x02, *self.uuid.bytes[-5:])  # an address that its own network administers (IEEE 802, 8.2)
        return DeviceIdentity(
            manufacturer="Sightline",
            model=model,
            firmware=__version__,
            serial=self.uuid.hex[-12:].upper(),
            hardware_id="Sightline",
            endpoint=self.endpoint,
            mac=":".join(f"{octet:02x}" for octet in octets),
            name=name,
            hostname=hostname,
            onvif_profiles=("Streaming", "T", "G"),
        )


class Identities:
    """The identities of all devices, as the database keeps them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Numbered] = {}

    def __getitem__(self, camera: str) -> Numbered:
        """Of a camera that `learn` was called with, or of ALL."""
        return self._known[camera]

    async def learn(self, cameras: Iterable[str]) -> None:
        """Read the identities of these cameras and of ALL, and make those that are not there.

        Raises:
            StorageError: the database refused.
        """
        wanted = {ALL, *cameras}
        if wanted <= self._known.keys():
            return
        self._known = await self._database.write(lambda connection: _learn(connection, wanted))


async def own_endpoints(database: Database) -> set[str]:
    """What the devices of the gateway that keeps this database are called in WS-Discovery.

    Raises:
        StorageError: the database refused.
    """
    uuids = await database.read(lambda connection: connection.execute(select(onvif_devices.c.uuid)).scalars().all())
    return {f"urn:uuid:{known}" for known in uuids}


def _learn(connection: Connection, wanted: set[str]) -> dict[str, Numbered]:
    rows = connection.execute(select(onvif_devices)).all()
    known = {row.camera: Numbered(row.number, uuid.UUID(row.uuid)) for row in rows}
    highest: int | None = connection.execute(select(func.max(onvif_devices.c.number))).scalar()
    following = 0 if highest is None else highest + 1
    for camera in sorted(wanted - known.keys()):
        number = _NUMBER_OF_ALL if camera == ALL else following
        following = max(following, number + 1)
        made = known[camera] = Numbered(number, uuid.uuid4())
        connection.execute(insert(onvif_devices).values(camera=camera, number=made.number, uuid=str(made.uuid)))
    return known
