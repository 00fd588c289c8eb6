"""The comparison and the report: from metrics, predictions, tables and figures that lie on disk; trains nothing."""

import logging
from collections.abc import Callable, Collection
from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.reports.about import About
from tweet_sentiment.schema import StudyParameters

from .choosing import select

logger = logging.getLogger(__name__)

STUDY = ("baseline", "layer_unfreezing", "hyperparameter_search", "prompt_tuning")
RIVALS = ("majority_class", "nearest_neighbour", "logistic_regression", "linear_svc")
TUNED = ("full_fine_tuning", "lora", "p_tuning", "distillation")
PAST_THE_PAPER = (*TUNED, "technique_search", "ensemble")  # run by choice: none is missed
TECHNIQUES = STUDY + PAST_THE_PAPER + RIVALS
SEEDED = ("layer_unfreezing", "hyperparameter_search", "prompt_tuning", *TUNED)
PARTS = ("originals", "resembling", "not_resembling")  # of the test posts: pipelines.evaluation.parts
SCORES = ["eval_loss", "accuracy", "f1", "precision", "recall", "macro_f1"]
COLUMNS = [
    "technique",
    "protocol",
    "encoder",
    "n_train",
    "n_validation",
    "trainable_parameters",
    *SCORES,
    "seconds",
    "ms_per_post",
    "paper_accuracy",
    "accuracy_low",
    "accuracy_high",
    "f1_low",
    "f1_high",
    "macro_f1_low",
    "macro_f1_high",
    "expected_calibration_error",
    "calibration_noise",
    *(f"{part}_{figure}" for part in PARTS for figure in ("posts", "accuracy", "low", "high")),
    "seeds",
    "accuracy_mean",
    "accuracy_sd",
    "chosen_on",
    "dev_accuracy",
    "dev_macro_f1",
    "dev_eval_loss",
    "selected",
    "selected_by",
    "measured",
    "texts",
    "seed",
    "device",
    "dtype",
]

Partitions = dict[str, Callable[[], Any]]


def collect_results(*metrics_seeds_and_parameters: Any) -> pd.DataFrame:
    """Put the metrics of ``TECHNIQUES``, then the tables of seeds of ``SEEDED``, into one table; name what is missing.

    The best is marked; see :func:`.choosing.select`.

    Raises:
        StudyError: no technique has been run, or ``promotion.technique`` names one that has not.
    """
    *given, parameters = metrics_seeds_and_parameters
    metrics = {name: one for name, one in zip(TECHNIQUES, given, strict=False) if one}
    seeds = dict(zip(SEEDED, given[len(TECHNIQUES) :], strict=True))
    if missing := [name for name in STUDY + RIVALS if name not in metrics]:
        logger.warning("Not run yet under protocol %s: %s.", parameters.protocol, ", ".join(missing))
    if not metrics:
        raise StudyError(
            f"No technique has been run for run '{parameters.run}', protocol {parameters.protocol}; there is nothing "
            f"to report.\n  Run one first:  kedro run --pipeline=baseline"
        )
    if earlier := [name for name, one in metrics.items() if "parts" not in one]:
        raise StudyError(
            f"An earlier revision measured {', '.join(earlier)}, and not all that is reported now.\n"
            f"  Run again:  kedro run --pipelines={','.join(dict.fromkeys(map(_pipeline_of, earlier)))}"
        )
    rows = [_row(name, one, seeds.get(name), parameters) for name, one in metrics.items()]
    return select(pd.DataFrame(rows, columns=COLUMNS), parameters)


def _pipeline_of(technique: str) -> str:
    return "classical" if technique in RIVALS else technique


def _row(
    technique: str, metrics: dict[str, Any], repeated: pd.DataFrame | None, parameters: StudyParameters
) -> dict[str, Any]:
    ends = {
        f"{name}_{end}": value
        for name, pair in metrics["intervals"].items()
        for end, value in zip(("low", "high"), pair, strict=True)
    }
    parts = {f"{part}_{figure}": value for part, of in metrics["parts"].items() for figure, value in of.items()}
    others = [] if repeated is None or repeated.empty else list(repeated["accuracy"])
    accuracies = pd.Series([metrics["accuracy"], *others])
    of_paper = About.of(metrics.get("data", {})).paper
    return {
        **{name: metrics.get(name) for name in COLUMNS},
        **ends,
        **parts,
        "technique": technique,
        "measured": True,
        "paper_accuracy": parameters.reporting.paper_accuracy.get(technique) if of_paper else None,
        "seeds": len(accuracies),
        "accuracy_mean": accuracies.mean(),
        "accuracy_sd": accuracies.std(),
    }


def compare_techniques(*predictions_and_parameters: Any) -> pd.DataFrame:
    """Compare every two techniques on the same posts, by a test that is corrected for their number."""
    from tweet_sentiment.scoring.comparison import compare_pairs

    *given, parameters = predictions_and_parameters
    tables = {name: table for name, table in zip(TECHNIQUES, given, strict=True) if len(table)}
    uncertainty = parameters.uncertainty
    try:
        return compare_pairs(tables, resamples=uncertainty.resamples, level=uncertainty.level, seed=parameters.seed)
    except ValueError as error:
        raise StudyError(
            f"The techniques' predictions are not about the same posts ({error}).\n"
            "  Some are from other data or settings: run their pipelines again, or name another run (--params=run=…)."
        ) from None


def compare(
    results: pd.DataFrame,
    results_by_protocol: Partitions,
    learning_curves: Partitions,
    audit: dict[str, Any],
    parameters: StudyParameters,
) -> tuple[pd.DataFrame, str]:
    """Gather the results of every protocol of this run into one table, and what was measured as Markdown.

    ``results`` is among ``results_by_protocol``: it is an input so that it is written before the others are read.
    What learning curves expect of all posts is there with ``measured`` false.
    """
    from tweet_sentiment.reports.comparison import comparison_markdown

    tables = {name: load() for name, load in sorted(results_by_protocol.items())}
    tables[parameters.protocol] = results
    curves = [table[~table["measured"]] for table in _loaded(learning_curves, tables).values()]
    comparison = pd.concat([*tables.values(), *curves], ignore_index=True).reindex(columns=COLUMNS)
    comparison = comparison.assign(  # an older table has neither
        selected=comparison["selected"].eq(True), measured=comparison["measured"].ne(False)
    )
    order = {name: i for i, name in enumerate(TECHNIQUES)}
    comparison = comparison.sort_values(
        ["protocol", "technique"], key=lambda column: column.map(order) if column.name == "technique" else column
    ).reset_index(drop=True)
    return comparison, comparison_markdown(_measured(comparison), list(STUDY + RIVALS), audit, parameters.run)


def _loaded(partitions: Partitions, protocols: Collection[str]) -> dict[str, Any]:
    """Load what is of these protocols."""
    return {key: load() for key, load in sorted(partitions.items()) if key.partition("/")[0] in protocols}


def _measured(comparison: pd.DataFrame) -> pd.DataFrame:
    return comparison[comparison["measured"]].reset_index(drop=True)


def plot_comparison(comparison: pd.DataFrame) -> tuple[Any, Any]:
    """Draw accuracy by technique and protocol beside the paper's, and accuracy against cost."""
    from tweet_sentiment.reports.accuracy import accuracy_figure
    from tweet_sentiment.reports.figures import cost_figure

    measured = _measured(comparison)
    return accuracy_figure(measured), cost_figure(measured)


def draw_frontier(
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    differences_by_protocol: Partitions,
    parameters: StudyParameters,
) -> tuple[pd.DataFrame, Any]:
    """Put leak-free accuracy beside what it costs, as a table and as a figure.

    ``differences``, of this protocol, is among ``differences_by_protocol``; see :func:`compare`.
    """
    from tweet_sentiment.reports.frontier import PROTOCOL, frontier_table
    from tweet_sentiment.reports.frontier_figure import frontier_figure

    of_protocol = {**differences_by_protocol, parameters.protocol: lambda: differences}
    table = frontier_table(comparison, of_protocol.get(PROTOCOL, pd.DataFrame)(), parameters.uncertainty.level)
    return table, frontier_figure(table)


def answer_claims(
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    differences_by_protocol: Partitions,
    ablations: Partitions,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """Ask what the paper claims of the paired differences, with and without the leak; one row a comparison.

    Of data that are not the paper's nothing is asked: the table is empty.

    ``differences``, of this protocol, is among ``differences_by_protocol``; see :func:`compare`.
    """
    from tweet_sentiment.reports.claims import COLUMNS as CLAIM_COLUMNS
    from tweet_sentiment.reports.claims import PROTOCOLS, claims_table

    if comparison["paper_accuracy"].isna().all():
        return pd.DataFrame(columns=CLAIM_COLUMNS)
    by_protocol = _loaded(differences_by_protocol, PROTOCOLS) | {parameters.protocol: differences}
    cleaned = {key.partition("/")[0]: table for key, table in _loaded(ablations, PROTOCOLS).items()}
    return claims_table(comparison, by_protocol, cleaned, parameters.uncertainty.level)


def plot_leaks(audit: dict[str, Any]) -> Any:
    """Draw how many test posts are known from training, and what a look-up makes of it."""
    from tweet_sentiment.reports.leaks import leaks_figure

    return leaks_figure(audit)


def write_report(
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    audit: dict[str, Any],
    table_of_leaks: pd.DataFrame,
    differences_by_protocol: Partitions,
    accounts: Partitions,
    metrics: Partitions,
    curves: Partitions,
    confusions: Partitions,
    reliabilities: Partitions,
    groups: Partitions,
    mistakes: Partitions,
    ablations: Partitions,
    entities: Partitions,
    histories: Partitions,
    importances: Partitions,
    lengths: Partitions,
    learning_curves: Partitions,
    trainings: Partitions,
    blocks: Partitions,
    heads: Partitions,
    manifests: Partitions,
    configured: dict[str, Any],
    frontier: pd.DataFrame,
    claims: pd.DataFrame,
    parameters: StudyParameters,
) -> tuple[str, str]:
    """Write the whole study on one page: as HTML that needs no network, and as Markdown without the figures."""
    from tweet_sentiment.reports.render import as_html, as_markdown
    from tweet_sentiment.reports.sections import ReportInputs, sections

    known = set(comparison["protocol"])
    given = {
        "differences": differences_by_protocol,
        "accounts": accounts,
        "metrics": metrics,
        "curves": curves,
        "confusions": confusions,
        "reliabilities": reliabilities,
        "groups": groups,
        "mistakes": mistakes,
        "ablations": ablations,
        "entities": entities,
        "histories": histories,
        "importances": importances,
        "lengths": lengths,
        "learning_curves": learning_curves,
        "trainings": trainings,
        "blocks": blocks,
        "heads": heads,
        "manifests": manifests,
    }
    read: dict[str, Any] = {name: _loaded(one, known) for name, one in given.items()}
    read["differences"][parameters.protocol] = differences
    measured, level = _measured(comparison), parameters.uncertainty.level
    reported = (parameters.run, measured, audit, table_of_leaks, frontier, claims, level, configured)
    material = ReportInputs(*reported, **read, named=_named(parameters))
    made = sections(material)
    title = f"{'Twitter sentiment' if material.about.paper else 'Text classification'}, run {parameters.run}"
    return as_html(title, made), as_markdown(title, made)


def _named(parameters: StudyParameters) -> dict[str, str]:
    """Return what a command must name to read the same file."""
    data = parameters.data
    columns = {f"data.columns.{key}": str(column) for key, column in data.columns.model_dump(exclude_none=True).items()}
    validation = {} if data.validation_file is None else {"data.validation_file": data.validation_file}
    return {"data.training_file": data.training_file} | validation | columns
