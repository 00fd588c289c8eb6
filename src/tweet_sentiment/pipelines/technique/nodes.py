"""Train a technique, and again with other seeds (paper, sections "Model choice" and "Layer unfreezing")."""

from typing import Any

import pandas as pd

from tweet_sentiment.manifests import input_settings, manifest_of
from tweet_sentiment.parameters import ModelParameters, Study
from tweet_sentiment.techniques import TECHNIQUES


def load_untrained(row_counts: dict[str, Any], study: Study, model: ModelParameters) -> tuple[Any, dict[str, Any]]:
    """Put an untrained head on the encoder and freeze everything: the baseline."""
    from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
    from tweet_sentiment.modeling.fitting import refuse_adapted_to_other_posts
    from tweet_sentiment.modeling.freezing import freeze
    from tweet_sentiment.modeling.model_folder import TrainedModel

    refuse_adapted_to_other_posts(model.checkpoint, row_counts)
    classifier = load_classifier(model.checkpoint, study.labels, study.seed)
    freeze(classifier)
    training = {"texts": row_counts["texts"], "n_train": 0, "seconds": 0.0, "trainable_parameters": 0}
    reads = {"encoder": model.checkpoint, "input": input_settings(row_counts, model.max_length)}
    made = manifest_of("baseline", study, row_counts, reads | training, {"model": model.model_dump()})
    return TrainedModel(classifier, load_tokenizer(model.checkpoint), made), training


def train(technique: str, parameters: Any, **given: Any) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Train the technique, starting with an untrained head; return model, curves and figures."""
    from tweet_sentiment.modeling.fitting import from_inputs
    from tweet_sentiment.techniques.layer_unfreezing import with_dev_scores

    setup, examples, more = from_inputs(given, TECHNIQUES[technique].reads)
    encoding = more.pop("encoding", None)
    fit: Any = TECHNIQUES[technique].fit
    fitted = fit(examples, parameters, setup, **more)
    figures = fitted.figures
    if encoding is not None:
        figures = with_dev_scores(fitted, examples, parameters, setup) | {"encoding_seconds": encoding["seconds"]}
    made = setup.manifest(technique, {technique: parameters.model_dump()}, figures)
    return fitted.model(made), fitted.curves, figures


def repeat_with_seeds(technique: str, parameters: Any, seeds: list[int], **given: Any) -> pd.DataFrame:
    """If ``repeat_seeds`` is true, train again, once for each other seed; return one row of scores per seed."""
    from functools import partial

    from tweet_sentiment.modeling import series
    from tweet_sentiment.modeling.fitting import from_inputs

    setup, examples, more = from_inputs(given, TECHNIQUES[technique].reads)
    fit: Any = TECHNIQUES[technique].fit
    repeated = seeds if getattr(parameters, "repeat_seeds", True) else []
    return series.repeat_with_seeds(technique, partial(fit, **more), examples, parameters, setup, repeated)
