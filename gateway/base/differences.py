"""What differs between two states of the settings, by key, as one may show it: no secret is in it.

A secret is compared by its mark, a keyed digest: so another process can compare what it may not read. Nothing here
knows what a difference means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel, SecretStr

Mark: TypeAlias = Callable[[str], str]
"""The mark of a secret; the same for the same secret only."""
HIDDEN = "********"
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]*@")


@dataclass(frozen=True, slots=True)
class Shown:
    """A setting as one may show it."""

    value: Any
    """JSON; secrets in it are hidden."""
    mark: str = ""
    """Of the secrets in it; empty: there are none."""


Flat: TypeAlias = Mapping[str, "Shown | Mapping[str, Shown]"]
"""Settings by key, as in `webrtc.max_sessions`; of what has an id (`cameras[unit-12]`) by key once more (`password`).
Empty lists are left out."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that differs."""

    key: str
    """Of one that is only on one side as a whole (a camera): its own, as in `cameras[unit-12]`."""
    before: Any
    """None: it was not there."""
    after: Any
    """None: it is gone."""
    secret: bool = False
    """A secret in it differs, which neither side shows."""

    def __str__(self) -> str:
        if self.before is None and isinstance(self.after, dict):
            return f"{self.key}: added"
        if self.after is None and isinstance(self.before, dict):
            return f"{self.key}: removed"
        if self.secret:
            return f"{self.key}: {'another' if self.before and self.after else 'a' if self.after else 'no'} secret"
        return f"{self.key}: {_brief(self.before)} → {_brief(self.after)}"

    def json(self) -> dict[str, Any]:
        """For the audit and the API."""
        return {"key": self.key, "before": self.before, "after": self.after} | ({"secret": True} if self.secret else {})


def flatten(settings: BaseModel, mark: Mark) -> dict[str, Shown | Mapping[str, Shown]]:
    """`settings` by key. Sections and whatever has an id are taken apart, all else is one setting."""
    flat: dict[str, Shown | Mapping[str, Shown]] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            flat.update({f"{name}.{inner}": shown for inner, shown in flatten(value, mark).items()})
        elif isinstance(value, tuple) and all(hasattr(item, "id") for item in value):
            flat.update({f"{name}[{item.id}]": _settings(item, mark) for item in value})
        elif value != ():
            flat[name] = _shown(value, mark)
    return flat


def differences(before: Flat, after: Flat) -> list[Difference]:
    """What differs, in the order of the keys."""
    found = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            changed = (name for name in old if old[name] != new.get(name))
            found += [_difference(f"{key}.{name}", old[name], new.get(name)) for name in changed]
        elif isinstance(old, Mapping) or isinstance(new, Mapping):
            found.append(Difference(key, _values(old), _values(new)))
        elif old != new:
            found.append(_difference(key, old, new))
    return found


def _settings(item: BaseModel, mark: Mark) -> dict[str, Shown]:
    return {name: _shown(getattr(item, name), mark) for name in type(item).model_fields if name != "id"}


def _shown(value: Any, mark: Mark) -> Shown:
    secrets: list[str] = []
    return Shown(_show(value, secrets), mark(json.dumps(secrets)) if any(secrets) else "")


def _difference(key: str, old: Shown | None, new: Shown | None) -> Difference:
    old, new = old or Shown([]), new or Shown([])
    return Difference(key, old.value, new.value, secret=old.mark != new.mark)


def _values(item: Shown | Mapping[str, Shown] | None) -> dict[str, Any] | None:
    return {name: shown.value for name, shown in item.items()} if isinstance(item, Mapping) else None


def _show(value: Any, secrets: list[str]) -> Any:
    """`value` as JSON with its secrets hidden and put into `secrets`."""
    match value:
        case SecretStr():
            secret = value.get_secret_value()
            secrets.append(secret)
            return HIDDEN if secret else ""
        case BaseModel():
            return {name: _show(getattr(value, name), secrets) for name in type(value).model_fields}
        case tuple() | list():
            return [_show(item, secrets) for item in value]
        case dict():
            return {str(name): _show(item, secrets) for name, item in value.items()}
        case None | bool() | int() | float():
            return value
    text = str(value)
    hidden = _PASSWORD_IN_URL.sub(rf"\1:{HIDDEN}@", text)
    if hidden != text:
        secrets.append(text)
    return hidden


def _brief(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
