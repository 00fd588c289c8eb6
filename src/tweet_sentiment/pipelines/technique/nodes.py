"""Train a technique, and again with other seeds (paper, sections "Model choice" and "Layer unfreezing")."""

from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.manifests import input_settings, manifest_of
from tweet_sentiment.parameters import Compute, ModelParameters, Study, TrainingParameters
from tweet_sentiment.techniques import TECHNIQUES


def load_untrained(row_counts: dict[str, Any], study: Study, model: ModelParameters) -> tuple[Any, dict[str, Any]]:
    """Put an untrained head on the encoder and freeze all of it: the baseline."""
    from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
    from tweet_sentiment.modeling.freezing import freeze
    from tweet_sentiment.modeling.model_folder import TrainedModel

    classifier = load_classifier(model.checkpoint, study.labels, study.seed)
    freeze(classifier)
    training = {"texts": row_counts["texts"], "n_train": 0, "seconds": 0.0, "trainable_parameters": 0}
    reads = {"encoder": model.checkpoint, "input": input_settings(row_counts, model.max_length)}
    made = manifest_of("baseline", study, row_counts, reads | training, {"model": model.model_dump()})
    return TrainedModel(classifier, load_tokenizer(model.checkpoint), made), training


def train(
    technique: str,
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: Any,
    study: Study,
    model: ModelParameters,
    training: TrainingParameters,
    compute: Compute,
    **given: Any,
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Train the technique from the untrained head on; return model, curves and figures."""
    from tweet_sentiment.modeling.fitting import Setup
    from tweet_sentiment.techniques.layer_unfreezing import with_dev_scores

    setup = Setup(study, model, training, compute, row_counts, working_folder)
    examples, more = _examples(technique, given)
    encoding = more.pop("encoding", None)
    fit: Any = TECHNIQUES[technique].fit
    fitted = fit(examples, parameters, setup, **more)
    figures = fitted.figures
    if encoding is not None:
        figures = with_dev_scores(fitted, examples, parameters, setup) | {"encoding_seconds": encoding["seconds"]}
    return (
        fitted.model(setup.manifest(technique, {technique: parameters.model_dump()}, figures)),
        fitted.curves,
        figures,
    )


def repeat_with_seeds(
    technique: str,
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: Any,
    seeds: list[int],
    study: Study,
    model: ModelParameters,
    training: TrainingParameters,
    compute: Compute,
    **given: Any,
) -> pd.DataFrame:
    """Train again, once with each further seed, if ``repeat_seeds`` says so; return one row a seed with its scores."""
    from functools import partial

    from tweet_sentiment.modeling import fitting

    setup = fitting.Setup(study, model, training, compute, row_counts, working_folder)
    examples, more = _examples(technique, given)
    fit: Any = TECHNIQUES[technique].fit
    repeated = seeds if getattr(parameters, "repeat_seeds", True) else []
    return fitting.repeat_with_seeds(partial(fit, **more), examples, parameters, setup, repeated)


def _examples(technique: str, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return what the technique trains and evaluates on, and the other datasets that it takes."""
    from tweet_sentiment.modeling.fitting import Examples

    reads = TECHNIQUES[technique].reads
    return Examples(*(given[name] for name in reads)), {name: given[name] for name in given if name not in reads}
