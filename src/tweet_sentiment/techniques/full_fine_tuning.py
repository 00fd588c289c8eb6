"""Full fine-tuning: all layers are trained, the lower ones at lower rates."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from tweet_sentiment.parameters import EncoderHyperparameters, Pooling, TrainerParameters

if TYPE_CHECKING:
    from tweet_sentiment.modeling.fitting import Examples, Fitted, Setup


class Parameters(TrainerParameters):
    """All layers are trained; with ``freeze_embeddings`` all except the embeddings.

    The head is trained with ``learning_rate``; each block below, and last the embeddings, with
    ``layerwise_learning_rate_decay`` times the rate of the block above. 1.0: equal rates. ``pooling``: the head reads
    [CLS], the mean over the word pieces, or the default of its family.
    """

    layerwise_learning_rate_decay: Annotated[float, Field(gt=0, le=1)]
    freeze_embeddings: bool
    pooling: Pooling
    hyperparameters: EncoderHyperparameters


def fit(examples: "Examples", full_fine_tuning: Parameters, setup: "Setup", **more: Any) -> "Fitted":
    """Train every layer; ``more`` is passed to ``modeling.fitting.fit_encoder``."""
    from tweet_sentiment.modeling.encoders import set_pooling
    from tweet_sentiment.modeling.fitting import fit_encoder, new_classifier
    from tweet_sentiment.modeling.freezing import layerwise_groups, unfreeze_all, with_learning_rate

    classifier = new_classifier(full_fine_tuning, setup)
    rates = with_learning_rate(full_fine_tuning.hyperparameters, classifier)
    chosen = full_fine_tuning.under(hyperparameters=rates)
    set_pooling(classifier, chosen.pooling)
    unfreeze_all(classifier, but=["embeddings"] if chosen.freeze_embeddings else [])
    groups = layerwise_groups(classifier, rates.learning_rate, rates.weight_decay, chosen.layerwise_learning_rate_decay)
    return fit_encoder(classifier, examples, chosen, setup, optimizer_groups=groups, **more)
