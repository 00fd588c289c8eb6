"""Fine-tuning through the encoder by Hugging Face's Trainer: resumable, silent, and stopped when it diverges."""

import logging
import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.batching import padding_of
from tweet_sentiment.modeling.checkpoints import SaveWithinEpochs, SealCheckpoints, checkpoints_folder, newest_valid
from tweet_sentiment.modeling.encoders import check_length
from tweet_sentiment.modeling.prediction import pad
from tweet_sentiment.modeling.speed import fast_forward
from tweet_sentiment.parameters import Hyperparameters
from tweet_sentiment.progress import progress_bar
from tweet_sentiment.scoring.metrics import SCORES, score, softmax
from tweet_sentiment.storage import naming

if TYPE_CHECKING:
    from tweet_sentiment.modeling.fitting import Setup

logger = logging.getLogger(__name__)

INPUTS = ["input_ids", "label"]
LOGS_PER_RUN = 10
WORKERS = 2  # processes that collate batches while a GPU computes

OnEpoch = Callable[[int, dict[str, Any]], None]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def training_loss(class_weights: list[float] | None, label_smoothing: float = 0.0) -> Loss | None:
    """Return the loss of logits, shape (posts, classes), and labels; None: the plain cross-entropy of evaluation."""
    plain = class_weights is None and not label_smoothing
    return None if plain else partial(_weighted, class_weights=class_weights, label_smoothing=label_smoothing)


def _weighted(
    logits: torch.Tensor, labels: torch.Tensor, class_weights: list[float] | None, label_smoothing: float
) -> torch.Tensor:
    weight = None if class_weights is None else torch.tensor(class_weights, device=logits.device)
    return cross_entropy(logits.float(), labels, weight=weight, label_smoothing=label_smoothing)


def ignore(epoch: int, metrics: dict[str, Any]) -> None:
    """Take no notice of an epoch."""


@dataclass(frozen=True)
class Outcome:
    """Curves (step, epoch, loss, learning_rate, eval_loss and the scores, NaN where not logged), and steps taken.

    ``epoch`` is the epoch whose weights the model has, ``evaluated`` its scores on the evaluation rows.
    ``seconds_before`` are those of the training until the checkpoint from which it was resumed.
    """

    curves: pd.DataFrame
    epoch: float
    steps: int
    evaluated: dict[str, float]
    seconds_before: float


def train(
    model: Any,
    training: Dataset,
    evaluation: Dataset,
    hyperparameters: Hyperparameters,
    setup: "Setup",
    *,
    identity: Any,
    load_best_model_at_end: bool,
    early_stopping_patience: int | None = None,
    loss: Loss | None = None,
    optimizer_groups: list[dict[str, Any]] | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    on_epoch: OnEpoch = ignore,
) -> Outcome:
    """Train what is trainable of ``model``, in place; the same call after a kill resumes the last whole checkpoint.

    ``identity`` is what decides about the weights beside the setup. ``on_epoch`` gets each epoch and its scores, and
    may raise to stop. ``callbacks`` come before ours, so that what they save is sealed with the checkpoint.
    Checkpoints are deleted when the training is over, or was stopped by ``on_epoch``.

    Raises:
        StudyError: the loss is no longer finite, or the training was interrupted; the message names the step.
    """
    processes, alone = setup.training.all_processes, setup.training.model_copy(update={"processes": 1, "nodes": 1})
    settings, device = replace(setup, training=alone).identity(), setup.device
    folder = checkpoints_folder(
        setup.working_folder,
        [settings, identity, len(training), hyperparameters, device.name, device.precision],
        processes,
    )
    steps = hyperparameters.steps(len(training))
    virtual = getattr(getattr(model, "active_peft_config", None), "num_virtual_tokens", 0)
    check_length(model, max(len(ids) for part in (training, evaluation) for ids in part["input_ids"]), virtual)
    setup.training.warn_if_never_warm(hyperparameters, steps)
    metric = setup.training.metric_for_best_model
    work = partial(
        _train,
        model,
        training.select_columns(INPUTS),
        _by_length(evaluation).select_columns(INPUTS),
        setup,
        partial(
            training_arguments,
            folder,
            hyperparameters,
            setup,
            steps,
            logging_steps=max(1, min(setup.training.logging_steps, steps // LOGS_PER_RUN)),
            load_best_model_at_end=load_best_model_at_end,
            metric_for_best_model=metric if metric == "eval_loss" else f"eval_{metric}",
            greater_is_better=setup.training.direction == "maximize",
            restore_callback_states_from_checkpoint=early_stopping_patience is not None,
            train_sampling_strategy="group_by_length" if setup.model.padding == "longest" else "random",
            dataloader_num_workers=0 if device.name == "cpu" else WORKERS,
        ),
        loss,
        optimizer_groups,
        [*callbacks, *([EarlyStoppingCallback(early_stopping_patience)] if early_stopping_patience else [])],
    )
    if processes == 1:
        state = work(on_epoch)
    else:
        from tweet_sentiment.modeling.processes import train_together

        state = train_together(work, model, setup, folder, on_epoch)
    curves = _curves(state.log_history)
    shutil.rmtree(folder)
    step = state.best_global_step if load_best_model_at_end and state.best_global_step else steps
    epoch = round(step / steps * hyperparameters.num_train_epochs, 6)
    evaluated = curves.dropna(subset=["accuracy"])
    scores = evaluated.iloc[(evaluated["epoch"] - epoch).abs().argmin()][list(SCORES)].to_dict()
    numbers = {str(name): float(value) for name, value in scores.items()}
    return Outcome(curves, epoch, state.global_step, numbers, getattr(state, "seconds_before", 0.0))


def _train(
    model: Any,
    training: Dataset,
    evaluation: Dataset,
    setup: "Setup",
    arguments: Callable[[], TrainingArguments],
    loss: Loss | None,
    optimizer_groups: list[dict[str, Any]] | None,
    callbacks: list[TrainerCallback],
    on_epoch: OnEpoch,
) -> TrainerState:
    given = arguments()
    shared = given.world_size > 1
    saving = [SaveWithinEpochs(setup.training.save_minutes), SealCheckpoints(setup.training.save_total_limit)]
    quiet = [] if given.local_process_index else [ShowProgress()]
    trainer = _trainer_class(shared)(
        model=model,
        args=given,
        train_dataset=training,
        eval_dataset=evaluation,
        data_collator=partial(
            collate,
            padding=padding_of(model.config),
            to=setup.model.max_length if setup.model.padding == "max_length" else None,
        ),
        compute_metrics=partial(_scores, names=setup.labels, with_loss=shared),
        optimizer_cls_and_kwargs=_optimizer(given, optimizer_groups),
        callbacks=[*callbacks, *saving, StopIfNotFinite(), ReportEpochs(on_epoch), *quiet],
    )
    trainer.training_loss = loss
    return run_trainer(trainer, Path(str(given.output_dir)))


def _trainer_class(shared: bool) -> "type[OneDeviceTrainer]":
    if not shared:
        return OneDeviceTrainer
    from tweet_sentiment.modeling.processes import SharedTrainer

    return SharedTrainer


def run_trainer(trainer: Any, folder: Path) -> TrainerState:
    """Train to the end from the newest whole checkpoint, silently; return what the Trainer has logged.

    Raises:
        StudyError: the loss is no longer finite, or the training was interrupted.
    """
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    if start := newest_valid(folder):
        saved = TrainerState.load_from_json(str(start / "trainer_state.json"))
        logger.info("Resuming from %s of %d steps.", start.name, saved.max_steps)
        if _ran_out_of_patience(saved):
            trainer.args.num_train_epochs = saved.epoch or 0.0  # the Trainer would train one epoch more
    try:
        with fast_forward(trainer.model), naming(folder):
            trainer.train(resume_from_checkpoint=str(start) if start else None)
    except TrainingStopped as end:
        shutil.rmtree(folder, ignore_errors=True)  # as each of several processes does
        raise end.reason from None
    state = trainer.state
    if state.global_step < state.max_steps and not _ran_out_of_patience(state):
        raise StudyError(
            f"The training was interrupted at step {state.global_step} of {state.max_steps}; "
            f"the same command goes on from the last checkpoint."
        )
    return state


def _ran_out_of_patience(state: TrainerState) -> bool:
    callbacks: Any = state.stateful_callbacks or {}
    stopping = callbacks.get(EarlyStoppingCallback.__name__)
    if not stopping:
        return False
    waited = stopping["attributes"]["early_stopping_patience_counter"]
    return bool(waited >= stopping["args"]["early_stopping_patience"])


def training_arguments(
    folder: Path, hyperparameters: Hyperparameters, setup: "Setup", steps: int, **more: Any
) -> TrainingArguments:
    """Return the arguments that every training shares, and ``more``."""
    settings, device = setup.training, setup.device
    if "WORLD_SIZE" in os.environ:  # this is one of several processes
        more |= {
            "ddp_backend": "gloo" if device.name == "cpu" else "nccl",
            "ddp_broadcast_buffers": False,
            "average_tokens_across_devices": False,
            "save_on_each_node": True,
        }
    return OneDeviceArguments(
        output_dir=str(folder),
        device_name=device.name,
        **hyperparameters.model_dump() | {"warmup_steps": hyperparameters.warm_up(steps)},
        per_device_eval_batch_size=settings.per_device_eval_batch_size,
        lr_scheduler_type=settings.lr_scheduler_type,
        max_grad_norm=settings.max_grad_norm,
        logging_nan_inf_filter=False,
        eval_strategy="epoch",
        save_strategy="epoch",
        seed=setup.study.seed,
        fp16=device.precision == "fp16",
        bf16=device.precision == "bf16",
        use_cpu=device.name == "cpu",
        dataloader_pin_memory=device.name != "cpu",
        report_to="none",
        disable_tqdm=True,
        **more,
    )


@dataclass
class OneDeviceArguments(TrainingArguments):
    """The arguments of a training on the device that was chosen, where the Trainer alone takes the first GPU."""

    device_name: str = "cpu"

    @cached_property
    def _setup_devices(self) -> torch.device:
        device = super()._setup_devices
        if self.device_name.startswith("cuda") and self.world_size == 1:
            device = torch.device(self.device_name)
            torch.cuda.set_device(device)
        return device


class OneDeviceTrainer(Trainer):
    """The Trainer on one device, with a loss of our own."""

    training_loss: Loss | None = None

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


def _optimizer(arguments: TrainingArguments, groups: list[dict[str, Any]] | None) -> tuple[Any, Any] | None:
    if groups is None:
        return None
    kind, settings = Trainer.get_optimizer_cls_and_kwargs(arguments)
    return kind, {**settings, "params": groups}


def collate(rows: list[dict[str, Any]], padding: dict[str, Any], to: int | None) -> dict[str, torch.Tensor]:
    """Return a batch of rows with ``input_ids`` and ``label``, a class or a probability each."""
    batch = pad([row["input_ids"] for row in rows], to=to, multiple=8, **padding)
    return batch | {"labels": torch.tensor([row["label"] for row in rows])}


def _by_length(tokens: Dataset) -> Dataset:
    """Put posts of like lengths side by side, so that little is padded; scores do not depend on the order."""
    return tokens.select(np.argsort([len(ids) for ids in tokens["input_ids"]], kind="stable"))


def _scores(outcome: EvalPrediction, names: list[str], with_loss: bool) -> dict[str, float]:
    logits = np.asarray(outcome.predictions)
    if not np.isfinite(logits).all():
        return {"accuracy": 0.0, **({"eval_loss": math.nan} if with_loss else {})}
    scores = score(np.asarray(outcome.label_ids), softmax(logits), names)
    left_out = ("per_class", *(() if with_loss else ("eval_loss",)))
    return {name: value for name, value in scores.items() if name not in left_out}


def _curves(history: list[dict[str, float]]) -> pd.DataFrame:
    rows: dict[tuple[int, bool], dict[str, float]] = {}
    for entry in history:
        if "train_runtime" not in entry:
            renamed = {name if name == "eval_loss" else name.removeprefix("eval_"): v for name, v in entry.items()}
            rows[int(entry["step"]), "eval_loss" in entry] = renamed
    columns = ["step", "epoch", "loss", "learning_rate", *SCORES]
    return pd.DataFrame([rows[key] for key in sorted(rows)]).reindex(columns=columns)


class TrainingStopped(Exception):
    """Carries out of the Trainer why somebody ended the training on purpose."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class StopIfNotFinite(TrainerCallback):
    """Stops at the first loss that is not finite: the Trainer would go on and report an accuracy all the same."""

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        scaled = args.fp16  # steps whose scaled gradients overflow are left out, and the next ones are scaled less
        for name in ("loss", "eval_loss") if scaled else ("loss", "eval_loss", "grad_norm"):
            value = (logs or {}).get(name)
            if value is not None and not math.isfinite(float(value)):
                raise TrainingStopped(
                    StudyError(
                        f"The training diverged: {name} is {value} at step {state.global_step} of {state.max_steps}. "
                        f"Lower the learning rate (now {args.learning_rate})."
                    )
                )


class ReportEpochs(TrainerCallback):
    """Says how each epoch went, to the log and to ``on_epoch``."""

    def __init__(self, on_epoch: OnEpoch) -> None:
        self.on_epoch = on_epoch

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        plain = {name if name == "eval_loss" else name.removeprefix("eval_"): value for name, value in metrics.items()}
        epoch = round(state.epoch or 0)
        logger.info(
            "Epoch %d of %d: eval_loss %.4f, accuracy %.4f",
            epoch,
            args.num_train_epochs,
            plain["eval_loss"],
            plain["accuracy"],
        )
        try:
            self.on_epoch(epoch, plain)
        except Exception as reason:  # not Ctrl-C, whose checkpoints stay
            raise TrainingStopped(reason) from reason


class ShowProgress(TrainerCallback):
    """The project's own progress instead of the Trainer's bar and printed dictionaries."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._done = state.global_step
        self._bar = progress_bar("Training", state.max_steps - state.global_step, "steps")
        self._bar.__enter__()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._bar.update(state.global_step - self._done)
        self._done = state.global_step

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._bar.__exit__(None, None, None)
