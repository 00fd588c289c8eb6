"""Write every page that is made from the project: ``make pages``."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pandas as pd
from docs._make.parameters import parameters_page
from docs._make.picture import accuracy_picture, leak_picture
from docs._make.pipelines import pipelines_page
from docs._make.results import results_page

from tweet_sentiment.pipeline_registry import register_pipelines
from tweet_sentiment.serving.limits import Limits

_BENCHMARKS = """# Benchmarks

Made by `make pages` from the tables in `benchmarks/`. `make bench`
measures again, against the paper's script and transformers' pipeline, on two idle cores in about 35 minutes;
`make bench-full` then adds our speed on all posts, in 10 minutes. Ratios differ between machines:
[all runs](#all-runs) lists all of them, and README and docs cite the worst.
"""


def pages(project: Path) -> dict[Path, str]:
    """Return the text of every made page by its file."""
    docs, comparison = project / "docs", pd.read_csv(project / "docs/results/comparison.csv")
    names = ("results", "serving", "cold_start", "families", "runs")
    results, *others = (_read(project / f"benchmarks/{name}.md") for name in names)
    return {
        docs / "serve.md": with_limits(_read(docs / "serve.md")),
        docs / "parameters.md": parameters_page(project / "conf"),
        docs / "pipelines.md": pipelines_page(register_pipelines()),
        docs / "results.md": results_page(docs / "results"),
        docs / "benchmarks.md": benchmarks_page(results) + "".join(map(section, others)),
        docs / "pictures/accuracy.svg": accuracy_picture(comparison),
        docs / "pictures/leak.svg": leak_picture(json.loads(_read(docs / "results/audit.json"))),
    }


def with_limits(page: str) -> str:
    """Return the page with the table of the service's limits as they are."""
    rows = [
        f"| {one.default:,} | {one.metadata['about']} | {_option(one.metadata['option'])} |" for one in fields(Limits)
    ]
    table = "\n".join(["| at most | | option of `kedro serve` |", "|---|---|---|", *rows])
    return re.sub(r"(?s)(?<=<!-- limits -->\n).*?(?=<!-- end -->)", lambda _: f"{table}\n", page)


def _option(name: str | None) -> str:
    return f"`{name}`" if name else ""


def _read(path: Path) -> str:
    """Return the content of a file, or "" if it is missing."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def benchmarks_page(results: str) -> str:
    """Return the page: ``results`` without its title and its Mermaid chart (its numbers stand in a table)."""
    body = results.partition("\n")[2]
    return _BENCHMARKS + re.sub(r"```mermaid\n.*?```\n", "", body, flags=re.DOTALL).rstrip() + "\n"


def section(page: str) -> str:
    """Return a page as a part of this one: a level deeper, nothing where there is none."""
    return f"\n#{page.strip()}\n" if page else ""


def main() -> None:
    """Write the pages that differ from what is there, and name them."""
    for path, text in pages(Path.cwd()).items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(Path.cwd()))


if __name__ == "__main__":
    main()
