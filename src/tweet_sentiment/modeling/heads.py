"""Heads trained on features: the same training as the Trainer's with a frozen encoder, without running the encoder."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from transformers import get_scheduler

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.devices import draw_kept
from tweet_sentiment.modeling.encoders import without_encoder
from tweet_sentiment.modeling.speed import head_step
from tweet_sentiment.parameters import Hyperparameters, TrainingParameters
from tweet_sentiment.progress import progress_bar
from tweet_sentiment.scoring.metrics import score, softmax

LOGS_PER_RUN = 10
STEPS_PER_BLOCK = 64  # whose posts and random numbers are fetched at once


@dataclass(frozen=True)
class Features:
    """Vectors of shape (posts, dim) and labels of shape (posts,)."""

    vectors: NDArray[np.float32]
    labels: NDArray[np.int64]


class Head(nn.Module):
    """A copy of a classifier without its encoder: features of shape (posts, dim) to logits.

    ``dropouts`` are the probabilities of its dropouts, in their order; each is on (posts, dim).
    """

    def __init__(self, classifier: Any) -> None:
        super().__init__()
        self.classifier = without_encoder(classifier)
        self._masks = _Masks()
        for module in list(self.classifier.modules()):
            for name, layer in module.named_children():
                if isinstance(layer, nn.Dropout):
                    setattr(module, name, _Dropout(layer.p, self._masks))
        with torch.no_grad():
            self.train()(torch.zeros(1, classifier.config.hidden_size))
        self.eval()
        self.dropouts = self._masks.probabilities

    def forward(self, features: torch.Tensor, kept: Sequence[torch.Tensor] | None = None) -> torch.Tensor:
        """Return the logits; ``kept`` has for each dropout a mask of shape (posts, dim), False for dropped values."""
        self._masks.kept = None if kept is None else iter(kept)
        logits: torch.Tensor = self.classifier(inputs_embeds=features.unsqueeze(1)).logits
        return logits

    def weights(self) -> dict[str, torch.Tensor]:
        """Return copies of the weights on the CPU, by the classifier's names."""
        return {name: tensor.detach().cpu().clone() for name, tensor in self.classifier.state_dict().items()}


@dataclass
class _Masks:
    """The dropout masks of the head's next pass; in a pass without masks it collects the dropouts' probabilities."""

    kept: Iterator[torch.Tensor] | None = None
    probabilities: list[float] = field(default_factory=list)


class _Dropout(nn.Module):
    def __init__(self, probability: float, masks: _Masks) -> None:
        super().__init__()
        self.probability, self.masks = probability, masks

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if self.masks.kept is not None:
            return values * next(self.masks.kept) / (1 - self.probability)
        if self.training:
            self.masks.probabilities.append(self.probability)
        return values


@dataclass(frozen=True)
class HeadOutcome:
    """The trained head's weights by name, its curves (one row per log or evaluation), and the epoch of the weights."""

    weights: dict[str, torch.Tensor]
    curves: pd.DataFrame
    epoch: int
    steps: int


def train_head(
    head: Head,
    training: Features,
    validation: Features,
    hyperparameters: Hyperparameters,
    settings: TrainingParameters,
    *,
    names: list[str],
    load_best_model_at_end: bool,
    class_weights: list[float] | None,
    seed: int,
    device: str,
    on_epoch: Callable[[int, dict[str, Any]], None] = lambda epoch, metrics: None,
    description: str = "",
) -> HeadOutcome:
    """Train the trainable weights of ``head``, as the Trainer would: AdamW, schedule, clipping, dropout.

    ``on_epoch`` gets each epoch's number (from 1) and validation metrics, and may raise to stop.

    Raises:
        StudyError: the loss is no longer finite; the message names the step.
    """
    weight = None if class_weights is None else torch.tensor(class_weights, device=device)
    steps = hyperparameters.steps(len(training.labels))
    settings.warn_if_never_warm(hyperparameters, steps)
    with _alone(seed, device), progress_bar(description, steps, "steps") as bar:
        fit = _Fit(head.to(device), training, hyperparameters, settings, weight)
        best: tuple[float, int, dict[str, torch.Tensor]] | None = None
        for epoch in range(1, hyperparameters.num_train_epochs + 1):
            fit.train_epoch(bar.update)
            metrics = evaluate_head(head, validation, names, device)
            _stop_if_not_finite(metrics["eval_loss"], fit.step)
            measured = {name: value for name, value in metrics.items() if name != "per_class"}
            fit.rows.append({"step": fit.step, "epoch": float(epoch), **measured})
            value = settings.goodness(metrics)
            if best is None or not load_best_model_at_end or value > best[0]:
                best = (value, epoch, head.weights())
            on_epoch(epoch, metrics)
    assert best is not None
    return HeadOutcome(best[2], pd.DataFrame(fit.rows), best[1], fit.step)


class _Fit:
    def __init__(
        self,
        head: Head,
        training: Features,
        hyperparameters: Hyperparameters,
        settings: TrainingParameters,
        weight: torch.Tensor | None,
    ) -> None:
        self.head, self.steps, device = (
            head,
            hyperparameters.steps(len(training.labels)),
            next(head.parameters()).device,
        )
        self.vectors = torch.as_tensor(training.vectors, device=device)
        labels = torch.as_tensor(training.labels, device=device)
        self.targets = functional.one_hot(labels, head.classifier.config.num_labels).float()
        self.weights = None if weight is None else weight[labels].unsqueeze(1)
        if self.weights is not None:
            self.targets *= self.weights
        self.batch_size = hyperparameters.per_device_train_batch_size
        self.take_step = head_step(head, hyperparameters.weight_decay, settings.max_grad_norm)
        self.learning_rate = _schedule(settings.lr_scheduler_type, hyperparameters, self.steps)
        self.every = max(1, min(settings.logging_steps, self.steps // LOGS_PER_RUN))
        self.step, self.logged, self.losses = 0, 0, torch.zeros((), device=device)
        self.rows: list[dict[str, Any]] = []

    def train_epoch(self, done: Callable[[int], object]) -> None:
        """Take one pass over the posts in a new order."""
        order = torch.randperm(len(self.targets)).to(self.targets.device)
        with self.take_step.context():
            for block in order.split(self.batch_size * STEPS_PER_BLOCK):
                for batch in self._batches(block):
                    self.losses += self.take_step(self.learning_rate(self.step), *batch)
                    self.step += 1
                    if self.step % self.every == 0 or self.step == self.steps:
                        done(self._log())

    def _batches(self, rows: torch.Tensor) -> Iterator[Any]:
        """Yield vectors, targets, weights and dropout masks of each batch; they are made for many steps together."""
        vectors, targets = self.vectors.index_select(0, rows), self.targets.index_select(0, rows)
        weights = None if self.weights is None else self.weights.index_select(0, rows).split(self.batch_size)
        drawn = [draw_kept(vectors.shape, one, vectors.device).split(self.batch_size) for one in self.head.dropouts]
        parts = vectors.split(self.batch_size), targets.split(self.batch_size)
        kept = [*zip(*drawn, strict=True)] or [()] * len(parts[0])
        return zip(*parts, weights or [None] * len(kept), kept, strict=True)

    def _log(self) -> int:
        taken = self.step - self.logged
        loss = float(self.losses) / taken
        _stop_if_not_finite(loss, self.step)
        epoch = self.step / math.ceil(len(self.targets) / self.batch_size)
        self.rows.append(
            {"step": self.step, "epoch": epoch, "loss": loss, "learning_rate": self.learning_rate(self.step)}
        )
        self.losses.zero_()
        self.logged = self.step
        return taken


@contextmanager
def _alone(seed: int, device: str) -> Iterator[None]:
    """Seed the generator and use one thread: a batch of 16 posts is too small for several."""
    threads = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[] if device == "cpu" else [device]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def _schedule(kind: str, hyperparameters: Hyperparameters, steps: int) -> Callable[[int], float]:
    """Return the learning rate of each step, counted from 0, by the Trainer's schedules."""
    peak = hyperparameters.learning_rate
    nothing = torch.optim.SGD([torch.zeros(1)], lr=peak)
    schedule: Any = get_scheduler(kind, nothing, hyperparameters.warm_up(steps), num_training_steps=steps)
    return lambda step: peak * schedule.lr_lambdas[0](step)


def _stop_if_not_finite(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise StudyError(f"The training diverged: the loss is {loss} at step {step}. Lower the learning rate.")


def evaluate_head(head: Head, features: Features, names: list[str], device: str) -> dict[str, Any]:
    """Score the head on features, without dropout; see ``scoring.metrics.score``."""
    head.eval()
    with torch.inference_mode():
        logits = head(torch.as_tensor(features.vectors, device=device)).cpu().numpy()
    if not np.isfinite(logits).all():
        return {**dict.fromkeys(("accuracy", "f1", "precision", "recall", "macro_f1"), 0.0), "eval_loss": math.nan}
    return score(features.labels, softmax(logits), names)
