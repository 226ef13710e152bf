"""What JSON Schemas are put together from: the forms that many of them have. The schemas themselves are elsewhere."""

from __future__ import annotations

from typing import Any


def ref(name: str) -> dict[str, str]:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(required: list[str], **properties: Any) -> dict[str, Any]:
    """An object with these members, of which some must be there."""
    return {"type": "object", "required": required, "properties": properties}


def list_of(name: str, of: dict[str, Any]) -> dict[str, Any]:
    """An object with one member of that name: a list."""
    return object_of([name], **{name: {"type": "array", "items": of}})


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Such a value, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


TEXT = {"type": "string"}
TEXT_OR_NULL = {"type": ["string", "null"]}
NUMBER = {"type": ["number", "null"]}
TIME = {"type": "string", "format": "date-time"}
TIME_OR_NULL = {"type": ["string", "null"], "format": "date-time"}
