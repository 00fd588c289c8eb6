"""The page of benchmarks: what ``make bench`` wrote, without the chart that only some viewers draw."""

import re

_ABOUT = """# Benchmarks

Made by `make pages` from `results.md`, `serving.md` and `cold_start.md` in `benchmarks/`. `make bench` measures again,
beside the paper's script and beside transformers' pipeline, on two idle cores in about 35 minutes; `make bench-full`
then adds our side on all posts, in 10.
"""


def benchmarks_page(results: str) -> str:
    """Return the page: ``results`` without its title and its Mermaid chart (its numbers stand in a table)."""
    body = results.partition("\n")[2]
    return _ABOUT + re.sub(r"```mermaid\n.*?```\n", "", body, flags=re.DOTALL).rstrip() + "\n"


def in_use(serving: str) -> str:
    """Return a part of the page, on a trained model in use: ``serving`` a level deeper, nothing where there is none."""
    return f"\n#{serving.strip()}\n" if serving else ""
