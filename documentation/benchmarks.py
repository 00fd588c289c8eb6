"""The page of benchmarks: what ``make bench`` wrote, without the chart that only some viewers draw."""

import re
from pathlib import Path

_ABOUT = """# Benchmarks

Made by `make pages` from `benchmarks/results.md` and `benchmarks/serving.md`. `make bench` measures again, beside the
paper's script and beside transformers' pipeline, on two idle cores in about 30 minutes; `make bench-full` then adds our
side on all posts, in 10.

## Beside the paper's script
"""


def benchmarks_page(folder: Path) -> str:
    """Return the page: what was measured, without the Mermaid chart (its numbers stand in a table)."""
    study, use = ((folder / f"{name}.md").read_text(encoding="utf-8") for name in ("results", "serving"))
    body = re.sub(r"```mermaid\n.*?```\n", "", study.partition("\n")[2].replace("\n## ", "\n### "), flags=re.DOTALL)
    return f"{_ABOUT}{body.rstrip()}\n\n#{use.rstrip()}\n"
