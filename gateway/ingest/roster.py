"""Making what holds what is configured: the cameras that run and who may see them, all of it in one step.

Where the configuration comes from is `registry`, what becomes of a camera `fleet`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.access.authority import Authority
from gateway.base.settings import Settings
from gateway.ingest.fleet import Fleet
from gateway.ingest.registry import Registry, groups_of_cameras


class Roster:
    """Joins registry, fleet and authority. `turn` is held while cameras or settings change."""

    def __init__(self, registry: Registry, fleet: Fleet, authority: Authority, turn: asyncio.Lock) -> None:
        self._registry = registry
        self._fleet = fleet
        self._authority = authority
        self._turn = turn

    async def reconcile(self) -> None:
        """Take over what the registry says by now.

        Raises:
            SettingsError, StorageError: see `Registry.all`; then everything stays as it is.
        """
        async with self._turn:
            configured = await self._registry.all()
            self._authority.update(cameras=groups_of_cameras(configured))
            self._fleet.apply(configured)

    async def prepare(self, settings: Settings) -> Callable[[], None]:
        """What takes over the cameras and the policy of the file; `turn` must be held until it is called.

        Raises:
            SettingsError, StorageError: see `Registry.all`.
        """
        configured = await self._registry.all(settings.cameras)

        def apply() -> None:
            self._registry.file_cameras = settings.cameras
            # The policy and the groups it speaks of change together: in between, somebody might see too much.
            self._authority.update(policy=settings.policy, cameras=groups_of_cameras(configured))
            self._fleet.apply(configured)

        return apply
