"""Training through the encoder beyond the paper: what full fine-tuning, LoRA and P-tuning share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerFast, TrainerCallback

from tweet_sentiment.modeling.averaging import AverageLastEpochs
from tweet_sentiment.modeling.devices import choose_device
from tweet_sentiment.modeling.distilling import SoftLabels
from tweet_sentiment.modeling.encoder_files import check_adapted
from tweet_sentiment.modeling.encoders import MEAN_NOTE, load_classifier, load_tokenizer, pools_mean
from tweet_sentiment.modeling.fitting import Fit, Fitted, class_weights
from tweet_sentiment.modeling.freezing import count_trainable
from tweet_sentiment.modeling.losses import training_loss
from tweet_sentiment.modeling.prediction import scores_on
from tweet_sentiment.modeling.seeds import each_seed
from tweet_sentiment.modeling.stopping import StopEarly
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.modeling.training import Hooks, OnEpoch, ignore, train
from tweet_sentiment.modeling.wordings import WordingSampler
from tweet_sentiment.parameters import StudyParameters, TuningParameters
from tweet_sentiment.scoring.metrics import dev_scores


@dataclass(frozen=True)
class TuningData:
    """Posts, where they come from, and where checkpoints lie."""

    training_posts: pd.DataFrame
    test_posts: pd.DataFrame
    row_counts: dict[str, Any]
    working_folder: Path

    def parted(self, tuning: TuningParameters) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the training posts and those to measure on after each epoch.

        Where the epoch is chosen, or the dev split are held out, these are measured on; otherwise all of
        training is learnt from, and the test posts make the curves alone. Under the published protocol no post
        is marked, and the epoch is chosen on the test posts, as in the paper.
        """
        marked = self.training_posts["dev"]
        apart = marked.any() and (tuning.load_best_model_at_end or tuning.hold_out_dev_split)
        learning = self.training_posts[~marked] if apart else self.training_posts
        measuring = self.training_posts[marked] if apart else self.test_posts
        return learning.head(tuning.row_limit or len(learning)), measuring


def starting_classifier(tuning: TuningParameters, parameters: StudyParameters) -> PreTrainedModel:
    """Put an untrained head on the encoder that the technique starts from."""
    return load_classifier(tuning.checkpoint or parameters.model.checkpoint, parameters.labels, parameters.seed)


def tune(
    model: Any,
    data: TuningData,
    tuning: TuningParameters,
    parameters: StudyParameters,
    *,
    optimizer_groups: list[dict[str, Any]] | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    soft_labels: SoftLabels | None = None,
    on_epoch: OnEpoch = ignore,
) -> Fitted:
    """Train what learns of ``model``, in place, as ``tuning`` says; the same call after a kill goes on.

    With ``soft_labels`` these are learnt in place of the posts' labels; smoothing and consistency are then left out.
    """
    start, checkpoint = perf_counter(), tuning.checkpoint or parameters.model.checkpoint
    check_adapted(checkpoint, data.row_counts, parameters)
    tokenizer = load_tokenizer(checkpoint)
    learning, measuring = data.parted(tuning)
    training, measured = (tokens_of(posts, tokenizer, tuning, parameters) for posts in (learning, measuring))
    device = choose_device(parameters.device, parameters.fp16, parameters.precision)
    figures: dict[str, Any] = {
        "encoder": checkpoint,
        "texts": parameters.data.texts,
        "second_segment": tuning.second_segment,
        "notes": _notes(model, tuning),
        "dev_split_held_out": measuring is not data.test_posts,
        "trainable_parameters": count_trainable(model),
        "n_train": len(training),
        "hyperparameters": tuning.hyperparameters.model_dump(),
        "device": device.name,
        "dtype": device.precision,
    }
    hooks = _hooks(training, tuning, parameters, optimizer_groups, callbacks)
    if soft_labels:
        training, hooks = soft_labels.on(training), replace(hooks, loss=soft_labels.loss)
    outcome = train(
        model,
        tokenizer,
        training,
        measured,
        tuning.hyperparameters,
        parameters.training,
        load_best_model_at_end=tuning.load_best_model_at_end,
        padding=parameters.model.padding,
        max_length=parameters.model.max_length,
        class_weights=None,
        seed=parameters.seed,
        device=device,
        working_folder=data.working_folder,
        fingerprint={
            "account": data.row_counts,
            "parameters": parameters.decisive(),
            "technique": tuning.model_dump(),
            "soft_labels": soft_labels and soft_labels.table.to_json(),
        },
        names=parameters.labels,
        on_epoch=on_epoch,
        hooks=hooks,
    )
    figures |= {"steps": outcome.steps, "epoch": outcome.best_epoch, "seconds": perf_counter() - start}
    if tuning.load_best_model_at_end:
        figures["chosen_on"] = parameters.chosen_on
    if figures["dev_split_held_out"]:
        averaged = tuning.average_last_epochs is not None  # the curves are of the weights before that
        figures |= dev_scores(
            scores_on(model, measured, device, parameters)
            if averaged
            else scores_at(outcome.curves, outcome.best_epoch)
        )
    return Fitted(model, tokenizer, Fit(outcome.curves, figures))


def _notes(model: Any, tuning: TuningParameters) -> list[str]:
    """Return what a user of the model folder must know, for its manifest."""
    segment = f"The input is '[CLS] {tuning.second_segment} [SEP] post [SEP]': predictions depend on both."
    return [*([MEAN_NOTE] if pools_mean(model) else []), *([segment] if tuning.second_segment else [])]


def _hooks(
    training: Dataset,
    tuning: TuningParameters,
    parameters: StudyParameters,
    optimizer_groups: list[dict[str, Any]] | None,
    callbacks: Sequence[TrainerCallback],
) -> Hooks:
    """Bring together what ``tuning`` changes of a plain training."""
    weights = class_weights(parameters.training.class_weights, parameters.labels, training["label"])
    pairs = tuning.consistency_weight > 0
    sampler = WordingSampler(
        training["id"],
        [len(ids) for ids in training["input_ids"]],
        tuning.hyperparameters.per_device_train_batch_size,
        parameters.seed,
        one=tuning.one_wording_per_epoch,
        pairs=pairs,
    )
    averaging = [AverageLastEpochs(tuning.average_last_epochs)] if tuning.average_last_epochs else []
    return Hooks(
        optimizer_groups=optimizer_groups,
        callbacks=[*callbacks, *averaging],
        loss=training_loss(weights, tuning.label_smoothing_factor, tuning.consistency_weight),
        sampler=sampler if pairs or tuning.one_wording_per_epoch else None,
        stop_early=StopEarly(tuning.early_stopping_patience) if tuning.early_stopping_patience else None,
    )


def tokens_of(
    posts: pd.DataFrame, tokenizer: PreTrainedTokenizerFast, tuning: TuningParameters, parameters: StudyParameters
) -> Dataset:
    """Turn posts into word pieces, with the second segment that ``tuning`` names."""
    max_length = parameters.model.max_length
    return tokenize(posts, tokenizer, parameters.labels, max_length, second_segment=tuning.second_segment)[0]


def scores_at(curves: pd.DataFrame, epoch: float) -> dict[Any, Any]:
    """Return the scores that were measured at the end of an epoch."""
    evaluated = curves.dropna(subset=["accuracy"])
    return evaluated.iloc[(evaluated["epoch"] - epoch).abs().argmin()].to_dict()


def repeat_tuning(
    fit: Callable[[TuningData, StudyParameters], Fitted],
    data: TuningData,
    tuning: TuningParameters,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """With ``repeat_seeds``, fit with each further seed; return one row a seed with its validation scores."""
    device = choose_device(parameters.device, parameters.fp16, parameters.precision)

    def scores(seeded: StudyParameters) -> dict[str, Any]:
        fitted = fit(data, seeded)
        tokens = tokens_of(data.test_posts, fitted.tokenizer, tuning, seeded)
        return scores_on(fitted.classifier, tokens, device, seeded)

    repeated = parameters.seeds if tuning.repeat_seeds else [parameters.seed]
    return each_seed(parameters.model_copy(update={"seeds": repeated}), scores)
