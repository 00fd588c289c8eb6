"""The comparison, the report and the promotion, from results on disk; nothing is trained."""

import logging
from collections import Counter
from pathlib import PurePath
from typing import Any

import pandas as pd

from tweet_sentiment import parameters as conf
from tweet_sentiment.best_model import Promotion
from tweet_sentiment.errors import StudyError
from tweet_sentiment.reports.choice import NAMED, PROTOCOL, advice, candidates, frontier_table, select
from tweet_sentiment.reports.figures import accuracy_figure, frontier_figure
from tweet_sentiment.reports.inputs import About, RunFiles, load_all
from tweet_sentiment.reports.tables import COLUMNS, run_of
from tweet_sentiment.scoring.metrics import dev_scores
from tweet_sentiment.scoring.uncertainty import ends_of
from tweet_sentiment.techniques import STUDIED, TECHNIQUES

logger = logging.getLogger(__name__)


def collect_results(
    run: str,
    study: conf.Study,
    reporting: conf.ReportingParameters,
    promotion: conf.PromotionParameters,
    earlier_results: RunFiles,
    **found: Any,
) -> pd.DataFrame:
    """Collect the metrics of all techniques in one table, mark the best, and name the missing ones.

    ``found``: the metrics of this pipeline's techniques by name, and by "<technique>_seeds" the tables of trainings
    with further seeds. What other techniques and ``reporting.other_runs`` have left is in ``earlier_results``.

    Raises:
        StudyError: no technique has been run, here or in another run, or ``promotion.technique`` names one that has
            not.
    """
    known = _of_techniques(earlier_results, "metrics.json", study) | found
    seeds = {f"{name}_seeds": one for name, one in _of_techniques(earlier_results, "seeds.csv", study).items()} | found
    metrics = {name: known[name] for name in TECHNIQUES if known.get(name)}
    others = {name: one for name, one in known.items() if run_of(name)}
    if run in reporting.other_runs:
        raise StudyError(f"reporting.other_runs names {run}, which is this run; leave it out.")
    if absent := set(reporting.other_runs) - set(map(run_of, others)):
        raise StudyError(
            f"reporting.other_runs names {', '.join(sorted(absent))}, where no technique has been run under protocol "
            f"{study.protocol}.\n  Run one first:  kedro run --pipelines=lora --params=run={min(absent)}"
        )
    if missing := [name for name in STUDIED if name not in metrics]:
        logger.warning("Not run yet under protocol %s: %s.", study.protocol, ", ".join(missing))
    if not metrics:
        raise StudyError(
            f"No technique has been run for run '{run}', protocol {study.protocol}; there is nothing "
            f"to report.\n  Run one first:  kedro run --pipelines=baseline"
        )
    metrics |= others
    rows = [
        _row(name, one, seeds.get(f"{name}_seeds"), reporting.paper_accuracy.get(name))
        for name, one in _on_one_dev_split(metrics).items()
    ]
    return select(pd.DataFrame(rows, columns=COLUMNS), study, promotion)


def _on_one_dev_split(metrics: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the metrics, without scores on another dev split than most of this run's techniques were measured on."""
    splits = {name: one.get("dev_split") for name, one in metrics.items()}
    usual = Counter(split for name, split in splits.items() if split and not run_of(name)).most_common(1)
    others = [name for name, split in splits.items() if split and usual and split != usual[0][0]]
    if others:
        logger.warning(
            "Measured on another dev split than the others, that of another seed, dev_split or data: %s. These scores "
            "are left out; run them again.",
            ", ".join(others),
        )
    return {name: one | (dev_scores(None) if name in others else {}) for name, one in metrics.items()}


def _row(
    technique: str, metrics: dict[str, Any], repeated: pd.DataFrame | None, paper_accuracy: float | None
) -> dict[str, Any]:
    others = [] if repeated is None or repeated.empty else list(repeated["accuracy"])
    accuracies = pd.Series([metrics["accuracy"], *others])
    return {
        **{name: metrics.get(name) for name in COLUMNS},
        **ends_of(metrics["intervals"]),
        **{f"{part}_{figure}": value for part, of in metrics["parts"].items() for figure, value in of.items()},
        "technique": technique,
        "encoder": ", ".join(PurePath(one).name for one in str(metrics["encoder"]).split(", ")),  # of a folder its name
        "measured": True,
        "paper_accuracy": paper_accuracy if About.of(metrics.get("data", {})).paper else None,
        "seeds": len(accuracies),
        "accuracy_mean": accuracies.mean(),
        "accuracy_sd": accuracies.std(),
    }


def compare_techniques(
    results: pd.DataFrame, earlier_results: RunFiles, study: conf.Study, uncertainty: conf.UncertaintyParameters
) -> pd.DataFrame:
    """Compare each pair of techniques in ``results`` on the same posts, by a test corrected for the number of pairs.

    Their predictions are in ``earlier_results``.
    """
    from tweet_sentiment.scoring.comparison import compare_pairs

    predictions = _of_techniques(earlier_results, "predictions.parquet", study)
    tables = {name: predictions[name] for name in results["technique"] if len(predictions.get(name, ()))}
    try:
        return compare_pairs(tables, resamples=uncertainty.resamples, level=uncertainty.level, seed=study.seed)
    except ValueError as error:
        raise StudyError(
            f"The techniques' predictions are not for the same posts ({error}).\n"
            "  Some are from other data or settings: run their pipelines again, or name another run (--params=run=…)."
        ) from None


def _of_techniques(files: RunFiles, file: str, study: conf.Study) -> dict[str, Any]:
    return {key.partition("/")[2]: one for key, one in load_all(files, file, [study.protocol]).items()}


def compare(results: pd.DataFrame, earlier_results: RunFiles, study: conf.Study) -> pd.DataFrame:
    """Collect the results of every protocol of this run in one table.

    Rows that learning curves expect from all posts have ``measured`` false.
    """
    tables = load_all(earlier_results, "results.csv") | {study.protocol: results}
    curves = load_all(earlier_results, "learning_curve/sizes.csv", tables).values()
    expected = [table[~table["measured"]] for table in curves]
    comparison = pd.concat([*tables.values(), *expected], ignore_index=True).reindex(columns=COLUMNS)
    comparison = comparison.assign(  # a curve has neither
        selected=comparison["selected"].eq(True), measured=comparison["measured"].ne(False)
    )
    order = {name: i for i, name in enumerate(TECHNIQUES)}
    return comparison.sort_values(
        ["protocol", "technique"], key=lambda column: column.map(order) if column.name == "technique" else column
    ).reset_index(drop=True)


def _measured(comparison: pd.DataFrame) -> pd.DataFrame:
    return comparison[comparison["measured"]].reset_index(drop=True)


def plot_comparison(comparison: pd.DataFrame) -> Any:
    """Draw accuracy by technique and protocol, with the paper's."""
    return accuracy_figure(_measured(comparison))


def draw_frontier(
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    earlier_results: RunFiles,
    study: conf.Study,
    uncertainty: conf.UncertaintyParameters,
) -> tuple[pd.DataFrame, Any]:
    """Compare leak-free accuracy with its cost, as a table and as a figure."""
    by_protocol = load_all(earlier_results, "differences.csv") | {study.protocol: differences}
    table = frontier_table(comparison, by_protocol.get(PROTOCOL, pd.DataFrame()), uncertainty.level)
    return table, frontier_figure(table)


def answer_claims(
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    earlier_results: RunFiles,
    study: conf.Study,
    uncertainty: conf.UncertaintyParameters,
) -> pd.DataFrame:
    """Check the paper's claims by paired differences, with and without the leak; one row per comparison.

    For data other than the paper's the table is empty.
    """
    from tweet_sentiment.reports.findings import CLAIM_COLUMNS, claims_table

    if comparison["paper_accuracy"].isna().all():
        return pd.DataFrame(columns=CLAIM_COLUMNS)
    by_protocol = load_all(earlier_results, "differences.csv") | {study.protocol: differences}
    cleaned = load_all(earlier_results, "preprocessing_ablation/variants.csv")
    return claims_table(comparison, by_protocol, cleaned, uncertainty.level)


def write_report(
    comparison: pd.DataFrame,
    frontier: pd.DataFrame,
    claims: pd.DataFrame,
    files: RunFiles,
    configured: dict[str, Any],
    run: str,
    data: conf.DataParameters,
    uncertainty: conf.UncertaintyParameters,
    reporting: conf.ReportingParameters,
    promotion: conf.PromotionParameters,
) -> tuple[str, str]:
    """Write the whole study on one page: as HTML that needs no network, and as Markdown without the figures.

    ``files``: the other files of the run, by path; ``configured``: the parameters of ``conf``.
    """
    from tweet_sentiment.reports.inputs import ReportInputs
    from tweet_sentiment.reports.report import as_html, as_markdown, report
    from tweet_sentiment.schema import Conf

    files_of_data = {"training_file": data.training_file, "validation_file": data.validation_file}
    columns = {f"columns.{key}": column for key, column in data.columns.model_dump().items()}
    named = {f"data.{key}": str(value) for key, value in (files_of_data | columns).items() if value is not None}
    rules = {"uncertainty": uncertainty, "reporting": reporting, "promotion": promotion}
    inputs = ReportInputs(
        run,
        _measured(comparison),
        frontier,
        claims,
        uncertainty.level,
        files,
        configured,
        named,
        {name: section.model_dump(mode="json") for name, section in rules.items()},
        Conf,
    )
    made = report(inputs)
    return as_html(made), as_markdown(made)


def promote(
    results: pd.DataFrame,
    files: RunFiles,
    audit: dict[str, Any],
    study: conf.Study,
    rule: conf.PromotionParameters,
) -> Promotion:
    """Promote the technique that the comparison marks as selected, and write its card.

    Raises:
        StudyError: the technique has no model folder.
    """
    from tweet_sentiment.reports.card import better_than, model_card

    if study.protocol != rule.protocol:
        logger.info("Nothing is promoted under %s; promotion.protocol is %s.", study.protocol, rule.protocol)
        return Promotion(None)
    chosen: list[dict[Any, Any]] = results[results["selected"].eq(True)].to_dict("records")
    if not chosen:
        logger.warning("No technique was measured on the dev split; nothing is promoted.")
        return Promotion(None)
    (row,) = chosen
    technique, by = str(row["technique"]), row.get("selected_by") or "accuracy"
    folder = f"{study.protocol}/{technique}"
    if f"{folder}/manifest.json" not in files:
        raise StudyError(
            f"{technique} is the best, but has no model folder.\n  Run it again, then: kedro run --pipelines=reporting"
        )
    named = by == NAMED
    why: dict[str, Any] = {
        "technique": technique,
        "protocol": study.protocol,
        "by": "technique" if named else by,
        "candidates": {} if named else candidates(results, by),
        "metrics": {name: value for name, value in row.items() if isinstance(value, int | float) and value == value},
        "better": better_than(results, row),
        "advice": advice(results, row),
    }
    per_class = files[f"{folder}/metrics.json"]()["per_class"]
    card = model_card(files[f"{folder}/manifest.json"](), row, per_class, results, why, audit)
    if why["advice"]:
        logger.warning(why["advice"])
    figure = f"as {NAMED} says" if named else f"{by} {why['candidates'][technique]:.4f} on the dev split"
    return Promotion(technique, why, card, f" ({figure})")
