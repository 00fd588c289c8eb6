"""The baseline: everything frozen, an untrained head, evaluated only (paper, section "Model choice")."""

from typing import Any

from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.provenance import manifest


def load_frozen(row_counts: dict[str, Any], parameters: StudyParameters) -> tuple[Any, dict[str, Any]]:
    """Put an untrained head on the encoder and freeze all of it."""
    from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
    from tweet_sentiment.modeling.freezing import count_trainable, freeze
    from tweet_sentiment.modeling.model_folder import TrainedModel

    classifier = load_classifier(parameters.model.checkpoint, parameters.labels, parameters.seed)
    freeze(classifier)
    training = {"texts": parameters.data.texts, "n_train": 0, "seconds": 0.0}
    training |= {"trainable_parameters": count_trainable(classifier)}
    tokenizer = load_tokenizer(parameters.model.checkpoint)
    settings = parameters.model_dump(include={"labels", "protocol", "seed", "data", "model"})
    model = TrainedModel(classifier, tokenizer, manifest("baseline", parameters, row_counts, training, settings))
    return model, training
