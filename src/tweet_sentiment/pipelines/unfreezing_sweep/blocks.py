"""One fit with the head and the top blocks unfrozen, and how good it is on the posts to choose and to measure on."""

import logging
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from tweet_sentiment.modeling.devices import choose_device
from tweet_sentiment.modeling.fitting import FittingData, fit_from_start
from tweet_sentiment.modeling.prediction import predictions_table, scores_on
from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.scoring.bootstrap import bootstrap_intervals

logger = logging.getLogger(__name__)


def fit_blocks(
    data: FittingData, top_blocks: int, row_counts: dict[str, Any], working_folder: Path, parameters: StudyParameters
) -> dict[str, Any]:
    """Fit with ``top_blocks`` blocks unfrozen; return the row of the table."""
    sweep, start = parameters.unfreezing_sweep, perf_counter()
    unfreezing = parameters.layer_unfreezing.model_copy(
        update={"top_blocks": top_blocks, "load_best_model_at_end": sweep.load_best_model_at_end}
    )
    swept = parameters.model_copy(update={"layer_unfreezing": unfreezing})
    chosen = _limited(data.dev_split(), sweep.row_limit)
    logger.info("Top %d blocks unfrozen.", top_blocks)
    fitted = fit_from_start(
        chosen,
        sweep.hyperparameters,
        swept,
        working_folder=working_folder,
        fingerprint={"account": row_counts, "sweep": sweep.one()},
        description=f"Top {top_blocks} blocks",
    )
    seconds, figures = perf_counter() - start, fitted.fit.figures
    device = choose_device(parameters.device, parameters.fp16, parameters.precision)
    model = fitted.model({"labels": parameters.labels})
    predictions = predictions_table(model, data.test_tokens, device, parameters.model)
    uncertainty = parameters.uncertainty
    intervals = bootstrap_intervals(
        predictions,
        parameters.labels,
        resamples=uncertainty.resamples,
        level=uncertainty.level,
        seed=parameters.seed,
    )
    return {
        "top_blocks": top_blocks,
        "dev_accuracy": scores_on(fitted.classifier, chosen.test_tokens, device, swept)["accuracy"],
        "accuracy": float((predictions["label"] == predictions["predicted"]).mean()),
        **dict(zip(("low", "high"), intervals["accuracy"], strict=True)),
        "trainable_parameters": figures["trainable_parameters"],
        "n_train": figures["n_train"],
        "seconds": seconds,
        "epoch": figures["epoch"],
        "way": figures["way"],
        "seed": parameters.seed,
    }


def _limited(data: FittingData, rows: int | None) -> FittingData:
    """Return the same with at most so many training posts."""
    if rows is None or rows >= len(data.training_tokens):
        return data
    return replace(
        data,
        training_tokens=data.training_tokens.select(range(rows)),
        training_features=data.training_features[:rows],
    )
