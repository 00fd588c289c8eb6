"""The page of results on the real data; the tables of a run, copied into ``docs/results`` and back.

``make results RUN=kaggle`` copies them here, ``make restore RUN=kaggle`` puts them where the run left them. So a
technique that is run on another day, or on another machine, is compared with those that were run before.
"""

import json
import re
import shutil
import sys
from collections.abc import Iterator
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
    name_of,
    part_tables,
    plain_rows,
    points,
    run_of,
    side_by_side,
)
from tweet_sentiment.scoring.comparison import p_words

LEVEL = 0.95  # uncertainty.level in conf/base
COPIES = {  # file below data/: its copy below docs/results/
    **{f"08_reporting/{{run}}/{name}": name for name in ("comparison.csv", "frontier.csv", "claims.csv", "leaks.csv")},
    **{f"08_reporting/{{run}}/{name}": name for name in ("audit.json", "report.md")},
    **{
        f"{layer}/{{run}}/{{protocol}}/{source}": f"{name}_{{protocol}}{Path(source).suffix}"
        for layer, source, name in (
            ("08_reporting", "differences.csv", "differences"),
            ("08_reporting", "preprocessing_ablation/variants.csv", "cleaning"),
            ("08_reporting", "preprocessing_ablation/summary.md", "cleaning"),
            ("07_model_output", "prompt_tuning/prompts.csv", "prompts"),
            ("07_model_output", "prompt_tuning/heads.csv", "heads"),
            ("07_model_output", "hyperparameter_search/trials.csv", "trials"),
            ("07_model_output", "technique_search/trials.csv", "technique_trials"),
            ("07_model_output", "training_ablation/trainings.csv", "trainings"),
            ("07_model_output", "unfreezing_sweep/blocks.csv", "blocks"),
            ("07_model_output", "learning_curve/sizes.csv", "sizes"),
        )
    },
    **{
        f"{layer}/{{run}}/{{protocol}}/{file}": f"measured/{{protocol}}/{file}"
        for layer, file in (
            ("06_models", "{technique}/manifest.json"),
            ("07_model_output", "{technique}/predictions.parquet"),
            ("07_model_output", "{technique}/seeds.csv"),
            ("08_reporting", "{technique}/metrics.json"),
            ("08_reporting", "row_counts.json"),
        )
    },
}
ROW = ["technique", "protocol", "encoder"]
SETTINGS = {
    "prompts": "The hard prompts",
    "heads": "Layers of the head that are trained with a soft prompt",
    "blocks": "How many blocks to unfreeze",
    "trainings": "Ways of training",
    "sizes": "Accuracy by number of training posts",
    "cleaning": "Ways of cleaning",
}
SCORES = ["technique", "protocol", "encoder", "texts", "n_train", "eval_loss", "accuracy", "f1", "precision", "recall"]
SCORES += ["macro_f1", "expected_calibration_error", "calibration_noise", "dev_accuracy"]
SCORES += ["trainable_parameters", "seconds"]


def copy_tables(data: Path, run: str, to: Path) -> list[str]:
    """Copy the tables of a run, and what it measured of each technique; return the names of the copies.

    So is what other runs measured of the techniques that its comparison names "<technique> (<other run>)". Rows of
    the comparison that this run does not have stay: they were measured by an earlier revision.
    """
    earlier, copied = _csv(to / "comparison.csv"), []
    compared = set(_csv(data / "08_reporting" / run / "comparison.csv").get("technique", []))
    for source, copy in COPIES.items():
        for known in _found(data, source):
            name = f"{known.get('technique')} ({known['run']})"
            if known["run"] == run or name in compared:
                shown = known if known["run"] == run else known | {"technique": name}
                copied.append(copy.format(**shown))
                _copy(data / source.format(**known), to / copied[-1])
    if len(earlier) and "comparison.csv" in copied:
        now = _csv(to / "comparison.csv")
        kept = earlier[~pd.MultiIndex.from_frame(earlier[ROW]).isin(pd.MultiIndex.from_frame(now[ROW]))]
        _save(pd.concat([now, kept]).sort_values("protocol", kind="stable"), to / "comparison.csv")
    return sorted(copied)


def restore_tables(results: Path, run: str, data: Path) -> None:
    """Put what ``copy_tables`` copied back where nothing is, and give each protocol its rows of the comparison."""
    for source, copy in COPIES.items():
        for known in _found(results, copy):
            technique = known.get("technique", "")
            of_run = {"run": run_of(technique) or run, "technique": name_of(technique)}
            path = data / source.format(**known | of_run)
            if not path.exists():
                _copy(results / copy.format(**known), path)
    comparison = _csv(results / "comparison.csv")
    for protocol, rows in comparison[comparison["measured"].eq(True)].groupby("protocol"):
        path = data / "08_reporting" / run / str(protocol) / "results.csv"
        if not path.exists():
            _save(rows, path)


def _found(folder: Path, pattern: str) -> Iterator[dict[str, str]]:
    """Yield what stands for the names in braces, for each file of the folder that the pattern fits."""
    names = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(pattern)))
    for path in sorted(folder.glob(re.sub(r"\{\w+\}", "*", pattern))):
        if fits := names.fullmatch(path.relative_to(folder).as_posix()):
            yield fits.groupdict()


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)


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


def _save(table: pd.DataFrame, path: Path) -> None:
    Csv(filepath=str(path)).save(table.reset_index(drop=True))


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
        f"{LEVEL:.0%}, by a bootstrap over tweets. The paper's figures are for its own protocol, which leaks, and for "
        "`distilbert-base-uncased`. Some times were measured beside other work on the same machine.",
        "",
    ]
    if len(earlier):
        rows = ", ".join(f"{row['technique']} ({row['protocol']})" for row in earlier.to_dict("records"))
        said += [f"Measured by an earlier revision, with its cleaning and its dev split, and not repeated: {rows}.", ""]
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
        *_table("All scores; calibration noise is the error that chance alone would give", *plain_rows(main[SCORES])),
    ]


def _parts(comparison: pd.DataFrame) -> list[str]:
    tables = part_tables(comparison[comparison["protocol"].isin(MAIN_PROTOCOLS)])
    lines = [line for one in tables for line in _table(one.caption, one.header, one.rows)]
    return ["## What is left of the leak, and originals", "", *lines] if lines else []


def _choice(comparison: pd.DataFrame, results: Path) -> list[str]:
    table = frontier_table(comparison, _csv(results / f"differences_{PROTOCOL}.csv"), LEVEL)
    said = [line for one in (*standings(table), *cautions(table)) for line in (one, "")]
    lines = [line for rows in needs(table) for line in _table("The cheapest of those not shown to be worse", *rows)]
    return ["## Which technique for which need", "", *said, *lines]


def _claims(results: Path) -> list[str]:
    table = _csv(results / "claims.csv")
    lines = [*_table("The verdicts", *claims_answered(table)), *_table("The evidence for each", *evidence(table))]
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
    said = "Dev accuracy is measured on the dev split and decides every choice; accuracy is measured on the test posts."
    return ["## One setting at a time", "", said, "", *lines] if lines else []


def _files(results: Path) -> list[str]:
    names = sorted(path.name for path in results.iterdir() if path.suffix in (".csv", ".json", ".md"))
    measured = sorted({path.parent.name for path in results.glob("measured/*/*/predictions.parquet")})
    said = ["## The tables", "", *(f"- [{name}](results/{name})" for name in names), ""]
    if measured:
        said += [
            f"`results/measured` has predictions, metrics, seeds and manifest of {', '.join(measured)}. `make restore "
            "RUN=kaggle` puts them into `data/`; `kedro run --env=kaggle --pipelines=<technique>` then measures one "
            "technique, `kedro run --env=kaggle --pipelines=reporting --to-nodes=write_report,plot_comparison` "
            "compares it with all of these (it promotes none: that needs their models), and `make results RUN=kaggle` "
            "writes this page.",
            "",
        ]
    return said


if __name__ == "__main__":
    if sys.argv[2:] == ["--restore"]:
        restore_tables(Path("docs/results"), sys.argv[1], Path("data"))
    else:
        print("\n".join(copy_tables(Path("data"), sys.argv[1], Path("docs/results"))))
