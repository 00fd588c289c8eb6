"""The commands that the documentation shows, read from its code spans and blocks."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import PROJECT

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
_CODE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
_LEFT_OPEN = re.compile(r"[<…$*]")


def code(page: Path) -> Iterator[str]:
    """Yield each line of code of a page, comments aside."""
    for block, span in _CODE.findall(page.read_text(encoding="utf-8")):
        for line in (block or span).splitlines():
            yield line.partition(" #")[0].strip()


def every_code() -> set[str]:
    """Return every line of code of every page; a table's cell writes ``|`` as ``\\|``."""
    return {line.replace(r"\|", "|") for page in PAGES for line in code(page)}


def values(option: str, lines: set[str]) -> set[str]:
    """Return what the option is given: each of a list parted by commas, but what the reader is to fill in."""
    given = {value for line in lines for value in re.findall(rf"--{option}=(\S+)", line)}
    return {part for value in given for part in value.split(",") if not _LEFT_OPEN.search(part)}


def keys(lines: set[str]) -> set[str]:
    """Return the names of the parameters that commands set by ``--params``."""
    given = {value for line in lines for value in re.findall(r"--params=(\S+)", line)}
    return {part.partition("=")[0] for value in given for part in value.split(",") if "=" in part}


def options(command: str, lines: set[str]) -> set[str]:
    """Return the options that a command is shown with."""
    shown = (line for line in lines if line.startswith(f"{command} "))
    return {option for line in shown for option in re.findall(r"(--[a-z][a-z-]*)", line)}


def targets(lines: set[str]) -> set[str]:
    """Return what ``make`` is asked for."""
    return {name for line in lines for name in re.findall(r"\bmake ([a-z-]+)", line)}
