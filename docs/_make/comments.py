"""What the comments in ``conf`` say of each parameter."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml


def comments(folder: Path) -> dict[str, str]:
    """Return the comment behind each key of the folder's parameters files, by the key's full name."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("parameters*.yml")):
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text)
        if isinstance(root, yaml.MappingNode):
            found |= dict(_walk(root, "", text.splitlines()))
    return found


def _walk(mapping: yaml.MappingNode, prefix: str, lines: list[str]) -> Iterator[tuple[str, str]]:
    for key, value in mapping.value:
        name = f"{prefix}{key.value}"
        block = isinstance(value, yaml.CollectionNode) and not value.flow_style
        end = key.end_mark if block else value.end_mark
        if comment := re.match(r":?\s*#\s*(.*)", lines[end.line][end.column :]):
            yield name, comment[1].strip()
        if isinstance(value, yaml.MappingNode):
            yield from _walk(value, f"{name}.", lines)
