"""Which cameras there are: those of the settings file and those of the database, told apart.

A camera from the file belongs to the file. One added through the API or the command line lives in the database, its
password encrypted. Every change raises the revision "cameras", by which a running gateway notices another process's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import SecretStr, ValidationError
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from gateway.access.audit import Action, Audit, append
from gateway.access.position_keys import REVISION as POSITION_KEYS
from gateway.access.secrets import Vault, of_camera
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, SettingsError
from gateway.base.settings import CameraSettings
from gateway.store.engine import Database, raise_revision
from gateway.store.tables import cameras, position_keys

REVISION = "cameras"


class Origin(StrEnum):
    """Who owns a camera's settings."""

    FILE = "file"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Configured:
    """A camera as it should be."""

    settings: CameraSettings
    origin: Origin


class Registry:
    """Reads and changes the configured cameras. It connects none of them."""

    def __init__(
        self, database: Database, vault: Vault, audit: Audit, clock: Clock, file_cameras: Sequence[CameraSettings] = ()
    ) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit
        self._clock = clock
        self.file_cameras = tuple(file_cameras)

    async def all(self, file_cameras: Sequence[CameraSettings] | None = None) -> list[Configured]:
        """Every camera, the file's first. `file_cameras`: what the file says, if not what it said last.

        Raises:
            SettingsError: an id is both in the file and in the database.
            StorageError: a password cannot be decrypted.
        """
        rows = await self._database.read(_rows)
        stored = [self._from_row(row) for row in rows]
        file_cameras = self.file_cameras if file_cameras is None else file_cameras
        in_file = {camera.id.lower() for camera in file_cameras}
        for camera in stored:
            if camera.id.lower() in in_file:
                raise SettingsError(
                    f'camera "{camera.id}" is in the settings file and in the database: rename it in the file, or run '
                    f'"sightline camera remove {camera.id}"'
                )
        return [
            *(Configured(camera, Origin.FILE) for camera in file_cameras),
            *(Configured(camera, Origin.DATABASE) for camera in stored),
        ]

    async def add(self, settings: CameraSettings, *, actor: str, address: str) -> None:
        """Add a camera to the database.

        Raises:
            ConflictError: the id is taken.
        """
        if any(camera.id.lower() == settings.id.lower() for camera in self.file_cameras):
            raise ConflictError(f'the settings file has a camera "{settings.id}" already')
        row = self._audit.row(
            Action.CAMERA_ADD, actor=actor, address=address, camera=settings.id, settings=_shown(settings)
        )

        def work(connection: Connection) -> None:
            taken = {stored.lower() for stored in connection.execute(select(cameras.c.id)).scalars()}
            if settings.id.lower() in taken:
                raise ConflictError(f'there is a camera "{settings.id}" already')
            connection.execute(
                insert(cameras).values(id=settings.id, created_ns=self._clock.utc_ns(), **self._columns(settings))
            )
            raise_revision(connection, REVISION)
            append(connection, row)

        await self._database.write(work)

    async def change(self, camera_id: str, changes: Mapping[str, Any], *, actor: str, address: str) -> CameraSettings:
        """Change some settings of a camera of the database; returns them all. The id stays.

        Raises:
            NotFoundError: there is no such camera.
            ConflictError: it belongs to the settings file.
            BadRequestError: the changes do not hold.
        """
        self._refuse_file(camera_id)
        if "id" in changes and changes["id"] != camera_id:
            raise BadRequestError("the id of a camera stays: recordings are named after it", pointer="/id")

        def work(connection: Connection) -> CameraSettings:
            row = connection.execute(select(cameras).where(cameras.c.id == camera_id)).mappings().first()
            if row is None:
                raise NotFoundError(f'there is no camera "{camera_id}"')
            before = self._from_row(row)
            after = self.changed(before, changes)
            connection.execute(update(cameras).where(cameras.c.id == camera_id).values(**self._columns(after)))
            raise_revision(connection, REVISION)
            append(
                connection,
                self._audit.row(
                    Action.CAMERA_CHANGE,
                    actor=actor,
                    address=address,
                    camera=camera_id,
                    **_changed(before, after),
                ),
            )
            return after

        return await self._database.write(work)

    @staticmethod
    def changed(before: CameraSettings, changes: Mapping[str, Any]) -> CameraSettings:
        """What `change` would make of `before`.

        Raises:
            BadRequestError: the changes do not hold.
        """
        # Naming the one way in replaces the other.
        if changes.get("url"):
            changes = {"onvif": None, **changes}
        elif changes.get("onvif"):
            changes = {"url": None, **changes}
        kept = before.model_dump(exclude={"password_file"}) | {"password": before.password}
        return camera_settings(kept | dict(changes))

    async def remove(self, camera_id: str, *, actor: str, address: str) -> None:
        """Forget a camera of the database. Its recordings and positions stay.

        Raises:
            NotFoundError: there is no such camera.
            ConflictError: it belongs to the settings file.
        """
        self._refuse_file(camera_id)
        row = self._audit.row(Action.CAMERA_REMOVE, actor=actor, address=address, camera=camera_id)

        def work(connection: Connection) -> None:
            if connection.execute(delete(cameras).where(cameras.c.id == camera_id)).rowcount == 0:
                raise NotFoundError(f'there is no camera "{camera_id}"')
            # Another camera of that id must not be reported for by the phone of this one.
            if connection.execute(delete(position_keys).where(position_keys.c.camera == camera_id)).rowcount:
                raise_revision(connection, POSITION_KEYS)
            raise_revision(connection, REVISION)
            append(connection, row)

        await self._database.write(work)

    def _refuse_file(self, camera_id: str) -> None:
        if any(camera.id == camera_id for camera in self.file_cameras):
            raise ConflictError(f'camera "{camera_id}" belongs to the settings file: change it there')

    def _columns(self, settings: CameraSettings) -> dict[str, Any]:
        password = settings.password.get_secret_value()
        return {
            "name": settings.name,
            "url": settings.url,
            "onvif": settings.onvif,
            "username": settings.username,
            "password_encrypted": self._vault.encrypt(password, of_camera(settings.id)) if password else None,
            "transport": settings.transport,
            "record": settings.record,
            "connect": settings.connect,
            "basic_auth": settings.basic_auth,
            "tls_verify": settings.tls_verify,
            "groups": list(settings.groups),
            "record_on": settings.record_on,
            "pre_roll": settings.pre_roll,
            "post_roll": settings.post_roll,
            "position": settings.position,
            "position_from": list(settings.position_from),
        }

    def _from_row(self, row: RowMapping) -> CameraSettings:
        sealed = row["password_encrypted"]
        password = self._vault.decrypt(sealed, of_camera(row["id"])) if sealed else ""
        return CameraSettings(
            id=row["id"],
            name=row["name"],
            url=row["url"],
            onvif=row["onvif"],
            username=row["username"],
            password=SecretStr(password),
            transport=row["transport"],
            record=row["record"],
            connect=row["connect"],
            basic_auth=row["basic_auth"],
            tls_verify=row["tls_verify"],
            groups=tuple(row["groups"]),
            record_on=row["record_on"],
            pre_roll=row["pre_roll"],
            post_roll=row["post_roll"],
            position=row["position"],
            position_from=tuple(row["position_from"]),
        )


def change_rows(
    audit: Audit, before: Iterable[CameraSettings], after: Iterable[CameraSettings], *, actor: str, address: str
) -> list[dict[str, Any]]:
    """The audit's rows for what becomes of the settings file's cameras."""
    old, new = ({camera.id: camera for camera in cameras} for cameras in (before, after))

    def row(action: Action, camera_id: str, **detail: Any) -> dict[str, Any]:
        return audit.row(action, actor=actor, address=address, camera=camera_id, origin=Origin.FILE.value, **detail)

    rows = []
    for camera_id in sorted(old.keys() | new.keys()):
        if camera_id not in new:
            rows.append(row(Action.CAMERA_REMOVE, camera_id))
        elif camera_id not in old:
            rows.append(row(Action.CAMERA_ADD, camera_id, settings=_shown(new[camera_id])))
        elif old[camera_id] != new[camera_id]:
            rows.append(row(Action.CAMERA_CHANGE, camera_id, **_changed(old[camera_id], new[camera_id])))
    return rows


def camera_settings(values: Mapping[str, Any]) -> CameraSettings:
    """Settings of one camera from what the API or the command line was given.

    Raises:
        BadRequestError: they do not hold; says which and why.
    """
    if values.get("password_file") is not None:
        raise BadRequestError("password_file is for the settings file only", pointer="/password_file")
    try:
        return CameraSettings.model_validate(dict(values))
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        key = "/".join(str(step) for step in problem["loc"])
        if problem["type"] == "extra_forbidden":
            raise BadRequestError(f'unknown member "{key}"', pointer=f"/{key}") from None
        message = problem["msg"].removeprefix("Value error, ")
        raise BadRequestError(f'"{key}": {message}' if key else message, pointer=f"/{key}") from None


def groups_of_cameras(configured: Iterable[Configured]) -> dict[str, tuple[str, ...]]:
    """The groups that each camera is in, by its id."""
    return {camera.settings.id: camera.settings.groups for camera in configured}


def _rows(connection: Connection) -> list[RowMapping]:
    return list(connection.execute(select(cameras).order_by(cameras.c.id)).mappings())


def _shown(settings: CameraSettings) -> dict[str, Any]:
    """The settings for the audit: everything but the password, of which only whether there is one."""
    shown = settings.model_dump(mode="json", exclude={"password", "password_file", "id"})
    return shown | {"has_password": bool(settings.password.get_secret_value())}


def _changed(before: CameraSettings, after: CameraSettings) -> dict[str, Any]:
    """What differs, for the audit: `before`, `after`, and of the password whether it does."""
    old, new = _shown(before), _shown(after)
    keys = [key for key in old if old[key] != new[key]]
    differs = {"before": {key: old[key] for key in keys}, "after": {key: new[key] for key in keys}}
    return differs | {"password_changed": before.password != after.password}
