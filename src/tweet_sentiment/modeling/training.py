"""Fine-tuning through the encoder by Hugging Face's Trainer: resumable, silent, and stopped when it diverges."""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from datasets import Dataset
from transformers import (
    EvalPrediction,
    PreTrainedTokenizerFast,
    PrinterCallback,
    ProgressCallback,
    TrainerCallback,
    TrainerState,
)

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.callbacks import (
    ReportEpochs,
    ShowProgress,
    StopIfNotFinite,
    TrainingStopped,
    warn_if_never_warm,
)
from tweet_sentiment.modeling.checkpoints import SealCheckpoints, checkpoints_folder, newest_valid
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.losses import Loss, training_loss
from tweet_sentiment.modeling.speed import fast_forward
from tweet_sentiment.modeling.stopping import StopEarly
from tweet_sentiment.modeling.trainer import OneDeviceTrainer, arguments, collator, optimizer
from tweet_sentiment.parameters import Hyperparameters, TrainingParameters
from tweet_sentiment.scoring.metrics import score, softmax

logger = logging.getLogger(__name__)

INPUTS = ["input_ids", "attention_mask", "label"]


OnEpoch = Callable[[int, dict[str, Any]], None]


def ignore(epoch: int, metrics: dict[str, Any]) -> None:
    """Take no notice of an epoch."""


@dataclass(frozen=True)
class TrainingOutcome:
    """Curves: step, epoch, loss, learning_rate, eval_loss and the metrics, NaN where not logged.

    ``best_epoch`` is the epoch whose weights the model has.
    """

    curves: pd.DataFrame
    best_epoch: float
    steps: int


@dataclass(frozen=True)
class Hooks:
    """What a technique may change of a training.

    ``optimizer_groups``: parameters with rates of their own. ``callbacks`` come before ours, so that what they save
    is sealed with the checkpoint. ``loss``: of logits and labels, in training only. ``sampler``: the order of the
    posts, told each epoch by ``set_epoch``. ``stop_early``: may end the training before its last epoch.
    """

    optimizer_groups: list[dict[str, Any]] | None = None
    callbacks: Sequence[TrainerCallback] = ()
    loss: Loss | None = None
    sampler: Any = None
    stop_early: StopEarly | None = None


def train(
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    training: Dataset,
    validation: Dataset,
    hyperparameters: Hyperparameters,
    settings: TrainingParameters,
    *,
    load_best_model_at_end: bool,
    padding: str,
    max_length: int,
    class_weights: list[float] | None,
    seed: int,
    device: Device,
    working_folder: Path,
    fingerprint: dict[str, Any],
    names: list[str],
    on_epoch: OnEpoch = ignore,
    hooks: Hooks = Hooks(),
) -> TrainingOutcome:
    """Train what learns of ``model``, in place; the same call after a kill goes on from the last whole checkpoint.

    ``fingerprint`` holds whatever must be the same for that. ``on_epoch`` gets each epoch and its metrics. The
    checkpoints are deleted when the training is over, or ended by ``on_epoch``.

    Raises:
        StudyError: the loss is no longer finite, or the training was interrupted; the message names the step.
    """
    conditions = {
        "given": fingerprint,
        "rows": len(training),
        "hyperparameters": hyperparameters.model_dump(),
        "settings": settings.model_dump(),
        "seed": seed,
        "device": [device.name, device.precision],
    }
    folder = checkpoints_folder(working_folder, conditions)
    posts = len(training if hooks.sampler is None else hooks.sampler)
    steps = hyperparameters.steps(posts)
    warn_if_never_warm(hyperparameters, settings, steps)
    settled = arguments(folder, hyperparameters, settings, load_best_model_at_end, padding, seed, device, steps)
    stop_early = [hooks.stop_early] if hooks.stop_early else []
    trainer = OneDeviceTrainer(
        model=model,
        args=settled,
        train_dataset=training.select_columns(INPUTS),
        eval_dataset=_by_length(validation).select_columns(INPUTS),
        data_collator=collator(tokenizer, padding, max_length),
        compute_metrics=lambda outcome: _metrics(outcome, names),
        optimizer_cls_and_kwargs=optimizer(settled, hooks.optimizer_groups),
        callbacks=[
            *hooks.callbacks,
            *stop_early,
            SealCheckpoints(),
            StopIfNotFinite(),
            ReportEpochs(on_epoch),
            ShowProgress(),
        ],
    )
    trainer.training_loss = hooks.loss or training_loss(class_weights)
    trainer.training_sampler = hooks.sampler
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    if start := newest_valid(folder):
        logger.info("Going on from %s of %d steps.", start.name, steps)
    try:
        with fast_forward(model):
            trainer.train(resume_from_checkpoint=str(start) if start else None)
    except TrainingStopped as end:
        shutil.rmtree(folder)
        raise end.reason from None
    if trainer.state.global_step < trainer.state.max_steps and not any(one.stopped for one in stop_early):
        raise StudyError(
            f"The training was interrupted at step {trainer.state.global_step} of {trainer.state.max_steps}; "
            f"the same command goes on from the last checkpoint."
        )
    curves = _curves(trainer.state.log_history)
    shutil.rmtree(folder)
    return TrainingOutcome(
        curves, _epoch_of_weights(trainer.state, load_best_model_at_end, steps), trainer.state.global_step
    )


def _by_length(tokens: Dataset) -> Dataset:
    """Put posts of like lengths side by side, so that little is padded; scores do not depend on the order."""
    return tokens.select(np.argsort([len(ids) for ids in tokens["input_ids"]], kind="stable"))


def _metrics(outcome: EvalPrediction, names: list[str]) -> dict[str, float]:
    logits = np.asarray(outcome.predictions)
    if not np.isfinite(logits).all():
        return {"accuracy": 0.0}
    metrics = score(np.asarray(outcome.label_ids), softmax(logits), names)
    return {name: value for name, value in metrics.items() if name not in ("per_class", "eval_loss")}


def _curves(history: list[dict[str, float]]) -> pd.DataFrame:
    rows: dict[tuple[int, bool], dict[str, float]] = {}
    for entry in history:
        if "train_runtime" in entry:
            continue
        evaluated = "eval_loss" in entry
        renamed = {name if name == "eval_loss" else name.removeprefix("eval_"): v for name, v in entry.items()}
        rows[int(entry["step"]), evaluated] = renamed
    columns = [
        "step",
        "epoch",
        "loss",
        "learning_rate",
        "eval_loss",
        "accuracy",
        "f1",
        "precision",
        "recall",
        "macro_f1",
    ]
    return pd.DataFrame([rows[key] for key in sorted(rows)]).reindex(columns=columns)


def _epoch_of_weights(state: TrainerState, best: bool, steps: int) -> float:
    step = state.best_global_step if best and state.best_global_step else steps
    return round(step / steps * (state.num_train_epochs or 1), 6)
