"""A JSON schema in words: the name of each value, its type and its limits."""

from collections.abc import Iterator
from html import escape
from typing import Any

_LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "&gt; {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "&lt; {}",
}


def literal(text: str) -> str:
    """Return text as code in a cell of a table, where a bar would end the cell."""
    if "|" not in text:
        return f"`{text}`"
    return f"<code>{escape(text).translate({ord(mark): f'&#{ord(mark)};' for mark in '|*_'})}</code>"


def leaves(schema: dict[str, Any], models: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the full name and the type of each value; a model inside a model is walked into."""
    for name, part in schema.get("properties", {}).items():
        target = _target(part, models)
        if "properties" in target:
            yield from leaves(target, models, f"{prefix}{name}.")
        elif target.get("type") != "object" or "additionalProperties" in target:
            yield f"{prefix}{name}", _kind(part, models)


def _target(part: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    return models[part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def _kind(part: dict[str, Any], models: dict[str, Any]) -> str:
    part = _target(part, models)
    if "anyOf" in part:
        return " or ".join(_kind(one, models) for one in part["anyOf"])
    if "properties" in part:
        return "{" + ", ".join(part["properties"]) + "}"
    if "const" in part or "enum" in part:
        return ", ".join(f"`{one}`" for one in part.get("enum", [part.get("const")]))
    limits = [text.format(part[name]) for name, text in _LIMITS.items() if name in part]
    limits += [f"matching {literal(part['pattern'])}"] if "pattern" in part else []
    return " ".join([_named(part, models), ", ".join(limits)]).rstrip()


def _named(part: dict[str, Any], models: dict[str, Any]) -> str:
    if part.get("type") == "array":
        least = f" at least {part['minItems']}:" if "minItems" in part else ""
        return f"list of{least} {_kind(part['items'], models)}"
    if part.get("type") == "object":
        return "mapping"
    return str(part.get("type", "any"))
