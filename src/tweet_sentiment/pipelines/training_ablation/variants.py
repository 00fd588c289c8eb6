"""One variant of a technique's training: fitted once, kept, and compared with the first."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.modeling.devices import choose_device
from tweet_sentiment.modeling.encoders import check_adapted
from tweet_sentiment.modeling.folders import TrainedModel
from tweet_sentiment.modeling.inputs import tokens_as_trained
from tweet_sentiment.modeling.prediction import predictions_table
from tweet_sentiment.modeling.techniques import FITS
from tweet_sentiment.modeling.training import ignore
from tweet_sentiment.modeling.tuning import TuningData
from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.provenance import fingerprint
from tweet_sentiment.uncertainty.bootstrap import bootstrap_intervals
from tweet_sentiment.uncertainty.comparison import paired_difference
from tweet_sentiment.whole import written_whole

logger = logging.getLogger(__name__)

FIGURES = ["selection_accuracy", "trainable_parameters", "n_train", "seconds", "epoch", "steps", "encoder"]


def check_variants(data: TuningData, parameters: StudyParameters) -> None:
    """Look at each variant, its encoder too, before hours are spent on the others."""
    for name in parameters.training_ablation.variants:
        tuning = getattr(parameters.variant(name), parameters.training_ablation.technique)
        if tuning.checkpoint:
            check_adapted(tuning.checkpoint, data.row_account, parameters)


def finished_variant(name: str, data: TuningData, parameters: StudyParameters) -> Path:
    """Return the folder with ``figures.json`` and ``predictions.parquet`` of a variant, fitted now or before."""
    ablation = parameters.training_ablation
    varied = parameters.variant(name)
    tuning = getattr(varied, ablation.technique)
    mark = fingerprint(varied.decisive(), ablation.technique, tuning, data.row_account)
    folder = data.working_folder / f"finished-{mark}"
    if not folder.is_dir():
        logger.info("%s, %s", ablation.technique, name)
        fitted = FITS[ablation.technique](data, varied, ignore)
        manifest = {"labels": varied.labels, "second_segment": tuning.second_segment}
        model = TrainedModel(fitted.classifier, fitted.tokenizer, manifest)
        tokens = tokens_as_trained(model, data.validation_posts, varied.model.max_length)
        device = choose_device(varied.device, varied.fp16, varied.precision)
        with written_whole(folder) as new:
            new.mkdir()
            predictions_table(model, tokens, device, varied.model).to_parquet(new / "predictions.parquet")
            (new / "figures.json").write_text(json.dumps(fitted.fit.figures), encoding="utf-8")
    return folder


def table_of_variants(finished: dict[str, Path], parameters: StudyParameters) -> pd.DataFrame:
    """Return one row a variant, in their order; differences are to the first."""
    from statsmodels.stats.multitest import multipletests

    predictions = {name: pd.read_parquet(folder / "predictions.parquet") for name, folder in finished.items()}
    settings: dict[str, Any] = {
        "resamples": parameters.uncertainty.resamples,
        "level": parameters.uncertainty.level,
        "seed": parameters.seed,
    }
    rows = []
    for name, folder in finished.items():
        figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
        mine = predictions[name]
        low, high = bootstrap_intervals(mine, parameters.labels, **settings)["accuracy"]
        row: dict[str, Any] = {"variant": name, "technique": parameters.training_ablation.technique}
        row |= {"accuracy": float((mine["label"] == mine["predicted"]).mean()), "low": low, "high": high}
        row |= {key: figures.get(key) for key in FIGURES}
        rows.append(row | _difference(mine, next(iter(predictions.values())), settings) | {"seed": parameters.seed})
    table = pd.DataFrame(rows)
    asked = table["p_value"].notna().to_numpy()
    adjusted = np.full(len(table), np.nan)
    if asked.any():
        adjusted[asked] = multipletests(table["p_value"].to_numpy()[asked], method="holm")[1]
    return table.assign(p_adjusted=adjusted)


def _difference(mine: pd.DataFrame, first: pd.DataFrame, settings: dict[str, Any]) -> dict[str, Any]:
    if mine is first:
        return dict.fromkeys(("difference", "difference_low", "difference_high", "p_value"), np.nan)
    found = paired_difference(mine, first, **settings)
    return {
        "difference": found["difference"],
        "difference_low": found["low"],
        "difference_high": found["high"],
        "p_value": found["p_value"],
    }
