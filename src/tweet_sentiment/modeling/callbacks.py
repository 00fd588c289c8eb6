"""What we hang on the Trainer: stop at divergence, say how each epoch went, show progress."""

import logging
import math
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Hyperparameters, TrainingParameters
from tweet_sentiment.progress import progress_bar

logger = logging.getLogger(__name__)


def warn_if_never_warm(hyperparameters: Hyperparameters, settings: TrainingParameters, steps: int) -> None:
    """Warn where the warm-up is as long as the training, so that the learning rate is never reached."""
    if settings.never_warm(hyperparameters, steps):
        logger.warning(
            "The warm-up of %d steps is as long as the training of %d: the learning rate of %g is never reached.",
            hyperparameters.warm_up(steps),
            steps,
            hyperparameters.learning_rate,
        )


class TrainingStopped(Exception):
    """Carries out of the Trainer why somebody ended the training on purpose."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class StopIfNotFinite(TrainerCallback):
    """Stops at the first loss that is not finite: the Trainer would go on and report an accuracy all the same."""

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        for name in ("loss", "grad_norm", "eval_loss"):
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

    def __init__(self, on_epoch: Callable[[int, dict[str, Any]], None]) -> None:
        self.on_epoch = on_epoch

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any = None, **_: Any
    ) -> None:
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

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._done = state.global_step
        self._bar = progress_bar("Training", state.max_steps - state.global_step, "steps")
        self._bar.__enter__()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._bar.update(state.global_step - self._done)
        self._done = state.global_step

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._bar.__exit__(None, None, None)
