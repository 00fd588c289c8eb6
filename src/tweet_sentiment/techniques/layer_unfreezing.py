"""Layer unfreezing: train the head, and on request the top blocks (paper, section "Layer unfreezing")."""

from collections.abc import Iterable
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from pydantic import model_validator

from tweet_sentiment.parameters import Hyperparameters, NonNegativeInt, PositiveInt, Strict, posts_measured
from tweet_sentiment.scoring.metrics import dev_scores

if TYPE_CHECKING:
    from tweet_sentiment.modeling.fitting import Examples, Fitted, Setup
    from tweet_sentiment.modeling.trainer import OnEpoch


class Parameters(Strict):
    """The trainable parameters: those whose name is, or starts with, one of ``unfreeze``; and ``top_blocks`` blocks.

    ``head``, ``embeddings`` and ``encoder`` are these parts of any family; other names are those of the model.

    ``row_limit``: the number of training posts; null: all. ``hold_out_dev_split``: do not train on the dev split, even
    if no epoch is chosen on it.
    """

    unfreeze: list[str]
    top_blocks: NonNegativeInt
    load_best_model_at_end: bool
    hyperparameters: Hyperparameters
    row_limit: PositiveInt | None = None
    hold_out_dev_split: bool = False

    @model_validator(mode="after")
    def _something_is_trainable(self) -> Self:
        if not self.unfreeze and not self.top_blocks:
            raise ValueError("nothing would be trained: name parameters in unfreeze, or set top_blocks to 1 or more")
        return self


def fit(
    examples: "Examples", layer_unfreezing: Parameters, setup: "Setup", on_epoch: "OnEpoch | None" = None
) -> "Fitted":
    """Train the unfrozen layers, starting with an untrained head.

    If only the head is unfrozen and ``model.encoder_dropout`` is false, it is trained on features computed once, and
    the whole model gives the same logits as the head. Otherwise the Trainer runs the encoder at every step.
    """
    from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
    from tweet_sentiment.modeling.fitting import Fitted, class_weights
    from tweet_sentiment.modeling.freezing import count_trainable, unfreeze
    from tweet_sentiment.modeling.trainer import ignore, train

    start, chosen = perf_counter(), layer_unfreezing
    holds_out = examples.has_dev_split and (chosen.load_best_model_at_end or chosen.hold_out_dev_split)
    examples = (examples.with_dev_split() if holds_out else examples).limited(chosen.row_limit)
    classifier = load_classifier(setup.model.checkpoint, setup.labels, setup.study.seed)
    tokenizer = load_tokenizer(setup.model.checkpoint)
    trainable = unfreeze(classifier, chosen.unfreeze, chosen.top_blocks)
    cached = encoder_cached(classifier, trainable, setup)
    figures = {
        "texts": setup.texts,
        "trainable_parameters": count_trainable(classifier),
        "trainable": trainable,
        "n_train": len(examples.training),
        "hyperparameters": chosen.hyperparameters.model_dump(),
        "device": setup.device.name,
        "dtype": setup.device.precision,
        "encoder_cached": cached,
    }
    if cached:
        outcome = fit_head(classifier, examples, chosen, setup, on_epoch or ignore)
        classifier.load_state_dict(outcome.weights, strict=False)
    else:
        from tweet_sentiment.modeling.trainer import training_loss

        weights = class_weights(setup.training.class_weights, setup.labels, examples.training["label"])
        outcome = train(
            classifier,
            examples.training,
            examples.evaluation,
            chosen.hyperparameters,
            setup,
            identity=["layer_unfreezing", chosen.identity()],
            load_best_model_at_end=chosen.load_best_model_at_end,
            loss=training_loss(weights),
            on_epoch=on_epoch or ignore,
        )
    figures |= {"steps": outcome.steps, "epoch": outcome.epoch, "seconds": perf_counter() - start}
    if chosen.load_best_model_at_end:
        figures["chosen_on"] = setup.study.chosen_on
    if holds_out:
        figures |= dev_scores(_scores_at(outcome.curves, outcome.epoch))
    curves = outcome.curves.assign(measured_on=posts_measured(holds_out))
    return Fitted(classifier, tokenizer, curves, figures)


def encoder_cached(classifier: Any, trainable: Iterable[str], setup: "Setup") -> bool:
    """Tell whether features computed once can replace the encoder: it is frozen, and runs without dropout."""
    from tweet_sentiment.modeling.encoders import below, parts_of

    head = parts_of(classifier).head
    return not setup.model.encoder_dropout and all(below(name, head) for name in trainable)


def untrained(layer_unfreezing: Parameters, setup: "Setup") -> tuple[Any, dict[str, Any]]:
    """Return the untrained classifier, loaded once per process, and copies of its trainable weights.

    A search starts each trial from these; no trial changes the other weights. If features replace the encoder, its
    weights are not loaded, to save memory.
    """
    from tweet_sentiment.modeling.encoders import unload_encoder

    chosen, study = layer_unfreezing, setup.study
    classifier, start = _untrained(
        setup.model.checkpoint, tuple(study.labels), study.seed, tuple(chosen.unfreeze), chosen.top_blocks
    )
    if encoder_cached(classifier, start, setup):
        unload_encoder(classifier)
    return classifier, start


@cache
def _untrained(
    checkpoint: str, labels: tuple[str, ...], seed: int, names: tuple[str, ...], top_blocks: int
) -> tuple[Any, dict[str, Any]]:
    from tweet_sentiment.modeling.encoders import load_classifier
    from tweet_sentiment.modeling.freezing import unfreeze

    classifier = load_classifier(checkpoint, list(labels), seed)
    trainable = unfreeze(classifier, list(names), top_blocks)
    return classifier, {name: classifier.get_parameter(name).detach().clone() for name in trainable}


def fit_head(
    classifier: Any,
    examples: "Examples",
    layer_unfreezing: Parameters,
    setup: "Setup",
    on_epoch: "OnEpoch",
    description: str = "Training the head",
) -> Any:
    """Train the trainable weights of the head on the features; ``classifier`` does not change."""
    import numpy as np

    from tweet_sentiment.modeling.fitting import class_weights
    from tweet_sentiment.modeling.heads import Features, Head, train_head

    training, evaluation = (
        Features(np.array(vectors), np.asarray(rows["label"]))
        for vectors, rows in (
            (examples.training_features, examples.training),
            (examples.evaluation_features, examples.evaluation),
        )
    )
    return train_head(
        Head(classifier),
        training,
        evaluation,
        layer_unfreezing.hyperparameters,
        setup.training,
        names=setup.labels,
        load_best_model_at_end=layer_unfreezing.load_best_model_at_end,
        class_weights=class_weights(setup.training.class_weights, setup.labels, examples.training["label"]),
        seed=setup.study.seed,
        device=setup.device.name,
        on_epoch=on_epoch,
        description=description,
    )


def with_dev_scores(
    fitted: "Fitted", examples: "Examples", layer_unfreezing: Parameters, setup: "Setup"
) -> dict[str, Any]:
    """Return the figures with the scores on the dev split of a head that was not trained on it.

    Where it was, the head is fitted once more without it, for these scores alone. They are None where that would be
    another training through the encoder, and without a dev split.
    """
    from tweet_sentiment.modeling.trainer import ignore

    if "dev_accuracy" in fitted.figures:
        return fitted.figures
    if not examples.has_dev_split or not fitted.figures["encoder_cached"]:
        return fitted.figures | dev_scores(None)
    classifier, start = untrained(layer_unfreezing, setup)
    classifier.load_state_dict(start, strict=False)  # not the fitted one: it has learnt from the dev split
    rest = examples.with_dev_split().limited(layer_unfreezing.row_limit)
    outcome = fit_head(classifier, rest, layer_unfreezing, setup, ignore)
    return fitted.figures | dev_scores(_scores_at(outcome.curves, outcome.epoch))


def _scores_at(curves: Any, epoch: float) -> dict[str, Any]:
    measured = curves.dropna(subset=["accuracy"])
    scores: dict[str, Any] = measured.iloc[(measured["epoch"] - epoch).abs().argmin()].to_dict()
    return scores
