"""The page's words (web/ui/src/strings-settings.ts) for what the gateway names: nobody should read `user_add` on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.access.audit import Action, Outcome
from gateway.access.rights import Role

STRINGS = Path(__file__).resolve().parents[1] / "web/ui/src/strings-settings.ts"


def keys(name: str) -> set[str]:
    """The members of the object `name` in the strings."""
    found = re.search(
        rf"^( *){name}: \{{(.*?)^\1\}}|^ *{name}: \{{(.*?)\}}", STRINGS.read_text(), re.DOTALL | re.MULTILINE
    )
    assert found
    return set(re.findall(r"\b(\w+): [\"{]", found[2] or found[3]))


@pytest.mark.parametrize(("name", "values"), [("actions", Action), ("outcomes", Outcome), ("roles", Role)])
def test_the_page_has_a_word_for_each(name, values) -> None:
    assert {value.value for value in values} <= keys(name)
