"""Which pages are made, and from what."""

from pathlib import Path

import pandas as pd
from docs._make.benchmarks import benchmarks_page, in_use
from docs._make.parameters import parameters_page
from docs._make.picture import accuracy_picture
from docs._make.pipelines import pipelines_page
from docs._make.results import results_page

from tweet_sentiment.pipeline_registry import register_pipelines


def pages(project: Path) -> dict[Path, str]:
    """Return the text of every made page by its file."""
    docs, comparison = project / "docs", pd.read_csv(project / "docs/results/comparison.csv")
    results, serving, cold = (_read(project / f"benchmarks/{name}.md") for name in ("results", "serving", "cold_start"))
    return {
        docs / "parameters.md": parameters_page(project / "conf"),
        docs / "pipelines.md": pipelines_page(register_pipelines()),
        docs / "results.md": results_page(docs / "results"),
        docs / "benchmarks.md": benchmarks_page(results) + in_use(serving) + in_use(cold),
        docs / "pictures/accuracy.svg": accuracy_picture(comparison),
    }


def _read(path: Path) -> str:
    """Return what stands in a file, nothing where it has not been made."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""
