"""What a trial does, in a form that another process can be handed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from joblib import cpu_count
from torch import nn
from transformers import PreTrainedModel

from tweet_sentiment.modeling.devices import choose_device
from tweet_sentiment.modeling.encoders import encoder_of, load_classifier, load_tokenizer
from tweet_sentiment.modeling.fitting import FittingData, fit_classifier, on_features
from tweet_sentiment.modeling.freezing import unfreeze
from tweet_sentiment.parameters import Hyperparameters, StudyParameters

WORTH_PROCESSES = 400_000  # posts times trials: below, a second process takes longer to start than it saves


@dataclass(frozen=True)
class TrialObjective:
    """Train a new head with the hyperparameters it is called with, and return its metric after the last epoch."""

    data: FittingData
    parameters: StudyParameters
    working_folder: Path
    conditions: str

    def __call__(self, hyperparameters: Hyperparameters, on_epoch: Callable[[int, dict[str, Any]], None]) -> float:
        parameters, last = self.parameters, dict[str, Any]()
        classifier, start = self._untrained()
        classifier.load_state_dict(start, strict=False)

        def report(epoch: int, metrics: dict[str, Any]) -> None:
            last.update(metrics)
            on_epoch(epoch, metrics)

        fit_classifier(
            classifier,
            load_tokenizer(parameters.model.checkpoint),
            self.data,
            hyperparameters,
            parameters,
            device=choose_device(parameters.device, parameters.fp16, parameters.precision),
            working_folder=self.working_folder,
            fingerprint={"conditions": self.conditions, "hyperparameters": hyperparameters.model_dump()},
            on_epoch=report,
        )
        return float(last[parameters.training.metric_for_best_model])

    def processes(self) -> int:
        """Return in how many processes to run trials: heads on features leave all processors but one idle."""
        search, device = self.parameters.hyperparameter_search, self.parameters
        if search.processes != "auto":
            return search.processes
        much = len(self.data.training_tokens) * search.n_trials >= WORTH_PROCESSES
        if not much or choose_device(device.device, device.fp16, device.precision).name != "cpu":
            return 1
        return min(search.trials_at_once, cpu_count()) if on_features([*self._untrained()[1]], self.parameters) else 1

    def _untrained(self) -> tuple[PreTrainedModel, dict[str, torch.Tensor]]:
        parameters, chosen = self.parameters, self.parameters.layer_unfreezing
        labels, layers = tuple(parameters.labels), tuple(chosen.unfreeze)
        classifier, start = _untrained(parameters.model.checkpoint, labels, parameters.seed, layers, chosen.top_blocks)
        if on_features([*start], parameters):
            # The features stand for the encoder: its weights would only take memory.
            nn.Module.to(encoder_of(classifier), "meta")
        return classifier, start


@cache
def _untrained(
    checkpoint: str, labels: tuple[str, ...], seed: int, layers: tuple[str, ...], top_blocks: int
) -> tuple[PreTrainedModel, dict[str, torch.Tensor]]:
    """Load the classifier once a process; return it and copies of the weights that learn, for each trial to start from.

    The others no trial changes: a copy of the whole would be as much memory again.
    """
    classifier = load_classifier(checkpoint, list(labels), seed)
    learning = unfreeze(classifier, list(layers), top_blocks)
    return classifier, {name: classifier.get_parameter(name).detach().clone() for name in learning}
