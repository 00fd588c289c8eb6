"""The page of results on the real data, from the tables of a run; and their copying: ``make results RUN=kaggle``."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.datasets import Csv
from tweet_sentiment.reports.choice import PROTOCOL, cautions, frontier_table, needs, standings
from tweet_sentiment.reports.findings import audit_paragraphs, audit_tables, claims_answered, evidence, reading
from tweet_sentiment.reports.tables import (
    COLUMNS,
    MAIN_PROTOCOLS,
    folds,
    markdown,
    part_tables,
    plain_rows,
    points,
    side_by_side,
)
from tweet_sentiment.scoring.comparison import p_words

LEVEL = 0.95  # uncertainty.level in conf/base
OF_RUN = ("comparison.csv", "frontier.csv", "claims.csv", "leaks.csv", "audit.json", "report.md")
OF_PROTOCOL = {  # file of a protocol's folder: name here, before the protocol
    "differences.csv": "differences",
    "preprocessing_ablation/variants.csv": "cleaning",
    "preprocessing_ablation/summary.md": "cleaning",
    "prompt_tuning/prompts.csv": "prompts",
    "prompt_tuning/heads.csv": "heads",
    "hyperparameter_search/trials.csv": "trials",
    "technique_search/trials.csv": "technique_trials",
    "training_ablation/trainings.csv": "trainings",
    "unfreezing_sweep/blocks.csv": "blocks",
    "learning_curve/sizes.csv": "sizes",
}
SETTINGS = {
    "prompts": "The hard prompts",
    "heads": "What of the head learns beside a soft prompt",
    "blocks": "How many blocks to unfreeze",
    "trainings": "Ways of training",
    "sizes": "Accuracy by the posts learnt from",
    "cleaning": "Ways of cleaning",
}
SCORES = ["technique", "protocol", "texts", "n_train", "eval_loss", "accuracy", "f1", "precision", "recall", "macro_f1"]
SCORES += ["expected_calibration_error", "calibration_noise", "dev_accuracy", "trainable_parameters", "seconds"]


def copy_tables(data: Path, run: str, to: Path) -> list[str]:
    """Copy the tables of a run; return the names of the copies."""
    copied = {name: data / "08_reporting" / run / name for name in OF_RUN}
    for layer in ("07_model_output", "08_reporting"):
        for source, name in OF_PROTOCOL.items():
            for path in (data / layer / run).glob(f"*/{source}"):
                protocol = path.relative_to(data / layer / run).parts[0]
                copied[f"{name}_{protocol}{path.suffix}"] = path
    to.mkdir(parents=True, exist_ok=True)
    there = {name: path for name, path in copied.items() if path.is_file()}
    for name, path in there.items():
        shutil.copy(path, to / name)
    return sorted(there)


def results_page(results: Path) -> str:
    """Return the page, from the tables in ``results``. It says of differences what the tests say, and no more."""
    comparison = _csv(results / "comparison.csv").reindex(columns=COLUMNS)
    measured = comparison[comparison["measured"].eq(True)].reset_index(drop=True)
    lines = [*_head(measured), *_leak(results), *_accuracy(measured), *_parts(measured)]
    lines += [*_choice(measured, results), *_claims(results), *_differences(results), *_luck(measured)]
    lines += [*_settings(results), *_files(results)]
    return "\n".join(lines).rstrip() + "\n"


def _csv(path: Path) -> pd.DataFrame:
    return Csv(filepath=str(path)).load() if path.is_file() else pd.DataFrame()


def _table(caption: str, header: list[str], rows: list[list[str]]) -> list[str]:
    return [f"{caption}:", "", *markdown(header, rows), ""]


def _head(comparison: pd.DataFrame) -> list[str]:
    named = {
        name: ", ".join(sorted({one for cell in comparison[name].dropna() for one in str(cell).split(", ")} - {"none"}))
        for name in ("encoder", "device")
    }
    earlier = comparison[comparison["texts"].isna()]
    said = [
        "# Results on the real data",
        "",
        "Made by `make pages` from the tables in `docs/results`, which `make results RUN=kaggle` copies from a run on "
        "Kaggle's Twitter Sentiment Analysis. [The report in full](results/report.md) holds versions, the hashes of "
        "the files, and a command for every row.",
        "",
        f"Encoder: {named['encoder']}. Device: {named['device']}. Seed: {comparison['seed'].iloc[0]}. Intervals: "
        f"{LEVEL:.0%}, by a bootstrap over tweets. The paper's figures are of its own, leaking protocol and of "
        "`distilbert-base-uncased`.",
        "",
    ]
    if len(earlier):
        rows = ", ".join(f"{row['technique']} ({row['protocol']})" for row in earlier.to_dict("records"))
        said += [f"Measured by an earlier revision, with its cleaning and its dev split, and not run anew: {rows}.", ""]
    return said


def _leak(results: Path) -> list[str]:
    audit = json.loads((results / "audit.json").read_text(encoding="utf-8"))
    tables = [line for one in audit_tables(audit) for line in _table(one.caption, one.header, one.rows)]
    said = [line for one in audit_paragraphs(audit) for line in (one, "")]
    return ["## The leak", "", *said, *tables, "Examples: [results/leaks.csv](results/leaks.csv).", ""]


def _accuracy(comparison: pd.DataFrame) -> list[str]:
    main = comparison[comparison["protocol"].isin(MAIN_PROTOCOLS)]
    return [
        "## Every technique under every protocol",
        "",
        *_table("Accuracy with its interval", *side_by_side(comparison)),
        *_table(
            "All scores, and beside the calibration error what chance alone makes of it", *plain_rows(main[SCORES])
        ),
    ]


def _parts(comparison: pd.DataFrame) -> list[str]:
    tables = part_tables(comparison[comparison["protocol"].isin(MAIN_PROTOCOLS)])
    lines = [line for one in tables for line in _table(one.caption, one.header, one.rows)]
    return ["## What is left of the leak, and originals", "", *lines] if lines else []


def _choice(comparison: pd.DataFrame, results: Path) -> list[str]:
    table = frontier_table(comparison, _csv(results / f"differences_{PROTOCOL}.csv"), LEVEL)
    said = [line for one in (*standings(table), *cautions(table)) for line in (one, "")]
    lines = [line for rows in needs(table) for line in _table("Of those not shown to be worse, the cheapest", *rows)]
    return ["## Which technique for which need", "", *said, *lines]


def _claims(results: Path) -> list[str]:
    table = _csv(results / "claims.csv")
    lines = [*_table("The verdicts", *claims_answered(table)), *_table("What each rests on", *evidence(table))]
    figures = "Figures: [results/claims.csv](results/claims.csv)."
    return ["## The paper's claims, one by one", "", *reading(LEVEL), "", *lines, figures, ""]


def _differences(results: Path) -> list[str]:
    lines = ["## Which differences are shown", ""]
    for protocol in MAIN_PROTOCOLS:
        table = _csv(results / f"differences_{protocol}.csv")
        if len(table):
            tests = ", ".join(sorted(set(table["test"])))
            rows = [_difference(row) for row in table.to_dict("records")]
            header = ["first", "second", "difference", "adjusted p", "better"]
            lines += _table(f"{protocol} ({tests}; Holm's correction over all pairs)", header, rows)
    return lines


def _difference(row: dict[Any, Any]) -> list[str]:
    return [row["first"], row["second"], points(row), p_words(row["p_adjusted"]), row["better"] or "not shown"]


def _luck(comparison: pd.DataFrame) -> list[str]:
    seeded = comparison[comparison["seeds"] > 1][["technique", "protocol", "seeds", "accuracy_mean", "accuracy_sd"]]
    lines = _table("The same training with several seeds", *plain_rows(seeded)) if len(seeded) else []
    if len(crossed := folds(comparison)):
        lines += _table("Folds by tweet id", *plain_rows(crossed))
    return ["## How much is luck", "", *lines] if lines else []


def _settings(results: Path) -> list[str]:
    lines = []
    for name, caption in SETTINGS.items():
        for path in sorted(results.glob(f"{name}_*.csv")):
            lines += _table(f"{caption} ({path.stem.removeprefix(f'{name}_')})", *plain_rows(_csv(path)))
    said = "Selection accuracy is measured on the dev split, and choices are made by it; accuracy is of the test posts."
    return ["## One setting at a time", "", said, "", *lines] if lines else []


def _files(results: Path) -> list[str]:
    names = sorted(path.name for path in results.iterdir() if path.suffix in (".csv", ".json", ".md"))
    return ["## The tables", "", *(f"- [{name}](results/{name})" for name in names)]


if __name__ == "__main__":
    print("\n".join(copy_tables(Path("data"), sys.argv[1], Path("docs/results"))))
