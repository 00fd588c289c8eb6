"""Fine-tuning through the encoder by Hugging Face's Trainer: resumable, silent, and stopped when it diverges."""

import logging
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from datasets import Dataset
from transformers import (
    DataCollatorWithPadding,
    EvalPrediction,
    PreTrainedTokenizerFast,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)

from tweet_sentiment.errors import StudyError
from tweet_sentiment.metrics import score, softmax
from tweet_sentiment.modeling.callbacks import Ended, ReportEpochs, ShowProgress, StopIfNotFinite
from tweet_sentiment.modeling.checkpoints import SealCheckpoints, checkpoints_folder, newest_valid
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.lean import lean
from tweet_sentiment.modeling.losses import Loss, training_loss
from tweet_sentiment.modeling.stopping import StopEarly
from tweet_sentiment.parameters import Hyperparameters, TrainingParameters

logger = logging.getLogger(__name__)

LOGS_A_RUN = 10
WORKERS = 2  # processes that collate batches while a GPU computes
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
    steps = math.ceil(posts / hyperparameters.per_device_train_batch_size) * hyperparameters.num_train_epochs
    arguments = _arguments(folder, hyperparameters, settings, load_best_model_at_end, padding, seed, device, steps)
    stop_early = [hooks.stop_early] if hooks.stop_early else []
    trainer = _Trainer(
        model=model,
        args=arguments,
        train_dataset=training.select_columns(INPUTS),
        eval_dataset=_by_length(validation).select_columns(INPUTS),
        data_collator=_collator(tokenizer, padding, max_length),
        compute_metrics=lambda outcome: _metrics(outcome, names),
        optimizer_cls_and_kwargs=_optimizer(arguments, hooks.optimizer_groups),
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
        with lean(model):
            trainer.train(resume_from_checkpoint=str(start) if start else None)
    except Ended as end:
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


def _arguments(
    folder: Path,
    hyperparameters: Hyperparameters,
    settings: TrainingParameters,
    load_best_model_at_end: bool,
    padding: str,
    seed: int,
    device: Device,
    steps: int,
) -> TrainingArguments:
    metric = settings.metric_for_best_model
    return TrainingArguments(
        output_dir=str(folder),
        **hyperparameters.model_dump(),
        per_device_eval_batch_size=settings.per_device_eval_batch_size,
        lr_scheduler_type=settings.lr_scheduler_type,
        max_grad_norm=settings.max_grad_norm,
        logging_steps=max(1, min(settings.logging_steps, steps // LOGS_A_RUN)),
        logging_nan_inf_filter=False,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=settings.save_total_limit,
        load_best_model_at_end=load_best_model_at_end,
        metric_for_best_model=metric if metric == "eval_loss" else f"eval_{metric}",
        greater_is_better=metric != "eval_loss",
        train_sampling_strategy="group_by_length" if padding == "longest" else "random",
        seed=seed,
        fp16=device.precision == "fp16",
        bf16=device.precision == "bf16",
        use_cpu=device.name == "cpu",
        dataloader_pin_memory=device.name != "cpu",
        dataloader_num_workers=0 if device.name == "cpu" else WORKERS,
        report_to="none",
        disable_tqdm=True,
    )


def _optimizer(arguments: TrainingArguments, groups: list[dict[str, Any]] | None) -> tuple[Any, Any] | None:
    if groups is None:
        return None
    optimizer, settings = Trainer.get_optimizer_cls_and_kwargs(arguments)
    return optimizer, {**settings, "params": groups}


class _Trainer(Trainer):
    """The Trainer on one device, with a loss and an order of posts of our own."""

    training_loss: Loss | None = None
    training_sampler: Any = None

    def __init__(self, *, args: TrainingArguments, **rest: Any) -> None:
        args._n_gpu = min(1, args.n_gpu)  # more would be DataParallel and a larger batch, without a word
        super().__init__(args=args, **rest)

    def compute_loss(  # type: ignore[override]
        self, model: Any, inputs: Any, return_outputs: bool = False, **rest: Any
    ) -> Any:
        if self.training_loss is None or not model.training:
            return super().compute_loss(model, inputs, return_outputs, **rest)
        outputs = model(**{name: tensor for name, tensor in inputs.items() if name != "labels"})
        loss = self.training_loss(outputs.logits, inputs["labels"])
        return (loss, outputs) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self.training_sampler is not None:
            return self.training_sampler
        return super()._get_train_sampler(train_dataset)


def _collator(tokenizer: PreTrainedTokenizerFast, padding: str, max_length: int) -> DataCollatorWithPadding:
    if padding == "max_length":
        return DataCollatorWithPadding(tokenizer, padding="max_length", max_length=max_length)
    return DataCollatorWithPadding(tokenizer, padding="longest", pad_to_multiple_of=8)


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
