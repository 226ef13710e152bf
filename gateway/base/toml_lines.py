"""On which line of a TOML document each key stands, for messages that name it. tomllib reads the values but tells none.

The document is cut into its statements (a header, or a key with its value) by asking tomllib itself where each one
ends, so that no string, however many lines it has, is taken for a key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Keys, and the numbers (from 0) of elements of an array of tables."""


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) on which each key, table and element of an array of tables begins.

    Raises nothing for what tomllib can read; `text` must be that.
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    statement, start = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        if not statement:
            start = number
        statement += line + "\n"
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue  # its value goes on in the next line
        if statement.lstrip().startswith("["):
            table = _place(_header_path(parsed), counts, element=statement.lstrip().startswith("[["))
            found.setdefault(table, start)
        else:
            found |= {table + key: start for key in _key_paths(parsed)}
        statement = ""
    return found


def _header_path(parsed: Mapping[str, Any]) -> Path:
    """The keys of a header, which tomllib reads as tables within each other, the last one empty."""
    path: Path = ()
    while parsed:
        ((key, value),) = parsed.items()
        path += (key,)
        parsed = value[0] if isinstance(value, list) else value
    return path


def _place(path: Path, counts: dict[Path, int], *, element: bool) -> Path:
    """Where a header leads: below an array of tables it means the newest element."""
    place: Path = ()
    for depth, key in enumerate(path, 1):
        place += (key,)
        last = depth == len(path)
        if last and element:
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place += (counts[place],)
    return place


def _key_paths(parsed: Mapping[str, Any], above: Path = ()) -> list[Path]:
    """`a.b = 1` is the key a, and b in it."""
    paths: list[Path] = []
    for key, value in parsed.items():
        paths.append((*above, key))
        if isinstance(value, dict):
            paths += _key_paths(value, (*above, key))
    return paths
