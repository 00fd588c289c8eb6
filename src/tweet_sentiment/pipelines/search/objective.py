"""What a trial does, in a form that can be sent to another process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joblib import cpu_count

from tweet_sentiment.modeling.fitting import Examples, Setup
from tweet_sentiment.parameters import Hyperparameters, SearchParameters
from tweet_sentiment.techniques import TECHNIQUES, layer_unfreezing

WORTH_PROCESSES = 400_000  # posts times trials: below, a second process takes longer to start than it saves
OFF = {"load_best_model_at_end": False, "hold_out_dev_split": True, "early_stopping_patience": None}  # in a trial


@dataclass(frozen=True)
class Objective:
    """Fit the technique with the hyperparameters it is called with; return the metric after the last epoch.

    If only a head is trained, on cached features, ``examples`` are split already; see ``on_features``.
    """

    technique: str
    examples: Examples
    parameters: Any
    setup: Setup
    row_limit: int | None = None

    def __call__(self, hyperparameters: Hyperparameters, on_epoch: Callable[[int, dict[str, Any]], None]) -> float:
        last: dict[str, Any] = {}

        def report(epoch: int, metrics: dict[str, Any]) -> None:
            last.update(metrics)
            on_epoch(epoch, metrics)

        chosen = self._trial(hyperparameters)
        if self.on_features:
            classifier, start = layer_unfreezing.untrained(self.parameters, self.setup)
            classifier.load_state_dict(start, strict=False)
            layer_unfreezing.fit_head(classifier, self.examples, chosen, self.setup, report)
        else:
            fit: Any = TECHNIQUES[self.technique].fit
            fit(self.examples, chosen, self.setup, on_epoch=report)
        return float(last[self.setup.training.metric_for_best_model])

    def _trial(self, hyperparameters: Hyperparameters) -> Any:
        return self.parameters.under(**OFF, row_limit=self.row_limit, hyperparameters=hyperparameters)

    def identity(self) -> dict[str, Any]:
        """Return what trials depend on besides setup and search, without the values that each trial sets itself."""
        return dict(self._trial(self.parameters.hyperparameters).identity()) | {"hyperparameters": None}

    @property
    def on_features(self) -> bool:
        """Whether a trial trains a head on cached features, and runs no encoder."""
        if not isinstance(self.parameters, layer_unfreezing.Parameters):
            return False
        return layer_unfreezing.encoder_cached(*layer_unfreezing.untrained(self.parameters, self.setup), self.setup)

    def processes(self, search: SearchParameters) -> int:
        """Return the number of processes for trials: training a head on features uses only one processor."""
        if search.processes != "auto":
            return search.processes
        much = len(self.examples.training) * search.n_trials >= WORTH_PROCESSES
        if not much or self.setup.device.name != "cpu" or not self.on_features:
            return 1
        return min(search.trials_at_once, cpu_count())

    def posts_per_epoch(self) -> int:
        """Return the number of training posts of a trial per epoch."""
        return len(self.examples.with_dev_split().limited(self.row_limit).training)
