"""What a trial does, in a form that another process can be handed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from joblib import cpu_count
from transformers import DistilBertForSequenceClassification

from tweet_sentiment.modeling.devices import choose_device
from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
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
        classifier, start = _untrained(parameters.model.checkpoint, tuple(parameters.labels), parameters.seed)
        classifier.load_state_dict(start)

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
        checkpoint, chosen = self.parameters.model.checkpoint, self.parameters.layer_unfreezing
        classifier, _ = _untrained(checkpoint, tuple(self.parameters.labels), self.parameters.seed)
        learning = unfreeze(classifier, chosen.unfreeze, chosen.top_blocks)
        return min(search.trials_at_once, cpu_count()) if on_features(learning, self.parameters) else 1


@cache
def _untrained(
    checkpoint: str, labels: tuple[str, ...], seed: int
) -> tuple[DistilBertForSequenceClassification, dict[str, torch.Tensor]]:
    classifier = load_classifier(checkpoint, list(labels), seed)
    return classifier, {name: weight.clone() for name, weight in classifier.state_dict().items()}
