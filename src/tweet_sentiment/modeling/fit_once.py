"""One fit of a technique whose predictions and figures are kept, so that a series of fits goes on where it ended."""

import json
from typing import Any

import pandas as pd

from tweet_sentiment.modeling.devices import choose_device
from tweet_sentiment.modeling.model_folder import TrainedModel
from tweet_sentiment.modeling.prediction import predictions_table
from tweet_sentiment.modeling.techniques import FITS
from tweet_sentiment.modeling.tokenization import tokens_as_trained
from tweet_sentiment.modeling.training import ignore
from tweet_sentiment.modeling.tuning import TuningData
from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.provenance import fingerprint
from tweet_sentiment.storage import atomic_write


def fit_once(technique: str, data: TuningData, parameters: StudyParameters) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return figures, and predictions on the test posts, of a fit that is made now or was made before.

    They lie in ``data.working_folder``, by a fingerprint of the parameters and the row counts; the weights are not
    kept.
    """
    tuning = getattr(parameters, technique)
    mark = fingerprint(parameters.decisive(), technique, tuning, data.row_counts)
    folder = data.working_folder / f"finished-{mark}"
    if not folder.is_dir():
        fitted = FITS[technique](data, parameters, ignore)
        manifest = {"labels": parameters.labels, "second_segment": fitted.fit.figures.get("second_segment")}
        model = TrainedModel(fitted.classifier, fitted.tokenizer, manifest)
        tokens = tokens_as_trained(model, data.test_posts, parameters.model.max_length)
        device = choose_device(parameters.device, parameters.fp16, parameters.precision)
        with atomic_write(folder) as new:
            new.mkdir()
            predictions_table(model, tokens, device, parameters.model).to_parquet(new / "predictions.parquet")
            (new / "figures.json").write_text(json.dumps(fitted.fit.figures), encoding="utf-8")
    figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
    return figures, pd.read_parquet(folder / "predictions.parquet")
