"""What a SIGHUP would change: the settings file, compared with what the running gateway says that it goes by.

The gateway notes its settings beside its data, so that another process can compare them: without secrets, which are
compared by their marks. Nothing here reads or changes the settings themselves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.base.differences import Difference, Flat, Mark, Shown, differences, flatten
from gateway.base.errors import StorageError
from gateway.base.lock import held
from gateway.base.settings import Settings
from gateway.ingest.fleet import NOT_THE_WAY_IN

LOCK_FILE = "gateway.lock"
"""Held while a gateway runs on the data directory that it lies in."""
RUNNING_FILE = "running.json"
"""What the gateway that holds the lock goes by."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of the settings."""

    process: int
    """The running gateway's."""
    at_once: tuple[Difference, ...]
    at_the_next_start: tuple[Difference, ...]

    @property
    def connecting_anew(self) -> tuple[str, ...]:
        """The ids of the cameras whose connection would change."""
        return tuple(
            sorted(
                {
                    key.removeprefix("cameras[")
                    for key, _, name in (difference.key.partition("].") for difference in self.at_once)
                    if name and name not in NOT_THE_WAY_IN
                }
            )
        )


def note(data_dir: Path, flat: Flat, live: Iterable[str]) -> None:
    """Note what the gateway goes by, and which keys it can change while it runs. Blocks.

    Raises:
        StorageError: it cannot be written.
    """
    noted = {"process": os.getpid(), "live": list(live), "settings": {key: _pack(shown) for key, shown in flat.items()}}
    path = data_dir / RUNNING_FILE
    fresh = path.with_suffix(".new")
    try:
        descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(noted, file)
        fresh.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def preview(settings: Settings, mark: Mark) -> Preview | None:
    """What reading `settings` again would change in the gateway that runs on their data; None: none does. Blocks.

    Raises:
        StorageError: what it goes by cannot be read.
    """
    if not held(settings.data_dir / LOCK_FILE):
        return None
    path = settings.data_dir / RUNNING_FILE
    try:
        noted: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        running = {key: _unpack(packed) for key, packed in noted["settings"].items()}
        process, live = int(noted["process"]), tuple(map(str, noted["live"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"a gateway runs, but {path} does not say by which settings: {error}") from error
    found = differences(running, flatten(settings, mark))
    at_once = tuple(difference for difference in found if _is_one_of(difference.key, live))
    return Preview(process, at_once, tuple(difference for difference in found if difference not in at_once))


def _is_one_of(key: str, live: Iterable[str]) -> bool:
    return any(key == name or key.startswith((f"{name}.", f"{name}[")) for name in live)


def _pack(shown: Shown | Mapping[str, Shown]) -> Any:
    if isinstance(shown, Shown):
        return [shown.value, shown.mark]
    return {name: [inner.value, inner.mark] for name, inner in shown.items()}


def _unpack(packed: Any) -> Shown | Mapping[str, Shown]:
    if isinstance(packed, dict):
        return {name: Shown(*inner) for name, inner in packed.items()}
    return Shown(*packed)
